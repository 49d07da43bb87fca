"""The steps of the income method: land term, observed yields, weights, and what it assumes."""

from datetime import date
from math import exp, log

import pytest

from schemas.codes import PropertyType
from schemas.domain.present_worth import present_worth
from streams.scoring.assumptions import AssumptionsError, default_assumptions, parse
from streams.scoring.income import (
    Gap,
    MarketRent,
    RateBasis,
    SeenYield,
    after_shift,
    gap_of,
    income_value,
    reconciled,
    remaining_years,
)

ON = date(2026, 1, 1)
ASSUMED = default_assumptions()
SHOP = ASSUMED.classes[PropertyType.SHOP]
NO_GAP = Gap(log_gap=0.0, sd=0.2, deals=0)
RENT = MarketRent(log_rent=log(200.0), sd=0.05, rents=8)


@pytest.mark.requirement("VM5")
@pytest.mark.parametrize(
    ("built_year", "land_until", "years", "assumed"),
    [
        (2016, None, 28.0, False),  # 40 years from two years before it was built
        (2026, None, 38.0, False),
        (1986, None, 20.0, True),  # older than the first grants: half of the term
        (1990, None, 2.0, False),
        (None, None, 28.0, True),  # ten years old, it is assumed
        (1986, 2040, 15.0, False),  # the grant itself is known: to the end of 2040
        (None, 2020, 1.0, False),  # expired: a person's matter, and never nothing
    ],
)
def test_the_years_left_of_the_land_term(built_year, land_until, years, assumed):
    found = remaining_years(SHOP, ASSUMED, value_date=ON, built_year=built_year, land_until=land_until)
    assert found == (pytest.approx(years), assumed)


@pytest.mark.requirement("VM5")
def test_a_shop_is_worth_its_net_income_over_the_term():
    income = income_value(RENT, SHOP, NO_GAP, own_terms=False, years=(28.0, False))
    net = 12 * 200 * (1 - 0.08) * (1 - 0.22)
    assert income.net_income == pytest.approx(net)
    assert exp(income.log_unit_price) == pytest.approx(present_worth(net, rate=0.065, growth=0.02, years=28.0))
    assert income.rate == pytest.approx(0.065, abs=1e-6)
    assert income.rate_basis is RateBasis.DEFAULT


def seen(ratio, *, communities=6, built_year=2016):
    """Communities whose yields are `ratio` times what the terms imply."""
    worth = present_worth(1.0, rate=SHOP.rate, growth=SHOP.growth, years=28.0)
    gross = log(ratio / worth / SHOP.kept)
    return [SeenYield(log_gross=gross, built_year=built_year, deals=5)] * communities


def test_observed_yields_move_the_rate_and_the_more_of_them_the_further():
    few, many = (gap_of(seen(1.3, communities=count), SHOP, ASSUMED, value_date=ON) for count in (3, 60))
    assert 0 < few.log_gap < many.log_gap < log(1.3)
    assert many.log_gap == pytest.approx(log(1.3), rel=0.1)
    assert many.sd < few.sd < NO_GAP.sd
    income = income_value(RENT, SHOP, many, own_terms=False, years=(28.0, False))
    assert income.rate > SHOP.rate + 0.015
    assert income.rate_basis is RateBasis.MARKET
    assert income.yields == 300


def test_yields_that_fit_the_terms_change_nothing_whatever_the_age_of_the_houses():
    worth = present_worth(1.0, rate=SHOP.rate, growth=SHOP.growth, years=8.0)
    old = [SeenYield(log_gross=-log(worth * SHOP.kept), built_year=1996, deals=5)] * 6
    assert gap_of([*seen(1.0), *old], SHOP, ASSUMED, value_date=ON).log_gap == pytest.approx(0.0, abs=1e-9)


def test_nothing_seen_leaves_the_assumed_rate_and_its_doubt():
    assert gap_of((), SHOP, ASSUMED, value_date=ON) == Gap(log_gap=0.0, sd=pytest.approx(0.2), deals=0)


@pytest.mark.requirement("VM5")
def test_the_surer_method_weighs_more():
    assert reconciled(10.0, 0.1, 10.2, 0.1) == (pytest.approx(10.1), pytest.approx(0.5))
    # What both have of one bargain's luck (0.10) is no reason to prefer either: 0.04 - 0.01 against 0.09 - 0.01.
    value, weight = reconciled(10.0, 0.2, 10.2, 0.3)
    assert weight == pytest.approx(3 / 11)
    assert value == pytest.approx(10.0 + 0.2 * 3 / 11)
    assert reconciled(10.0, 0.05, 10.2, 0.3)[1] == pytest.approx(0.025**2 / (0.025**2 + 0.08))


def test_moving_a_value_never_makes_it_surer():
    assert after_shift(0.8, 0.0, 0.08) == 0.8
    assert after_shift(0.8, 0.05, 0.08) == after_shift(0.8, 0.05, 0.08)
    assert 0.8 > after_shift(0.8, 0.02, 0.08) > after_shift(0.8, 0.10, 0.08) > 0
    assert after_shift(0.8, -0.1, 0.08) < 0.8


def test_however_far_a_value_was_moved_its_chance_is_not_nothing():
    assert after_shift(0.8, 3.0, 0.08) == 0.01
    assert after_shift(0.005, 3.0, 0.08) == 0.005  # and it grows no surer


def test_a_city_may_have_terms_of_its_own():
    text = """
version = "t"
listing_discount = 0.05
assumed_age_years = 10
construction_years = 2
[classes.OFFICE]
rate = 0.06
growth = 0.015
vacancy = 0.15
costs = 0.25
land_years = 50
[cities."甲市".OFFICE]
rate = 0.05
growth = 0.01
vacancy = 0.1
costs = 0.2
land_years = 40
"""
    read = parse(text, "t.toml")
    assert read.terms("甲市", PropertyType.OFFICE)[0].rate == 0.05
    assert read.terms("甲市", PropertyType.OFFICE)[1]
    assert read.terms("乙市", PropertyType.OFFICE)[0].rate == 0.06
    assert not read.terms(None, PropertyType.OFFICE)[1]


def test_all_faults_of_a_file_are_told_at_once():
    text = (
        "version = ''\nfrom = 1\nlisting_discount = 5\nassumed_age_years = 10\n[classes.BARN]\nrate = 'x'\nrent = 1\n"
    )
    with pytest.raises(AssumptionsError) as refused:
        parse(text, "t.toml")
    for fault in (
        "unknown key 'from'", "version must be a text", "listing_discount must be a number from 0 to 0.5, not 5",
        "construction_years must be", "classes.BARN is no property type", "classes.BARN has an unknown key 'rent'",
        "classes.BARN.rate must be a number from 0 to 0.3, not 'x'", "classes.BARN.land_years must be",
    ):  # fmt: skip
        assert fault in str(refused.value)


def test_what_is_no_toml_is_said_so():
    with pytest.raises(AssumptionsError, match=r"t\.toml is no TOML file"):
        parse("rate 5", "t.toml")
