"""When somebody can have a shift."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from consumers.review_desk.oversight.roster import Shift, shift_problem
from tests.fakes.supervised import LIN

START = datetime(2026, 6, 15, 1, 0, tzinfo=UTC)


def shift(shift_id: str = "s-1", *, starts_at=START, hours: float = 8) -> Shift:
    return Shift(shift_id=shift_id, username="lin", starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours))


def test_a_free_and_certified_person_can_have_it():
    assert shift_problem(shift(), LIN, []) is None


@pytest.mark.requirement("RD8", "RD16")
@pytest.mark.parametrize(
    ("person", "others", "why"),
    [
        (LIN, [shift("s-2", starts_at=START + timedelta(hours=7))], "已有班次"),
        (replace(LIN, certified_until=date(2026, 6, 14)), [], "资格证书"),
        (replace(LIN, certified_until=None), [], "资格证书"),
        (replace(LIN, is_active=False), [], "已停用"),
    ],
    ids=["on duty already", "certificate ends before", "no certificate", "gone"],
)
def test_others_cannot(person, others, why):
    assert why in (shift_problem(shift(), person, others) or "")


def test_shifts_may_touch_and_a_shift_is_not_its_own_rival():
    others = [shift("s-2", starts_at=START + timedelta(hours=8)), shift()]
    assert shift_problem(shift(), LIN, others) is None


@pytest.mark.parametrize("hours", [0, -1, 12.5])
def test_a_shift_has_a_sensible_length(hours):
    assert "班次须在12小时以内" in (shift_problem(shift(hours=hours), LIN, []) or "")
