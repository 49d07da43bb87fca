"""What becomes of a verification: the whole answer where nothing else is asked, evidence beside a value else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.catalogue import RESULTS
from schemas.codes import Lane, Reason, ReviewOutcome, ServiceType, Status, VerificationOutcome
from schemas.events import Decided, Enriched, ReviewRequested, Verification
from streams.routing.degraded import DegradedDesk
from streams.routing.rehearsal import rehearse
from streams.routing.settle import settle
from streams.routing.stage import RoutingStage
from streams.routing.stand_in import StandInStage

NOW = datetime(2026, 11, 23, 2, 0, 2, tzinfo=UTC)


def a_verification(outcome):
    return Verification(outcome=outcome, text=f"核验：{outcome}。", checks=(), verified_at=NOW)


@pytest.fixture
def routed(policy, admitted):
    """`routed(scored)` → the events that come of it."""

    def run(scored):
        stage = RoutingStage(lambda: policy, lambda: NOW, Lane.ONLINE, standings=admitted, desk=DegradedDesk())
        (outcome,) = stage.handle([scored])
        return [output.event for output in outcome.outputs if output.topic is RESULTS], [
            output.event for output in outcome.outputs if isinstance(output.event, ReviewRequested)
        ]

    return run


def only_verified(scored, outcome, **changes):
    verification = a_verification(outcome)
    return scored(service_type=ServiceType.VERIFY, valuation=None, verification=verification, **changes)


@pytest.mark.requirement("VF1")
@pytest.mark.parametrize(
    ("outcome", "reasons"),
    [
        (VerificationOutcome.CONFIRMED, ()),
        (VerificationOutcome.UNVERIFIABLE, ()),
        (VerificationOutcome.MISMATCH, (Reason.VERIFY_MISMATCH,)),
        (VerificationOutcome.NOT_FOUND, (Reason.VERIFY_NOT_FOUND,)),
    ],
)
def test_a_verification_alone_ends_automatically_with_its_outcome_and_without_a_value(scored, routed, outcome, reasons):
    (result,), reviews = routed(only_verified(scored, outcome))
    assert (result.status, result.reasons, result.reason_text) == (Status.COMPLETED_AUTO, reasons, f"核验：{outcome}。")
    assert result.verification.outcome is outcome
    assert (result.value, result.valuation, result.valid_until, result.degraded_sources) == (None, None, None, ())
    assert reviews == []


@pytest.mark.requirement("VF1")
def test_no_doubt_and_no_missing_model_sends_a_verification_to_people(scored, routed):
    doubtful = only_verified(
        scored, VerificationOutcome.NOT_FOUND, force_manual=True, concerns=("ADDR_UNKNOWN", "SYSTEM_DEGRADED")
    )
    (result,), reviews = routed(doubtful)
    assert (result.status, reviews) == (Status.COMPLETED_AUTO, [])


@pytest.mark.requirement("VF2")
def test_a_value_carries_its_verification_whoever_gives_it(scored, routed, policy):
    both = {
        "service_type": ServiceType.VERIFY_AND_VALUATE,
        "verification": a_verification(VerificationOutcome.CONFIRMED),
    }
    (result,), _ = routed(scored(**both))
    assert (result.status, result.value) == (Status.COMPLETED_AUTO, 5_000_000)
    assert result.verification == both["verification"]
    mismatch = a_verification(VerificationOutcome.MISMATCH)
    (interim,), (review,) = routed(
        scored(**both | {"verification": mismatch}, concerns=(Reason.VERIFY_MISMATCH,), degraded_sources=("dict-1",))
    )
    assert (interim.status, review.reasons) == (Status.PENDING_MANUAL, (Reason.VERIFY_MISMATCH,))
    assert interim.verification == review.scored.verification == mismatch
    decided = Decided(
        valuation_id=review.valuation_id,
        review=review,
        outcome=ReviewOutcome.VALUE,
        reviewer="E1",
        reviewer_grade="G2",
        claimed_at=NOW,
        decided_at=NOW,
        unit_price=50_000,
        reasons=("REVIEWED",),
        guideline_version="1",
    )
    settled = settle(decided, policy, now=NOW)
    assert (settled.status, settled.verification) == (Status.COMPLETED_MANUAL, mismatch)
    assert settled.degraded_sources == ("dict-1",)


@pytest.mark.requirement("RT8")
def test_an_answer_names_its_degraded_sources_and_the_model_among_them_where_there_was_none(scored, routed):
    (result,), _ = routed(scored(degraded_sources=("dict-1",)))
    assert result.degraded_sources == ("dict-1",)
    (without,), _ = routed(scored(valuation=None, concerns=(Reason.NO_MODEL,), degraded_sources=("dict-1",)))
    assert without.degraded_sources == ("dict-1", "model")
    (unlike_any,), _ = routed(scored(valuation=None, concerns=(Reason.THIN_COMPARABLES,)))
    assert unlike_any.degraded_sources == (), "the model is there; the deals are not"


@pytest.mark.requirement("VF1", "RT8")
def test_the_scorer_s_stand_in_passes_both_on(scored):
    one = scored()
    enriched = Enriched(
        valuation_id=one.valuation_id,
        request=one.request,
        address=one.address,
        attributes=one.attributes,
        coverage=one.coverage,
        enriched_at=NOW,
        verification=a_verification(VerificationOutcome.MISMATCH),
        degraded_sources=("dict-1",),
    )
    (outcome,) = StandInStage(lambda: NOW).handle([enriched])
    (output,) = outcome.outputs
    assert output.event.verification == enriched.verification
    assert output.event.degraded_sources == ("dict-1",)


def test_a_policy_is_not_rehearsed_on_what_was_only_verified(scored, policy):
    valued, verified = scored(), only_verified(scored, VerificationOutcome.CONFIRMED)
    verified = replace(verified, valuation_id="another")
    assert rehearse([valued, verified], policy, policy).valuations == 1
