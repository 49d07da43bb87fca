"""收益法: what property that is let is worth by its net income over the remaining term of land use.

Guide §12; GB/T 50291 asks for a second method where property is let. The formula is `schemas.domain.present_worth`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import erf, exp, log, sqrt
from statistics import median
from typing import Final

from schemas.domain.present_worth import implied_rate, present_worth
from streams.scoring.assumptions import Assumptions, Terms

MONTHS: Final = 12
LAND_UNTIL: Final = "land_until_year"
"""In the `further` numbers of a subject: the last year of its right of land use."""
_FIRST_GRANTS: Final = 1990  # land below older houses was allocated, and granted at a day their age does not tell
_OF_OLD: Final = 0.5  # of the highest term is taken to be left below them
_LEAST_YEARS: Final = 1.0  # an expired term is a matter for people; the formula must not turn it into nothing
_SHRINKAGE: Final = 4.0  # communities with deals and rents that weigh as much as the assumed rate (assumed)
_ASSUMED_YIELD_SD: Final = 0.20  # log; published yields of one class in one city spread over about ±20 % (assumed)
_METHOD_SD: Final = 0.10  # log; what vacancy, costs and growth are off by even where rents and yields are known
_DEAL_SD: Final = 0.10  # log; luck of one bargain, in which the comparison's forecast error is counted too
_OWN_AT_LEAST: Final = 0.5  # of a forecast error is the method's own, however lucky a few deals were
_TO_SD: Final = 1.4826  # from the median absolute deviation
_LEAST_P10: Final = 0.01  # as calibration gives at least
_DOWN, _UP = log(0.9), log(1.1)


class RateBasis(StrEnum):
    """Where the rate comes from: assumed for the class, assumed for the city, or drawn from deals and rents there."""

    DEFAULT = "DEFAULT"
    CITY = "CITY"
    MARKET = "MARKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenYield:
    """What a community's deals and rents show: gross yield (a year's rent over price, log), build year, deals."""

    log_gross: float
    built_year: float | None
    deals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """By how much the yields of a city lie above those that the terms imply: median of logs, its standard error."""

    log_gap: float
    sd: float
    deals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRent:
    """Market rent of a subject: log of yuan per m² and month, its standard error, and how many rents carried it."""

    log_rent: float
    sd: float
    rents: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """The value by the income method and what led to it. `sd`: forecast error of the log unit price against a deal."""

    log_unit_price: float
    sd: float
    monthly_rent: float
    net_income: float
    rate: float
    growth: float
    remaining_years: float
    term_assumed: bool
    rate_basis: RateBasis
    rents: int
    yields: int
    sources: tuple[str, ...] = ()


def remaining_years(
    terms: Terms, assumptions: Assumptions, *, value_date: date, built_year: float | None, land_until: float | None
) -> tuple[float, bool]:
    """Years of land use left on the value date, and whether they are assumed for want of the day of the grant."""
    today = value_date.year + (value_date.timetuple().tm_yday - 1) / 365.25
    if land_until is not None:
        return max(land_until + 1 - today, _LEAST_YEARS), False  # to the end of that year
    if built_year is not None and built_year < _FIRST_GRANTS:
        return terms.land_years * _OF_OLD, True
    built = today - assumptions.assumed_age_years if built_year is None else built_year
    left = built - assumptions.construction_years + terms.land_years - today
    return min(max(left, _LEAST_YEARS), terms.land_years), built_year is None


def gap_of(seen: Sequence[SeenYield], terms: Terms, assumptions: Assumptions, *, value_date: date) -> Gap:
    """Observed yields against those of the terms, each community with its own remaining term; shrunk towards none."""
    gaps = [each.log_gross + log(terms.kept) + _log_worth(each, terms, assumptions, value_date) for each in seen]
    share = len(gaps) / (len(gaps) + _SHRINKAGE)
    middle = median(gaps) if gaps else 0.0
    spread = _TO_SD * median(abs(gap - middle) for gap in gaps) if gaps else 0.0
    sd = sqrt(share**2 * spread**2 / max(len(gaps), 1) + ((1 - share) * _ASSUMED_YIELD_SD) ** 2)
    return Gap(log_gap=share * middle, sd=sd, deals=sum(each.deals for each in seen))


def income_value(rent: MarketRent, terms: Terms, gap: Gap, *, own_terms: bool, years: tuple[float, bool]) -> Income:
    """Capitalise a market rent. `own_terms`: the terms are the city's own. `years` as of `remaining_years`."""
    monthly = exp(rent.log_rent)
    net_income = MONTHS * monthly * terms.kept
    net_yield = exp(gap.log_gap) / present_worth(1.0, rate=terms.rate, growth=terms.growth, years=years[0])
    rate = implied_rate(net_yield, growth=terms.growth, years=years[0])
    return Income(
        log_unit_price=log(present_worth(net_income, rate=rate, growth=terms.growth, years=years[0])),
        sd=sqrt(rent.sd**2 + gap.sd**2 + _METHOD_SD**2 + _DEAL_SD**2),
        monthly_rent=monthly,
        net_income=net_income,
        rate=rate,
        growth=terms.growth,
        remaining_years=years[0],
        term_assumed=years[1],
        rate_basis=RateBasis.MARKET if gap.deals else RateBasis.CITY if own_terms else RateBasis.DEFAULT,
        rents=rent.rents,
        yields=gap.deals,
        sources=rent.sources,
    )


def reconciled(comparison: float, comparison_fsd: float, income: float, income_fsd: float) -> tuple[float, float]:
    """Both log unit prices weighted by the inverse variance of their own errors, and the weight of the income's."""
    of_comparison, of_income = _own_variance(comparison_fsd), _own_variance(income_fsd)
    weight = of_comparison / (of_comparison + of_income)
    return comparison + weight * (income - comparison), weight


def _own_variance(fsd: float) -> float:
    """Of an error about the market value: a forecast against deals holds the luck of the bargain too, in both alike."""
    return max(fsd**2 - _DEAL_SD**2, (_OWN_AT_LEAST * fsd) ** 2)


def after_shift(p10: float, shift: float, sd: float) -> float:
    """The chance to be within ten per cent once the value was moved by `shift` (log) away from what was calibrated.

    Never quite nothing: as little as a calibrated chance may be.
    """
    if shift == 0 or sd <= 0:
        return p10
    return max(p10 * min(1.0, _within(shift, sd) / _within(0.0, sd)), min(p10, _LEAST_P10))


def _within(shift: float, sd: float) -> float:
    """Chance of a normal log error around `shift` to stay within ten per cent."""
    return (erf((_UP - shift) / (sd * sqrt(2))) - erf((_DOWN - shift) / (sd * sqrt(2)))) / 2


def _log_worth(seen: SeenYield, terms: Terms, assumptions: Assumptions, value_date: date) -> float:
    """Log worth of an income of 1 over what is left of the land term below that community."""
    years, _ = remaining_years(terms, assumptions, value_date=value_date, built_year=seen.built_year, land_until=None)
    return log(present_worth(1.0, rate=terms.rate, growth=terms.growth, years=years))
