from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.catalogue import SCORED
from schemas.codes import Handling, Lane, Reason, ReviewOutcome
from schemas.events import Decided, Degraded, ReviewRequested
from streams.routing.comparison import aftermath
from streams.routing.rules import is_degraded_alone, met_no_model
from streams.routing.stand_in import StandInStage
from tests.fakes import valuations
from tests.unit.streams.routing.conftest import MONDAY_TEN


@pytest.fixture
def record(scored):
    def make(name: str, handling: Handling, after: int = 0, **changes) -> Degraded:
        subject = scored(valuation_id=name, **({"valuation": None} if handling is not Handling.COMPARED else {}))
        at = MONDAY_TEN + timedelta(minutes=after)
        return Degraded(valuation_id=name, scored=replace(subject, **changes), handling=handling, at=at, release="m 1")

    return make


@pytest.fixture
def decided(scored, policy):
    def make(name: str, unit_price: int | None, outcome=ReviewOutcome.VALUE) -> Decided:
        review = ReviewRequested(
            valuation_id=name,
            scored=scored(valuation_id=name, valuation=None),
            reasons=(Reason.SYSTEM_DEGRADED,),
            priority=0,
            due_at=MONDAY_TEN,
            policy=policy.reference(Reason.SYSTEM_DEGRADED),
            requested_at=MONDAY_TEN,
        )
        return Decided(
            valuation_id=name,
            review=review,
            outcome=outcome,
            reasons=(),
            reviewer="s-9",
            reviewer_grade="G3",
            claimed_at=MONDAY_TEN,
            decided_at=MONDAY_TEN,
            guideline_version="1",
            unit_price=unit_price,
        )

    return make


@pytest.mark.requirement("RT6")
def test_people_s_values_are_compared_with_the_model_s_and_what_still_waits_is_counted(record, decided):
    records = [
        record("a", Handling.REVIEW),
        record("b", Handling.REVIEW),
        record("c", Handling.PARKED),
        record("d", Handling.PARKED),
        record("a", Handling.RESUMED, 1),
        record("c", Handling.RESUMED, 1),
        record("a", Handling.COMPARED, 2),
    ]
    found = aftermath(records, [decided("a", 40_000), decided("b", 50_000)])
    assert (found.with_people, found.parked, found.resumed) == (2, 1, 1)
    (one,) = found.comparisons
    assert (one.valuation_id, one.manual_unit_price, one.model_unit_price) == ("a", 40_000, 50_000)
    assert one.deviation == pytest.approx(0.25)


def test_without_a_value_of_both_there_is_nothing_to_compare(record, decided):
    undecided = record("a", Handling.COMPARED)
    without_model = record("b", Handling.COMPARED, valuation=None)
    unable = record("c", Handling.COMPARED)
    told = [decided("b", 50_000), decided("c", None, ReviewOutcome.UNABLE)]
    assert aftermath([undecided, without_model, unable], told).comparisons == ()


@pytest.mark.requirement("RT6")
def test_the_scorer_s_stand_in_sends_everything_on_as_degraded_and_keeps_what_enrichment_knew():
    enriched = replace(valuations.enriched(), concerns=(Reason.ADDR_AMBIGUOUS,), tags=("DISPUTED",))
    (outcome,) = StandInStage(lambda: MONDAY_TEN).handle([enriched])
    (output,) = outcome.outputs
    assert (output.topic, output.lane) == (SCORED, Lane.ONLINE)
    assert met_no_model(output.event)
    assert output.event.concerns == (Reason.ADDR_AMBIGUOUS, Reason.SYSTEM_DEGRADED)
    for name in ("valuation_id", "request", "address", "attributes", "coverage", "tags"):
        assert getattr(output.event, name) == getattr(enriched, name)
    assert not is_degraded_alone(output.event.concerns)
