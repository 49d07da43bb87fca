"""Prices of communities by month, kept up to date while they are read.

Reading belongs to the event loop, changing to one other thread. A reader sees the segments of one moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np

from producers.gateway.prices.segment import Row, Segment, hashed, merged, segment_of
from schemas.codes import PropertyType
from schemas.domain.provenance import is_judgement
from schemas.events import Deal

FEWEST_DEALS: Final = 3
"""A month with fewer is not shown: one or two deals are somebody's price, and no average."""

_HOMES: Final = frozenset({PropertyType.APARTMENT, PropertyType.VILLA})  # a shop's price says nothing about homes
_TIER: Final = 4  # a segment at least this much larger than the next is left alone: few segments, few merges
_MOST_SOURCES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPrice:
    """A month (YYYY-MM) of a community: the mean unit price in whole yuan per m², of so many deals."""

    month: str
    unit_price: int
    deals: int


class PriceHistory:
    """Deals of homes, 29 bytes each."""

    def __init__(self) -> None:
        self._segments: tuple[Segment, ...] = ()
        self._sources: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(int(segment.alive.sum()) for segment in self._segments)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(segment.nbytes for segment in self._segments)

    def months(self, community_id: str, may_be_shown: Callable[[str], bool]) -> tuple[MonthPrice, ...]:
        """The months of a community that have enough deals from sources that may be shown, oldest first."""
        stretches = [segment.of(hashed(community_id)) for segment in self._segments]
        shown = np.array([may_be_shown(source) for source in tuple(self._sources)], np.bool_)
        counted = [rows.alive & shown[rows.source] for rows in stretches]
        if not any(map(np.any, counted)):
            return ()
        chosen = list(zip(stretches, counted, strict=True))
        months = np.concatenate([rows.month[kept] for rows, kept in chosen])
        prices = np.concatenate([rows.unit_price[kept] for rows, kept in chosen])
        known, which, deals = np.unique(months, return_inverse=True, return_counts=True)
        means = np.bincount(which, weights=prices) / deals
        return tuple(
            MonthPrice(month=_named(int(month)), unit_price=round(float(mean)), deals=int(count))
            for month, mean, count in zip(known, means, deals, strict=True)
            if count >= FEWEST_DEALS
        )

    def apply(self, changes: Mapping[str, Deal | None]) -> None:
        """Take in deals by id; `None` takes one away. The same change again changes nothing."""
        rows = [self._row(deal) for deal in changes.values() if deal is not None and _counts(deal)]
        changed = np.array([hashed(deal_id) for deal_id in changes], np.int64)
        for segment in self._segments:
            segment.kill(changed)
        if rows:
            self._segments = _tiered((*self._segments, segment_of(rows)))

    def _row(self, deal: Deal) -> Row:
        source = self._sources.setdefault(deal.source, len(self._sources))
        if source >= _MOST_SOURCES:
            raise OverflowError(f"more than {_MOST_SOURCES} sources of deals: are their names made up for each row?")
        return Row(
            deal=hashed(deal.deal_id),
            community=hashed(deal.community_id),
            month=deal.deal_date.year * 12 + deal.deal_date.month - 1,
            unit_price=deal.unit_price,
            source=source,
        )


def _counts(deal: Deal) -> bool:
    is_price = isfinite(deal.unit_price) and deal.unit_price > 0
    return is_price and deal.property_type in _HOMES and not is_judgement(deal.source)


def _named(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"


def _tiered(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Merge from the youngest while its elder is not much larger."""
    kept = list(segments)
    while len(kept) > 1 and len(kept[-2]) < _TIER * len(kept[-1]):
        younger, elder = kept.pop(), kept.pop()
        kept.append(merged(elder, younger))
    return tuple(kept)
