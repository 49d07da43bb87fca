from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import SEGMENTS
from schemas.codes import Automation, Lane, PropertyType, Reason, SegmentState, Status
from schemas.domain.segments import segment_key
from schemas.events import SegmentStanding
from streams.routing.degraded import DegradedDesk
from streams.routing.policy import PropertyClass, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.stage import RoutingStage
from streams.routing.standings import Standings
from streams.runtime.stage import Change
from tests.unit.streams.routing.conftest import MONDAY_TEN, Spoiled

HOUSE = segment_key("北京市", PropertyClass.RESIDENTIAL)


def standing(state, *, version=1, community_id=None, **changes) -> SegmentStanding:
    made = SegmentStanding(
        segment=segment_key("北京市", PropertyClass.RESIDENTIAL, community_id),
        city="北京市",
        property_class=PropertyClass.RESIDENTIAL,
        community_id=community_id,
        state=state,
        reason="because",
        by="s-1",
        second="s-2",
        at=MONDAY_TEN,
        version=version,
    )
    return replace(made, **changes)


AUTOMATIC = standing(SegmentState.AUTOMATIC)


@pytest.fixture
def reasons(policy):
    """`reasons(scored, standings)` → status and reasons of the answer."""

    def route(scored, standings):
        stage = RoutingStage(lambda: policy, lambda: MONDAY_TEN, Lane.ONLINE, standings=standings, desk=DegradedDesk())
        (outcome,) = stage.handle([scored])
        result = outcome.outputs[-1].event
        return result.status, result.reasons

    return route


@pytest.mark.requirement("VM6")
def test_a_segment_nobody_decided_about_is_for_people(scored, reasons):
    assert reasons(scored(), Standings()) == (Status.PENDING_MANUAL, (Reason.CITY_HUMAN_ONLY,))
    assert reasons(scored(), Standings([AUTOMATIC])) == (Status.COMPLETED_AUTO, ())


@pytest.mark.requirement("VM6", "VM5")
def test_each_property_class_of_a_city_is_admitted_by_itself(scored, reasons):
    shop = scored(property_type=PropertyType.SHOP, p10=0.9)
    assert reasons(shop, Standings([AUTOMATIC])) == (Status.PENDING_MANUAL, (Reason.CITY_HUMAN_ONLY,))
    commercial = segment_key("北京市", PropertyClass.COMMERCIAL)
    own = replace(AUTOMATIC, segment=commercial, property_class=PropertyClass.COMMERCIAL)
    assert reasons(shop, Standings([own])) == (Status.COMPLETED_AUTO, ())


@pytest.mark.requirement("VM6")
@pytest.mark.parametrize(
    ("row", "segment", "expected"),
    [
        (Automation.AUTO, SegmentState.AUTOMATIC, ()),
        (Automation.AUTO, SegmentState.HUMAN_ONLY, (Reason.CITY_HUMAN_ONLY,)),
        (Automation.AUTO, SegmentState.HELD, (Reason.SEGMENT_HOLD,)),
        (Automation.HUMAN_ONLY, SegmentState.AUTOMATIC, (Reason.CITY_HUMAN_ONLY,)),
        (Automation.HUMAN_ONLY, SegmentState.HELD, (Reason.CITY_HUMAN_ONLY, Reason.SEGMENT_HOLD)),
        (Automation.SUSPENDED, SegmentState.AUTOMATIC, (Reason.SEGMENT_HOLD,)),
    ],
)
def test_of_the_coverage_row_and_the_standing_the_stricter_wins(scored, reasons, row, segment, expected):
    assert reasons(scored(automation=row), Standings([standing(segment)]))[1] == expected


@pytest.mark.requirement("VM6")
def test_a_hold_counts_from_the_next_batch_on_and_a_community_can_be_held_alone(scored, reasons):
    standings = Standings([AUTOMATIC])
    hold = standing(SegmentState.HELD, community_id="c-1", second=None)
    standings.apply([Change(topic=SEGMENTS, key=hold.segment, event=hold)])
    assert reasons(scored(), standings) == (Status.PENDING_MANUAL, (Reason.SEGMENT_HOLD,))
    assert reasons(scored(community_id="c-2"), standings) == (Status.COMPLETED_AUTO, ())


def test_a_promotion_decided_without_sight_of_a_hold_is_passed_over():
    hold = standing(SegmentState.HELD, version=1, second=None)
    in_the_same_moment = standing(SegmentState.AUTOMATIC, version=1)
    for order in ((hold, in_the_same_moment), (in_the_same_moment, hold)):
        assert Standings(order).in_force(HOUSE).state is SegmentState.HELD


@pytest.mark.parametrize(
    "flaw",
    [{"second": None}, {"second": "s-1"}, {"second": "Ｓ-1 "}, {"reason": " "}, {"version": 3}, {"by_rule": True}],
)
def test_a_hold_is_ended_by_two_people_with_a_reason_in_sight_of_it_and_by_no_rule(flaw):
    hold = standing(SegmentState.HELD, second=None)
    proper = standing(SegmentState.AUTOMATIC, version=2)
    assert Standings([hold, proper]).in_force(HOUSE).state is SegmentState.AUTOMATIC
    assert Standings([hold, replace(proper, **flaw)]).in_force(HOUSE).state is SegmentState.HELD


def test_a_removed_record_ends_no_hold():
    standings = Standings([standing(SegmentState.HELD)])
    standings.apply([Change(topic=SEGMENTS, key=HOUSE, event=None)])
    assert standings.in_force(HOUSE).state is SegmentState.HELD


records = st.builds(
    standing,
    st.sampled_from(SegmentState),
    version=st.integers(1, 5),
    second=st.sampled_from([None, "s-1", "s-2"]),
    by_rule=st.booleans(),
)


def ends_a_hold(record: SegmentStanding) -> bool:
    return record.state is not SegmentState.HELD and record.second == "s-2" and not record.by_rule


@pytest.mark.requirement("VM6")
@given(before=st.lists(records, max_size=4), after=st.lists(records, max_size=6), p10=st.floats(0, 1))
def test_a_held_segment_never_leaves_automatically_until_two_people_release_it(shipped, before, after, p10):
    standings = Standings([*before, standing(SegmentState.HELD, second=None)])
    stage = RoutingStage(lambda: shipped, lambda: MONDAY_TEN, Lane.ONLINE, standings=standings, desk=DegradedDesk())
    for record in after:
        if ends_a_hold(record):
            break
        standings.apply([Change(topic=SEGMENTS, key=record.segment, event=record)])
        (outcome,) = stage.handle([Spoiled()(p10=p10)])
        assert outcome.outputs[-1].event.status is Status.PENDING_MANUAL


@pytest.fixture(scope="module")
def shipped():
    return replace(parse(DEFAULT_POLICY.read_bytes()), audit_share=0.0)
