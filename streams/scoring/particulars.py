"""What is printed of deals beside a value, and cannot be had from the columns that are computed with.

Millions of deals are kept, a few are printed: as objects they would take ten times the memory of everything else.
"""

from collections.abc import Hashable, Sequence
from datetime import date
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from schemas.codes import PropertyType
from schemas.events import Deal
from streams.scoring.attributes import Floats, Ints
from streams.scoring.columns import Column, Register, checksums

K = TypeVar("K", bound=Hashable)

_TYPE, _NAME, _BAND, _SOURCE = range(4)
_WORDS: Final = 4


class Sold(NamedTuple):
    """A deal as it stands beside a value."""

    deal_id: str
    community_id: str
    community_name: str | None
    deal_date: date
    area_m2: float
    unit_price: float
    floor_band: str | None
    source: str


class _Lexicon(Generic[K]):
    """Values of one column, numbered; unlike a `Vocabulary` it gives back exactly what it was given."""

    def __init__(self) -> None:
        self.values: list[K] = []
        self._codes: dict[K, int] = {}

    def code(self, value: K) -> int:
        code = self._codes.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code

    def known(self, value: K) -> int:
        return self._codes.get(value, -1)


class Particulars:
    """One row for each of the market's, in the same order; an id that came again has left its former row."""

    def __init__(self) -> None:
        self.ids = Register()
        self._area: Column[Any] = Column(np.zeros(0))
        self._unit_price: Column[Any] = Column(np.zeros(0))
        self._words: Column[Any] = Column(np.zeros((0, _WORDS), np.int32))
        self._types: _Lexicon[PropertyType] = _Lexicon()
        self._names: _Lexicon[str | None] = _Lexicon()
        self._bands: _Lexicon[str | None] = _Lexicon()
        self._sources: _Lexicon[str] = _Lexicon()

    def append(self, deals: Sequence[Deal]) -> None:
        """Take deals in. None of their ids may be in use."""
        ids = [deal.deal_id for deal in deals]
        self.ids.append(ids, checksums(ids))
        self._area.append(np.array([deal.area_m2 for deal in deals], np.float64))
        self._unit_price.append(np.array([deal.unit_price for deal in deals], np.float64))
        words = [
            (
                self._types.code(deal.property_type),
                self._names.code(deal.community_name),
                self._bands.code(deal.floor_band),
                self._sources.code(deal.source),
            )
            for deal in deals
        ]
        self._words.append(np.array(words, np.int32).reshape(len(deals), _WORDS))

    @property
    def unit_prices(self) -> Floats:
        """In yuan per m²."""
        return self._unit_price.values

    def sold(self, row: int, community_id: str, day: int) -> Sold:
        """The deal of a row, which lies in a community and was closed on a day (its ordinal)."""
        _, name, band, _ = self._words.values[row].tolist()
        return Sold(
            deal_id=self.ids.text(row),
            community_id=community_id,
            community_name=self._names.values[name],
            deal_date=date.fromordinal(day),
            area_m2=float(self._area.values[row]),
            unit_price=float(self._unit_price.values[row]),
            floor_band=self._bands.values[band],
            source=self.source(row),
        )

    def property_type(self, row: int) -> PropertyType:
        """What kind of property was sold."""
        return self._types.values[int(self._words.values[row, _TYPE])]

    def source(self, row: int) -> str:
        """Who delivered the deal."""
        return self._sources.values[int(self._words.values[row, _SOURCE])]

    def source_codes(self, rows: Ints) -> Ints:
        """The places in `source_names` of who delivered these deals."""
        codes: Ints = self._words.values[rows, _SOURCE].astype(np.int64)
        return codes

    @property
    def source_names(self) -> Sequence[str]:
        """All who delivered a deal so far."""
        return self._sources.values

    def of_sources(self, sources: frozenset[str]) -> list[int]:
        """The rows in use of these sources."""
        codes = [code for source in sources if (code := self._sources.known(source)) >= 0]
        rows = self.ids.rows
        found: list[int] = np.sort(rows[np.isin(self.source_codes(rows), codes)]).tolist()
        return found
