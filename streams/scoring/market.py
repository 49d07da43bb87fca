"""All deals of one segment in memory, as columns, with what finds those of a place known before a day.

Columns stand in order of arrival and only grow; a `Shelf` keeps the order by place and day beside them, so that a
live deal costs an insertion into two arrays and not a new sort.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from schemas.events import Community, Deal
from streams.scoring.attributes import Floats, Ints, Vocabularies, Vocabulary, numbers

_KNOWN_BITS: Final = 44  # place | day of becoming known (20 bits) | digest of the deal id (24 bits)
_DIGEST_BITS: Final = 24
NEIGHBOURS: Final = 24  # nearest communities looked at; beyond some 2 km in a city a deal says little about a flat
_EARTH_KM: Final = 6371.0
LEVELS: Final = ("city", "district", "circle")


@dataclass(slots=True, kw_only=True)
class Rows:
    """Deals as columns, in order of arrival."""

    deals: NDArray[np.object_]
    community: Ints
    city: Ints
    district: Ints
    circle: Ints
    day: Ints
    known: Ints
    digest: Ints
    log_price: Floats
    log_area: Floats
    numeric: Floats
    texts: Ints

    def __len__(self) -> int:
        return len(self.day)

    def joined(self, more: "Rows") -> "Rows":
        """These rows and then `more`."""
        return Rows(**{name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in Rows.__slots__})

    def taken(self, rows: Ints) -> "Rows":
        """The rows at these places, in that order."""
        return Rows(**{name: getattr(self, name)[rows] for name in Rows.__slots__})


@dataclass(slots=True)
class Shelf:
    """Rows in order of (place, day known, digest). `order[i]` is the row at place i of the order."""

    keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    order: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def insert(self, place: Ints, known: Ints, digest: Ints, rows: Ints) -> None:
        """Put rows in. Rows of no place (-1) are left out."""
        keep = place >= 0
        keys = (place[keep] << _KNOWN_BITS) | (known[keep] << _DIGEST_BITS) | digest[keep]
        sorting = np.argsort(keys, kind="stable")
        at = np.searchsorted(self.keys, keys[sorting], side="right")
        self.keys = np.insert(self.keys, at, keys[sorting])
        self.order = np.insert(self.order, at, rows[keep][sorting])

    def remove(self, rows: Ints) -> None:
        """Take rows out."""
        keep = ~np.isin(self.order, rows)
        self.keys, self.order = self.keys[keep], self.order[keep]

    def before(self, place: Ints, day: Ints) -> tuple[Ints, Ints]:
        """From where to where in the order lie the rows of `place` known before `day`. Empty for place -1."""
        first = place << _KNOWN_BITS
        return np.searchsorted(self.keys, first), np.searchsorted(self.keys, first | (day << _DIGEST_BITS))


class Places:
    """The community dictionary as numbers: codes of places, coordinates, neighbours. Shared by all segments.

    A code is never given up: what a deal or a row of the dictionary told of a community stays until told otherwise.
    """

    def __init__(self) -> None:
        self.communities, self.cities, self.districts, self.circles = (Vocabulary() for _ in range(4))
        self._parents: list[tuple[int, int, int]] = []
        self._points: list[tuple[float, float]] = []
        self._areas: list[tuple[float, float]] = []
        self._complete: set[int] = set()
        self._tables: tuple[Ints, Floats] | None = None
        self._near: tuple[Ints, Floats] | None = None

    def put(self, community: Community) -> None:
        """Take a row of the dictionary in; it replaces what deals had told."""
        code = self._ensure(community.community_id)
        self._parents[code] = self._codes(community.city, community.district, community.business_circle)
        self._points[code] = _point(community)
        self._areas[code] = (_number(community.min_area_m2), _number(community.max_area_m2))
        self._note(code)

    def put_deal(self, deal: Deal) -> int:
        """The code of the deal's community. Where the dictionary is silent, the first deal that knows says the rest."""
        code = self._ensure(deal.community_id)
        if code in self._complete:
            return code
        old, told = self._parents[code], self._codes(deal.city, deal.district, deal.business_circle)
        parents = tuple(new if known < 0 else known for known, new in zip(old, told, strict=True))
        point = _point(deal) if np.isnan(self._points[code]).any() else self._points[code]
        if parents != old or not np.array_equal(point, self._points[code], equal_nan=True):
            self._parents[code], self._points[code] = (parents[0], parents[1], parents[2]), point
            self._note(code)
        return code

    def code(self, community_id: str | None) -> int:
        """The community's code, -1 if it is unknown."""
        return self.communities.known(community_id)

    def area_range(self, code: int) -> tuple[float, float]:
        """Smallest and largest flat of a community in m² by the dictionary; NaN where unknown."""
        return self._areas[code] if code >= 0 else (np.nan, np.nan)

    def parents(self, code: Ints) -> Ints:
        """City, district and circle of communities (n x 3); -1 where unknown."""
        return self._table()[0][code]  # the last row, -1, is the unknown community

    def coordinates(self, code: Ints) -> Floats:
        """Longitude and latitude of communities (n x 2); NaN where unknown."""
        return self._table()[1][code]

    def neighbours(self, code: Ints) -> tuple[Ints, Floats]:
        """The `NEIGHBOURS` nearest communities (-1 where there are fewer) and how far they are in km (n x k)."""
        if self._near is None:
            self._near = _nearest(self._table()[1][:-1])
        return self._near[0][code], self._near[1][code]

    def city_code(self, city: str | None) -> int:
        """A city's code, -1 if no community or deal lies there."""
        return self.cities.known(city)

    def district_code(self, city: str | None, district: str | None) -> int:
        """A district's code, -1 if unknown."""
        return self.districts.known(f"{city}|{district}") if city and district else -1

    def _codes(self, city: str, district: str | None, circle: str | None) -> tuple[int, int, int]:
        return (
            self.cities.code(city),
            self.districts.code(f"{city}|{district}" if district else None),
            self.circles.code(f"{city}|{circle}" if circle else None),
        )

    def _ensure(self, community_id: str) -> int:
        code = self.communities.code(community_id)
        if code == len(self._parents):
            self._parents.append((-1, -1, -1))
            self._points.append((np.nan, np.nan))
            self._areas.append((np.nan, np.nan))
            self._tables = self._near = None
        return code

    def _note(self, code: int) -> None:
        if -1 not in self._parents[code] and not np.isnan(self._points[code]).any():
            self._complete.add(code)
        self._tables = self._near = None

    def _table(self) -> tuple[Ints, Floats]:
        if self._tables is None:
            parents = np.array([*self._parents, (-1, -1, -1)], np.int64)
            self._tables = parents, np.array([*self._points, (np.nan, np.nan)])
        return self._tables


