"""Rents of one segment in memory, and what they say: the market rent of a subject, and the yields of a city.

A rent is brought to the subject's floor and area by effects learned from rents and deals together, within communities:
what makes a shop dearer to buy makes it dearer to let. Floors count from the street (below ground, ground, first,
higher): the top floor of two is a first floor, whatever its band is called. Rents are not moved in time; old ones fade.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.codes import RentKind
from schemas.domain.knowledge import known_from
from schemas.events import Rent
from streams.scoring.attributes import NUMBERS, TEXTS, Floats, Ints, Vocabularies, floor_band
from streams.scoring.comparables import ComparableBook
from streams.scoring.income import MONTHS, MarketRent, SeenYield
from streams.scoring.index import within
from streams.scoring.market import Rows
from streams.scoring.subjects import Subjects

_MAX_AGE_DAYS: Final = 730  # as for comparables
_FADE_DAYS: Final = 180.0
_REACH_KM, _FADE_KM = 2.0, 0.5
_FADE_AREA: Final = 0.7  # e-folding difference of log area
_ASKED_WEIGHT: Final = 0.5  # of an asked rent beside an agreed one
_LEAST_RENTS: Final = 3  # as many as comparables
_LEAST_SPREAD: Final = 0.10  # log; a few rents of one landlord agree too well
_CLIP: Final = 0.5  # log; a rent counts at most this far from the median
_LEAST_COMMUNITIES: Final = 3  # with deals and rents, before their yields are looked at
_KM_A_DEGREE: Final = 111.2
_TYPICAL_LOG_AREA: Final = 4.4  # 81 m²
_RIDGE: Final = 3.0  # pseudo-rows that say a floor is worth no less than the ground floor
_HIGHER: Final = 3
_KEPT: Final = 256
_BOOKS: Final = 2  # of champion and challenger
_FLOOR, _TOTAL, _BUILT = (NUMBERS.index(name) for name in ("floor", "total_floors", "built_year"))
_UNKNOWN: Final = -1e6  # stands for NaN, which is equal to nothing


_K = TypeVar("_K")
_V = TypeVar("_V")


class RentBook:
    """The rents of one segment. `put` and `remove` take note; what is asked next sees them."""

    def __init__(self) -> None:
        self._rents: dict[str, Rent] = {}
        self._version = 0
        self._seen: dict[int, tuple[tuple[int, int, int], Rented]] = {}  # by id of the book, which `Rented` keeps alive

    def put(self, rent: Rent) -> None:
        """Take a rent in; it replaces one of the same id. A rent must be above 0, as the loader sees to."""
        self._rents[rent.rent_id] = rent
        self._version += 1

    def remove(self, rent_id: str) -> None:
        """Forget a rent. Nothing happens if it is not there."""
        if self._rents.pop(rent_id, None) is not None:
            self._version += 1

    def take_out(self, sources: frozenset[str]) -> dict[str, Rent]:
        """Remove and return the rents of these sources, by id."""
        taken = {rent_id: rent for rent_id, rent in self._rents.items() if rent.source in sources}
        for rent_id in taken:
            self.remove(rent_id)
        return taken

    def __len__(self) -> int:
        return len(self._rents)

    def seen_with(self, book: ComparableBook, *, listing_discount: float) -> "Rented":
        """The rents beside the deals of `book`; worked out again when rents, deals, places or the model changed."""
        book.follow()
        state = (self._version, book.market.version, book.market.places.version)
        before, seen = self._seen.pop(id(book), (None, None))
        if seen is None or before != state:
            rents = sorted(self._rents.values(), key=lambda rent: rent.rent_id)  # whatever order they came in
            seen = _rented(rents, book, log(1 - listing_discount))
        if len(self._seen) >= _BOOKS:
            del self._seen[next(iter(self._seen))]  # the one that was asked for longest ago
        self._seen[id(book)] = state, seen
        return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standard:
    """Effects of floor and area as they were known on a day, and log rents and log prices without them."""

    effects: Floats
    rents: Floats
    deals: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Rented:
    """Rents and deals of a segment as columns; `log_price` and `design` hold the rents first and then the deals."""

    book: ComparableBook
    deals: Rows  # those that count: the market's own rows keep what was corrected or taken back
    sources: NDArray[np.object_]
    community: Ints
    city: Ints
    day: Ints
    known: Ints
    kind_weight: Floats
    log_area: Floats
    points: Floats
    log_price: Floats  # yuan per m² and month of rents, yuan per m² of deals
    design: Floats
    _standards: dict[int, _Standard] = field(default_factory=dict)
    _found: dict[tuple[int, int, int], tuple[SeenYield, ...]] = field(default_factory=dict)

    def market_rents(self, subjects: Subjects, floors: Floats) -> list[MarketRent | None]:
        """Market rent of each subject from rents near it, known before its day; `None` where there are too few.

        `floors` as `floor_step` gives them.
        """
        design = _design(floors, subjects.log_area)
        points = self.book.market.places.coordinates(subjects.community)
        return [self._market_rent(subjects, i, design[i], points[i]) for i in range(len(subjects))]

    def yields(self, city: int, *, day: int, known: int) -> tuple[SeenYield, ...]:
        """Yields of the city's communities with both deals and rents of the last two years; empty where too few."""
        key = (city, day, known)
        if key not in self._found:
            _make_room(self._found)
            self._found[key] = self._yields(city, day, known)
        return self._found[key]

    def _standard(self, known: int) -> _Standard:
        """Effects fitted on what was known before a day, so that a value of the past stays what it was."""
        if known not in self._standards:
            _make_room(self._standards)
            apart = len(self.book.market.places.communities.texts) + 1  # a community's rents and deals are two groups
            group = np.concatenate([self.community, self.deals.community + apart])
            then = np.concatenate([self.known, self.deals.known]) < known
            effects = _fit(self.design[then], self.log_price[then], group[then])
            standard = self.log_price - (self.design * effects).sum(axis=1)
            let = len(self.community)
            self._standards[known] = _Standard(effects=effects, rents=standard[:let], deals=standard[let:])
        return self._standards[known]

    def _market_rent(self, subjects: Subjects, i: int, design: Floats, point: Floats) -> MarketRent | None:
        own = (self.community == subjects.community[i]) & (self.community >= 0)
        km = np.where(own, 0.0, _km(self.points, point))
        age = (subjects.day[i] - self.day).astype(np.float64)
        usable = (self.known < subjects.known[i]) & (age >= 0) & (age <= _MAX_AGE_DAYS) & (km <= _REACH_KM)
        if usable.sum() < _LEAST_RENTS:
            return None
        gap = np.nan_to_num(np.abs(self.log_area[usable] - subjects.log_area[i]))
        fade = age[usable] / _FADE_DAYS + km[usable] / _FADE_KM + gap / _FADE_AREA
        standard = self._standard(int(subjects.known[i]))
        mean, spread, count = _centre(standard.rents[usable], self.kind_weight[usable] * np.exp(-fade))
        return MarketRent(
            log_rent=mean + float((design * standard.effects).sum()),
            sd=max(spread, _LEAST_SPREAD) / float(np.sqrt(count)),
            rents=int(usable.sum()),
            sources=tuple(sorted({str(source) for source in self.sources[usable] if source})),
        )

    def _yields(self, city: int, day: int, known: int) -> tuple[SeenYield, ...]:
        rows, index = self.deals, self.book.index
        let = np.flatnonzero(_recent(self.city, self.day, self.known, city, day, known))
        sold = np.flatnonzero(_recent(rows.city, rows.day, rows.known, city, day, known))
        row = np.full(len(sold), index.rows(self.book.market.places.cities.texts)[city])
        moved = index.at(row, np.full(len(sold), day)) - index.at(row, rows.day[sold])
        standard = self._standard(known)
        rent_of = _medians(self.community[let], standard.rents[let])
        price_of = _medians(rows.community[sold], standard.deals[sold] + moved)
        both = sorted(rent_of.keys() & price_of.keys())
        if len(both) < _LEAST_COMMUNITIES:
            return ()
        built = _medians(rows.community[sold], rows.numeric[sold, _BUILT])
        deals = {code: int((rows.community[sold] == code).sum()) for code in both}
        return tuple(
            SeenYield(
                log_gross=log(MONTHS) + rent_of[code] - price_of[code], built_year=built.get(code), deals=deals[code]
            )
            for code in both
        )


