from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain import rounding

PRICES = st.integers(min_value=0, max_value=1_000_000)
AREAS = st.decimals(min_value="0.01", max_value="100000", places=2)


@pytest.mark.requirement("VM9")
@pytest.mark.parametrize(
    ("price", "expected"),
    [(0.5, 1), (1.5, 2), (2.5, 3), (2.4999, 2), (64_999.5, 65_000), (Decimal("0.49"), 0), (Decimal("100.50"), 101)],
)
def test_a_unit_price_is_rounded_half_up_and_not_to_even(price, expected):
    assert rounding.unit_price(price) == expected


@pytest.mark.requirement("VM9")
def test_a_total_at_exactly_half_a_yuan_goes_up():
    assert rounding.total(50_005, Decimal("0.1")) == 5_001
    assert rounding.total(50_001, Decimal("100.50")) == 5_025_101  # 5 025 100.5


@pytest.mark.requirement("VM9")
@given(PRICES, AREAS)
def test_a_total_is_the_nearest_yuan_of_unit_price_times_area(price, area):
    exact = Fraction(price) * Fraction(area)
    error = Fraction(rounding.total(price, area)) - exact
    assert Fraction(-1, 2) < error <= Fraction(1, 2)


@pytest.mark.requirement("VM9")
@given(PRICES, AREAS, AREAS)
def test_a_total_never_falls_when_the_area_rises(price, one, other):
    small, large = sorted((one, other))
    assert rounding.total(price, small) <= rounding.total(price, large)


@given(st.floats(min_value=0, max_value=1e7))
def test_a_unit_price_is_at_most_half_a_yuan_from_its_float(price):
    assert abs(rounding.unit_price(price) - price) <= 0.5


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf"), Decimal("-0.01"), Decimal("NaN")])
def test_what_is_no_price_is_refused(price):
    with pytest.raises(ValueError, match="money must be finite and not negative"):
        rounding.unit_price(price)
