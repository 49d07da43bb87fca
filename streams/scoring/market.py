"""All deals of one segment in memory, as columns, with what finds those of a place known before a day.

Columns stand in order of arrival and only grow, in place; a `Shelf` keeps the order by place and day beside them, so
that a live deal costs an insertion into two arrays and not a new sort.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any, Final
from zlib import crc32

import numpy as np
from scipy.spatial import cKDTree

from schemas.domain.knowledge import known_from
from schemas.domain.provenance import is_judgement
from schemas.events import Community, Deal
from streams.scoring.arrivals import Arrivals
from streams.scoring.attributes import NUMBERS, TEXTS, Floats, Ints, Vocabularies, Vocabulary, numbers
from streams.scoring.columns import Column
from streams.scoring.particulars import Particulars, Sold

_KNOWN_BITS: Final = 44  # place | day of becoming known (20 bits) | digest of the deal id (24 bits)
_DIGEST_BITS: Final = 24
_DAY_BITS: Final = 20
NEIGHBOURS: Final = 64  # nearest communities with deals that are looked at
_EARTH_KM: Final = 6371.0
_MM_PER_KM: Final = 1e6
LEVELS: Final = ("city", "district", "circle")
_MOST_WAITING: Final = 50_000  # deals held as objects; a load of millions is brought in piece by piece
_YES_OR_NO: Final = frozenset({"has_lift", "near_metro", "five_years"})


@dataclass(slots=True, kw_only=True)
class Rows:
    """Deals as columns, in order of arrival."""

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

    def taken(self, rows: Ints) -> "Rows":
        """The rows at these places, in that order."""
        return Rows(**{name: getattr(self, name)[rows] for name in Rows.__slots__})


class Columns:
    """`Rows` that grow."""

    def __init__(self) -> None:
        empty = _no_rows()
        self._columns: dict[str, Column[Any]] = {name: Column(getattr(empty, name)) for name in Rows.__slots__}

    def append(self, more: Rows) -> None:
        """Add rows, which may know of further numbers that those before do not."""
        for name, column in self._columns.items():
            column.append(getattr(more, name))

    def rows(self) -> Rows:
        """All rows so far, not copied."""
        return Rows(**{name: column.values for name, column in self._columns.items()})


class Shelf:
    """Rows in order of (place, day known, digest). `order[i]` is the row at place i of the order."""

    def __init__(self) -> None:
        self._keys: Column[Any] = Column(np.zeros(0, np.int64))
        self._order: Column[Any] = Column(np.zeros(0, np.int64))

    @property
    def order(self) -> Ints:
        """The rows in order. Good until the next change."""
        return self._order.values

    def insert(self, place: Ints, known: Ints, digest: Ints, rows: Ints) -> None:
        """Put rows in. Rows of no place (-1) are left out."""
        keep = place >= 0
        keys = _keys(place[keep], known[keep], digest[keep])
        sorting = np.argsort(keys, kind="stable")
        at = np.searchsorted(self._keys.values, keys[sorting], side="right")
        self._keys.insert(at, keys[sorting])
        self._order.insert(at, rows[keep][sorting])

    def remove(self, place: Ints, known: Ints, digest: Ints, rows: Ints) -> None:
        """Take out rows that were put in so."""
        keep = place >= 0
        rows = rows[keep]
        at = np.searchsorted(self._keys.values, _keys(place[keep], known[keep], digest[keep]))
        while (other := self.order[at] != rows).any():  # rows may share a key
            at[other] += 1
        at = np.sort(at)
        self._keys.delete(at)
        self._order.delete(at)

    def before(self, place: Ints, day: Ints) -> tuple[Ints, Ints]:
        """From where to where in the order lie the rows of `place` known before `day`. Empty for place -1."""
        first, keys = place << _KNOWN_BITS, self._keys.values
        return np.searchsorted(keys, first), np.searchsorted(keys, first | (day << _DIGEST_BITS))


def _keys(place: Ints, known: Ints, digest: Ints) -> Ints:
    return (place << _KNOWN_BITS) | (known << _DIGEST_BITS) | digest


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
    """The deals of one segment. `put` and `remove` take note; `settle` brings them into the columns.

    A deal keeps the city, district and circle that its community lay in when it was settled: where the dictionary moves
    a community later, its older deals stay in the means of the former places until they are loaded again.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.vocabularies = Vocabularies()
        self._columns = Columns()
        self.rows = self._columns.rows()
        self.particulars = Particulars()
        self.by_community = Shelf()
        self.by_level = {level: Shelf() for level in LEVELS}
        self.arrivals = Arrivals()
        self._removed: Column[Any] = Column(np.zeros(0, np.int64))
        self._waiting: dict[str, Deal | None] = {}
        self._occupied: Counter[int] = Counter()  # deals of each community that has any
        self._moves = 0  # grows whenever a community gets its first deal or loses its last one
        self._tree: tuple[tuple[int, int], Ints, cKDTree] | None = None
        self.version = 0

    def put(self, deal: Deal) -> None:
        """A deal counts from the next `settle` on; it replaces one of the same id."""
        self._waiting[deal.deal_id] = deal
        if len(self._waiting) >= _MOST_WAITING:
            self.settle()

    def remove(self, deal_id: str) -> None:
        """Forget a deal. Nothing happens if it is not there."""
        if deal_id in self._waiting or self.particulars.ids.row(deal_id) >= 0:
            self._waiting[deal_id] = None

    def __contains__(self, deal_id: str) -> bool:
        if deal_id in self._waiting:
            return self._waiting[deal_id] is not None
        return self.particulars.ids.row(deal_id) >= 0

    def __len__(self) -> int:
        return len(self.particulars.ids)

    @property
    def removed(self) -> Ints:
        """Rows that count no longer, in the order in which they went; they keep their place among `rows`."""
        return self._removed.values

    def sold(self, row: int) -> Sold:
        """The deal of a row as it is printed."""
        community = self.places.communities.texts[self.rows.community[row]]
        return self.particulars.sold(row, community, int(self.rows.day[row]))

    def taken_out(self, sources: frozenset[str]) -> dict[str, Deal]:
        """Remove and return the deals of these sources, by id, with all that a `Market` looks at."""
        self.settle()
        taken = [self._deal(row) for row in self.particulars.of_sources(sources)]
        for deal in taken:
            self.remove(deal.deal_id)
        return {deal.deal_id: deal for deal in taken}

    def _deal(self, row: int) -> Deal:
        rows, sold, words = self.rows, self.sold(row), self.vocabularies
        text = {
            name: column.texts[code]
            for name, column, code in zip(TEXTS, words.columns, rows.texts[row].tolist(), strict=True)
            if code >= 0
        }
        number = _known(NUMBERS, rows.numeric[row])
        told: dict[str, Any] = {
            **sold._asdict(),
            **{name: bool(value) if name in _YES_OR_NO else int(value) for name, value in number.items()},
            **{name: stated for name, stated in text.items() if name != "floor_band"},  # `sold` has it as it was stated
            "district": _name_within_city(self.places.districts, int(rows.district[row])),
            "business_circle": _name_within_city(self.places.circles, int(rows.circle[row])),
        }
        return Deal(
            **told,
            city=self.places.cities.texts[rows.city[row]] if rows.city[row] >= 0 else "",
            property_type=self.particulars.property_type(row),
            known_on=date.fromordinal(int(rows.known[row])),
            further=_known(words.further.texts, rows.further[row]),
        )

    def neighbours(self, community: Ints) -> Ints:
        """The nearest other communities with deals (n x `NEIGHBOURS`), nearest first; -1 where there are none.

        Those equally far, to the millimetre, stand in order of their ids, whatever order they came in.
        """
        result = np.full((len(community), NEIGHBOURS), -1, np.int64)
        codes, tree = self._placed()
        points = self.places.on_globe(community)
        placed = np.flatnonzero(~np.isnan(points[:, 0]))
        if len(codes) and len(placed):
            km, near = tree.query(points[placed], k=range(1, min(NEIGHBOURS + 1, len(codes)) + 1))
            own = codes[near] == community[placed, None]
            order = np.lexsort((near, np.rint(km * _MM_PER_KM), own), axis=1)[:, :NEIGHBOURS]
            found = np.take_along_axis(np.where(own, -1, codes[near]), order, axis=1)
            result[placed, : found.shape[1]] = found
        return result

    def _placed(self) -> tuple[Ints, cKDTree]:
        """Communities that have deals and coordinates by id, and the tree of them; built anew when either changed."""
        state = (self.places.version, self._moves)
        if self._tree is None or self._tree[0] != state:
            codes = np.array(sorted(self._occupied, key=self.places.communities.texts.__getitem__), np.int64)
            points = self.places.on_globe(codes)
            here = ~np.isnan(points[:, 0])
            self._tree = (state, codes[here], cKDTree(points[here], balanced_tree=False))
        return self._tree[1:]

    def settle(self) -> None:
        """Bring what waits into the columns. Free when nothing does."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._forget([deal_id for deal_id in waiting if self.particulars.ids.row(deal_id) >= 0])
        # Sorted by id: codes and columns must not depend on the order in which partitions were read.
        fresh = sorted((deal for deal in waiting.values() if deal is not None), key=lambda deal: deal.deal_id)
        more = rows_of(fresh, self.places, self.vocabularies)
        self._count(more.community, 1)
        serials = np.arange(len(self.rows), len(self.rows) + len(more))
        self._columns.append(more)
        self.rows = self._columns.rows()
        self.particulars.append(fresh)
        for city, source, known, count in self._arrivals_of(serials):
            self.arrivals.put(city, source, known, count)
        for level, shelf in self._shelves():
            shelf.insert(getattr(more, level), more.known, more.digest, serials)
        self.version += 1

    def _forget(self, ids: Sequence[str]) -> None:
        gone = np.array([self.particulars.ids.row(deal_id) for deal_id in ids], np.int64)
        if not len(gone):
            return
        rows = self.rows.taken(gone)
        for level, shelf in self._shelves():
            shelf.remove(getattr(rows, level), rows.known, rows.digest, gone)
        for city, source, known, count in self._arrivals_of(gone):
            self.arrivals.remove(city, source, known, count)
        self._count(rows.community, -1)
        self.particulars.ids.forget(ids)
        self._removed.append(gone)

    def _count(self, community: Ints, step: int) -> None:
        """Take note of so many deals of communities that came (1) or went (-1)."""
        codes, counts = np.unique(community, return_counts=True)
        before = len(self._occupied)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            self._occupied[code] += step * count
            if not self._occupied[code]:
                del self._occupied[code]
        self._moves += len(self._occupied) != before  # one call adds only or takes away only

    def _shelves(self) -> tuple[tuple[str, Shelf], ...]:
        return (("community", self.by_community), *self.by_level.items())

    def _arrivals_of(self, rows: Ints) -> Iterator[tuple[str, str, int, int]]:
        """City, source, day of becoming known and how many; none of deals whose city nobody knows."""
        rows = rows[self.rows.city[rows] >= 0]
        cities, sources = self.places.cities.texts, self.particulars.source_names
        pair = self.rows.city[rows] * len(sources) + self.particulars.source_codes(rows)
        keys, counts = np.unique((pair << _DAY_BITS) | self.rows.known[rows], return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            city, source = divmod(key >> _DAY_BITS, len(sources))
            yield cities[city], sources[source], key & ((1 << _DAY_BITS) - 1), count


def places_of(communities: Iterable[Community]) -> Places:
    """The dictionary as the layers see it."""
    places = Places()
    for community in sorted(communities, key=lambda row: row.community_id):
        places.put(community)
    return places


def market_of(deals: Iterable[Deal], places: Places) -> Market:
    """All these deals, settled. Judgements among them are left out: they are no deals."""
    market = Market(places)
    for deal in deals:
        if not is_judgement(deal.source):
            market.put(deal)
    market.settle()
    return market


def rows_of(deals: Sequence[Deal], places: Places, vocabularies: Vocabularies) -> Rows:
    """Deals as columns. A deal without `known_on` is known on its own day, so it serves from the next day on."""
    community = np.fromiter((places.put_deal(deal) for deal in deals), np.int64, len(deals))
    if not deals:
        return _no_rows()
    parents = places.parents(community)
    vocabularies.learn_further(deals)
    return Rows(
        community=community,
        city=parents[:, 0],
        district=parents[:, 1],
        circle=parents[:, 2],
        day=_ints(deal.deal_date.toordinal() for deal in deals),
        known=_ints(known_from(deal.deal_date, deal.known_on).toordinal() for deal in deals),
        digest=_ints(crc32(deal.deal_id.encode()) >> (32 - _DIGEST_BITS) for deal in deals),
        log_price=np.log(np.fromiter((deal.unit_price for deal in deals), np.float64, len(deals))),
        log_area=np.log(np.fromiter((deal.area_m2 for deal in deals), np.float64, len(deals))),
        numeric=np.array([numbers(deal) for deal in deals], np.float64).reshape(len(deals), -1),
        texts=np.array([vocabularies.codes(deal) for deal in deals], np.int64).reshape(len(deals), -1),
        further=vocabularies.further_of(deals),
    )


def _no_rows() -> Rows:
    empty, floats = np.zeros(0, np.int64), np.zeros(0)
    return Rows(
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


def _name_within_city(vocabulary: Vocabulary, code: int) -> str | None:
    return vocabulary.texts[code].split("|", 1)[1] if code >= 0 else None


def _known(names: Sequence[str], values: Floats) -> dict[str, float]:
    """Of as many names as there are values, those whose value is known."""
    return {name: value for name, value in zip(names, values.tolist(), strict=False) if not isnan(value)}
