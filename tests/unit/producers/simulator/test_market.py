from dataclasses import fields
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from producers.simulator.market import generate, write
from producers.simulator.places import CITIES
from schemas.codes import PropertyType, Tradability
from schemas.events import Community, CoverageRow, Deal, Rent

UNTIL = date(2026, 6, 1)


@pytest.fixture(scope="module")
def market():
    return generate(7, until=UNTIL)


@pytest.mark.requirement("IN11")
def test_the_default_market_is_as_large_as_promised(market):
    assert market.communities.height == 3_000
    assert market.deals.height == 60_000
    assert market.deals["city"].n_unique() >= 6
    assert market.deals["deal_date"].max() <= UNTIL
    assert market.deals["deal_date"].min() >= UNTIL - timedelta(days=913)
    assert market.deals["deal_date"].is_sorted()


@pytest.mark.requirement("IN11")
def test_the_same_seed_gives_the_same_market_and_another_seed_another():
    first, again, other = (generate(seed, communities=200, deals=500, until=UNTIL) for seed in (1, 1, 2))
    assert_frame_equal(first.communities, again.communities)
    assert_frame_equal(first.deals, again.deals)
    assert first.deals["unit_price"].to_list() != other.deals["unit_price"].to_list()


def test_more_deals_do_not_change_the_communities():
    few, many = (generate(1, communities=200, deals=count, until=UNTIL) for count in (100, 900))
    assert_frame_equal(few.communities, many.communities)


@pytest.mark.requirement("IN11")
def test_every_row_says_that_it_is_synthetic(market, tmp_path):
    for table in (market.communities, market.deals, market.coverage, market.rents):
        assert table["source"].unique().to_list() == ["synthetic"]
    notice = write(market, tmp_path)[0]
    assert "synthetic" in notice.read_text("utf-8")


def test_columns_are_fields_of_the_events(market):
    tables = (
        (market.communities, Community),
        (market.deals, Deal),
        (market.coverage, CoverageRow),
        (market.rents, Rent),
    )
    for table, event in tables:
        known = {field.name for field in fields(event)}
        needed = {field.name for field in fields(event) if field.default is field.default_factory}
        assert set(table.columns) <= known
        assert needed <= set(table.columns)


def test_ids_are_unique_and_every_deal_has_its_community(market):
    assert market.communities["community_id"].is_unique().all()
    assert market.deals["deal_id"].is_unique().all()
    assert set(market.deals["community_id"]) <= set(market.communities["community_id"])


def test_a_deal_agrees_with_its_community(market):
    joined = market.deals.join(market.communities, on="community_id", suffix="_of_community")
    for name in ("city", "district", "business_circle", "built_year", "total_floors", "building_type"):
        assert (joined[name] == joined[f"{name}_of_community"]).all(), name
    assert (joined["area_m2"] >= joined["min_area_m2"]).all()
    assert (joined["area_m2"] <= joined["max_area_m2"]).all()
    assert (joined["floor"] <= joined["total_floors"]).all()
    assert (joined["floor"] >= 1).all()


def test_a_deal_becomes_known_after_it_is_signed_and_by_the_last_day(market):
    assert (market.deals["known_on"] >= market.deals["deal_date"]).all()
    assert (market.deals["known_on"] <= UNTIL).all()


def test_there_is_commercial_property_and_what_may_not_be_sold(market):
    commercial = market.deals["property_type"].is_in([PropertyType.SHOP, PropertyType.OFFICE])
    assert commercial.mean() >= 0.03
    small_title = market.communities.filter(pl.col("tradability") == Tradability.SMALL_TITLE)
    assert small_title.height > 0
    assert not market.deals["community_id"].is_in(small_title["community_id"].implode()).any()


def test_some_names_stand_in_two_districts_of_a_city(market):
    homes = market.communities.group_by("city", "name").agg(pl.col("district").n_unique())
    assert (homes["district"] > 1).any()


def residential(market):
    return market.deals.filter(pl.col("property_type") == PropertyType.APARTMENT)


def within_community(table, *columns):
    """Deviations from the community's mean, so that all that is fixed in a community drops out."""
    return table.select(pl.col(name) - pl.col(name).mean().over("community_id") for name in columns)


def test_prices_scatter_within_a_community_as_they_do_in_second_hand_markets(market):
    table = residential(market).with_columns(pl.col("unit_price").log().alias("log_price"))
    spread = within_community(table, "log_price")["log_price"].std()
    assert 0.05 < spread < 0.09


def test_the_noise_of_deals_is_about_five_and_a_half_percent_with_fat_tails(market):
    from producers.simulator.deals import noise

    drawn = noise(np.random.default_rng(1), np.zeros(200_000, dtype=bool))
    assert 0.050 < drawn.std() < 0.065
    centre = np.median(np.abs(drawn - np.median(drawn)))
    assert drawn.std() / centre > 1.6  # 1.48 for a normal distribution


def test_the_movement_of_a_city_can_be_recovered_from_its_deals(market):
    table = residential(market).with_columns(
        pl.col("unit_price").log().alias("log_price"),
        ((pl.lit(UNTIL) - pl.col("deal_date")).dt.total_days()).cast(pl.Float64).alias("back"),
    )
    for at, city in enumerate(CITIES[:5]):
        own = table.filter(pl.col("city") == city.name)
        true_course = market.surface.city_course(at)
        own = own.with_columns(pl.Series("course", true_course[own["back"].cast(pl.Int64).to_numpy()]))
        moved = within_community(own, "log_price", "course")
        slope = (moved["log_price"] * moved["course"]).sum() / (moved["course"] ** 2).sum()
        assert 0.6 < slope < 1.4, city.name


def test_every_city_stands_at_its_level_on_the_last_day(market):
    for at in range(len(CITIES)):
        assert market.surface.city_course(at)[0] == 0


def test_a_market_too_small_for_its_cities_is_refused():
    with pytest.raises(ValueError, match="needs 50 communities"):
        generate(1, communities=3, deals=10, until=UNTIL)


def test_the_written_files_read_back_the_same(market, tmp_path):
    _, homes, closed, covered, let, _ = write(market, tmp_path / "market")
    assert_frame_equal(pl.read_parquet(homes), market.communities)
    assert_frame_equal(pl.read_parquet(closed), market.deals)
    assert_frame_equal(pl.read_parquet(let), market.rents)
    assert pl.read_csv(covered, schema_overrides={"county_code": pl.String}).height == market.coverage.height
