"""Figures, cuts and the disparity table, from forecasts made by hand."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from streams.scoring.answers import joined
from streams.scoring.cuts import fifths, first_of
from streams.scoring.disparity import disparity
from streams.scoring.evaluation import Forecast
from streams.scoring.figures import report

KEYS = {
    "n", "mdape", "ppe5", "ppe10", "ppe20", "bias", "cod", "prd", "prb", "ppe10_at", "interval_coverage",
    "interval_width", "ece_p10", "baselines", "coverage_by_fifth", "fsd_check", "p10_reliability", "risk_coverage",
    "disparity", "warnings",
}  # fmt: skip


@pytest.fixture(scope="session")
def forecast(market_deals):
    """400 answers with errors of 5 % where sure (p10 0.8), 20 % where not (0.4); 东区 is valued a fifth too high."""
    rng = np.random.default_rng(7)
    deals = np.empty(400, object)
    deals[:] = market_deals[:400]
    price = np.array([deal.unit_price for deal in deals])
    sure = rng.random(400) < 0.6
    spread = np.where(sure, 0.05, 0.2)
    high = np.array([deal.district == "东区" for deal in deals])
    value = price * np.exp(spread * rng.standard_normal(400) + 0.2 * high)
    return Forecast(
        start=date(2026, 6, 1),
        deals=deals,
        price=price,
        value=value,
        lower=value * np.exp(-1.645 * spread),
        upper=value * np.exp(1.645 * spread),
        p10=np.where(sure, 0.8, 0.4) + 0.01 * rng.random(400),
        fsd=spread,
        comparables=np.arange(400) % 15,
        baselines={"city_mean": price * np.exp(0.4 * rng.standard_normal(400)), "comparables": value},
    )


@pytest.fixture(scope="session")
def figures(forecast):
    return report([forecast])


def test_the_figures_have_the_agreed_keys_as_fractions_of_one(figures):
    assert set(figures) >= KEYS
    assert list(figures["ppe10_at"]) == ["50", "70", "80", "90", "95"]
    shares = [figures[name] for name in ("mdape", "ppe5", "ppe10", "ppe20", "interval_coverage", "interval_width")]
    assert all(0 <= share <= 1 for share in [*shares, *figures["ppe10_at"].values()])
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_every_cut_holds_every_answer_once(figures):
    cuts = [name for name in figures if name.startswith("by_")]
    assert set(cuts) == {
        "by_period", "by_city", "by_district", "by_area", "by_price_fifth", "by_comparables", "by_certainty_fifth",
    }  # fmt: skip
    for cut in cuts:
        assert sum(row["n"] for row in figures[cut].values()) == figures["n"], cut


def test_periods_are_the_spans_and_months_where_there_is_one_span(forecast, figures):
    assert set(figures["by_period"]) == {f"{deal.deal_date:%Y-%m}" for deal in forecast.deals}
    later = replace(forecast, start=date(2026, 6, 8))
    assert set(report([forecast, later])["by_period"]) == {"2026-06-01", "2026-06-08"}


def test_a_cut_of_few_shows_its_count_alone(forecast):
    few = replace(forecast, deals=forecast.deals.copy())
    few.deals[:20] = [replace(deal, district="北区") for deal in few.deals[:20]]
    assert report([few])["by_district"]["北区"] == {"n": 20}


def test_order_by_certainty_lies_between_chance_and_the_oracle(figures):
    risk = figures["risk_coverage"]
    assert risk["by_p10"][-1] == risk["oracle"][-1] == risk["by_comparables"][-1] == figures["ppe10"]
    assert risk["by_comparables"][9] < risk["by_p10"][9] < risk["oracle"][9]


def test_the_surest_fifth_comes_first(figures):
    fifth = figures["by_certainty_fifth"]
    assert fifth["1"]["ppe10"] > fifth["5"]["ppe10"] + 0.2
    assert fifth["1"]["interval_width"] < fifth["5"]["interval_width"]
    assert figures["coverage_by_fifth"] == [fifth[name]["interval_coverage"] for name in "12345"]


def test_a_baseline_carries_the_gain_of_the_model_with_its_interval(figures):
    city, same = figures["baselines"]["city_mean"], figures["baselines"]["comparables"]
    low, high = city["ppe10_gain_interval"]
    assert 0.05 < low < city["ppe10_gain"] < high
    assert (same["ppe10_gain"], same["ppe10_gain_interval"]) == (0, [0, 0])
    assert same["ppe10"] == figures["ppe10"]


def test_a_district_valued_too_high_is_flagged(figures):
    flags = {row["group"]: row["flags"] for row in figures["disparity"]["groups"] if row["by"] == "district"}
    assert flags["东区"] == ["LESS_ACCURATE", "VALUED_HIGHER"]
    assert not {"LESS_ACCURATE", "VALUED_HIGHER"} & {*flags["西区"], *flags["南区"]}


def test_noise_raises_no_flag(forecast):
    rng = np.random.default_rng(8)
    fair = replace(forecast, value=forecast.price * np.exp(0.1 * rng.standard_normal(400)))
    assert not any(row["flags"] for row in disparity(joined([fair]))["groups"])


def test_price_fifths_do_not_call_noise_a_bias(forecast):
    """Cut by the price paid alone, a fair model with noise looks regressive; by both it does not."""
    rng = np.random.default_rng(9)
    fair = joined([replace(forecast, value=forecast.price * np.exp(0.15 * rng.standard_normal(400)))])
    by_both = [row["bias"] for row in disparity(fair)["groups"] if row["by"] == "price_fifth"]
    assert max(by_both) - min(by_both) < 0.12


def test_fifths_are_of_equal_size_whatever_the_ties():
    assert sorted(fifths(np.zeros(10))) == sorted("1122334455")
    assert fifths(np.array([5.0, 1.0, 4.0, 2.0, 3.0])) == ["5", "1", "4", "2", "3"]


def test_groups_stand_in_the_order_of_a_table():
    assert first_of(["12+", "0", "3-5", "1-2"]) == ["0", "1-2", "3-5", "12+"]
    assert first_of(["60-90", "<60", "150+", "90-120"]) == ["<60", "60-90", "90-120", "150+"]
    assert first_of(["unknown", "西区", "东区"]) == ["东区", "西区", "unknown"]


def test_nothing_cannot_be_reported():
    with pytest.raises(ValueError, match="no forecasts"):
        report([])
