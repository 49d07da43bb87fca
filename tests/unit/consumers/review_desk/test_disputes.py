"""What a dispute says of the first value, and to whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.quality.disputes import Dispute, as_seen, uphold
from consumers.review_desk.regions import Region
from consumers.review_desk.task import TaskState

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
OPEN = Dispute(
    task_id="t-2",
    valuation_id="v-1",
    revision=2,
    region=Region.YANGTZE_DELTA,
    city="杭州市",
    address="杭州市西湖区翠苑三区3幢",
    state=TaskState.WORKING,
    received_at=NOW,
    due_at=NOW + timedelta(hours=8),
    reviewer="wu",
    excluded=("lin",),
    first_outcome="VALUE",
    first_value=1_000_000,
    is_first_automatic=False,
    outcome=None,
    value=None,
    decided_at=None,
)
DECIDED = replace(OPEN, state=TaskState.DECIDED, outcome="VALUE", value=1_050_000, decided_at=NOW)


def person(username: str, *roles: Role, **changes) -> Person:
    return Person(username=username, name="某", grade=Grade.G2, roles=frozenset(roles), **changes)


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize(
    ("dispute", "upheld"),
    [
        (OPEN, None),
        (DECIDED, False),
        (replace(DECIDED, value=1_050_001), True),
        (replace(DECIDED, value=949_999), True),
        (replace(DECIDED, value=None, outcome="UNABLE"), True),
        (replace(DECIDED, value=None, outcome="UNABLE", first_value=None, first_outcome="UNABLE"), False),
        (replace(DECIDED, first_outcome=None, is_first_automatic=True), False),
    ],
)
def test_the_requester_was_right_where_the_new_answer_is_another(dispute, upheld):
    assert dispute.is_upheld is upheld


@pytest.mark.requirement("DI2")
def test_upheld_disputes_are_counted_for_ten_thousand_results():
    found = uphold([OPEN, DECIDED, replace(DECIDED, value=2_000_000)], 4_000)
    assert (found.disputes, found.decided, found.upheld, found.per_10_000) == (3, 2, 1, 2.5)
    assert uphold([OPEN], 0).per_10_000 is None


@pytest.mark.requirement("DI2")
def test_who_might_value_it_never_sees_the_first_value_before_it_is_decided():
    seen = as_seen(OPEN, person("wu", Role.REVIEWER))
    assert seen is not None
    assert (seen.first_value, seen.first_outcome, seen.excluded) == (None, None, ())
    both = as_seen(OPEN, person("mei", Role.QA, Role.REVIEWER))
    assert both is not None
    assert both.first_value is None
    assert as_seen(DECIDED, person("wu", Role.REVIEWER)) == replace(DECIDED, excluded=())


def test_a_reviewer_sees_their_own_disputes_alone():
    assert as_seen(OPEN, person("lin", Role.REVIEWER)) is None


def test_quality_and_supervisors_see_all_of_their_regions():
    assert as_seen(OPEN, person("qa", Role.QA)) == OPEN
    assert as_seen(OPEN, person("qa", Role.QA, regions=frozenset({Region.MIDWEST}))) is None
