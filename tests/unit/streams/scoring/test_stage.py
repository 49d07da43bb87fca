"""The stage, from the outside: what a request gets, and that nothing but its own facts decide it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import DEALS, MODELS_RELEASED, SCORED, SOURCES
from schemas.codes import ADDRESS_SEGMENT, ADDRESS_TAGGER, Lane, ModelRole, PropertyType, Reason, SourceKind
from schemas.domain import rounding
from schemas.events import SourceLicence
from streams.runtime.stage import Change
from streams.scoring.licences import Licences
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage
from streams.scoring.trial import in_canary

CHALLENGER = {"role": ModelRole.CHALLENGER, "name": "avm-apartment-challenger"}


def subjects(tools, count=60):
    areas = ("52.30", "66.66", "75.50", "88.90", "101.20", "133.00")
    return [
        tools.asked(
            i,
            community_id=f"c{i % 36:03d}",
            area=areas[i % 6],
            **({"floor": 6, "total_floors": 6, "has_lift": False, "renovation": "精装"} if i % 2 else {}),
        )
        for i in range(count)
    ]


@pytest.mark.requirement("VM2")
def test_every_request_gets_one_scored_event_on_its_own_lane(stage, tools):
    batch = [tools.asked(0), tools.asked(1, lane=Lane.BATCH), tools.asked(-1)]
    outcomes = stage.handle(batch)
    assert [o.outputs[0].topic for o in outcomes] == [SCORED] * 3
    assert [o.outputs[0].lane for o in outcomes] == [Lane.ONLINE, Lane.BATCH, Lane.ONLINE]
    assert [o.outputs[0].event.valuation_id for o in outcomes] == ["v0", "v1", "v-1"]
    assert outcomes[2].outputs[0].event.concerns == ("ADDR_PARTIAL",)
    assert all(o.outputs[0].event.scored_at == tools.now for o in outcomes)


@pytest.mark.requirement("VM2")
def test_a_value_lies_inside_its_interval_and_near_the_truth(stage, tools):
    for enriched, valuation in zip(subjects(tools), tools.valuations(stage, subjects(tools)), strict=True):
        assert valuation.lower < valuation.value < valuation.upper
        assert 0 < valuation.p10 < 1
        assert valuation.confidence == round(100 * valuation.p10)
        assert 1 <= valuation.confidence_level <= 7
        assert valuation.fsd > 0
        assert valuation.data_as_of < enriched.request.value_date
    assert tools.valuations(stage, [tools.asked()])[0].unit_price == pytest.approx(38_000, rel=0.6)


@pytest.mark.requirement("VM9")
def test_the_total_is_the_rounded_unit_price_times_the_area(stage, tools):
    for enriched, valuation in zip(subjects(tools), tools.valuations(stage, subjects(tools)), strict=True):
        assert valuation.value == rounding.total(valuation.unit_price, enriched.request.area_m2)


def test_reasons_add_up_to_the_unit_price(stage, tools):
    for valuation in tools.valuations(stage, subjects(tools)):
        assert valuation.base_unit_price + sum(r.unit_price_change for r in valuation.reasons) == valuation.unit_price
        assert all(reason.unit_price_change for reason in valuation.reasons)
        assert len({reason.factor for reason in valuation.reasons}) == len(valuation.reasons)


def test_reasons_are_told_in_chinese(stage, tools):
    (valuation,) = tools.valuations(stage, [tools.asked(area="120.40")])
    texts = {reason.factor: reason.text for reason in valuation.reasons}
    assert texts["AREA"].startswith("建筑面积：下调")


@pytest.mark.requirement("VM1")
def test_twins_get_the_same_valuation_in_any_batch(stage, tools):
    batch = subjects(tools)
    together = tools.valuations(stage, batch)
    assert [tools.valuations(stage, [one])[0] for one in batch] == together
    assert tools.valuations(stage, batch[::-1])[::-1] == together
    assert tools.valuations(stage, batch[7:20]) == together[7:20]


@pytest.mark.requirement("VM1")
def test_the_channel_and_the_loan_change_nothing(stage, tools):
    plain = tools.asked()
    other = replace(
        plain,
        request=replace(plain.request, channel="wechat", product="HOUSE_SECURED", branch_code="9", business_ref="x"),
    )
    assert tools.valuations(stage, [plain]) == tools.valuations(stage, [other])


def test_two_replicas_that_read_in_another_order_agree(stage, store, artefact, market_deals, tools):
    changes = [
        *map(tools.put_deal, market_deals),
        *map(tools.put_community, tools.communities()),
        tools.released(artefact),
    ]
    replica = ScoringView(store)
    replica.apply(changes[::-1])
    batch = subjects(tools)
    assert tools.valuations(ScoringStage(replica, lambda: tools.now), batch) == tools.valuations(stage, batch)


@pytest.mark.requirement("VM2")
def test_comparables_meet_the_rules_of_market_comparison(stage, tools):
    for enriched, valuation in zip(subjects(tools), tools.valuations(stage, subjects(tools)), strict=True):
        assert 3 <= len(valuation.comparables) <= 6
        assert all(check.met for check in valuation.rule_checks)
        assert sum(c.weight for c in valuation.comparables) == pytest.approx(1, abs=1e-3)
        for comparable in valuation.comparables:
            moved = comparable.unit_price
            for adjustment in comparable.adjustments:
                moved *= 1 + adjustment.share
            assert comparable.adjusted_unit_price == pytest.approx(moved, abs=1.5)
            assert comparable.deal_date < enriched.request.value_date
        assert valuation.comparison_value == pytest.approx(valuation.value, rel=0.2)


def test_a_value_date_in_the_past_uses_only_what_was_known_then(stage, view, tools):
    then = tools.today - timedelta(days=60)
    question = [tools.asked(value_date=then)]
    before = tools.valuations(stage, question)[0]
    assert all(c.deal_date < then for c in before.comparables)
    assert before.data_as_of < then
    late = [deal for deal in tools.deals() if (deal.known_on or deal.deal_date) >= then]
    view.apply([Change(topic=DEALS, key=deal.deal_id, event=None) for deal in late])
    assert tools.valuations(stage, question)[0] == before


def test_a_live_deal_counts_from_the_next_batch_on(stage, view, tools):
    question = [tools.asked(area="75.50")]
    before = tools.valuations(stage, question)[0]
    # Three deals of the same plan, not one: layer 1 would rather distrust a single one so far off.
    news = [
        replace(
            tools.deals()[0],
            deal_id=f"new{i}",
            community_id="c004",
            area_m2=75.5,
            deal_date=tools.today - timedelta(days=1),
            unit_price=before.unit_price * 1.1,
        )
        for i in range(3)
    ]
    view.apply([tools.put_deal(deal) for deal in news])
    after = tools.valuations(stage, question)[0]
    assert after.unit_price > before.unit_price * 1.01
    assert {"new0", "new1", "new2"} <= {c.deal_id for c in after.comparables}
    view.apply([Change(topic=DEALS, key=deal.deal_id, event=None) for deal in news])
    assert tools.valuations(stage, question)[0] == before


def test_a_deal_known_later_than_its_date_waits_until_it_is_known(stage, view, tools):
    question = [tools.asked(area="75.50")]
    before = tools.valuations(stage, question)[0]
    secret = replace(
        tools.deals()[0],
        deal_id="late",
        community_id="c004",
        area_m2=75.5,
        deal_date=tools.today - timedelta(days=20),
        known_on=tools.today,
        unit_price=before.unit_price * 1.05,
    )
    view.apply([tools.put_deal(secret)])
    assert tools.valuations(stage, question)[0] == before
    tomorrow = tools.asked(area="75.50", value_date=tools.today + timedelta(days=1))
    assert "late" in {c.deal_id for c in tools.valuations(stage, [tomorrow])[0].comparables}


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_price": float("inf")},
        {"unit_price": float("nan")},
        {"area_m2": float("inf")},
        {"deal_date": date(1, 1, 1)},
        {"deal_date": date(9999, 1, 1)},
        {"known_on": date(9999, 1, 1)},
    ],
)
def test_an_impossible_deal_changes_no_value(stage, view, tools, changes):
    question = [tools.asked(area="75.50")]
    before = tools.valuations(stage, question)
    view.apply([tools.put_deal(replace(tools.deals(1)[0], deal_id="odd", **changes))])
    assert tools.valuations(stage, question) == before
    assert "odd" not in view.market(PropertyType.APARTMENT)


def test_a_corrected_deal_replaces_the_wrong_one(stage, view, tools, market_deals):
    question = [tools.asked(area="75.50")]
    before = tools.valuations(stage, question)[0]
    deal = next(d for d in market_deals if d.deal_id == before.comparables[0].deal_id)
    view.apply([tools.put_deal(replace(deal, unit_price=deal.unit_price * 1.05))])
    assert tools.valuations(stage, question)[0] != before
    view.apply([tools.put_deal(deal)])
    assert tools.valuations(stage, question)[0] == before


def test_without_a_model_a_person_must_look(store, tools):
    stage = ScoringStage(ScoringView(store), lambda: tools.now)
    scored = stage.handle([tools.asked(-1)])[0].outputs[0].event
    assert scored.valuation is None
    assert scored.concerns == ("ADDR_PARTIAL", Reason.NO_MODEL)


@pytest.mark.parametrize("kind", [PropertyType.SHOP, PropertyType.OFFICE, PropertyType.VILLA])
def test_a_type_without_a_model_is_not_valued_as_a_flat(stage, tools, kind):
    scored = stage.handle([tools.asked(property_type=kind)])[0].outputs[0].event
    assert scored.valuation is None
    assert scored.concerns == (Reason.UNSEEN_TYPE,)


def test_an_unknown_type_is_taken_for_a_flat(stage, tools):
    flat, unknown = tools.valuations(stage, [tools.asked(), tools.asked(1, property_type=PropertyType.UNKNOWN)])
    assert unknown.value == flat.value


def test_shop_deals_never_move_a_flat(stage, view, tools):
    before = tools.valuations(stage, [tools.asked()])
    shops = [
        replace(deal, deal_id=f"s{deal.deal_id}", property_type=PropertyType.SHOP, unit_price=deal.unit_price * 3)
        for deal in tools.deals(50)
    ]
    view.apply([tools.put_deal(shop) for shop in shops])
    assert tools.valuations(stage, [tools.asked()]) == before


def test_a_city_nobody_sold_in_is_not_valued(stage, tools):
    elsewhere = tools.asked(community_id="nowhere", city="乙市")
    scored = stage.handle([elsewhere])[0].outputs[0].event
    assert scored.valuation is None
    assert scored.concerns == (Reason.THIN_COMPARABLES,)


def test_an_unknown_community_falls_back_and_says_so(stage, tools):
    known, unknown = tools.valuations(stage, [tools.asked(), tools.asked(1, community_id=None, district="西区")])
    assert known.model.fallback_level <= 2
    assert unknown.model.fallback_level == 5
    assert {"ADDRESS_PARTIAL", "NEW_COMMUNITY", "FEW_COMPARABLES", "FALLBACK_LEVEL_5"} <= set(unknown.limiting_factors)
    assert unknown.p10 < known.p10
    assert unknown.comparables == ()
    assert unknown.comparison_value is None


def test_an_area_far_outside_the_community_is_a_limiting_factor(stage, tools):
    usual, huge = tools.valuations(stage, [tools.asked(area="75.50"), tools.asked(1, area="310.00")])
    assert "AREA_OUT_OF_RANGE" not in usual.limiting_factors
    assert {"AREA_OUT_OF_RANGE", "UNUSUAL_PROPERTY"} <= set(huge.limiting_factors)


def test_old_data_is_a_limiting_factor(stage, tools):
    fresh, stale = tools.valuations(
        stage, [tools.asked(), tools.asked(1, value_date=tools.today + timedelta(days=200))]
    )
    assert "STALE_COMPARABLES" not in fresh.limiting_factors
    assert "STALE_COMPARABLES" in stale.limiting_factors


def test_a_new_model_takes_over_between_two_batches(stage, view, artefact, other_artefact, tools):
    assert tools.valuations(stage, [tools.asked()])[0].model.version == artefact.manifest["version"]
    view.apply([tools.released(other_artefact)])
    after = tools.valuations(stage, [tools.asked()])[0]
    assert after.model.version == other_artefact.manifest["version"]
    assert after.model.artefact_sha256 == other_artefact.sha256


@pytest.mark.requirement("VM8")
@given(st.lists(st.integers(0, 59), min_size=1, max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_twins_get_the_same_valuation_in_any_batch_during_a_canary(stage, view, other_artefact, tools, drawn):
    view.apply([tools.released(other_artefact, share=0.4, **CHALLENGER)])
    every = subjects(tools)
    batch = [replace(every[i], valuation_id=f"{place}") for place, i in enumerate(drawn)]
    alone = {i: tools.valuations(stage, [every[i]])[0] for i in set(drawn)}
    assert tools.valuations(stage, batch) == [alone[i] for i in drawn]


@pytest.mark.requirement("VM8")
def test_a_challenger_in_the_shadow_answers_nobody(stage, view, other_artefact, tools):
    before = tools.valuations(stage, subjects(tools))
    view.apply([tools.released(other_artefact, **CHALLENGER)])
    assert tools.valuations(stage, subjects(tools)) == before


@pytest.mark.requirement("VM8")
def test_a_canary_answers_its_properties_under_its_own_name_and_says_so(stage, view, other_artefact, tools):
    batch = subjects(tools)
    before = tools.valuations(stage, batch)
    view.apply([tools.released(other_artefact, share=0.4, **CHALLENGER)])
    challenger = view.challenger(PropertyType.APARTMENT)
    drawn = [in_canary(enriched, challenger) for enriched in batch]
    assert 0 < sum(drawn) < len(batch)
    for valuation, champions, is_drawn in zip(tools.valuations(stage, batch), before, drawn, strict=True):
        if is_drawn:
            assert valuation.model.role is ModelRole.CHALLENGER
            assert valuation.model.name == other_artefact.manifest["name"]
            assert valuation.model.artefact_sha256 == other_artefact.sha256
        else:
            assert valuation == champions


@pytest.mark.requirement("VM8")
def test_a_property_sees_the_same_model_whoever_asks_and_however_often(stage, view, other_artefact, tools):
    view.apply([tools.released(other_artefact, share=0.5, **CHALLENGER)])
    for community in range(36):
        asked = [tools.asked(i, community_id=f"c{community:03d}", area=f"{50 + i}") for i in range(5)]
        assert len({valuation.model.artefact_sha256 for valuation in tools.valuations(stage, asked)}) == 1


@pytest.mark.requirement("VM8")
def test_a_share_of_nothing_ends_the_canary_with_the_next_batch(stage, view, other_artefact, tools):
    before = tools.valuations(stage, subjects(tools))
    view.apply([tools.released(other_artefact, share=0.9, **CHALLENGER)])
    assert tools.valuations(stage, subjects(tools)) != before
    view.apply([tools.released(other_artefact, share=0.0, **CHALLENGER)])
    assert tools.valuations(stage, subjects(tools)) == before


@pytest.mark.requirement("VM8")
def test_where_a_challenger_fails_the_champion_answers_and_the_canary_ends(stage, view, broken_artefact, tools):
    before = tools.valuations(stage, subjects(tools))
    view.apply([tools.released(broken_artefact, share=0.5, **CHALLENGER)])
    assert tools.valuations(stage, subjects(tools)) == before
    assert view.challenger(PropertyType.APARTMENT) is None
    (problem,) = view.problems
    assert "failed (TypeError) and answers nobody" in problem
    view.apply([tools.released(broken_artefact, share=0.0, **CHALLENGER)])
    assert view.problems == ()


@pytest.mark.requirement("VM8")
@pytest.mark.parametrize("fault", [{"sha256": "0" * 64}, {"segment": "SHOP"}, {"share": 5.0}])
def test_a_challenger_that_cannot_be_used_is_none_and_the_champion_answers_all(
    stage, view, other_artefact, tools, fault
):
    before = tools.valuations(stage, subjects(tools))
    view.apply([tools.released(other_artefact, share=0.5, **CHALLENGER)])
    view.apply([tools.released(other_artefact, **{"share": 0.5, **CHALLENGER, **fault})])
    assert tools.valuations(stage, subjects(tools)) == before
    assert len(view.problems) == 1


@pytest.mark.requirement("GV5")
def test_a_promoted_challenger_answers_all_and_a_rollback_brings_the_former_values_back(
    stage, view, artefact, other_artefact, tools
):
    before = tools.valuations(stage, subjects(tools))
    view.apply([tools.released(other_artefact, share=0.5, **CHALLENGER)])
    view.apply([tools.released(other_artefact), tools.released(other_artefact, **CHALLENGER)])
    answered = {valuation.model.artefact_sha256 for valuation in tools.valuations(stage, subjects(tools))}
    assert answered == {other_artefact.sha256}
    view.apply([tools.released(artefact), tools.released(other_artefact, **CHALLENGER)])
    assert tools.valuations(stage, subjects(tools)) == before


@pytest.mark.parametrize(
    "fault",
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"segment": "SHOP"}, "trained for APARTMENT"),
    ],
)
def test_an_artefact_that_does_not_match_is_refused_and_the_old_model_stays(
    stage, view, artefact, other_artefact, tools, fault
):
    change, says = fault
    view.apply([tools.released(other_artefact, **change)])
    assert tools.valuations(stage, [tools.asked()])[0].model.version == artefact.manifest["version"]
    (problem,) = view.problems
    assert says in problem
    assert other_artefact.manifest["version"] in problem
    view.apply([tools.released(other_artefact)])
    assert view.problems == ()


def test_a_withdrawn_model_leaves_its_segment_to_people(stage, view, artefact, tools):
    view.apply([Change(topic=MODELS_RELEASED, key=artefact.manifest["name"], event=None)])
    assert stage.handle([tools.asked()])[0].outputs[0].event.concerns == (Reason.NO_MODEL,)


def test_bytes_that_are_no_artefact_are_refused(view, artefact, tools):
    import hashlib

    view._store.content["memory://broken"] = b"no zip"
    broken = tools.released(artefact, uri="memory://broken", sha256=hashlib.sha256(b"no zip").hexdigest())
    view.apply([broken])
    assert "cannot be read" in view.problems[0]


def test_a_released_tagger_of_addresses_is_no_model_of_prices(stage, view, artefact, tools):
    before = tools.valuations(stage, [tools.asked()])
    view.apply([tools.released(artefact, name=ADDRESS_TAGGER, segment=ADDRESS_SEGMENT)])
    assert view.problems == ()
    assert tools.valuations(stage, [tools.asked()]) == before


@pytest.mark.requirement("AD7")
def test_the_tags_of_the_registry_travel_on(stage, tools):
    tagged = replace(tools.asked(), tags=("DISPUTED",))
    assert stage.handle([tagged])[0].outputs[0].event.tags == ("DISPUTED",)


def licensed(source, tools, **changes):
    row = SourceLicence(
        source=source,
        kind=SourceKind.DEALS,
        holder="甲数据公司",
        reference="HT-1",
        allowed_uses=("TRAINING", "COMPARABLES"),
        valid_from=tools.today - timedelta(days=1),
        approved_by="E1001",
        second_approver="E1002",
        approved_at=tools.now,
    )
    return Change(topic=SOURCES, key=source, event=replace(row, **changes))


@pytest.mark.requirement("GV5")
def test_a_model_that_was_replaced_does_not_come_back_when_the_licence_of_its_successor_ends(
    store, artefact, elsewhere_artefact, tools
):
    view = ScoringView(store, Licences(), lambda: tools.today)
    view.apply([licensed("test", tools), licensed("elsewhere", tools)])
    view.apply([tools.released(artefact), tools.released(elsewhere_artefact)])
    view.apply([licensed("elsewhere", tools, allowed_uses=())])
    assert view.scorer(PropertyType.APARTMENT) is None
    view.apply([licensed("elsewhere", tools)])
    assert view.scorer(PropertyType.APARTMENT).sha256 == elsewhere_artefact.sha256


@pytest.mark.requirement("GV5")
def test_a_model_whose_source_is_not_licensed_when_it_comes_leaves_the_former_in_charge(
    store, artefact, elsewhere_artefact, tools
):
    view = ScoringView(store, Licences(), lambda: tools.today)
    view.apply([licensed("test", tools), tools.released(artefact), tools.released(elsewhere_artefact)])
    assert view.scorer(PropertyType.APARTMENT).sha256 == artefact.sha256
    (problem,) = view.problems
    assert "elsewhere: it is not registered" in problem
    view.apply([licensed("elsewhere", tools)])
    assert view.scorer(PropertyType.APARTMENT).sha256 == elsewhere_artefact.sha256
    assert view.problems == ()
