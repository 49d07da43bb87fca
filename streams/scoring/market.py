"""All deals of one segment in memory, as columns, with what finds those of a place known before a day.

Columns stand in order of arrival and only grow; a `Shelf` keeps the order by place and day beside them, so that a
live deal costs an insertion into two arrays and not a new sort.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from schemas.events import Community, Deal
from streams.scoring.arrivals import Arrivals
from streams.scoring.attributes import Floats, Ints, Vocabularies, Vocabulary, numbers

_KNOWN_BITS: Final = 44  # place | day of becoming known (20 bits) | digest of the deal id (24 bits)
_DIGEST_BITS: Final = 24
NEIGHBOURS: Final = 64  # nearest communities with deals that are looked at
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
    further: Floats

    def __len__(self) -> int:
        return len(self.day)

    def joined(self, more: "Rows") -> "Rows":
        """These rows and then `more`, which may know of further numbers that these do not."""
        columns = {name: (getattr(self, name), getattr(more, name)) for name in Rows.__slots__}
        columns["further"] = (_widened(self.further, more.further.shape[1]), more.further)
        return Rows(**{name: np.concatenate(pair) for name, pair in columns.items()})

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
    """The community dictionary as numbers: codes of places and coordinates. Shared by all segments.

    A code is never given up: what a deal or a row of the dictionary told of a community stays until told otherwise.
    """

    def __init__(self) -> None:
        self.communities, self.cities, self.districts, self.circles = (Vocabulary() for _ in range(4))
        self._parents: list[tuple[int, int, int]] = []
        self._points: list[tuple[float, float]] = []
        self._areas: list[tuple[float, float]] = []
        self._complete: set[int] = set()
        self._tables: tuple[Ints, Floats, Floats] | None = None
        self.version = 0

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

    def on_globe(self, code: Ints) -> Floats:
        """Where communities lie, in km from the middle of the earth (… x 3); NaN where unknown."""
        return self._table()[2][code]

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
            self._changed()
        return code

    def _note(self, code: int) -> None:
        if -1 not in self._parents[code] and not np.isnan(self._points[code]).any():
            self._complete.add(code)
        self._changed()

    def _changed(self) -> None:
        self._tables = None
        self.version += 1

    def _table(self) -> tuple[Ints, Floats, Floats]:
        if self._tables is None:
            parents = np.array([*self._parents, (-1, -1, -1)], np.int64)
            points = np.array([*self._points, (np.nan, np.nan)])
            self._tables = parents, points, _on_globe(points)
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
        self.arrivals = Arrivals()
        self._row_of: dict[str, int] = {}
        self._waiting: dict[str, Deal | None] = {}
        self._occupied: set[int] = set()  # communities that ever had a deal
        self._tree: tuple[tuple[int, int], Ints, cKDTree] | None = None
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

    def neighbours(self, community: Ints) -> Ints:
        """The nearest other communities with deals (n x `NEIGHBOURS`), nearest first; -1 where there are none."""
        result = np.full((len(community), NEIGHBOURS), -1, np.int64)
        codes, tree = self._placed()
        points = self.places.on_globe(community)
        placed = np.flatnonzero(~np.isnan(points[:, 0]))
        if len(codes) and len(placed):
            _, near = tree.query(points[placed], k=range(1, min(NEIGHBOURS + 1, len(codes)) + 1))
            own = codes[near] == community[placed, None]
            last = np.argsort(own, axis=1, kind="stable")[:, :NEIGHBOURS]
            found = np.take_along_axis(np.where(own, -1, codes[near]), last, axis=1)
            result[placed, : found.shape[1]] = found
        return result

    def _placed(self) -> tuple[Ints, cKDTree]:
        """Communities that have deals and coordinates, and the tree that finds them; built anew when either grew."""
        state = (self.places.version, len(self._occupied))
        if self._tree is None or self._tree[0] != state:
            codes = np.array(sorted(self._occupied), np.int64)
            points = self.places.on_globe(codes)
            here = ~np.isnan(points[:, 0])
            self._tree = (state, codes[here], cKDTree(points[here], balanced_tree=False))
        return self._tree[1:]

    def settle(self) -> None:
        """Bring what waits into the columns. Free when nothing does."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        gone = [self._row_of.pop(deal_id) for deal_id in waiting if deal_id in self._row_of]
        if gone:
            for shelf in (self.by_community, *self.by_level.values()):
                shelf.remove(np.array(gone))
            for arrival in self._arrivals_of(self.rows.taken(np.array(gone))):
                self.arrivals.remove(*arrival)
        # Sorted by id: codes and columns must not depend on the order in which partitions were read.
        fresh = sorted((deal for deal in waiting.values() if deal is not None), key=lambda deal: deal.deal_id)
        more = rows_of(fresh, self.places, self.vocabularies)
        self._occupied.update(more.community.tolist())
        serials = np.arange(len(self.rows), len(self.rows) + len(more))
        self._row_of.update(zip((deal.deal_id for deal in fresh), serials.tolist(), strict=True))
        self.rows = self.rows.joined(more)
        self.unit_prices = np.exp(self.rows.log_price)
        for arrival in self._arrivals_of(more):
            self.arrivals.put(*arrival)
        self.by_community.insert(more.community, more.known, more.digest, serials)
        for level, shelf in self.by_level.items():
            shelf.insert(getattr(more, level), more.known, more.digest, serials)
        self.version += 1

    def _arrivals_of(self, rows: Rows) -> Iterator[tuple[str, str, int]]:
        """City, source and day of becoming known; none of a deal whose city nobody knows."""
        cities = self.places.cities.texts
        for deal, city, known in zip(rows.deals, rows.city.tolist(), rows.known.tolist(), strict=True):
            if city >= 0:
                yield cities[city], deal.source, known


def rows_of(deals: Sequence[Deal], places: Places, vocabularies: Vocabularies) -> Rows:
    """Deals as columns. A deal without `known_on` is known on its own day, so it serves from the next day on."""
    community = np.fromiter((places.put_deal(deal) for deal in deals), np.int64, len(deals))
    if not deals:
        return _no_rows()
    parents = places.parents(community)
    vocabularies.learn_further(deals)
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
        further=vocabularies.further_of(deals),
    )


def _widened(columns: Floats, width: int) -> Floats:
    return np.pad(columns, ((0, 0), (0, max(0, width - columns.shape[1]))), constant_values=np.nan)


def _no_rows() -> Rows:
    empty, floats = np.zeros(0, np.int64), np.zeros(0)
    return Rows(
        deals=np.zeros(0, object),
        **dict.fromkeys(("community", "city", "district", "circle", "day", "known", "digest"), empty),
        log_price=floats,
        log_area=floats,
        numeric=np.zeros((0, 8)),
        texts=np.zeros((0, 4), np.int64),
        further=np.zeros((0, 0)),
    )


def _on_globe(lng_lat: Floats) -> Floats:
    """Points on a ball of the earth's size: straight distances are right to a millimetre within a city."""
    lng, lat = np.radians(lng_lat).T
    ball: Floats = _EARTH_KM * np.column_stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)])
    return ball


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
