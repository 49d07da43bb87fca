"""The rules of market comparison at their borders and one step beyond."""

from datetime import date, timedelta

import numpy as np
import pytest

from schemas.events import Adjustment, Comparable, Deal
from streams.scoring.comparables import Candidates, Comparison, Kriged, Levels
from streams.scoring.hedonics import FIELDS
from streams.scoring.selection import as_comparables, choose, rule_checks

VALUE_DATE = date(2026, 7, 1)


def comparable(*, days=30, shares=(0.01,), price=30_000, total=None):
    return Comparable(
        deal_id="d",
        community_id="c",
        community_name="某小区",
        deal_date=VALUE_DATE - timedelta(days=days),
        area_m2=80.0,
        unit_price=30_000,
        adjusted_unit_price=price,
        weight=0.3,
        total_adjustment=sum(shares) if total is None else total,
        adjustments=tuple(Adjustment(factor=f"F{i}", share=share) for i, share in enumerate(shares)),
    )


def met(*comparables):
    return {check.rule: check.met for check in rule_checks(comparables, VALUE_DATE)}


@pytest.mark.parametrize(("count", "fine"), [(0, False), (2, False), (3, True), (6, True)])
def test_three_comparables_are_needed(count, fine):
    assert met(*[comparable()] * count)["MIN_COMPARABLES"] is fine


@pytest.mark.parametrize(("days", "fine"), [(730, True), (731, False)])
def test_two_years_is_the_oldest(days, fine):
    assert met(comparable(days=days))["MAX_AGE_DAYS"] is fine


@pytest.mark.parametrize(("share", "fine"), [(0.20, True), (-0.20, True), (0.2001, False), (-0.2001, False)])
def test_one_factor_moves_at_most_a_fifth(share, fine):
    assert met(comparable(shares=(share, -share / 2)))["MAX_SINGLE_ADJUSTMENT"] is fine


@pytest.mark.parametrize(("total", "fine"), [(0.30, True), (-0.30, True), (0.3001, False), (-0.3001, False)])
def test_all_factors_move_at_most_three_tenths(total, fine):
    assert met(comparable(shares=(0.15, 0.15), total=total))["MAX_TOTAL_ADJUSTMENT"] is fine


@pytest.mark.parametrize(("highest", "fine"), [(36_000, True), (36_010, False)])
def test_the_highest_is_at_most_a_fifth_over_the_lowest(highest, fine):
    assert met(comparable(price=30_000), comparable(price=highest))["MAX_ADJUSTED_RATIO"] is fine


def test_every_rule_carries_its_figure():
    checks = {c.rule: c.figure for c in rule_checks([comparable(days=12, shares=(0.05, -0.08))], VALUE_DATE)}
    assert checks == {
        "MIN_COMPARABLES": 1.0,
        "MAX_AGE_DAYS": 12.0,
        "MAX_SINGLE_ADJUSTMENT": 0.08,
        "MAX_TOTAL_ADJUSTMENT": pytest.approx(0.03),
        "MAX_ADJUSTED_RATIO": 1.0,
    }


def comparison(*, weights, time=None, area=None, age=None, log_price=None, km=None):
    """One subject and one candidate for each weight."""
    n = len(weights)
    fields = np.zeros((n, len(FIELDS)))
    fields[:, 0] = np.zeros(n) if area is None else area
    zeros = np.zeros(n)
    candidates = Candidates(
        subject=np.zeros(n, np.int64),
        row=np.arange(n),
        same_community=np.ones(n),
        km=zeros if km is None else np.array(km, float),
        age_days=zeros if age is None else np.array(age, float),
        area_gap=zeros,
        floors_gap=zeros,
        years_gap=zeros,
        usable=np.ones(n),
        time=zeros if time is None else np.array(time, float),
        fields=fields,
        adjusted=zeros if log_price is None else np.array(log_price, float),
        wanted=np.zeros((1, len(FIELDS))),
    )
    one = np.zeros(1)
    levels = Levels(
        plan=one, circle=one, district=one, city=one, plan_weight=one, community_weight=one, near_weight=one,
        circle_count=one, district_count=one,
    )  # fmt: skip
    kriged = Kriged(
        value=one, sd=one, candidate_weight=np.array(weights, float), group_weight=one, counted=zeros, surprise=zeros
    )
    return Comparison(
        log_value=one,
        base=one,
        parts=np.zeros((1, 10)),
        fallback_level=np.zeros(1, np.int64),
        candidates=candidates,
        levels=levels,
        kriged=kriged,
        spread=one,
        silent=one,
        features=np.zeros((1, 1)),
    )


