"""Running sums along the shelf of a level of places, which a live deal changes in its own places alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from streams.scoring.attributes import Floats, Ints
from streams.scoring.columns import Column
from streams.scoring.market import Shelf


class RunningSums:
    """Of each row two sums over its place: of the rows on the shelf up to it, itself included.

    Kept by row and not by place on the shelf, so that an insertion moves nothing. Sums of a place depend on its rows
    alone, and are to the last digit what they would be had all rows come at once.
    """

    def __init__(self) -> None:
        self._sums: Column[Any] = Column(np.zeros((0, 2)))

    def follow(self, shelf: Shelf, place: Ints, known: Ints, changed: Ints, summed: Callable[[Ints], Floats]) -> None:
        """Take in that rows were put on the shelf or taken off it.

        `place` and `known` are those of all rows; `summed` gives what is summed of rows (n x 2).
        """
        self._sums.append(np.zeros((len(place) - len(self._sums), 2)))
        changed = changed[place[changed] >= 0]
        changed = changed[np.lexsort((known[changed], place[changed]))]
        places, earliest = np.unique(place[changed], return_index=True)
        first, start = shelf.before(places, known[changed[earliest]])
        stop, _ = shelf.before(places + 1, np.zeros(len(places), np.int64))
        sums, order = self._sums.values, shelf.order
        for begin, since, end in zip(first.tolist(), start.tolist(), stop.tolist(), strict=True):
            before = sums[order[since - 1]] if since > begin else np.zeros(2)
            rows = order[since:end]
            sums[rows] = np.cumsum(np.vstack([before, summed(rows)]), axis=0)[1:]

    def before(self, shelf: Shelf, place: Ints, day: Ints) -> tuple[Floats, Floats]:
        """The sums over the rows of places known before days (n x 2), and how many these are."""
        first, last = shelf.before(place, day)
        some = np.flatnonzero(last > first)
        found = np.zeros((len(place), 2))
        found[some] = self._sums.values[shelf.order[last[some] - 1]]
        return found, (last - first).astype(np.float64)
