from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from schemas.catalogue import RESULTS, REVIEWS
from schemas.codec import Codec
from schemas.codes import Lane, LimitingFactor, MatchLevel, Reason, Status, Tradability
from schemas.events import Degraded, Resulted, ReviewRequested
from schemas.registry import CatalogueRegistry
from streams.routing.degraded import DegradedDesk
from streams.routing.stage import RoutingStage

NOW = datetime(2026, 11, 23, 2, 0, 2, tzinfo=UTC)


@pytest.fixture
def routed(policy, admitted):
    """`routed(scored, …)` → outputs of each, by the shipped policy, in segments that are admitted."""

    def run(*batch, in_force=policy, standings=admitted):
        stage = RoutingStage(lambda: in_force, lambda: NOW, Lane.ONLINE, standings=standings, desk=DegradedDesk())
        return [outcome.outputs for outcome in stage.handle(batch)]

    return run


def test_a_sure_value_is_answered_automatically_with_the_model_s_figures(scored, routed, policy):
    ((output,),) = routed(scored())
    result = output.event
    assert (output.topic, output.lane) == (RESULTS, Lane.ONLINE)
    assert result.status is Status.COMPLETED_AUTO
    assert (result.value, result.unit_price, result.lower, result.upper) == (5_000_000, 50_000, 4_500_000, 5_500_000)
    assert result.reasons == ()
    assert result.valid_until == date(2027, 2, 21)
    assert (result.policy.version, result.policy.sha256, result.policy.rule) == ("2026-11", policy.sha256, "AUTO")
    assert result.human is None
    assert not result.human_touched


@pytest.mark.requirement("RT1")
def test_a_doubtful_value_goes_to_a_person_with_an_interim_answer_that_shows_no_value(scored, routed, policy):
    ((review, interim),) = routed(scored(p10=0.3, fsd=0.4))
    assert (review.topic, review.lane) == (REVIEWS, None)
    assert review.event.reasons == (Reason.LOW_CONFIDENCE, Reason.WIDE_RANGE)
    assert review.event.scored == scored(p10=0.3, fsd=0.4)
    assert review.event.policy.rule == Reason.LOW_CONFIDENCE
    result = interim.event
    assert (interim.topic, interim.lane) == (RESULTS, Lane.ONLINE)
    assert result.status is Status.PENDING_MANUAL
    assert result.reasons == review.event.reasons
    assert result.due_at == review.event.due_at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert (result.value, result.unit_price, result.valuation, result.valid_until) == (None, None, None, None)


@pytest.mark.requirement("RP5")
def test_staff_reads_why_and_a_customer_reads_when(scored, routed):
    ((_, staff),) = routed(scored(p10=0.3))
    ((_, customer),) = routed(scored("MOBILE_BANK", p10=0.3))
    assert staff.event.reason_text == (
        "已转人工估值，预计不晚于2026年11月24日10:00完成。原因：自动估值的把握不足，需人工估值。"
    )
    assert customer.event.reason_text == "已转人工估值，预计不晚于2026年11月24日10:00完成。"


@pytest.mark.requirement("RT1")
def test_the_public_website_has_no_manual_lane(scored, routed):
    ((output,),) = routed(scored("WEBSITE", p10=0.3))
    assert output.topic == RESULTS
    assert output.event.status is Status.UNABLE_TO_VALUE
    assert output.event.reasons == (Reason.LOW_CONFIDENCE,)
    assert output.event.value is None
    assert output.event.reason_text


def test_a_fast_market_shortens_the_validity(scored, routed):
    ((output,),) = routed(scored(limiting_factors=(LimitingFactor.FAST_MARKET,)))
    assert output.event.valid_until == date(2026, 12, 23)


@pytest.mark.requirement("AD5")
def test_what_is_unknown_of_the_subject_is_told_as_a_limiting_factor(scored, routed):
    ((output,),) = routed(scored(tradability=Tradability.UNKNOWN, match_level=MatchLevel.COMMUNITY))
    told = output.event.valuation.limiting_factors
    assert told == (LimitingFactor.TRADABILITY_UNKNOWN, LimitingFactor.ADDRESS_PARTIAL)
    assert "未核实房屋是否可上市交易" in output.event.reason_text


def test_an_automatic_answer_drawn_by_lot_stands_and_goes_to_a_blind_review_too(scored, routed, policy):
    ((answer, audit),) = routed(scored(), in_force=replace(policy, audit_share=1.0))
    assert answer.event.status is Status.COMPLETED_AUTO
    assert audit.topic == REVIEWS
    assert audit.event.reasons == (Reason.QA_SAMPLE,)
    assert audit.event.priority == 0


def test_one_outcome_for_each_event_in_order_and_the_same_again_on_a_replay(scored, routed):
    batch = [scored(), scored(p10=0.1), scored("WEBSITE", p10=0.1)]
    first = routed(*batch)
    assert [len(outputs) for outputs in first] == [1, 2, 1]
    assert routed(*batch) == first


def test_every_answer_can_be_encoded(scored, routed, policy):
    codec = Codec(CatalogueRegistry())
    for outputs in routed(scored(), scored(p10=0.1), scored("WEBSITE", p10=0.1), scored(valuation=None)):
        for output in outputs:
            assert isinstance(output.event, Resulted | ReviewRequested | Degraded)
            assert codec.decode(codec.encode(output.event), type(output.event)) == output.event
