"""Rents of the synthetic market fit its prices."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from producers.simulator.market import generate
from producers.simulator.rents import gross_yield
from schemas.codes import PropertyType, RentKind

UNTIL = date(2026, 6, 1)


@pytest.fixture(scope="module")
def market():
    return generate(7, communities=1_000, deals=20_000, until=UNTIL)


@pytest.mark.requirement("VM5", "IN11")
def test_commercial_property_alone_is_let_and_rents_are_as_many_as_promised(market):
    commercial = market.deals["property_type"].is_in([PropertyType.SHOP, PropertyType.OFFICE]).sum()
    assert 0.3 * commercial < market.rents.height < 0.8 * commercial
    assert set(market.rents["property_type"]) == {PropertyType.SHOP, PropertyType.OFFICE}
    assert set(market.rents["kind"]) == {RentKind.LISTING, RentKind.CONTRACT}
    assert market.rents["rent_id"].is_unique().all()
    assert market.rents["rent_date"].is_sorted()
    assert market.rents["rent_date"].max() <= UNTIL
    assert set(market.rents["community_id"]) <= set(market.communities["community_id"])


def test_the_same_seed_gives_the_same_rents_and_they_leave_the_deals_alone(market):
    again = generate(7, communities=1_000, deals=20_000, until=UNTIL)
    assert_frame_equal(again.rents, market.rents)
    assert_frame_equal(again.deals, market.deals)


@pytest.mark.requirement("VM5")
@pytest.mark.parametrize(
    ("kind", "plausible"), [(PropertyType.SHOP, (0.05, 0.12)), (PropertyType.OFFICE, (0.06, 0.13))]
)
def test_a_years_rent_stands_to_the_price_as_the_income_method_says(market, kind, plausible):
    """In communities whose deals and rents lie on the same floor."""
    floors = ["community_id", "floor"]
    deals = market.deals.filter(pl.col("property_type") == kind).group_by(floors).agg(pl.col("unit_price").median())
    rents = market.rents.filter(pl.col("property_type") == kind).group_by(floors).agg(pl.col("monthly_rent").median())
    both = deals.join(rents, on=floors)
    assert both.height > 30
    low, high = plausible
    assert low < (12 * both["monthly_rent"] / both["unit_price"]).median() < high


def test_an_asked_rent_lies_above_an_agreed_one(market):
    logs = market.rents.with_columns(
        (pl.col("monthly_rent").log() - pl.col("monthly_rent").log().mean().over("community_id", "floor")).alias("off")
    )
    mean = dict(logs.group_by("kind").agg(pl.col("off").mean()).iter_rows())
    assert mean[RentKind.LISTING] > mean[RentKind.CONTRACT]


def test_the_older_the_house_the_higher_its_yield_until_its_land_was_granted_later(market):
    shop = next(town for town in market.towns if town.kind is PropertyType.SHOP)
    yields = [gross_yield(replace(shop, built_year=year), 0.06, 2026.0) for year in (2020, 2010, 2000, 1985)]
    assert np.all(np.diff(yields[:3]) > 0)
    assert yields[3] < yields[2]


def test_a_market_has_rents_by_its_share_of_commercial_communities():
    small = generate(11, communities=50, deals=60, until=UNTIL)
    commercial = sum(town.kind.is_commercial for town in small.towns)
    assert small.rents.height == round(0.5 * commercial / 50 * 60)
