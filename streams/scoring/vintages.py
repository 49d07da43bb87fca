"""Vintages of the price index: what a model's index said on the day it was trained, kept beside all others.

A vintage bears the version of its model, which begins with its day. It is published once and never changed.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from schemas.errors import PermanentError
from schemas.events import IndexPoint
from streams.scoring.index import ALL_CITIES
from streams.scoring.model import Model

_STEP_DAYS: Final = 7  # the index bends weekly at most
_DAY_DIGITS: Final = 8


class UnknownVintageError(PermanentError):
    """No such vintage was published; the message names those that were."""


def vintage_day(vintage: str) -> date:
    """The day before which everything a vintage knows was known, e.g. 2016-08-31 of `20160831-1a2b3c4d`."""
    digits = vintage[:_DAY_DIGITS]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def segment_key(segment: str, city: str = ALL_CITIES) -> str:
    """How the index of a property type in a city is called; of all cities together without one."""
    return f"{segment}|{city}" if city else segment


def point_key(point: IndexPoint) -> str:
    """The key on the topic: a later vintage never replaces an earlier one."""
    return f"{point.segment}|{point.vintage}|{point.on_date.isoformat()}"


def points_of(model: Model) -> tuple[IndexPoint, ...]:
    """The points of a model's index, weekly and on each city's last known day; nothing of the outlook behind it."""
    index, end = model.layer.index, vintage_day(model.version).toordinal()
    return tuple(
        IndexPoint(
            segment=segment_key(model.segment, city),
            on_date=date.fromordinal(day),
            log_level=float(index.levels[row, day - index.first]),
            vintage=model.version,
        )
        for row, city in enumerate(index.cities)
        for day in _days(index.first, min(index.last[row], end - 1))
    )


def _days(first: int, last: int) -> list[int]:
    return [*range(first, last, _STEP_DAYS), last]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One segment's index in one vintage, in order of days."""

    segment: str
    vintage: str
    points: tuple[IndexPoint, ...]


class Vintages:
    """All published vintages."""

    def __init__(self, points: Iterable[IndexPoint] = ()) -> None:
        self._points: defaultdict[str, defaultdict[str, dict[date, IndexPoint]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for point in points:
            self.put(point)

    def put(self, point: IndexPoint) -> None:
        """Take a point in."""
        self._points[point.segment][point.vintage][point.on_date] = point

    def of(self, segment: str) -> tuple[str, ...]:
        """The vintages of a segment, the oldest first."""
        return tuple(sorted(self._points.get(segment, ())))

    def as_of(self, segment: str, day: date) -> str | None:
        """The vintage that was in force on a day: the newest one that is no younger. `None` where there was none."""
        return max((vintage for vintage in self.of(segment) if vintage_day(vintage) <= day), default=None)

    def curve(self, segment: str, vintage: str) -> Curve:
        """The points of a vintage. Raises `UnknownVintageError`."""
        published = self.of(segment)
        if vintage not in published:
            known = ", ".join(published) or "none"
            raise UnknownVintageError(f"{segment} has no vintage {vintage!r}; published are: {known}")
        points = self._points[segment][vintage]
        return Curve(segment=segment, vintage=vintage, points=tuple(points[day] for day in sorted(points)))
