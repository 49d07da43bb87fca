"""An immutable part of the history: some deals as flat columns, by community and by deal.

New deals become a new small segment; neighbours of like size are merged. Only `alive` changes: a deal that came anew,
or left, is dead in the older segments. Ids are kept as 64-bit hashes: among five million of them two meet by chance
once in a million histories, and then two deals count as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

_HASH_BYTES: Final = 8
_SIDES: Final[tuple[Literal["left"], Literal["right"]]] = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A deal as it is kept. `month` counts from year 0; `unit_price` in yuan per m²; `source` is a number."""

    deal: int
    community: int
    month: int
    unit_price: float
    source: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Columns in the order of `community`; `by_deal` are the rows in the order of `deal`."""

    community: npt.NDArray[np.int64]
    deal: npt.NDArray[np.int64]
    by_deal: npt.NDArray[np.int32]
    month: npt.NDArray[np.int16]
    unit_price: npt.NDArray[np.float32]
    source: npt.NDArray[np.uint16]
    alive: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.deal)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns: 29 a deal, 145 MB for five million."""
        columns = (self.community, self.deal, self.by_deal, self.month, self.unit_price, self.source, self.alive)
        return sum(column.nbytes for column in columns)

    def kill(self, deals: npt.NDArray[np.int64]) -> None:
        """These deals no longer count here."""
        at = np.searchsorted(self.deal, deals, sorter=self.by_deal)
        within = at < len(self)
        rows = self.by_deal[at[within]]
        self.alive[rows[self.deal[rows] == deals[within]]] = False

    def of(self, community: int) -> "Stretch":
        """The rows of a community."""
        first, last = (int(np.searchsorted(self.community, community, side)) for side in _SIDES)
        rows = slice(first, last)
        return Stretch(
            month=self.month[rows], unit_price=self.unit_price[rows], source=self.source[rows], alive=self.alive[rows]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What is read of the rows of one community: views of the segment's columns."""

    month: npt.NDArray[np.int16]
    unit_price: npt.NDArray[np.float32]
    source: npt.NDArray[np.uint16]
    alive: npt.NDArray[np.bool_]


def hashed(text: str) -> int:
    """An id as a signed number of 64 bits."""
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=_HASH_BYTES).digest(), "big", signed=True)


def segment_of(rows: Sequence[Row]) -> Segment:
    """A segment of rows, each deal once."""
    return _sorted(
        community=np.array([row.community for row in rows], np.int64),
        deal=np.array([row.deal for row in rows], np.int64),
        month=np.array([row.month for row in rows], np.int16),
        unit_price=np.array([row.unit_price for row in rows], np.float32),
        source=np.array([row.source for row in rows], np.uint16),
    )


def merged(one: Segment, other: Segment) -> Segment:
    """One segment of what is alive in two."""
    kept = np.concatenate((one.alive, other.alive))
    return _sorted(
        community=np.concatenate((one.community, other.community))[kept],
        deal=np.concatenate((one.deal, other.deal))[kept],
        month=np.concatenate((one.month, other.month))[kept],
        unit_price=np.concatenate((one.unit_price, other.unit_price))[kept],
        source=np.concatenate((one.source, other.source))[kept],
    )


def _sorted(
    *,
    community: npt.NDArray[np.int64],
    deal: npt.NDArray[np.int64],
    month: npt.NDArray[np.int16],
    unit_price: npt.NDArray[np.float32],
    source: npt.NDArray[np.uint16],
) -> Segment:
    order = np.argsort(community)
    deal = deal[order]
    return Segment(
        community=community[order],
        deal=deal,
        by_deal=np.argsort(deal).astype(np.int32),
        month=month[order],
        unit_price=unit_price[order],
        source=source[order],
        alive=np.ones(len(deal), np.bool_),
    )
