"""The communities of the synthetic market: where they stand, what is in them, and what only the simulator knows."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from producers.simulator.naming import GENERIC_ENDINGS, MIDDLE_UNTIL, OLD_UNTIL, Names
from producers.simulator.places import CITIES, DATUM, City, District
from schemas.codes import PropertyType, Tradability
from schemas.domain.provenance import SYNTHETIC

SOURCE: Final = SYNTHETIC
CIRCLES_A_DISTRICT: Final = 5
ROADS_A_CIRCLE: Final = 6
MAX_PLANS: Final = 7
KM_A_DEGREE: Final = 111.0

_VILLA_SHARE, _OFFICE_SHARE, _SHOP_SHARE = 0.025, 0.025, 0.025
_VILLAGE_SHARE = 0.012  # 小产权房: known to the dictionary, without deals
_TWIN_SHARE = 0.03  # same name in another district of the city
_PHASE_SHARE = 0.08  # a second phase next to the first
_UNKNOWN_TRADABILITY = 0.03
_METRO_SHARE = 0.35
_CIRCLE_SD, _COMMUNITY_SD, _VILLAGE_SD = 0.07, 0.11, 0.1  # log price
_DISTRICT_SD = 0.06
_DECAY_A_KM, _DECAY_REACH_KM = 0.016, 45.0
_WALK_UP_FLOORS: Final = 7  # without a lift up to here, as the building code had it until the nineties


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """商圈: a cluster of communities that share a level."""

    name: str
    city: int
    district: int
    longitude: float
    latitude: float
    roads: tuple[str, ...]
    log_level: float


@dataclass(slots=True, kw_only=True)
class Town:
    """One community with what the dictionary says and, apart, what the simulator alone knows."""

    name: str
    city: int
    district: int
    circle: int
    kind: PropertyType
    tradability: Tradability
    longitude: float
    latitude: float
    road: str
    number: int
    built_year: int
    building_type: str
    total_floors: int
    buildings: int
    households: int
    near_metro: bool
    log_level: float
    turnover: float
    plans: tuple[tuple[float, int, int], ...]  # area in m², rooms, halls
    aliases: tuple[str, ...] = field(default=())


def districts() -> tuple[tuple[int, District], ...]:
    """Every district with the index of its city, in the order used by all arrays of the simulator."""
    return tuple((at, district) for at, city in enumerate(CITIES) for district in city.districts)


def build(rng: np.random.Generator, count: int) -> tuple[tuple[Circle, ...], tuple[Town, ...]]:
    """Draw the circles and `count` communities."""
    names = [Names(rng) for _ in CITIES]
    circles = tuple(_circles(rng, names))
    weights = np.array([_weight(circle) for circle in circles])
    homes = rng.choice(len(circles), size=count, p=weights / weights.sum())
    towns: list[Town] = []
    for home in homes:
        towns.append(_town(rng, names, circles, int(home), towns))
    return circles, tuple(towns)


def table(circles: tuple[Circle, ...], towns: tuple[Town, ...], ids: tuple[str, ...]) -> pl.DataFrame:
    """The community dictionary: columns are the fields of `schemas.events.Community`."""
    all_districts = districts()
    rows = [
        {
            "community_id": ids[at],
            "name": town.name,
            "province": CITIES[town.city].province,
            "city": CITIES[town.city].name,
            "district": all_districts[town.district][1].name,
            "aliases": list(town.aliases),
            "business_circle": circles[town.circle].name,
            "road": f"{town.road}{town.number}号",
            "longitude": round(town.longitude, 6),
            "latitude": round(town.latitude, 6),
            "datum": DATUM,
            "built_year": town.built_year,
            "building_type": town.building_type,
            "total_floors": town.total_floors,
            "buildings": town.buildings,
            "households": town.households,
            "min_area_m2": min(area for area, _, _ in town.plans),
            "max_area_m2": max(area for area, _, _ in town.plans),
            "property_types": [town.kind.value],
            "tradability": town.tradability.value,
            "source": SOURCE,
        }
        for at, town in enumerate(towns)
    ]
    return pl.DataFrame(rows)


def distance_km(city: City, longitude: float, latitude: float) -> float:
    """From the centre of the city, on a plane: good to a percent at these distances."""
    east = (longitude - city.longitude) * KM_A_DEGREE * float(np.cos(np.radians(city.latitude)))
    return float(np.hypot(east, (latitude - city.latitude) * KM_A_DEGREE))


def _circles(rng: np.random.Generator, names: list[Names]) -> list[Circle]:
    circles = []
    for at, (city_at, district) in enumerate(districts()):
        city, own_level = CITIES[city_at], rng.normal(0, _DISTRICT_SD)
        for _ in range(CIRCLES_A_DISTRICT):
            longitude = district.longitude + rng.normal(0, 0.02)
            latitude = district.latitude + rng.normal(0, 0.018)
            away = min(distance_km(city, longitude, latitude), _DECAY_REACH_KM)
            level = np.log(city.unit_price) + own_level - _DECAY_A_KM * away + rng.normal(0, _CIRCLE_SD)
            circles.append(
                Circle(
                    name=names[city_at].circle(),
                    city=city_at,
                    district=at,
                    longitude=longitude,
                    latitude=latitude,
                    roads=tuple(names[city_at].road() for _ in range(ROADS_A_CIRCLE)),
                    log_level=float(level),
                )
            )
    return circles


def _weight(circle: Circle) -> float:
    city = CITIES[circle.city]
    away = distance_km(city, circle.longitude, circle.latitude)
    return city.share / len(city.districts) * float(np.exp(-away / 40))


def _town(
    rng: np.random.Generator, names: list[Names], circles: tuple[Circle, ...], home: int, before: list[Town]
) -> Town:
    circle = circles[home]
    kind, tradability = _kind(rng)
    built_year = int(np.clip(rng.normal(2006, 9), 1980, 2024))
    floors, building_type = _building(rng, kind, built_year)
    buildings = int(rng.integers(1, 4)) if kind.is_commercial else int(rng.integers(3, 30))
    name = _name(rng, names[circle.city], kind, tradability, built_year)
    twin = _twin(rng, circle, kind, before)
    road, number = circle.roads[int(rng.integers(ROADS_A_CIRCLE))], int(rng.integers(1, 400))
    return Town(
        name=twin or name,
        city=circle.city,
        district=circle.district,
        circle=home,
        kind=kind,
        tradability=tradability,
        longitude=circle.longitude + float(rng.normal(0, 0.006)),
        latitude=circle.latitude + float(rng.normal(0, 0.005)),
        road=road,
        number=number,
        built_year=built_year,
        building_type=building_type,
        total_floors=floors,
        buildings=buildings,
        households=buildings * floors * int(rng.integers(2, 7)),
        near_metro=bool(rng.random() < _METRO_SHARE),
        log_level=circle.log_level + float(rng.normal(0, _COMMUNITY_SD)),
        turnover=float(rng.lognormal(0, 0.7)) * (0.0 if tradability is Tradability.SMALL_TITLE else 1.0),
        plans=_plans(rng, kind, built_year),
        aliases=_aliases(rng, name, road, number) if not twin else (),
    )


def _kind(rng: np.random.Generator) -> tuple[PropertyType, Tradability]:
    kinds = (PropertyType.VILLA, PropertyType.OFFICE, PropertyType.SHOP, PropertyType.APARTMENT)
    shares = np.array([_VILLA_SHARE, _OFFICE_SHARE, _SHOP_SHARE, 1 - _VILLA_SHARE - _OFFICE_SHARE - _SHOP_SHARE])
    kind = kinds[int(rng.choice(len(kinds), p=shares))]
    lot = rng.random()
    if kind is PropertyType.APARTMENT and lot < _VILLAGE_SHARE:
        return kind, Tradability.SMALL_TITLE
    return kind, Tradability.UNKNOWN if lot > 1 - _UNKNOWN_TRADABILITY else Tradability.TRADABLE


def _building(rng: np.random.Generator, kind: PropertyType, built_year: int) -> tuple[int, str]:
    if kind is PropertyType.VILLA:
        return 3, "别墅"
    if kind is PropertyType.SHOP:
        return int(rng.integers(2, 5)), "商业"
    if kind is PropertyType.OFFICE:
        return int(rng.integers(12, 45)), "写字楼"
    if built_year <= OLD_UNTIL:
        return int(rng.integers(5, _WALK_UP_FLOORS + 1)), "板楼"
    choices = (6, 11, 18) if built_year <= MIDDLE_UNTIL else (11, 18, 26, 33)
    floors = choices[int(rng.integers(len(choices)))]
    return floors, "板楼" if floors <= 11 else ("塔楼", "板塔结合", "板楼")[int(rng.integers(3))]  # noqa: PLR2004


def _name(rng: np.random.Generator, names: Names, kind: PropertyType, tradability: Tradability, built_year: int) -> str:
    if tradability is Tradability.SMALL_TITLE:
        return names.village()
    if kind is PropertyType.VILLA:
        return names.villa()
    if kind is PropertyType.OFFICE:
        return names.office()
    if kind is PropertyType.SHOP:
        return names.shop()
    name = names.residential(built_year)
    return name + ("一期", "二期")[int(rng.integers(2))] if rng.random() < _PHASE_SHARE else name


def _twin(rng: np.random.Generator, circle: Circle, kind: PropertyType, before: list[Town]) -> str | None:
    """Now and then the name of an earlier community: of another district (look-alike) or the next phase of one."""
    lot = rng.random()
    if kind is not PropertyType.APARTMENT or not before or lot > _TWIN_SHARE + _PHASE_SHARE:
        return None
    for other in reversed(before[-400:]):
        if other.city != circle.city or other.kind is not kind or other.tradability is not Tradability.TRADABLE:
            continue
        if lot < _TWIN_SHARE and other.district != circle.district:
            return other.name
        if lot >= _TWIN_SHARE and other.district == circle.district and other.name.endswith("一期"):
            return other.name[:-2] + "二期"
    return None


def _plans(rng: np.random.Generator, kind: PropertyType, built_year: int) -> tuple[tuple[float, int, int], ...]:
    count = int(rng.integers(3, MAX_PLANS + 1))
    if kind is PropertyType.VILLA:
        areas = rng.lognormal(np.log(260), 0.25, count)
    elif kind is PropertyType.SHOP:
        areas = rng.lognormal(np.log(60), 0.6, count)
    elif kind is PropertyType.OFFICE:
        areas = rng.lognormal(np.log(130), 0.5, count)
    else:
        typical = 62 if built_year <= OLD_UNTIL else 88 if built_year <= MIDDLE_UNTIL else 102
        areas = rng.lognormal(np.log(typical), 0.28, count)
    return tuple(_plan(float(area), kind) for area in np.clip(areas, 15, 900))


def _plan(area: float, kind: PropertyType) -> tuple[float, int, int]:
    rooms = 0 if kind.is_commercial else int(np.clip(round(area / 36), 1, 6))
    return round(area, 2), rooms, 0 if kind.is_commercial else min(rooms, 2)


def _aliases(rng: np.random.Generator, name: str, road: str, number: int) -> tuple[str, ...]:
    aliases = []
    if rng.random() < 0.4:  # noqa: PLR2004 -- many old communities go by their road and number
        aliases.append(f"{road}{number}号院")
    stem = next((name[: -len(ending)] for ending in GENERIC_ENDINGS if name.endswith(ending)), None)
    if stem is not None and rng.random() < 0.3:  # noqa: PLR2004 -- people leave the generic word out
        aliases.append(stem)
    return tuple(aliases)
