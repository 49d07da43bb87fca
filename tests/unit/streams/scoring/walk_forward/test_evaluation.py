"""Spans of a walk-forward, what is told in each setting, and what its forecasts hold."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from streams.scoring.attributes import numbers
from streams.scoring.baselines import of_rules
from streams.scoring.evaluation import (
    Setting,
    as_told,
    cold_parts,
    evaluable,
    is_cold,
    known_before,
    months,
    periods,
    walk_forward,
)


def test_periods_follow_each_other_and_the_stub_joins_the_last():
    assert list(periods(date(2016, 8, 3), date(2016, 8, 31), 7)) == [
        (date(2016, 8, 3), date(2016, 8, 10)),
        (date(2016, 8, 10), date(2016, 8, 17)),
        (date(2016, 8, 17), date(2016, 8, 24)),
        (date(2016, 8, 24), date(2016, 9, 1)),
    ]


def test_a_single_short_period_ends_with_its_last_day():
    assert list(periods(date(2016, 8, 30), date(2016, 8, 31), 7)) == [(date(2016, 8, 30), date(2016, 9, 1))]


def test_months_are_those_of_the_calendar():
    """Deals that bear the first of their month must never meet those of the month before in one span."""
    assert list(months(date(2015, 12, 1), date(2016, 3, 1))) == [
        (date(2015, 12, 1), date(2016, 1, 1)),
        (date(2016, 1, 1), date(2016, 2, 1)),
        (date(2016, 2, 1), date(2016, 3, 1)),
        (date(2016, 3, 1), date(2016, 3, 2)),
    ]


def test_a_month_begun_in_the_middle_ends_with_the_month():
    assert list(months(date(2016, 1, 20), date(2016, 2, 5))) == [
        (date(2016, 1, 20), date(2016, 2, 1)),
        (date(2016, 2, 1), date(2016, 2, 6)),
    ]


def test_without_history_nothing_is_forecast(tools, market_deals):
    spans = list(periods(min(deal.deal_date for deal in market_deals), tools.today, 400))
    assert walk_forward(market_deals, spans, settings=(Setting.AREA,)) == {Setting.AREA: []}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (Setting.AREA, {"area_m2"}),
        (Setting.COLD, {"area_m2"}),
        (Setting.PARSED, {"area_m2", "floor", "total_floors"}),
        (Setting.FULL, {"area_m2", "floor", "total_floors", "built_year", "renovation", "rooms", "further"}),
    ],
)
def test_a_setting_tells_no_more_than_it_says(market_deals, setting, told):
    deal = as_told(replace(market_deals[0], further={"land_m2": 200.0}), setting)
    names = ("area_m2", "floor", "total_floors", "built_year", "renovation", "rooms", "further")
    assert {name for name in names if getattr(deal, name)} == told
    assert np.isnan(numbers(deal)).all() == (setting in {Setting.AREA, Setting.COLD})


def test_a_forecast_holds_the_deals_of_its_span_alone(walk, span, market_deals):
    (forecast,) = walk[Setting.AREA]
    start, stop = span
    assert forecast.start == start
    assert [deal.deal_id for deal in forecast.deals] == [
        deal.deal_id for deal in evaluable(market_deals) if start <= deal.deal_date < stop
    ]
    assert (forecast.lower < forecast.value).all()
    assert (forecast.value < forecast.upper).all()
    assert set(forecast.baselines) == {
        "city_mean", "community_mean_x_index", "last_price_x_index", "comparables", "plain_catboost",
    }  # fmt: skip


def test_comparables_are_the_known_deals_of_the_community(walk, span, market_deals):
    (forecast,) = walk[Setting.AREA]
    known = known_before(market_deals, span[0])
    counted = [sum(one.community_id == deal.community_id for one in known) for deal in forecast.deals]
    assert forecast.comparables.tolist() == counted


def test_a_cold_community_is_never_on_both_sides(market_deals, span):
    start, _ = span
    known, asked = known_before(market_deals, start), [deal for deal in market_deals if deal.deal_date >= start]
    unseen, cold = cold_parts(known, asked)
    assert cold
    assert not {deal.community_id for deal in unseen} & {deal.community_id for deal in cold}
    assert {deal.community_id for deal in cold} <= {deal.community_id for deal in known}
    assert len(unseen) + sum(is_cold(deal.community_id) for deal in known) == len(known)


@pytest.mark.requirement("VM2")
def test_a_cold_community_is_valued_less_well_and_known_to_be(walk):
    (cold,), (warm,) = walk[Setting.COLD], walk[Setting.AREA]
    assert not cold.comparables.any()
    assert all(is_cold(deal.community_id) for deal in cold.deals)
    spread = [float(np.abs(np.log(one.value / one.price)).mean()) for one in (cold, warm)]
    assert spread[0] > 1.5 * spread[1]
    width = [float(np.log(one.upper / one.lower).mean()) for one in (cold, warm)]
    assert width[0] > 1.5 * width[1]
    assert cold.p10.mean() < warm.p10.mean() - 0.1


def test_one_community_in_five_is_cold():
    assert np.mean([is_cold(f"c-{number}") for number in range(2_000)]) == pytest.approx(0.2, abs=0.03)


def test_the_model_beats_the_rules_on_a_market_with_known_effects(walk):
    (forecast,) = walk[Setting.FULL]

    def error(values):
        return float(np.median(np.abs(values / forecast.price - 1)))

    assert error(forecast.value) < error(forecast.baselines["last_price_x_index"])
    assert error(forecast.value) < error(forecast.baselines["city_mean"]) / 2


def test_rules_say_what_they_are_called(market_deals):
    """A market that stands still, by hand; a community without a deal gets the city's mean."""
    first = replace(market_deals[0], city="甲市", deal_date=date(2026, 1, 1))
    prices = {"a": (100.0, 400.0, 400.0, 100.0), "b": (25.0, 25.0, 25.0, 25.0)}
    known = [
        replace(first, deal_id=f"{home}{at}", community_id=home, unit_price=price, deal_date=date(2026, 1, 1 + at // 2))
        for home, four in prices.items()
        for at, price in enumerate(four)
    ]
    asked = [replace(first, deal_id=f"asked {home}", community_id=home) for home in ("a", "b", "c")]
    found = of_rules(known, asked, date(2026, 1, 3))
    city = (200 * 25) ** 0.5  # means are of logs: an error of a half weighs as much as one of the double
    assert found["city_mean"] == pytest.approx([city, city, city])
    assert found["community_mean_x_index"] == pytest.approx([200.0, 25.0, city], rel=1e-6)
    assert found["last_price_x_index"] == pytest.approx([100.0, 25.0, city], rel=1e-6)


@pytest.mark.parametrize("days", [0, 10])
def test_the_registration_lag_is_honoured(market_deals, span, days):
    start = span[0]
    known = known_before(market_deals, start, lag_days=days)
    assert max(deal.deal_date for deal in known) < start - timedelta(days=days)
    assert len(known) == sum(deal.deal_date + timedelta(days=days) < start for deal in market_deals)
