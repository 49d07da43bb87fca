"""Where things stand on the slip's chart: unit prices on one line, as shares (0–1) of its width."""

import math
from typing import Any

from schemas.events import Resulted

_MARGIN = 0.06  # of the span, on both sides, so that nothing touches the edge
_STEPS = (1, 2, 2.5, 5, 10)
_MOST_TICKS = 6


def chart(result: Resulted) -> dict[str, Any] | None:
    """The range, the value and the comparables of an answer; `None` where there is nothing to compare.

    The range is given in totals and drawn in unit prices. The area of a comparable's dot grows with its weight.
    """
    comparables = result.valuation.comparables if result.valuation else ()
    if not comparables or result.unit_price is None or not result.area_m2:
        return None
    area = float(result.area_m2)
    low, high = (None if total is None else total / area for total in (result.lower, result.upper))
    prices = [result.unit_price, *(row.adjusted_unit_price for row in comparables)]
    shown = [price for price in (*prices, low, high) if price is not None]
    scale = _Scale(min(shown), max(shown))
    return {
        "value": scale.place(result.unit_price),
        "lower": None if low is None else scale.place(low),
        "upper": None if high is None else scale.place(high),
        "dots": [
            {"at": scale.place(row.adjusted_unit_price), "size": round(math.sqrt(max(row.weight, 0.0)), 4)}
            for row in comparables
        ],
        "ticks": [{"at": scale.place(tick), "text": f"{tick:,.0f}"} for tick in scale.ticks()],
    }


class _Scale:
    """Unit prices to places between 0 and 1."""

    def __init__(self, least: float, most: float) -> None:
        margin = (most - least) * _MARGIN or most * _MARGIN or 1.0
        self._least, self._most = least - margin, most + margin

    def place(self, price: float) -> float:
        return round((price - self._least) / (self._most - self._least), 4)

    def ticks(self) -> list[float]:
        """Round prices inside the scale, at most `_MOST_TICKS`."""
        span = self._most - self._least
        magnitude = 10 ** math.floor(math.log10(span / _MOST_TICKS))
        step = next(step * magnitude for step in _STEPS if span / (step * magnitude) <= _MOST_TICKS)
        first = math.ceil(self._least / step)
        last = math.floor(self._most / step)
        return [number * step for number in range(first, last + 1)]
