"""What attributes are worth: one set of effects on the log unit price for a whole segment, learned within communities.

Effects of floor, lift, age and renovation travel between communities and cities; levels do not, so the community's own
level is taken out before fitting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from streams.scoring.attributes import FURTHER, NUMBERS, TEXTS, Floats, Ints, Vocabularies
from streams.scoring.index import within

FIELDS: Final = ("area", "floor_band", "top_without_lift", "building_type", "structure", "total_floors", "has_lift",
                 "built_year", "renovation", "rooms", "halls", "near_metro", "five_years", FURTHER)  # fmt: skip
FACTORS: Final = ("TIME", "AREA", "FLOOR", "BUILDING", "AGE", "RENOVATION", "LAYOUT", "LOCATION", "TAX", "FEATURES",
                  "OTHER")  # fmt: skip
FACTOR_OF_FIELD: Final = ("AREA", "FLOOR", "FLOOR", "BUILDING", "BUILDING", "BUILDING", "BUILDING", "AGE", "RENOVATION",
                          "LAYOUT", "LAYOUT", "LOCATION", "TAX", "FEATURES")  # fmt: skip
_TYPICAL_LOG_AREA: Final = 4.4  # 81 m²
_MIN_OF_LEVEL: Final = 30  # deals that show a text; a rarer one stays without effect
_RIDGE: Final = 3.0
_NUMBER = {name: NUMBERS.index(name) for name in NUMBERS}
_TEXT = {name: TEXTS.index(name) for name in TEXTS}


class Described(Protocol):
    """Deals or subjects as columns."""

    @property
    def log_area(self) -> Floats:
        """Log of m²."""

    @property
    def numeric(self) -> Floats:
        """The columns of `NUMBERS`."""

    @property
    def texts(self) -> Ints:
        """The columns of `TEXTS`."""

    @property
    def further(self) -> Floats:
        """The columns that the vocabulary of further numbers names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedonics:
    """`effects[i]` belongs to the column `labels[i]` = (field, text level or power); `centres` make unknown neutral.

    A further number is labelled ("further", its name).
    """

    labels: tuple[tuple[str, str], ...]
    effects: Floats
    centres: Floats

    @property
    def further(self) -> tuple[str, ...]:
        """The names of the further numbers it has learned."""
        return tuple(level for field, level in self.labels if field == FURTHER)

    def contributions(self, of: Described, words: Vocabularies) -> Floats:
        """Effect of each of `FIELDS` on the log price (n x fields), relative to the average; NaN where unknown.

        Of further numbers, which are many and seldom all known, the known ones count.
        """
        columns = design(self.labels, of, words) * self.effects
        result = np.zeros((len(columns), len(FIELDS)))
        for place, (name, _) in enumerate(self.labels):
            result[:, FIELDS.index(name)] += columns[:, place]
        extra = columns[:, [place for place, (name, _) in enumerate(self.labels) if name == FURTHER]]
        result[:, FIELDS.index(FURTHER)] = np.where(np.isnan(extra).all(axis=1), np.nan, np.nansum(extra, axis=1))
        missing = [name for name in FIELDS if name not in {label[0] for label in self.labels}]
        result[:, [FIELDS.index(name) for name in missing]] = np.nan
        return result - self.centres

    def as_json(self) -> dict[str, Any]:
        """Plain values for the artefact."""
        return {
            "labels": [list(label) for label in self.labels],
            "effects": self.effects.tolist(),
            "centres": self.centres.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Hedonics":
        """What `as_json` gave."""
        return cls(
            labels=tuple((field, level) for field, level in stored["labels"]),
            effects=np.array(stored["effects"]),
            centres=np.array(stored["centres"]),
        )


def labels_of(of: Described, words: Vocabularies) -> tuple[tuple[str, str], ...]:
    """The columns that these deals can teach, in a fixed order."""
    labels = [("area", "1"), ("area", "2")]
    for name in TEXTS:
        codes, counts = np.unique(of.texts[:, _TEXT[name]], return_counts=True)
        common = [
            words.columns[_TEXT[name]].texts[c]
            for c, n in zip(codes, counts, strict=True)
            if c >= 0 and n >= _MIN_OF_LEVEL
        ]
        labels += [(name, level) for level in sorted(common)]
    for name in NUMBERS[1:]:
        if _teaches(of.numeric[:, _NUMBER[name]]):
            labels += [(name, "1")] + ([(name, "2")] if name == "built_year" else [])
    if {("has_lift", "1"), ("floor_band", "顶")} <= set(labels):
        labels.append(("top_without_lift", "1"))
    known = sorted(zip(words.further.texts, of.further.T, strict=False), key=lambda pair: pair[0])
    labels += [(FURTHER, name) for name, column in known if _teaches(column)]
    return tuple(labels)


def _teaches(column: Floats) -> bool:
    return bool((~np.isnan(column)).sum() >= _MIN_OF_LEVEL and np.nanstd(column) > 0)


def design(labels: Sequence[tuple[str, str]], of: Described, words: Vocabularies) -> Floats:
    """The columns of the regression, NaN where unknown. A text the model never learned is unknown too."""
    result = np.empty((len(of.log_area), len(labels)))
    learned: dict[str, list[int]] = {}
    for name, level in labels:
        if name in _TEXT:
            learned.setdefault(name, []).append(words.columns[_TEXT[name]].known(level))
    for place, (name, level) in enumerate(labels):
        if name in _TEXT:
            codes = of.texts[:, _TEXT[name]]
            own = words.columns[_TEXT[name]].known(level)
            known = np.isin(codes, [code for code in learned[name] if code >= 0])
            result[:, place] = np.where(known, codes == own, np.nan)
        elif name == FURTHER:
            result[:, place] = compressed(further_column(level, of, words))
        else:
            result[:, place] = _column(name, of, words) ** int(level)
    return result


def further_column(name: str, of: Described, words: Vocabularies) -> Floats:
    """The values of one further number; NaN where unknown."""
    place = words.further.known(name)
    if not 0 <= place < of.further.shape[1]:
        return np.full(len(of.log_area), np.nan)
    column: Floats = of.further[:, place]
    return column


def compressed(values: Floats) -> Floats:
    """Sizes span powers of ten, marks and counts do not: sign · log(1 + |x|) makes one effect fit both."""
    result: Floats = np.sign(values) * np.log1p(np.abs(values))
    return result


def _column(name: str, of: Described, words: Vocabularies) -> Floats:
    if name == "area":
        return of.log_area - _TYPICAL_LOG_AREA
    if name == "top_without_lift":
        band, lift = of.texts[:, _TEXT["floor_band"]], of.numeric[:, _NUMBER["has_lift"]]
        top = np.where(band >= 0, band == words.columns[_TEXT["floor_band"]].known("顶"), np.nan)
        return top * (1 - lift)
    value = of.numeric[:, _NUMBER[name]]
    if name == "total_floors":
        return np.log(np.maximum(value, 1.0))
    return (value - 2000) / 10 if name == "built_year" else value


def fit_hedonics(of: Described, words: Vocabularies, *, group: Ints, log_price: Floats) -> Hedonics:
    """Effects from time-adjusted log prices, learned within groups; a second pass leaves out what lies far off."""
    labels = labels_of(of, words)
    columns = design(labels, of, words)
    x, y = within(columns, group), within(log_price[:, None], group)[:, 0]
    effects: Floats = _ridge(x, y)
    off = np.abs(y - x @ effects)
    keep = off <= 3 * max(1.4826 * np.median(off), 0.02)
    effects = _ridge(x[keep], y[keep]).round(8)
    bare = Hedonics(labels=labels, effects=effects, centres=np.zeros(len(FIELDS)))
    raw = bare.contributions(of, words)
    known = ~np.isnan(raw)
    centres = np.where(known, raw, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Hedonics(labels=labels, effects=effects, centres=np.round(centres, 8))


def _ridge(x: Floats, y: Floats) -> Floats:
    return np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y).astype(np.float64)
