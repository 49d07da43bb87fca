from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from schemas.catalogue import ALIASES, RESULTS
from schemas.codes import AliasSource, Lane, MatchLevel, Reason, ReviewOutcome, Status
from schemas.errors import PermanentError
from schemas.events import Decided
from streams.routing.degraded import DegradedDesk
from streams.routing.settle import SettleStage
from streams.routing.stage import RoutingStage
from tests.fakes import valuations

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


@pytest.fixture
def decided(scored, policy, admitted):
    """`decided(outcome=…)`: a decision on an ordinary review."""

    def make(reasons=None, subject=None, **changes):
        subject = subject or scored(p10=0.3, area_m2=Decimal("100.50"))
        stage = RoutingStage(lambda: policy, lambda: NOW, Lane.ONLINE, standings=admitted, desk=DegradedDesk())
        review = stage.handle([subject])[0].outputs[0].event
        review = replace(review, reasons=reasons or review.reasons)
        decision = Decided(
            valuation_id=review.valuation_id,
            review=review,
            outcome=ReviewOutcome.VALUE,
            reasons=(Reason.REVIEWED,),
            reviewer="lin.f",
            reviewer_grade="G3",
            claimed_at=NOW.replace(minute=10),
            decided_at=NOW,
            guideline_version="2026-10",
            unit_price=50_001,
            lower=4_700_000,
            upper=5_300_000,
        )
        return replace(decision, **changes)

    return make


@pytest.fixture
def settled(policy):
    def run(decision):
        (outcome,) = SettleStage(lambda: policy, lambda: NOW).handle([decision])
        return outcome

    return run


@pytest.mark.requirement("VM9", "RT1")
def test_a_reviewer_s_unit_price_governs_the_total(decided, settled):
    (output,) = settled(decided()).outputs
    result = output.event
    assert (output.topic, output.lane) == (RESULTS, Lane.ONLINE)
    assert result.status is Status.COMPLETED_MANUAL
    assert (result.unit_price, result.value) == (50_001, 5_025_101)  # 5 025 100.5, half-up
    assert (result.lower, result.upper) == (4_700_000, 5_300_000)
    assert result.valid_until == date(2027, 2, 22)
    assert result.human.model_value == 5_000_000
    assert result.human.value == result.value
    assert result.policy.rule == Reason.LOW_CONFIDENCE
    assert result.human_touched


@pytest.fixture
def confirmed(decided, scored):
    """`confirmed(community_id)`: a decision on an address whose name is unknown, with a confirmed community."""

    def make(community_id, **changes):
        address = {
            "community_id": None,
            "community_name": None,
            "match_level": MatchLevel.DISTRICT,
            "candidates": valuations.OPEN_ADDRESS.candidates,
            "parts": valuations.OPEN_ADDRESS.parts,
        }
        return decided(subject=scored(**address), confirmed_community_id=community_id, **changes)

    return make


@pytest.mark.requirement("AD1")
@pytest.mark.parametrize("outcome", [ReviewOutcome.VALUE, ReviewOutcome.UNABLE])
def test_a_confirmed_community_becomes_an_alias_beside_the_answer(confirmed, settled, outcome):
    result, learned = settled(confirmed("c-9", outcome=outcome)).outputs
    assert result.topic is RESULTS
    assert (learned.topic, learned.lane) == (ALIASES, None)
    alias = learned.event
    assert (alias.alias, alias.city, alias.community_id) == ("翠湾雅苑", "杭州市", "c-9")
    assert (alias.source, alias.confirmed_at) == (AliasSource.REVIEWER, NOW)
    assert "lin" not in alias.confirmed_by


def test_a_decision_that_confirms_nothing_teaches_nothing(confirmed, decided, settled):
    assert [output.topic for output in settled(confirmed(None)).outputs] == [RESULTS]
    assert [output.topic for output in settled(confirmed("never offered")).outputs] == [RESULTS]
    assert [output.topic for output in settled(decided()).outputs] == [RESULTS]


@pytest.mark.requirement("AD1")
def test_a_quality_sample_teaches_too_while_the_answer_stands(confirmed, settled):
    outcome = settled(confirmed("c-9", reasons=(Reason.QA_SAMPLE,)))
    assert [output.topic for output in outcome.outputs] == [ALIASES]
    assert outcome.silence


@pytest.mark.requirement("SE1")
def test_no_name_of_a_person_goes_out(decided, settled):
    (output,) = settled(decided(approver="wu.m")).outputs
    assert output.event.human.four_eyes
    assert "lin.f" not in repr(output.event)
    assert "wu.m" not in repr(output.event)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ReviewOutcome.UNABLE, Status.UNABLE_TO_VALUE),
        (ReviewOutcome.NOT_ELIGIBLE, Status.NOT_ELIGIBLE),
        (ReviewOutcome.OUT_OF_COVERAGE, Status.OUT_OF_COVERAGE),
    ],
)
def test_a_decision_without_a_value_ends_without_one(decided, settled, outcome, status):
    (output,) = settled(decided(outcome=outcome)).outputs
    result = output.event
    assert result.status is status
    assert (result.value, result.unit_price, result.valuation, result.valid_until) == (None, None, None, None)
    assert result.human.value is None
    assert result.reason_text


def test_a_value_can_be_given_where_the_model_had_none(decided, settled, scored):
    (output,) = settled(decided(subject=scored(valuation=None))).outputs
    assert output.event.value == 5_000_100
    assert output.event.human.model_value is None


def test_a_quality_sample_changes_nothing_for_the_channel(decided, settled):
    outcome = settled(decided(reasons=(Reason.QA_SAMPLE,)))
    assert outcome.outputs == ()
    assert outcome.silence == "quality sample: the answer stands"


def test_a_value_without_a_unit_price_is_refused(decided, settled):
    with pytest.raises(PermanentError, match="has no unit_price"):
        settled(decided(unit_price=None))
