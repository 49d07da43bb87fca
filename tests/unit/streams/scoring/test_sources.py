"""Licences and ages of sources as a running scorer feels them: changes arrive between batches, nothing is restarted."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.catalogue import DEALS, DELIVERIES, RENTS, SOURCES
from schemas.codes import PropertyType, Reason, ServiceType, SourceKind, VerificationOutcome
from schemas.events import Rent, SourceDelivery, SourceLicence, Verification
from streams.runtime.stage import Change
from streams.scoring.licences import Licences
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage


def licensed(source="test", **changes):
    row = SourceLicence(
        source=source,
        kind=SourceKind.DEALS,
        holder="甲数据公司",
        reference=f"HT-{source}",
        allowed_uses=("TRAINING", "COMPARABLES"),
        valid_from=date(2026, 1, 1),
        approved_by="E1001",
        second_approver="E1002",
        approved_at=datetime(2025, 12, 20, tzinfo=UTC),
    )
    return Change(topic=SOURCES, key=source, event=replace(row, **changes))


REVOKED = {"revoked_at": datetime(2026, 6, 30, tzinfo=UTC), "revoked_by": "E1001", "revocation_reason": "合同解除"}


class Room:
    """A scorer that goes by licences, on a day that a test moves."""

    def __init__(self, tools, store, artefact, deals):
        self.tools, self.today = tools, tools.today
        self.view = ScoringView(store, Licences(), lambda: self.today)
        self._stage = ScoringStage(self.view, lambda: tools.now)
        self.view.apply([tools.put_community(row) for row in tools.communities()])
        self.view.apply([tools.put_deal(deal) for deal in deals])
        self.view.apply([tools.released(artefact)])

    def told(self, *changes):
        self.view.apply(changes)
        return self

    def answer(self, **asked):
        (outcome,) = self._stage.handle([self.tools.asked(1, **asked)])
        return outcome.outputs[0].event

    def scored(self, *enriched):
        return [outcome.outputs[0].event for outcome in self._stage.handle(enriched)]

    def valued(self, **asked):
        scored = self.answer(**asked)
        assert scored.concerns == ()
        return scored.valuation


@pytest.fixture
def room(tools, store, artefact, market_deals):
    return Room(tools, store, artefact, market_deals)


@pytest.mark.requirement("VM3")
def test_a_model_of_an_unregistered_source_answers_nobody_and_people_are_asked(room):
    scored = room.answer()
    assert (scored.valuation, scored.concerns) == (None, (Reason.SOURCE_NOT_LICENSED,))
    assert any("not registered" in problem for problem in room.view.problems)


@pytest.mark.requirement("VM3")
def test_a_licence_that_ends_or_comes_back_counts_from_the_next_request_on(room):
    first = room.told(licensed()).valued()
    assert room.view.problems == ()
    refused = room.told(licensed(**REVOKED)).answer()
    assert (refused.valuation, refused.concerns) == (None, (Reason.SOURCE_NOT_LICENSED,))
    assert any("revoked on 2026-06-30 (合同解除)" in problem for problem in room.view.problems)
    assert room.told(licensed()).valued() == first
    assert room.told(Change(topic=SOURCES, key="test", event=None)).answer().valuation is None


@pytest.mark.requirement("VM3")
def test_a_licence_expires_by_the_day_alone(room):
    room.told(licensed(valid_until=room.today))
    room.valued()
    room.today += timedelta(days=1)
    assert room.answer().concerns == (Reason.SOURCE_NOT_LICENSED,)


@pytest.mark.requirement("VM3", "VM7")
def test_deals_of_a_source_stop_being_comparables_at_once_and_come_back_with_its_licence(room, tools):
    twin = replace(
        tools.deals(1)[0],
        deal_id="other-1",
        community_id="c004",
        area_m2=75.5,
        deal_date=tools.today - timedelta(days=2),
        unit_price=float(room.told(licensed()).valued().unit_price),
        source="other",
    )
    before = room.valued()
    room.told(Change(topic=DEALS, key=twin.deal_id, event=twin))
    assert room.valued() == before  # not licensed yet
    with_other = room.told(licensed("other")).valued()
    assert "other" in with_other.sources
    assert room.told(licensed("other", allowed_uses=("TRAINING",))).valued() == before
    assert room.told(licensed("other")).valued() == with_other
    assert room.told(licensed("other", **REVOKED)).valued() == before


@pytest.mark.requirement("VM3")
def test_rents_of_a_source_follow_its_licence(room):
    rent = Rent(
        rent_id="r-1",
        community_id="c004",
        city="甲市",
        rent_date=room.today - timedelta(days=9),
        monthly_rent=60.0,
        property_type=PropertyType.APARTMENT,
        source="rents",
    )
    room.told(licensed(), Change(topic=RENTS, key="r-1", event=rent))
    known = room.view.scorer(PropertyType.APARTMENT).rents
    assert len(known) == 0
    room.told(licensed("rents"))
    assert len(known) == 1
    room.told(licensed("rents", **REVOKED))
    assert len(known) == 0
    room.told(licensed("rents"))
    assert len(known) == 1
    room.told(licensed("rents", **REVOKED), Change(topic=RENTS, key="r-1", event=None), licensed("rents"))
    assert len(known) == 0


@pytest.mark.requirement("VM7")
def test_a_result_names_the_licence_and_age_of_each_source_it_rests_on(room, market_deals):
    (used,) = room.told(licensed()).valued().lineage
    newest = max(deal.deal_date for deal in market_deals if deal.deal_date < room.today)
    assert (used.source, used.reference, used.newest_on, used.is_stale) == ("test", "HT-test", newest, False)


@pytest.mark.requirement("VM7")
def test_a_stale_source_is_named_and_makes_the_value_less_sure_of_itself(room):
    fresh = room.told(licensed(fresh_within_days=30)).valued()
    assert "STALE_SOURCE" not in fresh.limiting_factors
    late = {"value_date": room.today + timedelta(days=90)}
    silent = room.told(licensed()).valued(**late)  # may be as silent as it likes
    stale = room.told(licensed(fresh_within_days=30)).valued(**late)
    assert [used.source for used in stale.lineage if used.is_stale] == ["test"]
    assert set(stale.limiting_factors) - set(silent.limiting_factors) == {"STALE_SOURCE"}
    assert stale.p10 == pytest.approx(silent.p10 - 0.0035 * 61, abs=1e-4)
    assert stale.confidence < silent.confidence
    assert stale.value == silent.value


@pytest.mark.requirement("VM3")
def test_the_manifest_of_an_artefact_names_its_sources(artefact):
    assert [(one["source"], one["deals"]) for one in artefact.manifest["data"]["sources"]] == [
        ("test", artefact.manifest["data"]["deals"])
    ]


@pytest.mark.requirement("RT8")
def test_a_value_names_the_sources_it_rests_on_whose_breaker_is_open(room):
    assert room.told(licensed()).answer().degraded_sources == ()
    tripped = SourceDelivery(
        source="test",
        delivered_at=room.tools.now,
        loaded=0,
        rejected=0,
        failures=3,
        closed_until=room.tools.now + timedelta(hours=1),
    )
    elsewhere = replace(tripped, source="of-no-concern")
    room.told(*(Change(topic=DELIVERIES, key=one.source, event=one) for one in (tripped, elsewhere)))
    assert room.answer().degraded_sources == ("test",)
    good = replace(tripped, failures=0, closed_until=None)
    assert room.told(Change(topic=DELIVERIES, key="test", event=good)).answer().degraded_sources == ()


@pytest.mark.requirement("VF1", "RT8")
def test_what_is_only_to_be_verified_passes_through_with_what_enrichment_found_and_no_value(room):
    room.told(licensed())
    asked = room.tools.asked(1)
    found = Verification(outcome=VerificationOutcome.CONFIRMED, text="一致。", checks=(), verified_at=room.tools.now)
    only = replace(
        asked,
        request=replace(asked.request, service_type=ServiceType.VERIFY),
        verification=found,
        degraded_sources=("dict-1",),
    )
    with_value, without = room.scored(replace(only, request=asked.request), only)
    assert with_value.valuation is not None
    assert (without.valuation, without.concerns) == (None, ())
    for scored in (with_value, without):
        assert (scored.verification, scored.degraded_sources) == (found, ("dict-1",))
