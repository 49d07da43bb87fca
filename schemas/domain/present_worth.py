"""收益法: worth of an income over years, V = a / (r - g) · (1 - ((1 + g) / (1 + r))ⁿ).

`a` is the net income of the first year, `r` the rate, `g` the growth of income, `n` the years. Two users: scoring, and
the synthetic market, whose rents must fit its prices.
"""

from math import expm1, log1p
from typing import Final

_LOWEST_RATE, _HIGHEST_RATE = -0.05, 0.50
_HALVINGS: Final = 50


def present_worth(net_income: float, *, rate: float, growth: float, years: float) -> float:
    """Worth today of an income that starts with `net_income` at the end of the first year.

    >>> round(present_worth(100, rate=0.06, growth=0.02, years=40), 2)
    1963.32
    >>> present_worth(100, rate=0.05, growth=0.05, years=40) == 100 * 40 / 1.05
    True

    Raises:
        ValueError: No years, or a rate or growth of -100 % or less.
    """
    if years <= 0 or rate <= -1 or growth <= -1:
        raise ValueError(f"years must be above 0 and rates above -1, not {years}, {rate} and {growth}")
    if rate == growth:
        return net_income * years / (1 + rate)
    ratio = log1p((growth - rate) / (1 + rate))  # log of (1 + g) / (1 + r), exact where r is near g
    return net_income * -expm1(years * ratio) / (rate - growth)


def implied_rate(net_yield: float, *, growth: float, years: float) -> float:
    """The rate at which an income of `net_yield` a year is worth 1; the nearest sensible one where there is none."""
    low, high = _LOWEST_RATE, _HIGHEST_RATE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if present_worth(net_yield, rate=middle, growth=growth, years=years) > 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2
