"""The table of comparables as the reviewer works it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.deciding.comparison import (
    FACTORS,
    Line,
    adjusted,
    edits_of,
    lines_of,
    middle,
    rule_checks,
    slips,
    weighted_mean,
)
from consumers.review_desk.deciding.conclusion_json import edits_as_json, edits_from
from schemas.events import Adjustment
from streams.scoring import selection
from tests.fakes import valuations as made

TODAY = date(2026, 3, 2)


def a_line(price: int = 40_000, *, weight: float = 1.0, days: int = 10, **shares: float) -> Line:
    return Line(
        deal_id=f"d-{price}",
        deal_date=TODAY - timedelta(days=days),
        unit_price=price,
        adjustments=tuple(Adjustment(factor=factor, share=share) for factor, share in shares.items()),
        weight=weight,
    )


def met(*lines: Line) -> dict[str, bool]:
    return {check.rule: check.met for check in rule_checks(lines, TODAY)}


def test_adjustments_multiply_and_the_price_is_whole_yuan():
    line = a_line(40_000, TIME=0.05, FLOOR=-0.02)
    assert line.total_adjustment == 0.029
    assert line.adjusted_unit_price == 41_160


def test_a_factor_is_changed_added_and_taken_away():
    line = a_line(40_000, TIME=0.05)
    assert adjusted(line, "TIME", 0.02).share_of("TIME") == 0.02
    assert adjusted(line, "LOCATION", -0.03).adjusted_unit_price == 40_740
    assert adjusted(line, "TIME", 0.0).adjustments == ()
    assert line.share_of("TIME") == 0.05


@pytest.mark.parametrize(
    ("rule", "within", "broken"),
    [
        ("MAX_SINGLE_ADJUSTMENT", {"TIME": 0.20}, {"TIME": 0.2001}),
        ("MAX_SINGLE_ADJUSTMENT", {"TIME": -0.20}, {"TIME": -0.2001}),
        ("MAX_TOTAL_ADJUSTMENT", {"TIME": 0.15, "FLOOR": 0.13}, {"TIME": 0.15, "FLOOR": 0.14}),
    ],
)
def test_a_rule_is_met_at_its_limit_and_broken_beyond(rule, within, broken):
    assert met(a_line(**within))[rule]
    assert not met(a_line(**broken))[rule]


def test_prices_lie_within_a_factor_of_one_point_two_and_deals_within_two_years():
    assert met(a_line(40_000), a_line(48_000))["MAX_ADJUSTED_RATIO"]
    assert not met(a_line(40_000), a_line(48_010))["MAX_ADJUSTED_RATIO"]
    assert met(a_line(days=730))["MAX_AGE_DAYS"]
    assert not met(a_line(days=731))["MAX_AGE_DAYS"]


def test_three_deals_are_wanted():
    assert not met(a_line(), a_line())["MIN_COMPARABLES"]
    assert met(a_line(), a_line(), a_line())["MIN_COMPARABLES"]
    assert not met()["MIN_COMPARABLES"]


def test_the_untouched_table_says_what_the_model_said():
    deals = [
        replace(
            made.comparable(number),
            total_adjustment=0.0201,
            adjusted_unit_price=a_line(made.comparable(number).unit_price, TIME=0.015, FLOOR=0.005).adjusted_unit_price,
        )
        for number in range(1, 6)
    ]
    assert rule_checks(lines_of(deals), TODAY) == selection.rule_checks(deals, TODAY)


def test_weights_count_for_the_mean_and_not_for_the_median():
    lines = (a_line(40_000, weight=3), a_line(44_000, weight=1), a_line(50_000, weight=0))
    assert weighted_mean(lines) == 41_000
    assert middle(lines) == 44_000
    assert weighted_mean((a_line(weight=0),)) is None
    assert middle(()) is None


@given(
    st.lists(st.tuples(st.integers(1_000, 200_000), st.floats(0.01, 10), st.floats(-0.3, 0.3)), min_size=1, max_size=6)
)
def test_both_values_lie_between_the_lowest_and_the_highest(rows):
    lines = [a_line(price, weight=weight, TIME=round(share, 4)) for price, weight, share in rows]
    prices = [line.adjusted_unit_price for line in lines]
    for value in (weighted_mean(lines), middle(lines)):
        assert value is not None
        assert min(prices) <= value <= max(prices)


def test_edits_are_found_again_in_the_table_and_in_storage():
    deals = [made.comparable(number) for number in (1, 2)]
    first, second = lines_of(deals)
    edited = (replace(adjusted(first, "LOCATION", 0.04), weight=0.7), second)
    kept = edits_from(edits_as_json(edits_of(edited)))
    assert kept == edits_of(edited)
    assert lines_of(deals, kept) == edited


def test_a_slip_of_the_keyboard_is_seen():
    good = edits_of([a_line(TIME=0.9)])
    assert slips(good) == ()
    twice = replace(good[0], adjustments=(*good[0].adjustments, Adjustment(factor="TIME", share=0.01)))
    for bad in (
        edits_of([a_line(TIME=3.0)]),
        edits_of([a_line(**{"TI\x00ME": 0.1})]),
        edits_of([a_line(TIME=float("nan"))]),
        edits_of([a_line(weight=float("inf"))]),
        (twice,),
    ):
        assert slips(bad) == ("d-40000",)


def test_every_factor_has_its_word():
    from consumers.review_desk.words import FACTOR

    assert set(FACTORS) <= set(FACTOR)