def chosen(unit_prices, **made):
    shortlist = choose(comparison(**made), np.array(unit_prices, float), 1)
    return [int(row) for row, weight in zip(shortlist.row[0], shortlist.weight[0], strict=True) if weight > 0]


def test_the_heaviest_six_are_chosen_heaviest_first():
    weights = [0.05, 0.2, 0.1, 0.15, 0.12, 0.11, 0.08, 0.07]
    assert chosen([30_000] * 8, weights=weights) == [1, 3, 4, 5, 2, 6]


def test_a_deal_that_breaks_a_rule_is_passed_over():
    weights = [0.3, 0.2, 0.2, 0.1, 0.1]
    assert chosen([30_000] * 5, weights=weights, age=[731, 0, 0, 0, 730]) == [1, 2, 3, 4]
    assert chosen([30_000] * 5, weights=weights, time=[np.log(1.21), np.log(1.2), 0, 0, 0]) == [2, 3, 4]
    both = {"time": [np.log(1.16), 0, 0, 0, 0], "area": [np.log(1.14), 0, 0, 0, 0]}
    assert 0 not in chosen([30_000] * 5, weights=weights, **both)


def test_prices_further_apart_than_a_fifth_are_not_shown_together():
    prices = [30_000, 30_500, 29_800, 37_000, 30_200]
    assert chosen(prices, weights=[0.2, 0.2, 0.2, 0.25, 0.15]) == [0, 1, 2, 4]


def test_featherweights_do_not_lengthen_the_list():
    assert chosen([30_000] * 5, weights=[0.5, 0.3, 0.1, 0.005, 0.004]) == [0, 1, 2]
    assert chosen([30_000] * 3, weights=[0.9, 0.005, 0.004]) == [0, 1, 2]  # but three are shown where there are three


def test_without_candidates_nothing_is_chosen():
    assert chosen([], weights=[]) == []


def test_deals_that_weigh_less_than_nothing_are_never_shown():
    assert chosen([30_000] * 5, weights=[-0.3, 0.5, 0.4, -0.1, 0.5]) == [1, 4, 2]
    assert chosen([30_000] * 3, weights=[-0.2, -0.1, -0.1]) == []


def test_a_weight_above_one_stays_with_its_subject():
    assert chosen([30_000] * 4, weights=[0.2, 5.5, -4.9, 0.2]) == [1, 0, 3]


def test_a_distance_nobody_knows_is_not_told():
    shortlist = choose(comparison(weights=[0.5, 0.3], km=[0.4, np.inf]), np.full(2, 30_000.0), 1)
    deals = np.empty(2, object)
    deals[:] = [
        Deal(deal_id=f"d{i}", community_id="c", city="甲市", deal_date=VALUE_DATE, area_m2=80.0, unit_price=30_000.0)
        for i in range(2)
    ]
    (comparables,) = as_comparables(shortlist, deals.__getitem__)
    assert [comparable.distance_m for comparable in comparables] == [400, None]


def test_what_was_left_out_is_counted_by_its_reason():
    shortlist = choose(
        comparison(weights=[0.3, 0.2, 0.2, 0.1, 0.1], age=[731, 0, 0, 0, 0], time=[0, np.log(1.21), 0, 0, 0]),
        np.array([30_000, 30_000, 30_000, 30_000, 40_000], float),
        1,
    )
    (shortage,) = shortlist.shortages()
    assert (shortage.nearby, shortage.too_old, shortage.adjusted_too_far, shortage.apart) == (5, 1, 1, 1)