def floor_step(floor: int | None, band: str | None, total_floors: int | None) -> float:
    """0 below ground, 1 on the ground, 2, and 3 for all higher; NaN where unknown. A band counts where no floor is."""
    if floor is not None:
        return float(min(max(floor, 0), _HIGHER))
    known = floor_band(band, None, None)
    step = {"地": 0.0, "底": 1.0, "中": 3.0, "高": 3.0}.get(known or "")
    if step is None and known == "顶" and total_floors is not None:
        return float(min(max(total_floors, 1), _HIGHER))
    return np.nan if step is None else step


def _rented(rents: list[Rent], book: ComparableBook, discount: float) -> Rented:
    places = book.market.places
    rows = book.market.rows.taken(np.sort(book.market.by_level["city"].order))
    community = np.array([places.code(rent.community_id) for rent in rents], np.int64)
    log_area = np.log(np.array([np.nan if rent.area_m2 is None else rent.area_m2 for rent in rents]))
    asked = np.array([rent.kind is RentKind.LISTING for rent in rents], bool)
    log_rent = np.log(np.array([rent.monthly_rent for rent in rents])) + discount * asked
    return Rented(
        book=book,
        deals=rows,
        sources=np.array([rent.source for rent in rents], object),
        community=community,
        city=np.array([places.city_code(rent.city) for rent in rents], np.int64),
        day=np.array([rent.rent_date.toordinal() for rent in rents], np.int64),
        known=np.array([known_from(rent.rent_date, rent.known_on).toordinal() for rent in rents], np.int64),
        kind_weight=np.where(asked, _ASKED_WEIGHT, 1.0),
        log_area=log_area,
        points=places.coordinates(community),
        log_price=np.concatenate([log_rent, rows.log_price]),
        design=np.concatenate(
            [_design(_steps(rents), log_area), _design(_steps_of(rows, book.market.vocabularies), rows.log_area)]
        ),
    )