class Market:
    """The deals of one segment. `put` and `remove` take note; `settle` brings them into the columns."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.vocabularies = Vocabularies()
        self.rows = rows_of((), places, self.vocabularies)
        self.unit_prices = np.zeros(0)  # of the rows, yuan per m²
        self.by_community = Shelf()
        self.by_level = {level: Shelf() for level in LEVELS}
        self._row_of: dict[str, int] = {}
        self._waiting: dict[str, Deal | None] = {}
        self.version = 0

    def put(self, deal: Deal) -> None:
        """A deal counts from the next `settle` on; it replaces one of the same id."""
        self._waiting[deal.deal_id] = deal

    def remove(self, deal_id: str) -> None:
        """Forget a deal. Nothing happens if it is not there."""
        if deal_id in self._row_of or deal_id in self._waiting:
            self._waiting[deal_id] = None

    def __contains__(self, deal_id: str) -> bool:
        return self._waiting[deal_id] is not None if deal_id in self._waiting else deal_id in self._row_of

    def __len__(self) -> int:
        return len(self._row_of)

    def settle(self) -> None:
        """Bring what waits into the columns. Free when nothing does."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        gone = [self._row_of.pop(deal_id) for deal_id in waiting if deal_id in self._row_of]
        if gone:
            for shelf in (self.by_community, *self.by_level.values()):
                shelf.remove(np.array(gone))
        # Sorted by id: codes and columns must not depend on the order in which partitions were read.
        fresh = sorted((deal for deal in waiting.values() if deal is not None), key=lambda deal: deal.deal_id)
        more = rows_of(fresh, self.places, self.vocabularies)
        serials = np.arange(len(self.rows), len(self.rows) + len(more))
        self._row_of.update(zip((deal.deal_id for deal in fresh), serials.tolist(), strict=True))
        self.rows = self.rows.joined(more)
        self.unit_prices = np.exp(self.rows.log_price)
        self.by_community.insert(more.community, more.known, more.digest, serials)
        for level, shelf in self.by_level.items():
            shelf.insert(getattr(more, level), more.known, more.digest, serials)
        self.version += 1


