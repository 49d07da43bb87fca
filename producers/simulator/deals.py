"""Closed deals of the synthetic market."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from producers.simulator.communities import MAX_PLANS, SOURCE, Circle, Town, districts
from producers.simulator.places import CITIES
from producers.simulator.prices import RENOVATION_SHARES, RENOVATIONS, Flags, Floats, Houses, Ints, Surface

_NOISE_SD, _COMMERCIAL_NOISE_SD = 0.055, 0.11  # log price
_NOISE_DEGREES: Final = 4  # Student's t: fat tails, as between people who need to sell and who want to buy
_DISTRESSED_SHARE, _DISTRESSED_DISCOUNT = 0.004, 0.25  # sales among relatives and under pressure
_FIVE_YEARS_SHARE: Final = 0.6
_SLOW_MONTHS: Final = {1: 0.75, 2: 0.5, 3: 1.25, 4: 1.15, 10: 0.9, 12: 0.95}  # spring festival, spring, holidays
_WEEKEND: Final = 1.3
_SATURDAY: Final = 5
_LEAST_LAG_DAYS, _MEAN_LAG_DAYS, _LONGEST_LAG_DAYS = 3, 9, 45  # from signing to being known
_ROUND_TO: Final = 1_000  # people agree on thousands of yuan
_LIFT_FROM: Final = 8  # floors
_COMMERCIAL_WEIGHT: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What stands in every community: its plans as padded arrays (row = community, column = plan), floors and age."""

    area_m2: Floats
    rooms: Ints
    halls: Ints
    plans: Ints
    total_floors: Ints
    built_year: Ints


def stock_of(towns: tuple[Town, ...]) -> Stock:
    """Collect it, once for many draws."""
    padded = np.zeros((len(towns), MAX_PLANS, 3))
    for at, town in enumerate(towns):
        padded[at, : len(town.plans)] = town.plans
    return Stock(
        area_m2=padded[:, :, 0],
        rooms=padded[:, :, 1].astype(np.int64),
        halls=padded[:, :, 2].astype(np.int64),
        plans=np.array([len(town.plans) for town in towns]),
        total_floors=np.array([town.total_floors for town in towns]),
        built_year=np.array([town.built_year for town in towns]),
    )


def houses_of(rng: np.random.Generator, stock: Stock, community: Ints, day: Ints) -> tuple[Houses, Ints]:
    """Draw one house in each of the given communities; also the plan it has."""
    size = len(community)
    plan = (rng.random(size) * stock.plans[community]).astype(np.int64)
    total = stock.total_floors[community]
    return Houses(
        community=community,
        day=day,
        area_m2=stock.area_m2[community, plan],
        floor=1 + (rng.random(size) * total).astype(np.int64),
        total_floors=total,
        built_year=stock.built_year[community],
        renovation=rng.choice(len(RENOVATIONS), size=size, p=RENOVATION_SHARES).astype(np.int64),
        five_years=rng.random(size) < _FIVE_YEARS_SHARE,
        has_lift=total >= _LIFT_FROM,
    ), plan


def noise(rng: np.random.Generator, commercial: Flags) -> Floats:
    """What a deal differs from the worth of the house, in log price."""
    size = len(commercial)
    scale = np.sqrt((_NOISE_DEGREES - 2) / _NOISE_DEGREES)  # so that the standard deviation is the named one
    spread = np.where(commercial, _COMMERCIAL_NOISE_SD, _NOISE_SD)
    distressed = rng.random(size) < _DISTRESSED_SHARE
    return np.asarray(spread * scale * rng.standard_t(_NOISE_DEGREES, size) - _DISTRESSED_DISCOUNT * distressed)


