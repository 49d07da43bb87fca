"""The shadow: both models on every event, and nothing that happens there reaches a customer."""

from dataclasses import fields

import pytest

from schemas.catalogue import SHADOW
from schemas.codes import Lane, ModelRole, PropertyType
from schemas.events import ShadowAnswer, ShadowValued
from streams.scoring.shadow import ShadowStage
from streams.scoring.trial import in_canary

CHALLENGER = {"role": ModelRole.CHALLENGER, "name": "avm-apartment-challenger"}


@pytest.fixture
def shadow(view, tools):
    return ShadowStage(view, lambda: tools.now)


def subjects(tools):
    return [tools.asked(i, community_id=f"c{i % 36:03d}", lane=list(Lane)[i % 2]) for i in range(40)]


def valued(shadow, batch):
    (outputs,) = zip(*(outcome.outputs for outcome in shadow.handle(batch)), strict=True)
    assert {output.topic for output in outputs} == {SHADOW}
    return [output.event for output in outputs]


@pytest.mark.requirement("VM8")
def test_the_challenger_is_valued_beside_the_champion_on_every_event_of_both_lanes(
    shadow, stage, view, other_artefact, tools
):
    batch = subjects(tools)
    answered = tools.valuations(stage, batch)
    view.apply([tools.released(other_artefact, **CHALLENGER)])
    events = valued(shadow, batch)
    assert [event.valuation_id for event in events] == [enriched.valuation_id for enriched in batch]
    assert [event.champion.value for event in events] == [valuation.value for valuation in answered]
    assert {event.challenger.artefact_sha256 for event in events} == {other_artefact.sha256}
    assert all(event.challenger.lower < event.challenger.value < event.challenger.upper for event in events)
    assert any(event.challenger.value != event.champion.value for event in events)
    assert not any(event.in_canary for event in events)


@pytest.mark.requirement("VM8")
def test_it_is_valued_whatever_its_share_and_the_event_says_who_was_in_the_canary(shadow, view, other_artefact, tools):
    view.apply([tools.released(other_artefact, share=0.3, **CHALLENGER)])
    batch = subjects(tools)
    events = valued(shadow, batch)
    drawn = [in_canary(enriched, view.challenger(PropertyType.APARTMENT)) for enriched in batch]
    assert [event.in_canary for event in events] == drawn
    assert 0 < sum(drawn) < len(batch)
    assert all(event.challenger.value for event in events)


def test_without_a_challenger_it_is_silent_and_says_why(shadow, tools):
    assert [outcome.silence for outcome in shadow.handle(subjects(tools))] == ["no challenger"] * 40


def test_a_promoted_challenger_is_in_nobodys_shadow(shadow, view, artefact, tools):
    view.apply([tools.released(artefact, **CHALLENGER)])
    assert shadow.handle([tools.asked()])[0].silence == "no challenger"


@pytest.mark.requirement("VM8")
def test_a_challenger_that_fails_has_lost_the_comparison_and_breaks_nothing(shadow, view, broken_artefact, tools):
    view.apply([tools.released(broken_artefact, **CHALLENGER)])
    (event,) = valued(shadow, [tools.asked()])
    assert event.champion.value
    assert event.challenger == ShadowAnswer(
        version=broken_artefact.manifest["version"], artefact_sha256=broken_artefact.sha256
    )


@pytest.mark.requirement("VM8", "SE1")
def test_a_shadow_value_says_nothing_of_the_customer_or_the_house():
    assert {field.name for field in fields(ShadowValued)} == {
        "valuation_id", "segment", "county_code", "value_date", "champion", "challenger", "in_canary", "valued_at",
    }  # fmt: skip
