"""A synthetic market, so that a newcomer has something to value. Reproducible by its seed; plainly marked synthetic.

Cities, districts and division codes are real; communities, roads, circles, houses and prices are invented. Nothing in
it says anything about a real market.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from producers.simulator import communities as dictionary
from producers.simulator import deals as closings
from producers.simulator import rents as lettings
from producers.simulator.communities import SOURCE, Circle, Town
from producers.simulator.places import CITIES
from producers.simulator.prices import Surface
from schemas.codes import Automation, CoverageStatus, PropertyType

MONTHS: Final = 30
DAYS: Final = 913
LEAST_COMMUNITIES: Final = 50  # fewer do not fill the cities
_VALUED_TYPES: Final = (PropertyType.APARTMENT, PropertyType.VILLA, PropertyType.SHOP, PropertyType.OFFICE)
_NOTICE: Final = (
    "合成市场数据 / synthetic market data\n\n"
    "本目录中的小区、道路、商圈、房屋与价格均由程序按种子随机生成，不对应任何真实市场，不得用于真实估值。\n"
    "Communities, roads, circles, houses and prices in this folder are generated from a seed. They stand for no real "
    "market and must not be used to value a real house.\n\n"
)

# For `avm sources put --file`: nobody's data but ours, and still nothing that serves without being registered.
_LICENCE: Final = """\
[[source]]
source = "{source}"
kind = "DEALS"
holder = "本系统（程序生成的合成数据）"
reference = "SYNTHETIC-{seed}"
allowed_uses = ["TRAINING", "COMPARABLES", "DICTIONARY"]
valid_from = {start}
fresh_within_days = 31
approved_by = "simulator-1"
second_approver = "simulator-2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The tables of a market, and behind them what only the simulator knows: towns, circles, true prices."""

    seed: int
    until: date
    communities: pl.DataFrame
    deals: pl.DataFrame
    coverage: pl.DataFrame
    rents: pl.DataFrame
    circles: tuple[Circle, ...]
    towns: tuple[Town, ...]
    ids: tuple[str, ...]
    surface: Surface


def generate(seed: int, *, communities: int = 3_000, deals: int = 60_000, until: date) -> Market:
    """Generate a market whose deals run over the 30 months up to `until`, which is also when the last became known.

    The same arguments give the same market. Raises `ValueError` for a market too small to fill its cities.
    """
    if communities < LEAST_COMMUNITIES or deals < 1:
        raise ValueError(f"a market needs {LEAST_COMMUNITIES} communities and a deal, got {communities} and {deals}")
    for_towns, for_surface, for_deals, for_rents = np.random.default_rng(seed).spawn(4)
    circles, towns = dictionary.build(for_towns, communities)
    prefix = f"syn{seed}"
    ids = tuple(f"{prefix}-c{at:05d}" for at in range(communities))
    surface = Surface(for_surface, towns, days=DAYS, last_year=until.year)
    closed = closings.table(
        for_deals,
        circles=circles,
        towns=towns,
        ids=ids,
        surface=surface,
        until=until,
        days=DAYS,
        count=deals,
        prefix=prefix,
    )
    commercial = sum(town.kind.is_commercial for town in towns) / len(towns)
    return Market(
        seed=seed,
        until=until,
        communities=dictionary.table(circles, towns, ids),
        deals=closed,
        coverage=coverage(until),
        rents=lettings.table(
            for_rents,
            towns=towns,
            ids=ids,
            surface=surface,
            until=until,
            days=DAYS,
            count=round(lettings.SHARE * commercial * deals),
            prefix=prefix,
        ),
        circles=circles,
        towns=towns,
        ids=ids,
        surface=surface,
    )


def coverage(until: date) -> pl.DataFrame:
    """The districts of the market as active coverage, in force since before its first deal."""
    return pl.DataFrame(
        [
            {
                "county_code": district.code,
                "province": city.province,
                "city": city.name,
                "county": district.name,
                "status": CoverageStatus.ACTIVE.value,
                "automation": Automation.AUTO.value,
                "property_types": "|".join(_VALUED_TYPES),
                "effective_from": until - timedelta(days=DAYS),
                "version": SOURCE,
                "source": SOURCE,
            }
            for city in CITIES
            for district in city.districts
        ]
    )


def write(market: Market, folder: Path) -> tuple[Path, ...]:
    """Write the market as files for `avm reference load`; column names are the field names of the events.

    The last one, sources.toml, is for `avm sources put --file`: it registers the source of the others.
    Existing files of the same names are replaced. Returns the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notice, homes, closed, covered, let, licensed = (
        folder / name
        for name in (
            "README.txt", "communities.parquet", "deals.parquet", "coverage.csv", "rents.parquet", "sources.toml"
        )
    )  # fmt: skip
    notice.write_text(f"{_NOTICE}seed {market.seed}, until {market.until}\n", encoding="utf-8")
    market.communities.write_parquet(homes)
    market.deals.write_parquet(closed)
    market.coverage.write_csv(covered)
    market.rents.write_parquet(let)
    licence = _LICENCE.format(source=SOURCE, seed=market.seed, start=market.until - timedelta(days=DAYS))
    licensed.write_text(licence, encoding="utf-8")
    return notice, homes, closed, covered, let, licensed
