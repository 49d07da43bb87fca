"""Training: deterministic, without leaks, and refusing what must not be learned from."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from infra.storage.packing import UnusableArtefactError
from schemas.codes import PropertyType
from schemas.domain.provenance import appraisal_source
from streams.scoring.comparables import FEATURES, ComparableBook
from streams.scoring.fitting import TooFewDealsError
from streams.scoring.market import Market, places_of
from streams.scoring.model import ForbiddenFeatureError, refuse_forbidden, unpack
from streams.scoring.subjects import subjects_of
from streams.scoring.training import clean, train


def book(deals, artefact, places):
    market = Market(places)
    for deal in deals:
        market.put(deal)
    made = ComparableBook(market, unpack(artefact.content).layer)
    made.follow()
    return made


def seen(made, *, day=None):
    """Features of every deal by id, each valued on its own day, or on one day."""
    rows = made.market.rows
    on = rows.day if day is None else np.full(len(rows), day)
    comparison = made.compare(subjects_of(rows, day=on, own=np.arange(len(rows))))
    return {made.market.sold(row).deal_id: comparison.features[row] for row in range(len(rows))}


def test_the_same_deals_give_the_same_bytes(tools, other_artefact, market_deals):
    shuffled = [market_deals[i] for i in np.random.default_rng(1).permutation(320)]
    (again,) = train(shuffled, until=tools.today, communities=tools.communities()[::-1])
    assert again.sha256 == other_artefact.sha256
    assert again.content == other_artefact.content


def test_another_history_gives_another_version(artefact, other_artefact):
    assert artefact.manifest["version"] != other_artefact.manifest["version"]
    assert artefact.manifest["data"]["sha256"] != other_artefact.manifest["data"]["sha256"]


def test_the_manifest_tells_what_was_learned_from_what(artefact, tools):
    manifest = artefact.manifest
    assert manifest["segment"] == "APARTMENT"
    assert manifest["features"] == list(FEATURES)
    assert manifest["data"]["deals"] == 600
    assert manifest["data"]["known_before"] == tools.today.isoformat()
    assert {"catboost", "numpy", "python"} == set(manifest["libraries"])
    assert set(manifest["calibration"]["settings"]) == {"full", "area"}
    assert unpack(artefact.content).manifest == manifest


def test_the_model_finds_the_effects_the_market_was_made_with(artefact):
    model = unpack(artefact.content)
    effects = dict(zip(model.layer.hedonics.labels, model.layer.hedonics.effects, strict=True))
    assert effects["area", "1"] == pytest.approx(-0.2, abs=0.05)
    assert effects["top_without_lift", "1"] == pytest.approx(-0.08, abs=0.03)
    level = model.layer.index.levels[0]
    assert level[180] - level[30] == pytest.approx(0.015 * 5, abs=0.015)


def test_later_deals_change_no_feature(tools, artefact, market_deals):
    cut = tools.today - timedelta(days=50)
    places = places_of(tools.communities())
    everything = seen(book(market_deals, artefact, places))
    early = [deal for deal in market_deals if deal.deal_date < cut]
    alone = seen(book(early, artefact, places_of(tools.communities())))
    for deal_id, features in alone.items():
        np.testing.assert_allclose(everything[deal_id], features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("day_offset", [None, 0])
def test_a_deal_never_sees_its_own_price(tools, artefact, market_deals, day_offset):
    day = None if day_offset is None else tools.today.toordinal()
    honest = seen(book(market_deals, artefact, places_of(tools.communities())), day=day)
    for at in (10, 300, 590):
        lie = [replace(d, unit_price=d.unit_price * 10) if i == at else d for i, d in enumerate(market_deals)]
        told = seen(book(lie, artefact, places_of(tools.communities())), day=day)
        name = market_deals[at].deal_id
        np.testing.assert_allclose(told[name], honest[name], rtol=1e-4, atol=1e-5)
        assert any(not np.allclose(told[k], honest[k], equal_nan=True) for k in honest)  # others do see it


@pytest.mark.requirement("VM1")
@pytest.mark.parametrize(
    "name",
    ["DOM", "followers", "communityAverage", "loan_amount", "customer_age", "channel", "branch_code", "asking_price"],
)
def test_forbidden_features_are_refused(name):
    with pytest.raises(ForbiddenFeatureError, match=name):
        refuse_forbidden([*FEATURES, name])


def test_the_features_in_use_are_allowed():
    refuse_forbidden(FEATURES)


def test_too_few_deals_are_refused_with_the_counts(tools):
    with pytest.raises(TooFewDealsError, match="APARTMENT 100"):
        train(tools.deals(100), until=tools.today)


def test_a_thin_segment_gets_no_model(tools, market_deals):
    shops = [replace(d, deal_id=f"s{d.deal_id}", property_type=PropertyType.SHOP) for d in market_deals[:50]]
    made = train([*market_deals[:310], *shops], until=tools.today, communities=tools.communities())
    assert [artefact.segment for artefact in made] == ["APARTMENT"]


def test_cleaning_counts_what_it_leaves_out(tools):
    good = tools.deals(40)
    bad = [
        replace(good[0], deal_id="tiny", area_m2=9.0),
        replace(good[0], deal_id="free", unit_price=0.0),
        replace(good[0], deal_id="mad", unit_price=good[0].unit_price * 50),
        replace(good[0], deal_id="future", deal_date=tools.today),
        replace(good[0], deal_id="lagging", known_on=tools.today),
        good[1],
    ]
    kept, reasons = clean([*good, *bad], until=tools.today)
    assert [deal.deal_id for deal in kept] == [d.deal_id for d in sorted(good, key=lambda d: (d.deal_date, d.deal_id))]
    assert reasons == {"IMPLAUSIBLE_AREA": 1, "IMPLAUSIBLE_PRICE": 2, "NOT_YET_KNOWN": 2, "REPEATED": 1}


def test_a_deal_is_not_known_before_its_own_day(tools):
    early = replace(tools.deals(1)[0], deal_date=tools.today, known_on=tools.today - timedelta(days=30))
    assert clean([early], until=tools.today) == ([], {"NOT_YET_KNOWN": 1})


def test_an_artefact_of_another_feature_list_is_refused(artefact):
    from streams.scoring.model import pack

    model = unpack(artefact.content)
    other = replace(model, manifest={**model.manifest, "feature_set_version": "fs-other"})
    with pytest.raises(UnusableArtefactError, match="feature set fs-other"):
        unpack(pack(other, b""))


def test_old_deals_train_a_model_as_of_their_own_end(tools, market_deals):
    (made,) = train(market_deals[:320], until=tools.today + timedelta(days=900), communities=tools.communities())
    calibration = made.manifest["calibration"]
    assert calibration["id"].endswith(f"-{tools.today:%Y%m%d}")  # the day after the newest deal
    assert all(rows > 0 for rows in calibration["rows"])


def test_judgements_make_the_market_no_newer(tools, market_deals):
    late = tools.today + timedelta(days=60)
    judged = [
        replace(deal, deal_id=f"j-{deal.deal_id}", source=appraisal_source("test"), deal_date=late)
        for deal in market_deals[:3]
    ]
    (made,) = train([*market_deals[:320], *judged], until=late + timedelta(days=1), communities=tools.communities())
    newest = max(deal.deal_date for deal in market_deals[:320])
    assert made.manifest["data"]["to"] == newest.isoformat()
    assert made.manifest["calibration"]["id"].endswith(f"-{newest + timedelta(days=1):%Y%m%d}")
    assert made.manifest["labels"] == 0  # they wait for deals of their time
