"""The deals of Chengdu and the sales of King County through their mappings: all rows, each deal once."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from infra.reference.mapping import read_mapping
from infra.reference.rows import RejectedRow, read_rows
from schemas.codes import PropertyType
from streams.scoring.leaks import refuse_leaks, repeated

_EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def _read(file, mapping):
    rows = list(read_rows(file, read_mapping(_EXAMPLES / mapping), today=date(2026, 11, 25)))
    refused = [row for row in rows if isinstance(row, RejectedRow)]
    return [row for row in rows if not isinstance(row, RejectedRow)], refused


@pytest.fixture(scope="module")
def chengdu(shared_data):
    return _read(shared_data / "chengdu_deals_2010_2017.parquet", "chengdu-deals.toml")


@pytest.fixture(scope="module")
def king_county(shared_data):
    return _read(shared_data / "king_county_sales.parquet", "king-county-sales.toml")


def test_a_deal_of_chengdu_that_stands_under_several_months_is_kept_once(chengdu):
    deals, refused = chengdu
    reasons = Counter("duplicate" if "duplicate" in row.reason else "price" for row in refused)
    assert (len(deals), reasons) == (13_547, {"duplicate": 922, "price": 4})
    assert repeated(deals) == 0


def test_a_month_alone_is_its_first_day(chengdu):
    deals, _ = chengdu
    assert sum(deal.deal_date.day == 1 for deal in deals) > 0.8 * len(deals)
    assert {deal.deal_date.year for deal in deals} == set(range(2010, 2018))


def test_communities_of_chengdu_have_their_zone(chengdu):
    deals, _ = chengdu
    assert sum(deal.business_circle is not None for deal in deals) > 0.85 * len(deals)


def test_every_sale_of_king_county_is_read(king_county):
    deals, refused = king_county
    assert (len(deals), refused) == (21_613, [])
    assert {deal.property_type for deal in deals} == {PropertyType.VILLA}
    resold = Counter(deal.community_id for deal in deals)
    assert sum(count > 1 for count in resold.values()) == 176  # houses that were sold again within the year
    assert all(-123 < deal.longitude < -121 and 47 < deal.latitude < 48 for deal in deals)


def test_totals_and_areas_give_unit_prices_per_square_metre(king_county):
    deals, _ = king_county
    (first,) = [deal for deal in deals if deal.deal_id == "kc-7129300520-2014-10-13"]
    assert first.unit_price * first.area_m2 == pytest.approx(221_900)
    assert first.area_m2 == pytest.approx(109.6, abs=0.1)
    assert first.further["grade"] == 7
    assert "renovated_year" not in first.further


@pytest.mark.requirement("VM1")
def test_no_further_number_of_king_county_is_made_of_the_price(king_county):
    refuse_leaks(king_county[0])