def table(  # noqa: PLR0913 -- the whole market is its argument
    rng: np.random.Generator,
    *,
    circles: tuple[Circle, ...],
    towns: tuple[Town, ...],
    ids: tuple[str, ...],
    surface: Surface,
    until: date,
    days: int,
    count: int,
    prefix: str,
) -> pl.DataFrame:
    """Draw `count` deals; columns are the fields of `schemas.events.Deal`, oldest first."""
    commercial_town = np.array([town.kind.is_commercial for town in towns])
    weight = np.array([town.turnover * np.sqrt(town.households) for town in towns])
    weight[commercial_town] = _COMMERCIAL_WEIGHT * weight[~commercial_town].mean()
    community = rng.choice(len(towns), size=count, p=weight / weight.sum())
    back = rng.choice(days + 1, size=count, p=_day_weights(until, days))
    stock = stock_of(towns)
    houses, plan = houses_of(rng, stock, community, back)
    log_price = surface.log_unit_price(houses) + noise(rng, commercial_town[community])
    total = np.maximum(np.round(np.exp(log_price) * houses.area_m2 / _ROUND_TO), 1) * _ROUND_TO
    lag = np.clip(_LEAST_LAG_DAYS + rng.geometric(1 / _MEAN_LAG_DAYS, count), 0, _LONGEST_LAG_DAYS)
    known_back = np.maximum(back - lag, 0)  # all of the file is known on its last day
    first = until - timedelta(days=days)
    building = 1 + (rng.random(count) * np.array([town.buildings for town in towns])[community]).astype(np.int64)
    all_districts = districts()

    def of_town(values: list[object], kind: type[pl.DataType]) -> pl.Series:
        return pl.Series(values, dtype=kind).gather(community)

    frame = pl.DataFrame(
        {
            "community_id": of_town(list(ids), pl.String),
            "city": of_town([CITIES[town.city].name for town in towns], pl.String),
            "deal_date": dates(first, days - back),
            "area_m2": houses.area_m2,
            "unit_price": np.round(total / houses.area_m2, 2),
            "property_type": of_town([town.kind.value for town in towns], pl.String),
            "known_on": dates(first, days - known_back),
            "community_name": of_town([town.name for town in towns], pl.String),
            "district": of_town([all_districts[town.district][1].name for town in towns], pl.String),
            "business_circle": of_town([circles[town.circle].name for town in towns], pl.String),
            "building": pl.Series(building).cast(pl.String) + "幢",
            "floor": houses.floor,
            "floor_band": _bands(houses),
            "total_floors": houses.total_floors,
            "built_year": houses.built_year,
            "rooms": stock.rooms[community, plan],
            "halls": stock.halls[community, plan],
            "building_type": of_town([town.building_type for town in towns], pl.String),
            "structure": pl.Series(np.where(houses.total_floors >= _LIFT_FROM, "钢混结构", "砖混结构")),
            "renovation": pl.Series(RENOVATIONS).gather(houses.renovation),
            "has_lift": houses.has_lift,
            "near_metro": of_town([town.near_metro for town in towns], pl.Boolean),
            "five_years": houses.five_years,
            "longitude": of_town([round(town.longitude, 6) for town in towns], pl.Float64),
            "latitude": of_town([round(town.latitude, 6) for town in towns], pl.Float64),
            "source": pl.Series([SOURCE]).gather(np.zeros(count, dtype=np.int64)),
        }
    )
    frame = frame.sort("deal_date", maintain_order=True)
    numbers = pl.Series([f"{prefix}-d{number:06d}" for number in range(count)])
    return frame.insert_column(0, numbers.alias("deal_id"))


def _day_weights(until: date, days: int) -> Floats:
    dates = [until - timedelta(days=back) for back in range(days + 1)]
    weights = np.array(
        [_SLOW_MONTHS.get(on.month, 1.0) * (_WEEKEND if on.weekday() >= _SATURDAY else 1) for on in dates]
    )
    return np.asarray(weights / weights.sum())


def dates(first: date, offsets: Ints) -> pl.Series:
    """Days so many after the first."""
    start = (first - date(1970, 1, 1)).days
    return pl.Series((start + offsets).astype(np.int32)).cast(pl.Date)


def _bands(houses: Houses) -> pl.Series:
    """底 / 低 / 中 / 高 / 顶, as brokers say it."""
    height = houses.floor / houses.total_floors
    band = np.select(
        [houses.floor == 1, houses.floor == houses.total_floors, height <= 1 / 3, height <= 2 / 3],
        ["底", "顶", "低", "中"],
        default="高",
    )
    return pl.Series(band)
