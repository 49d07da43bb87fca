"""An answer that is still valid is issued again for the same unit, and never where a fresh one is the point."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.ledger.reusable import key_of, reusable
from schemas.catalogue import RESULTS, REUSABLE
from schemas.codes import AttributeOrigin, Lane, LoanStage, Occasion, Reason, SegmentState, ServiceType, Status
from schemas.domain.reuse import reuse_key
from schemas.events import ReusableAnswer
from streams.routing.degraded import DegradedDesk
from streams.routing.policy import Hold
from streams.routing.reuse import ReusableAnswers
from streams.routing.stage import RoutingStage
from streams.routing.standings import Standings
from streams.runtime.stage import Change
from tests.fakes.valuations import CODEC

MONDAY = date(2026, 11, 23)
RECEIVED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def asked(scored):
    """`asked(…)`: a later request for the same unit, whose fresh value differs from the earlier one."""
    fresh = {"unit_price": 52_000, "value": 5_200_000, "lower": 4_700_000, "upper": 5_700_000}
    return lambda channel="CREDIT_MGMT", room="501", **changes: of_unit(scored(channel, **(fresh | changes)), room)


def of_unit(subject, room="501"):
    return replace(subject, address=replace(subject.address, building="3幢", unit="2单元", room=room))


@pytest.fixture
def former(scored):
    subject = of_unit(scored())
    return ReusableAnswer(
        reuse_key=reuse_key(subject.address, subject.request.area_m2, ServiceType.VALUATE),
        valuation_id="11111111-1111-5111-8111-111111111111",
        value_date=MONDAY - timedelta(days=10),
        valid_until=MONDAY + timedelta(days=80),
        answered_at=RECEIVED - timedelta(days=10),
        attributes=subject.attributes,
        valuation=subject.valuation,
    )


def followed(*answers, capacity=10):
    view = ReusableAnswers(CODEC, capacity=capacity)
    view.apply([Change(topic=REUSABLE, key=answer.reuse_key, event=answer) for answer in answers])
    return view


@pytest.fixture
def routed(policy, admitted):
    def run(subject, *answers, in_force=policy, standings=admitted, lane=Lane.ONLINE):
        stage = RoutingStage(
            lambda: in_force,
            lambda: RECEIVED,
            lane,
            standings=standings,
            desk=DegradedDesk(),
            answers=followed(*answers),
        )
        return next(output.event for output in stage.handle([subject])[0].outputs if output.topic == RESULTS)

    return run


@pytest.mark.requirement("IN10")
def test_the_same_unit_gets_the_earlier_answer_with_its_figures_its_day_and_its_end(routed, asked, former):
    answer = routed(asked(), former)
    assert (answer.status, answer.reasons) == (Status.COMPLETED_AUTO, (Reason.REUSED,))
    assert (answer.value, answer.unit_price, answer.lower, answer.upper) == (5_000_000, 50_000, 4_500_000, 5_500_000)
    assert answer.valuation == former.valuation
    assert (answer.value_date, answer.valid_until) == (former.value_date, former.valid_until)
    assert (answer.reused_from, answer.supersedes) == (former.valuation_id, None)
    assert answer.valuation_id == asked().valuation_id
    assert "沿用" in answer.reason_text


@pytest.mark.requirement("IN10")
@pytest.mark.parametrize(
    "changes",
    [
        {"area_m2": Decimal("100.01")},
        {"room": "502"},
        {"service_type": ServiceType.VERIFY_AND_VALUATE},
        {"value_date": MONDAY - timedelta(days=1)},
        {"lane": Lane.BATCH},
        {"loan_stage": LoanStage.OTHER},
        {"occasion": Occasion.RETURNED},
        {"halls": 3},
        {"received_at": RECEIVED - timedelta(days=11), "value_date": MONDAY - timedelta(days=11)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_not_the_same_question_is_valued_anew(routed, asked, former, changes):
    answer = routed(asked(**changes), former)
    assert answer.reused_from is None
    assert answer.value == 5_200_000


@pytest.mark.requirement("IN10")
@pytest.mark.parametrize(
    "changes",
    [
        {"value_date": MONDAY - timedelta(days=30)},
        {"valid_until": MONDAY - timedelta(days=1)},
        {"answered_at": RECEIVED + timedelta(seconds=1)},
        {"valuation": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_not_valid_any_more_or_was_taken_back_is_not_issued_again(routed, asked, former, changes):
    assert routed(asked(), former, replace(former, **changes)).reused_from is None


@pytest.mark.requirement("IN10")
def test_an_answer_is_issued_again_on_its_last_day(routed, asked, former):
    last = replace(former, value_date=MONDAY - timedelta(days=29), valid_until=MONDAY)
    assert routed(asked(), last).reused_from == former.valuation_id


@pytest.mark.requirement("IN10")
def test_a_hold_a_wish_for_people_and_a_stricter_policy_stand_in_its_way(routed, asked, former, policy, admitted):
    held = replace(policy, holds=(Hold(city="北京市", property_type=None, community_id=None, reason="r"),))
    assert routed(asked(), former, in_force=held).reasons == (Reason.SEGMENT_HOLD,)
    assert routed(asked(), former, standings=Standings()).status is Status.PENDING_MANUAL
    assert Reason.FORCED_BY_BANK in routed(asked(force_manual=True), former).reasons
    doubtful = replace(former, valuation=replace(former.valuation, p10=0.1))
    assert routed(asked(), doubtful).reused_from is None
    assert admitted.state_of(asked(), policy) is SegmentState.AUTOMATIC


@pytest.mark.requirement("IN10")
def test_the_policy_turns_it_off(routed, asked, former, policy):
    assert routed(asked(), former, in_force=replace(policy, reuse_days=0)).reused_from is None


@pytest.mark.requirement("IN10")
def test_it_outlives_the_model_that_gave_it_and_stands_in_for_none(routed, asked, former):
    without = asked(valuation=None, concerns=(Reason.NO_MODEL,))
    assert routed(without, former).reused_from is None
    newer = replace(former.valuation.model, version="2")
    assert routed(asked(model=newer, index_version="j"), former).reused_from == former.valuation_id


@pytest.mark.requirement("IN10")
def test_what_routing_answered_comes_back_over_the_ledger_and_is_issued_to_another_channel(routed, asked):
    first = routed(asked())
    earlier = replace(first, resulted_at=RECEIVED - timedelta(minutes=1))
    told = CODEC.decode(CODEC.encode(reusable(earlier, key_of(earlier))), ReusableAnswer)
    other = asked("NET_BANK", unit_price=60_000, value=6_000_000, lower=5_500_000, upper=6_500_000)
    again = routed(other, told)
    assert again.channel == "NET_BANK"
    assert (again.value, again.unit_price, again.valid_until) == (first.value, first.unit_price, first.valid_until)
    assert again.reused_from == first.valuation_id
    assert key_of(again) is None  # it would live on for ever


def resting_on(former, *sources):
    return replace(former, valuation=replace(former.valuation, sources=sources))


@pytest.mark.requirement("IN10")
@pytest.mark.parametrize(
    ("earlier", "fresh", "is_reissued"),
    [(("a",), ("a",), True), (("a",), ("a", "b"), True), (("a", "b"), ("a",), False), (("b",), ("a",), False)],
)
def test_a_value_of_which_a_source_gives_no_more_is_not_issued_again(
    routed, asked, former, earlier, fresh, is_reissued
):
    answer = routed(asked(sources=fresh), resting_on(former, *earlier))
    assert (answer.reused_from is not None) is is_reissued


def test_what_is_issued_again_is_degraded_by_what_it_rests_on_itself(routed, asked, former):
    subject = replace(asked(sources=("a", "b")), degraded_sources=("dictionary", "a", "b"))
    assert routed(subject, resting_on(former, "a")).degraded_sources == ("dictionary", "a")


@pytest.mark.requirement("IN10")
@pytest.mark.parametrize(("channel", "is_told"), [("CREDIT_MGMT", True), ("NET_BANK", False)])
def test_a_customer_is_not_told_when_another_asked(routed, asked, former, channel, is_told):
    answer = routed(asked(channel), former)
    assert answer.reused_from == former.valuation_id
    assert ("11月13日" in answer.reason_text) is is_told


def test_where_a_fact_is_known_from_makes_no_other_house(routed, asked, former):
    assert routed(asked(origins={"floor": AttributeOrigin.REQUEST}), former).reused_from == former.valuation_id


def test_an_answer_is_not_issued_again_for_itself(routed, asked, former):
    again = replace(former, valuation_id=asked().valuation_id)
    assert routed(asked(), again).reused_from is None


def test_what_is_kept_does_not_grow_with_what_was_answered_and_the_newest_stay(former):
    answers = [replace(former, reuse_key=f"c-1|3|2|{room}/89.50/VALUATE") for room in range(50)]
    view = followed(*answers, capacity=10)
    assert len(view) == 10
    assert view.find(answers[-1].reuse_key) == answers[-1]
    assert view.find(answers[0].reuse_key) is None


def test_taking_one_answer_back_leaves_another_of_the_same_unit(former):
    newer = replace(former, valuation_id="22222222-2222-5222-8222-222222222222")
    view = followed(former, newer, replace(former, valuation=None))
    assert view.find(former.reuse_key) == newer
    assert followed(former, replace(former, valuation=None)).find(former.reuse_key) is None
