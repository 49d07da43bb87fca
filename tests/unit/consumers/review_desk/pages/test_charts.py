"""What the charts of a case draw."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from consumers.review_desk.deciding.case import ComparableCase, ModelOpinion
from consumers.review_desk.pages import charts

_AREA = Decimal(100)
_MODEL = ModelOpinion(
    value=4_000_000,
    unit_price=40_000,
    lower=3_600_000,
    upper=4_400_000,
    interval_coverage=0.9,
    confidence=60,
    p10=0.8,
    fsd=0.06,
    comparison_value=None,
    income_value=None,
    base_unit_price=39_000,
    drivers=(),
    limiting_factors=(),
    model_version="m 1",
    data_as_of=date(2026, 2, 1),
)


def deal(number: int, **changes) -> ComparableCase:
    made = ComparableCase(
        deal_id=f"deal-{number}",
        community_name="翠苑三区",
        deal_date=date(2026, 1, number),
        area_m2=90.0,
        floor_band="中",
        distance_m=100 * number,
        unit_price=40_000,
        adjusted_unit_price=41_000,
        total_adjustment=0.025,
        weight=0.5,
        adjustments=(),
        source="synthetic",
    )
    return replace(made, **changes)


def prices(deals, adjusted, taken=(), model=_MODEL, unit_price=None):
    return charts.prices(deals, adjusted, taken, model=model, area_m2=_AREA, unit_price=unit_price)


def test_a_comparable_carries_its_number_and_is_hollow_unless_taken():
    drawn = prices([deal(1), deal(2)], [41_000, 42_000], {"deal-2"})
    hollow, filled = drawn["series"][0]["data"]
    assert [hollow["label"]["formatter"], filled["label"]["formatter"]] == ["1", "2"]
    assert (hollow["itemStyle"]["color"], hollow["itemStyle"]["borderType"]) == ("#fff", "dashed")
    assert filled["itemStyle"]["color"] != "#fff"
    assert filled["value"] == ["2026-01-02", 42_000]


def test_the_interval_of_the_model_is_a_band_per_square_metre():
    band = prices([deal(1)], [41_000])["series"][0]["markArea"]["data"]
    assert band == [[{"yAxis": 36_000.0}, {"yAxis": 44_000.0}]]


def test_a_blind_case_draws_nothing_of_the_model():
    drawn = prices([deal(1)], [41_000], model=None, unit_price=40_500)["series"][0]
    assert "markArea" not in drawn
    assert [line["label"]["formatter"] for line in drawn["markLine"]["data"]] == ["本次 40,500"]


@pytest.mark.parametrize(("typed", "is_in_sight"), [(48_000, True), (480_000, False), (4, False)])
def test_a_price_half_typed_does_not_flatten_the_picture(typed, is_in_sight):
    axis = prices([deal(1)], [41_000], unit_price=typed)["yAxis"]
    assert (axis["min"] <= typed <= axis["max"]) is is_in_sight
    assert axis["min"] <= 36_000
    assert axis["max"] >= 44_000


def test_without_comparables_and_model_there_is_an_empty_chart():
    drawn = prices([], [], model=None)
    assert (drawn["series"][0]["data"], "min" in drawn["yAxis"]) == ([], False)


def test_distance_is_drawn_to_scale_and_an_unknown_one_is_left_out():
    drawn = charts.whereabouts([deal(1), deal(2, distance_m=None), deal(3, distance_m=1_200)], {"deal-1"})
    dots = drawn["series"][0]["data"]
    assert [dot["label"]["formatter"] for dot in dots] == ["1", "3"]
    assert [dot["value"][0] for dot in dots] == [100, 1_200]
    assert drawn["radiusAxis"]["max"] >= 1_200
    assert drawn["series"][1]["data"] == [{"name": "估价对象", "value": [0, 0]}]
