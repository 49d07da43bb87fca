"""The price surface: what a house is worth on a day in the synthetic market, without noise.

log unit price = community level + time(city, district, day) + age + area + floor + renovation + title + metro + type.
All effects are invented; their sizes follow what second-hand markets commonly show. Everything is vectorised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.simulator.communities import Town, districts
from producers.simulator.places import CITIES
from schemas.codes import PropertyType

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

RENOVATIONS: Final = ("毛坯", "简装", "精装", "豪装")
RENOVATION_SHARES: Final = (0.08, 0.55, 0.33, 0.04)
_RENOVATION_EFFECTS: Final = np.array([-0.035, 0.0, 0.025, 0.06])

_AGE_A_YEAR: Final = -0.006
_AREA_SLOPE: Final = -0.07  # on log area: small flats cost more per m²
_TYPICAL_AREA: Final = 90.0
_TOP_FLOOR, _GROUND_FLOOR = -0.025, -0.02
_HEIGHT_WITH_LIFT: Final = 0.035  # from bottom to top
_CLIMB_WITHOUT_LIFT: Final = -0.018  # a floor above the third
_THIRD_FLOOR: Final = 3
_FIVE_YEARS: Final = 0.014  # 满五: less tax
_METRO: Final = 0.03
_TYPE_LEVELS: Final = {PropertyType.VILLA: 0.22, PropertyType.OFFICE: -0.25, PropertyType.SHOP: 0.05}
_SHOP_FLOORS: Final = np.array([0.55, 0.05, -0.3, -0.45])  # ground, first, second and higher
_SEASON: Final = 0.005  # spring above, winter below
_MONTHLY_SD: Final = 0.004
_PERSISTENCE: Final = 0.6
_DISTRICT_DRIFT_SD: Final = 0.008  # a year, around the city's
_DAYS_A_YEAR, _DAYS_A_MONTH = 365.25, 30.4375


@dataclass(frozen=True, slots=True, kw_only=True)
class Houses:
    """Houses side by side, one array element each. `day` counts back from the market's last day (0 = that day)."""

    community: Ints
    day: Ints
    area_m2: Floats
    floor: Ints
    total_floors: Ints
    built_year: Ints
    renovation: Ints
    five_years: Flags
    has_lift: Flags


class Surface:
    """Knows the true level of every community and the true course of every district."""

    def __init__(self, rng: np.random.Generator, towns: Sequence[Town], *, days: int, last_year: int) -> None:
        self._level = np.array([town.log_level + _TYPE_LEVELS.get(town.kind, 0.0) for town in towns])
        self._metro = np.array([town.near_metro for town in towns])
        self._shop = np.array([town.kind is PropertyType.SHOP for town in towns])
        self._commercial = np.array([town.kind.is_commercial for town in towns])
        self._district = np.array([town.district for town in towns])
        self._last_year = last_year
        self._course = _courses(rng, days)

    def log_unit_price(self, houses: Houses) -> Floats:
        """Natural log of yuan per m²."""
        at = houses.community
        residential = ~self._commercial[at]
        return np.asarray(
            self._level[at]
            + self._course[self._district[at], houses.day]
            + _AGE_A_YEAR * (self._last_year - houses.built_year)
            + _AREA_SLOPE * np.log(houses.area_m2 / _TYPICAL_AREA)
            + np.where(residential, _floor_effect(houses), 0.0)
            + np.where(self._shop[at], _SHOP_FLOORS[np.clip(houses.floor - 1, 0, len(_SHOP_FLOORS) - 1)], 0.0)
            + np.where(residential, _RENOVATION_EFFECTS[houses.renovation], 0.0)
            + np.where(residential & houses.five_years, _FIVE_YEARS, 0.0)
            + np.where(self._metro[at], _METRO, 0.0)
        )

    def city_course(self, city: int) -> Floats:
        """The city's mean log movement by day back from the last one, at which it is 0."""
        members = [at for at, (owner, _) in enumerate(districts()) if owner == city]
        return np.asarray(self._course[members].mean(axis=0))


def _floor_effect(houses: Houses) -> Floats:
    height = houses.floor / houses.total_floors
    with_lift = _HEIGHT_WITH_LIFT * (height - 0.5)
    without = _CLIMB_WITHOUT_LIFT * np.maximum(houses.floor - _THIRD_FLOOR, 0)
    ends = np.where(houses.floor == houses.total_floors, _TOP_FLOOR, 0.0) + np.where(
        houses.floor == 1, _GROUND_FLOOR, 0.0
    )
    return np.asarray(np.where(houses.has_lift, with_lift, without) + ends)


def _courses(rng: np.random.Generator, days: int) -> Floats:
    """Log level by district and day back, 0 on the last day: drift, a persistent monthly wandering, and the season."""
    back = np.arange(days + 1)
    months = int(days / _DAYS_A_MONTH) + 2
    season = _SEASON * np.sin(2 * np.pi * back / _DAYS_A_YEAR)
    courses = []
    for city in CITIES:
        shocks = rng.normal(0, _MONTHLY_SD, months)
        for month in range(1, months):
            shocks[month] += _PERSISTENCE * shocks[month - 1]
        wandering = np.interp(back, np.arange(months) * _DAYS_A_MONTH, np.concatenate([[0.0], np.cumsum(shocks[1:])]))
        for _ in city.districts:
            drift = city.yearly_drift + rng.normal(0, _DISTRICT_DRIFT_SD)
            courses.append(-drift * back / _DAYS_A_YEAR + wandering + season)
    return np.array(courses)
