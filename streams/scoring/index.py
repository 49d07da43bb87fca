"""The price index: how the same flat's price moved, city by city, from repeated deals within communities.

Weekly steps (monthly where deals are few) from a regression with community effects, so that a month in which dearer
districts sell more is not taken for a rise. Log levels by day, damped beyond the last deal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from streams.scoring.attributes import Floats, Ints

_NOISE_SD: Final = 0.10  # of one deal within its community, log, at least; flats have 0.09-0.11, shops far more
_BEND_PER_WEEK: Final = 0.004  # how much weekly growth may change from week to week, one sd
_BEND_PER_MONTH: Final = 0.010
_WEEK, _MONTH = 7, 30
_WEEKLY_FROM: Final = 60  # deals a week that carry weekly steps
_OWN_INDEX_FROM: Final = 200  # deals; a thinner city moves with all others together
_DAMPING_DAYS: Final = 28.0  # a trend is carried on, fading, four weeks at most
ALL_CITIES: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIndex:
    """Log levels by day: `levels[start[c] + day - first]`, one stretch of equal length for each city of `cities`."""

    cities: tuple[str, ...]
    first: int
    levels: Floats  # cities x days; row 0 is all cities together
    last: tuple[int, ...]  # last known day of each city; what stands behind it is outlook
    drift: tuple[float, ...] = ()  # already in `levels`, beyond the last known day

    def rows(self, names: list[str]) -> Ints:
        """For each city name of a vocabulary its row here; the common index where it has none, also for code -1."""
        own = {city: row for row, city in enumerate(self.cities)}
        return np.array([own.get(name, 0) for name in names] + [0], np.int64)

    def at(self, row: Ints, day: Ints, *, drift: bool = True) -> Floats:
        """Log levels. Days outside are read at the nearest end. `drift`: with what `carried` has added."""
        level: Floats = self.levels[row, np.clip(day - self.first, 0, self.levels.shape[1] - 1)]
        if self.drift and not drift:
            level = level - np.array(self.drift)[row] * (day > np.array(self.last)[row])
        return level

    def carried(self, drift: Mapping[str, float]) -> "PriceIndex":
        """With the drift of each city added beyond its last known day; that of all cities where it has none."""
        if not drift:
            return self
        amounts = np.array([drift.get(city, drift.get(ALL_CITIES, 0.0)) for city in self.cities])
        day = self.first + np.arange(self.levels.shape[1])
        levels = self.levels + amounts[:, None] * (day > np.array(self.last)[:, None])
        return replace(self, levels=levels.round(8), drift=tuple(amounts.tolist()))

    def carry(self, city: Ints, names: list[str]) -> Floats:
        """The drift that was added for deals of these cities (codes of `names`)."""
        amounts = np.array(self.drift or (0.0,) * len(self.cities))
        carried: Floats = amounts[self.rows(names)[city]]
        return carried

    def as_json(self) -> dict[str, Any]:
        """Plain values for the artefact."""
        return {
            "cities": list(self.cities),
            "first": self.first,
            "levels": self.levels.tolist(),
            "last": list(self.last),
            "drift": list(self.drift),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PriceIndex":
        """What `as_json` gave."""
        return cls(
            cities=tuple(stored["cities"]),
            first=stored["first"],
            levels=np.array(stored["levels"]),
            last=tuple(stored["last"]),
            drift=tuple(stored["drift"]),
        )


def fit_index(*, day: Ints, city: Ints, names: list[str], group: Ints, log_price: Floats) -> PriceIndex:
    """The index from quality-adjusted log prices of deals that are compared within groups."""
    first, end = int(day.min()), int(day.max()) + int(_DAMPING_DAYS)
    cities, ends, stretches = [ALL_CITIES], [int(day.max())], [_levels(day, group, log_price, first, end)]
    for code in np.unique(city[city >= 0]):
        here = city == code
        if here.sum() >= _OWN_INDEX_FROM:
            cities.append(names[code])
            ends.append(int(day[here].max()))
            stretches.append(_levels(day[here], group[here], log_price[here], first, end))
    return PriceIndex(cities=tuple(cities), first=first, levels=np.array(stretches).round(8), last=tuple(ends))


def _levels(day: Ints, group: Ints, log_price: Floats, first: int, end: int) -> Floats:
    """Daily log levels of one city from `first` to `end`: known to its own last deal, then damped, then level."""
    last = int(day.max())
    weekly = len(day) * _WEEK >= _WEEKLY_FROM * max(1, last - first)
    step, bend = (_WEEK, _BEND_PER_WEEK) if weekly else (_MONTH, _BEND_PER_MONTH)
    knots = np.arange(first, last + step, step)
    _, place = np.unique(group, return_inverse=True)
    curve = _Curve.of(day, knots, place)
    y = within(log_price[:, None], place)[:, 0]
    level = _smooth(curve, y, _NOISE_SD, bend)
    off = np.abs(y - curve.at(level))
    noise = 1.4826 * float(np.median(off))
    keep = np.flatnonzero(off <= 3 * max(noise, 0.02))  # one forced sale must not bend the index
    level = _smooth(curve.taken(keep), y[keep], max(noise, _NOISE_SD), bend)
    known = np.interp(np.arange(first, last + 1), knots, level)
    back = min(len(known) - 1, int(_DAMPING_DAYS))
    slope = (known[-1] - known[-1 - back]) / back if back else 0.0
    ahead = np.minimum(np.arange(1, end - last + 1), _DAMPING_DAYS)
    return np.concatenate([known, known[-1] + slope * _DAMPING_DAYS * (1 - np.exp(-ahead / _DAMPING_DAYS))])


def within(columns: Floats, group: Ints) -> Floats:
    """Columns less their mean within the group; NaN counts for nothing and becomes 0."""
    known = ~np.isnan(columns)
    filled = np.where(known, columns, 0.0)
    size = int(group.max()) + 1 if len(group) else 0
    result = np.empty_like(filled)
    for j in range(columns.shape[1]):
        total = np.bincount(group, filled[:, j], size)
        count = np.bincount(group, known[:, j], size)
        result[:, j] = np.where(known[:, j], filled[:, j] - (total / np.maximum(count, 1))[group], 0.0)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """A piecewise linear curve through knots, seen within groups: the knot before each deal and the share of the next.

    `means` are those of the hats in each group (groups x knots): rows x knots of millions of deals would not fit.
    """

    before: Ints
    share: Floats
    group: Ints
    means: Floats

    @classmethod
    def of(cls, day: Ints, knots: Ints, group: Ints) -> "_Curve":
        """The curve through `knots` at each day."""
        before = np.clip(np.searchsorted(knots, day, side="right") - 1, 0, max(0, len(knots) - 2))
        share = np.zeros(len(day)) if len(knots) == 1 else (day - knots[before]) / (knots[1] - knots[0])
        count = np.maximum(np.bincount(group), 1)[:, None]
        return cls(
            before=before, share=share, group=group, means=_hats(before, share, group, (len(count), len(knots))) / count
        )

    def taken(self, rows: Ints) -> "_Curve":
        """At these deals alone; the means stay those of all."""
        return _Curve(before=self.before[rows], share=self.share[rows], group=self.group[rows], means=self.means)

    def at(self, level: Floats) -> Floats:
        """The curve at each deal less its mean in the group."""
        after = level[np.minimum(self.before + 1, len(level) - 1)]
        curve: Floats = (1 - self.share) * level[self.before] + self.share * after - (self.means @ level)[self.group]
        return curve

    def normal(self, y: Floats) -> tuple[Floats, Floats]:
        """X'X and X'y, X being the hats less their means."""
        groups, size = self.means.shape
        before, share, means = self.before, self.share, self.means
        after = np.minimum(before + 1, size - 1)
        own = np.bincount(before * size + before, (1 - share) ** 2, size * size)
        own += np.bincount(after * size + after, share**2, size * size)
        cross = np.bincount(before * size + after, share * (1 - share), size * size).reshape(size, size)
        sums = _hats(before, share, self.group, (groups, size))
        kept = np.bincount(self.group, minlength=groups)
        squares = own.reshape(size, size) + cross + cross.T - sums.T @ means - means.T @ sums + (means.T * kept) @ means
        towards = np.bincount(before, (1 - share) * y, size) + np.bincount(after, share * y, size)
        return squares, towards - means.T @ np.bincount(self.group, y, groups)


def _hats(before: Ints, share: Floats, group: Ints, shape: tuple[int, int]) -> Floats:
    """Sum of the weights of the knots within each group (groups x knots)."""
    groups, size = shape
    after = np.minimum(before + 1, size - 1)
    flat = np.bincount(group * size + before, 1 - share, groups * size)
    flat = flat + np.bincount(group * size + after, share, groups * size)
    return flat.reshape(groups, size).astype(np.float64, copy=False)


def _smooth(curve: _Curve, y: Floats, noise: float, bend: float) -> Floats:
    """Levels that fit, with bends kept to their prior; the first is 0. `noise`: sd of a deal; `bend`: of a bend."""
    squares, towards = curve.normal(y)
    size = len(towards)
    bends = np.diff(np.eye(size), 2, axis=0) if size > 2 else np.zeros((0, size))  # noqa: PLR2004
    penalty = (noise / bend) ** 2 * bends.T @ bends + 1e-3 * np.eye(size)
    level = np.linalg.solve(squares + penalty, towards).astype(np.float64)
    result: Floats = level - level[0]
    return result
