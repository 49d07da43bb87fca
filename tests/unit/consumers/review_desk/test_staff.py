"""What people count as today, and what a change of the register says of itself."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from consumers.review_desk.people.eligibility import why_no_task
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import changes
from consumers.review_desk.people.standing import Standing

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
LIN = Person(
    username="lin",
    name="林审",
    grade=Grade.G2,
    roles=frozenset({Role.REVIEWER}),
    hired_on=date(2026, 2, 1),
    certified_until=date(2026, 12, 31),
)


def standing(agreement: Decimal | None) -> Standing:
    return Standing(None, agreement=lambda _: agreement, clock=lambda: NOW)


@pytest.mark.requirement("RD16")
@pytest.mark.parametrize(
    ("agreement", "grade"), [(None, Grade.G1), (Decimal("0.94"), Grade.G1), (Decimal("0.95"), Grade.G2)]
)
def test_a_newcomer_counts_as_g_one_wherever_work_is_handed_out_until_promoted(agreement, grade):
    assert standing(agreement).of(LIN) == replace(LIN, grade=grade)


@pytest.mark.requirement("RD17")
def test_a_newcomer_of_a_high_grade_does_not_slip_through_as_a_beginner():
    found = standing(None).of(replace(LIN, grade=Grade.G4))
    assert why_no_task(found, NOW.date()) is not None


def test_others_are_not_asked_about():
    def never(username: str) -> Decimal | None:
        raise AssertionError(username)

    settled = replace(LIN, hired_on=date(2024, 1, 1))
    assert Standing(None, agreement=never, clock=lambda: NOW).of(settled) == settled


@pytest.mark.requirement("GV6")
def test_a_change_names_what_was_and_what_is():
    assert changes(LIN, replace(LIN, conflicts=frozenset({"c-2", "c-1"}))) == {"conflicts": [[], ["c-1", "c-2"]]}
    assert changes(LIN, LIN) == {}
    assert changes(None, LIN)["certified_until"] == [None, "2026-12-31"]