def rows_of(deals: Sequence[Deal], places: Places, vocabularies: Vocabularies) -> Rows:
    """Deals as columns. A deal without `known_on` is known on its own day, so it serves from the next day on."""
    community = np.fromiter((places.put_deal(deal) for deal in deals), np.int64, len(deals))
    if not deals:
        return _no_rows()
    parents = places.parents(community)
    return Rows(
        deals=_objects(deals),
        community=community,
        city=parents[:, 0],
        district=parents[:, 1],
        circle=parents[:, 2],
        day=_ints(deal.deal_date.toordinal() for deal in deals),
        known=_ints((deal.known_on or deal.deal_date).toordinal() for deal in deals),
        digest=_ints(crc32(deal.deal_id.encode()) >> (32 - _DIGEST_BITS) for deal in deals),
        log_price=np.log(np.fromiter((deal.unit_price for deal in deals), np.float64, len(deals))),
        log_area=np.log(np.fromiter((deal.area_m2 for deal in deals), np.float64, len(deals))),
        numeric=np.array([numbers(deal) for deal in deals], np.float64).reshape(len(deals), -1),
        texts=np.array([vocabularies.codes(deal) for deal in deals], np.int64).reshape(len(deals), -1),
    )


def _no_rows() -> Rows:
    empty, floats = np.zeros(0, np.int64), np.zeros(0)
    return Rows(
        deals=np.zeros(0, object),
        **dict.fromkeys(("community", "city", "district", "circle", "day", "known", "digest"), empty),
        log_price=floats,
        log_area=floats,
        numeric=np.zeros((0, 8)),
        texts=np.zeros((0, 4), np.int64),
    )


def _nearest(lng_lat: Floats) -> tuple[Ints, Floats]:
    """For each community the nearest others; a row of -1 is added for the unknown one."""
    n = len(lng_lat)
    codes, km = np.full((n + 1, NEIGHBOURS), -1, np.int64), np.full((n + 1, NEIGHBOURS), np.inf)
    placed = np.flatnonzero(~np.isnan(lng_lat).any(axis=1))
    if len(placed) > 1:
        lng, lat = np.radians(lng_lat[placed]).T
        ball = _EARTH_KM * np.column_stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)])
        k = min(NEIGHBOURS + 1, len(placed))
        far, near = cKDTree(ball).query(ball, k=k)
        own = near == np.arange(len(placed))[:, None]
        own[~own.any(axis=1), -1] = True  # coincident communities may push a place out of its own list
        codes[placed, : k - 1] = placed[near[~own]].reshape(len(placed), k - 1)
        km[placed, : k - 1] = far[~own].reshape(len(placed), k - 1)
    return codes, km


def _point(place: Community | Deal) -> tuple[float, float]:
    return _number(place.longitude), _number(place.latitude)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, np.int64)


def _objects(deals: Sequence[Deal]) -> NDArray[np.object_]:
    array = np.empty(len(deals), object)
    array[:] = deals
    return array
