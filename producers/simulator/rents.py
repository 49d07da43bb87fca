"""Rents of the synthetic market's commercial property, drawn from the same surface as its deals.

A rent is what must be asked for the house's price on the day to be the worth of its net income, at the rate of its
class in its city over what is left of the land term; plus noise. So the income method finds the prices again.
"""

from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from producers.simulator.communities import SOURCE, Town, districts
from producers.simulator.deals import dates, houses_of, stock_of
from producers.simulator.places import CITIES
from producers.simulator.prices import Floats, Surface
from schemas.codes import PropertyType, RentKind
from schemas.domain.present_worth import present_worth

SHARE: Final = 0.5  # rents for each commercial deal that is drawn in the mean
_RATES: Final = {PropertyType.SHOP: 0.06, PropertyType.OFFICE: 0.065}
_LAND_YEARS: Final = {PropertyType.SHOP: 40, PropertyType.OFFICE: 50}
_KEPT: Final = {PropertyType.SHOP: 0.72, PropertyType.OFFICE: 0.64}  # after vacancy and costs
_GROWTH: Final = 0.018
_CONSTRUCTION_YEARS, _FIRST_GRANTS = 2, 1990  # land of older houses was granted later: half of its term is left
_CITY_SD: Final = 0.08  # log; cities differ in what investors ask for
_CONTRACT_SD, _LISTING_SD = 0.09, 0.12  # log
_ASKED_OVER_AGREED: Final = 0.05
_LISTING_SHARE: Final = 0.7
_MONTHS, _DAYS_A_YEAR = 12, 365.25


def rates(rng: np.random.Generator) -> Floats:
    """The true rate of each city (rows, as `CITIES`) and class (columns, as `_RATES`)."""
    base = np.array([*_RATES.values()])
    return np.asarray(base * np.exp(_CITY_SD * rng.standard_normal((len(CITIES), len(base)))))


def gross_yield(town: Town, rate: float, year: float) -> float:
    """What a year's rent of a house is of its price."""
    age = year - town.built_year + _CONSTRUCTION_YEARS
    term = _LAND_YEARS[town.kind]
    left = term / 2 if town.built_year < _FIRST_GRANTS else max(term - age, 1)
    return 1 / present_worth(_KEPT[town.kind], rate=rate, growth=_GROWTH, years=left)


def table(  # noqa: PLR0913 -- the whole market is its argument
    rng: np.random.Generator,
    *,
    towns: tuple[Town, ...],
    ids: tuple[str, ...],
    surface: Surface,
    until: date,
    days: int,
    count: int,
    prefix: str,
) -> pl.DataFrame:
    """Draw `count` rents of commercial houses; columns are the fields of `schemas.events.Rent`, oldest first."""
    true = rates(rng)
    commercial = np.array([at for at, town in enumerate(towns) if town.kind in _RATES], np.int64)
    size = count if len(commercial) else 0
    community = rng.choice(commercial, size) if size else commercial
    back = rng.integers(0, days + 1, size)
    houses, _ = houses_of(rng, stock_of(towns), community, back)
    listed = rng.random(size) < _LISTING_SHARE
    classes, year = [*_RATES], until.year + until.timetuple().tm_yday / _DAYS_A_YEAR
    yields = [
        gross_yield(towns[at], true[towns[at].city, classes.index(towns[at].kind)], year - ago / _DAYS_A_YEAR)
        for at, ago in zip(community.tolist(), back.tolist(), strict=True)
    ]
    log_rent = (
        surface.log_unit_price(houses)
        + np.log(np.array(yields, np.float64) / _MONTHS)
        + np.where(listed, _LISTING_SD, _CONTRACT_SD) * rng.standard_normal(size)
        + np.where(listed, -np.log1p(-_ASKED_OVER_AGREED), 0.0)
    )
    on = dates(until - timedelta(days=days), days - back)
    all_districts = districts()
    return (
        pl.DataFrame(
            {
                "community_id": pl.Series([ids[at] for at in community], dtype=pl.String),
                "city": pl.Series([CITIES[towns[at].city].name for at in community], dtype=pl.String),
                "rent_date": on,
                "monthly_rent": np.round(np.exp(log_rent), 2),
                "property_type": pl.Series([towns[at].kind.value for at in community], dtype=pl.String),
                "kind": pl.Series(np.where(listed, RentKind.LISTING.value, RentKind.CONTRACT.value), dtype=pl.String),
                "known_on": on,
                "area_m2": houses.area_m2,
                "community_name": pl.Series([towns[at].name for at in community], dtype=pl.String),
                "district": pl.Series([all_districts[towns[at].district][1].name for at in community], dtype=pl.String),
                "floor": houses.floor,
                "total_floors": houses.total_floors,
                "built_year": houses.built_year,
                "source": pl.Series([SOURCE] * size, dtype=pl.String),
            }
        )
        .sort("rent_date", maintain_order=True)
        .with_row_index("rent_id")
        .with_columns(pl.format(f"{prefix}-r{{}}", pl.col("rent_id").cast(pl.String).str.zfill(6)).alias("rent_id"))
    )
