"""What a panel comes to."""

from dataclasses import replace
from decimal import Decimal

import pytest

from consumers.review_desk.deciding.opinions import Chair, Opinion, communities_of, joint, seat, spread_of, summed_up
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.task import Kind, TaskState
from schemas.codes import ReviewOutcome
from tests.fakes.deciding import a_task
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.requirement("RD7")


def opinions(*prices: int | None) -> list[Opinion]:
    return [
        Opinion(
            reviewer=f"r-{place}",
            grade=Grade.G4,
            outcome=ReviewOutcome.UNABLE if price is None else ReviewOutcome.VALUE,
            unit_price=price,
        )
        for place, price in enumerate(prices)
    ]


def test_the_median_counts():
    assert joint(opinions(41_000, 90_000, 40_000)) == (ReviewOutcome.VALUE, 41_000)


def test_the_majority_decides_on_the_outcome():
    assert joint(opinions(41_000, None, 40_001)) == (ReviewOutcome.VALUE, 40_501)
    assert joint(opinions(None, None, 40_000)) == (ReviewOutcome.UNABLE, None)
    mixed = [*opinions(41_000, None), replace(opinions(None)[0], outcome=ReviewOutcome.NOT_ELIGIBLE)]
    assert joint(mixed) == (ReviewOutcome.UNABLE, None)


def test_the_spread_is_a_share_of_the_median_and_whole_where_the_outcomes_differ():
    assert spread_of(opinions(40_000, 41_000, 44_100)) == Decimal(4_100) / Decimal(41_000)
    assert spread_of(opinions(40_000, None, 40_000)) == 1
    assert spread_of(opinions(None, None, None)) == 0


def test_it_rests_on_the_comparables_of_the_opinion_nearest_the_median_and_on_the_majoritys_community():
    given = [
        replace(one, confirmed_community_id=community, comparable_ids=(f"of-{one.reviewer}",))
        for one, community in zip(opinions(40_000, 41_000, None), ("c-1", "c-1", "c-2"), strict=True)
    ]
    assert communities_of(given) == ("c-1",)
    chair = Chair(username="r-2", grade=Grade.G4)
    signed = summed_up(a_task(), given, chair, "取中位数", NOON, "1", "c-1")
    assert (signed.conclusion.unit_price, signed.conclusion.comparable_ids) == (40_500, ("of-r-0",))
    assert (signed.conclusion.confirmed_community_id, signed.reviewer, signed.approver) == ("c-1", "r-2", "r-0")


def test_the_communities_of_a_majority_may_differ():
    one, two, three = opinions(40_000, 41_000, 42_000)
    apart = [replace(one, confirmed_community_id="c-2"), replace(two, confirmed_community_id="c-1"), three]
    assert communities_of(apart) == ("c-1", "c-2")
    assert communities_of([one, two, three]) == ()


def test_a_seat_is_blind_internal_and_not_for_whoever_has_spoken():
    origin = a_task(reviewer="lin", state=TaskState.PANEL, excluded=("ma",), version=7)
    seats = [seat(origin, number, at=NOON, excluded=("lin",), is_experts=number == 1) for number in (1, 2, 3)]
    assert len({one.task_id for one in seats} | {origin.task_id}) == 4
    for one in seats:
        assert (one.kind, one.blind, one.internal, one.origin) == (Kind.OPINION, True, True, origin.task_id)
        assert one.excluded == ("lin", "ma")
        assert (one.due_at, one.state, one.reviewer) == (origin.due_at, TaskState.QUEUED, None)
    assert [one.group for one in seats] == ["EXPERTS", None, None]