def _steps(rents: list[Rent]) -> Floats:
    return np.array([floor_step(each.floor, each.floor_band, each.total_floors) for each in rents], np.float64)


def _steps_of(rows: Rows, words: Vocabularies) -> Floats:
    """What `floor_step` gives for each of the deals: few kinds of floors tell of many deals."""
    bands = words.columns[TEXTS.index("floor_band")].texts
    told = np.column_stack([rows.numeric[:, [_FLOOR, _TOTAL]], rows.texts[:, TEXTS.index("floor_band")]])
    kinds, which = np.unique(np.nan_to_num(told, nan=_UNKNOWN), axis=0, return_inverse=True)
    steps = [
        floor_step(_floors(floor), bands[int(band)] if band >= 0 else None, _floors(total))
        for floor, total, band in kinds.tolist()
    ]
    return np.array(steps, np.float64)[which.ravel()]


def _floors(number: float) -> int | None:
    return None if number == _UNKNOWN else int(number)


def _design(floors: Floats, log_area: Floats) -> Floats:
    """Floors beside the ground floor, and area; where one is unknown the row stands for the typical one."""
    return np.column_stack([floors == 0, floors == 2, floors >= _HIGHER, np.nan_to_num(log_area - _TYPICAL_LOG_AREA)])  # noqa: PLR2004 - the first floor


def _make_room(kept: dict[_K, _V]) -> None:
    """Days and cities come in turns: what was worked out for many of them is worked out again when asked for."""
    if len(kept) >= _KEPT:
        kept.clear()


def _fit(design: Floats, log_price: Floats, group: Ints) -> Floats:
    _, group = np.unique(group, return_inverse=True)
    x, y = within(design, group), within(log_price[:, None], group)[:, 0]
    effects = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
    return effects.round(8).astype(np.float64)  # replicas read in another order must agree


def _recent(city: Ints, day: Ints, known: Ints, of_city: int, on: int, before: int) -> NDArray[np.bool_]:
    recent: NDArray[np.bool_] = (city == of_city) & (known < before) & (day <= on) & (day > on - _MAX_AGE_DAYS)
    return recent


def _km(points: Floats, point: Floats) -> Floats:
    """Rough distances, good to a per cent within a city; infinite where a place is not known."""
    north = (points[:, 1] - point[1]) * _KM_A_DEGREE
    east = (points[:, 0] - point[0]) * _KM_A_DEGREE * np.cos(np.radians(point[1]))
    far: Floats = np.hypot(north, east)
    return np.nan_to_num(far, nan=np.inf)


def _medians(group: Ints, values: Floats) -> Mapping[int, float]:
    """The median of each group's known values."""
    kept = (group >= 0) & ~np.isnan(values)
    group, values = group[kept], values[kept]
    order = np.argsort(group, kind="stable")
    codes, first = np.unique(group[order], return_index=True)
    parts = np.split(values[order], first[1:]) if len(codes) else []
    return {int(code): float(np.median(part)) for code, part in zip(codes, parts, strict=True)}


def _centre(values: Floats, weight: Floats) -> tuple[float, float, float]:
    """Weighted mean of values not too far from their median, their spread, and the count that the weights amount to."""
    clipped = np.clip(values, np.median(values) - _CLIP, np.median(values) + _CLIP)
    total = weight.sum()
    mean = float((weight * clipped).sum() / total)
    spread = float(np.sqrt((weight * (clipped - mean) ** 2).sum() / total))
    return mean, spread, float(total**2 / (weight**2).sum())
