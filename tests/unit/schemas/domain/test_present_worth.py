"""The income formula against sums worked by hand and year by year."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.present_worth import implied_rate, present_worth

RATES = st.floats(0.0, 0.2)
GROWTHS = st.floats(-0.05, 0.1)
YEARS = st.integers(1, 70)


@pytest.mark.requirement("VM5")
@pytest.mark.parametrize(
    ("income", "rate", "growth", "years", "worth"),
    [
        (100.0, 0.06, 0.02, 40, 1963.32),  # 100 / 0.04 x (1 - (1.02 / 1.06)^40 = 1 - 0.214670)
        (100.0, 0.06, 0.0, 50, 1576.19),  # the annuity of tables: 15.7619
        (100.0, 0.05, 0.05, 40, 3809.52),  # rate and growth cancel: 40 incomes of 100 / 1.05
        (100.0, 0.08, 0.03, 1, 92.59),  # one year's income, a year away
        (100.0, 0.02, 0.04, 10, 1072.17),  # growth above the rate: 100 / 0.02 x ((1.04 / 1.02)^10 - 1 = 0.214316 …)
    ],
)
def test_worth_is_as_worked_by_hand(income, rate, growth, years, worth):
    assert present_worth(income, rate=rate, growth=growth, years=years) == pytest.approx(worth, abs=0.6)


@pytest.mark.requirement("VM5")
@given(rate=RATES, growth=GROWTHS, years=YEARS)
def test_worth_is_the_sum_of_all_years(rate, growth, years):
    each = sum((1 + growth) ** (year - 1) / (1 + rate) ** year for year in range(1, years + 1))
    assert isclose(present_worth(1.0, rate=rate, growth=growth, years=years), each, rel_tol=1e-6)


@given(rate=RATES, years=YEARS, off=st.sampled_from([1e-3, 1e-6, 1e-9, 1e-12]))
def test_worth_does_not_jump_where_rate_and_growth_meet(rate, years, off):
    at = present_worth(1.0, rate=rate, growth=rate, years=years)
    assert present_worth(1.0, rate=rate + off, growth=rate, years=years) == pytest.approx(at, rel=100 * off + 1e-4)


@given(rate=RATES, growth=GROWTHS, years=YEARS)
def test_worth_falls_with_the_rate_and_rises_with_the_years(rate, growth, years):
    worth = present_worth(1.0, rate=rate, growth=growth, years=years)
    assert present_worth(1.0, rate=rate + 0.01, growth=growth, years=years) < worth
    assert present_worth(1.0, rate=rate, growth=growth, years=years + 1) > worth


@given(rate=RATES, growth=GROWTHS, years=st.integers(5, 70))
def test_the_implied_rate_is_the_one_that_gave_the_yield(rate, growth, years):
    net_yield = 1 / present_worth(1.0, rate=rate, growth=growth, years=years)
    assert implied_rate(net_yield, growth=growth, years=years) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"years": 0}, {"rate": -1.0}, {"growth": -1.5}])
def test_what_has_no_worth_is_refused(wrong):
    given_terms = {"rate": 0.05, "growth": 0.02, "years": 40} | wrong
    with pytest.raises(ValueError, match="years must be above 0"):
        present_worth(1.0, **given_terms)
