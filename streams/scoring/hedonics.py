"""What attributes are worth: one set of effects on the log unit price for a whole segment, learned within communities.

Effects of floor, lift, age and renovation travel between communities and cities; levels do not, so the community's own
level is taken out before fitting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from streams.scoring.attributes import NUMBERS, TEXTS, Floats, Ints, Vocabularies
from streams.scoring.index import within

FIELDS: Final = ("area", "floor_band", "top_without_lift", "building_type", "structure", "total_floors", "has_lift",
                 "built_year", "renovation", "rooms", "halls", "near_metro", "five_years")  # fmt: skip
FACTORS: Final = ("TIME", "AREA", "FLOOR", "BUILDING", "AGE", "RENOVATION", "LAYOUT", "LOCATION", "TAX", "OTHER")
FACTOR_OF_FIELD: Final = ("AREA", "FLOOR", "FLOOR", "BUILDING", "BUILDING", "BUILDING", "BUILDING", "AGE", "RENOVATION",
                          "LAYOUT", "LAYOUT", "LOCATION", "TAX")  # fmt: skip
_TYPICAL_LOG_AREA: Final = 4.4  # 81 m²
_MIN_OF_LEVEL: Final = 30  # deals that show a text; a rarer one stays without effect
_RIDGE: Final = 3.0
_NUMBER = {name: NUMBERS.index(name) for name in NUMBERS}
_TEXT = {name: TEXTS.index(name) for name in TEXTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedonics:
    """`effects[i]` belongs to the column `labels[i]` = (field, text level or power); `centres` make unknown neutral."""

    labels: tuple[tuple[str, str], ...]
    effects: Floats
    centres: Floats

    def contributions(self, log_area: Floats, numeric: Floats, texts: Ints, words: Vocabularies) -> Floats:
        """Effect of each of `FIELDS` on the log price (n x fields), relative to the average; NaN where unknown."""
        columns = design(self.labels, log_area, numeric, texts, words) * self.effects
        result = np.zeros((len(log_area), len(FIELDS)))
        for place, (name, _) in enumerate(self.labels):
            result[:, FIELDS.index(name)] += columns[:, place]
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


def labels_of(numeric: Floats, texts: Ints, words: Vocabularies) -> tuple[tuple[str, str], ...]:
    """The columns that these deals can teach, in a fixed order."""
    labels = [("area", "1"), ("area", "2")]
    for name in TEXTS:
        codes, counts = np.unique(texts[:, _TEXT[name]], return_counts=True)
        common = [
            words.columns[_TEXT[name]].texts[c]
            for c, n in zip(codes, counts, strict=True)
            if c >= 0 and n >= _MIN_OF_LEVEL
        ]
        labels += [(name, level) for level in sorted(common)]
    for name in NUMBERS[1:]:
        known = numeric[:, _NUMBER[name]]
        if (~np.isnan(known)).sum() >= _MIN_OF_LEVEL and np.nanstd(known) > 0:
            labels += [(name, "1")] + ([(name, "2")] if name == "built_year" else [])
    if {("has_lift", "1"), ("floor_band", "顶")} <= set(labels):
        labels.append(("top_without_lift", "1"))
    return tuple(labels)


def design(
    labels: Sequence[tuple[str, str]], log_area: Floats, numeric: Floats, texts: Ints, words: Vocabularies
) -> Floats:
    """The columns of the regression, NaN where unknown. A text the model never learned is unknown too."""
    result = np.empty((len(log_area), len(labels)))
    learned: dict[str, list[int]] = {}
    for name, level in labels:
        if name in _TEXT:
            learned.setdefault(name, []).append(words.columns[_TEXT[name]].known(level))
    for place, (name, level) in enumerate(labels):
        if name in _TEXT:
            codes = texts[:, _TEXT[name]]
            own = words.columns[_TEXT[name]].known(level)
            known = np.isin(codes, [code for code in learned[name] if code >= 0])
            result[:, place] = np.where(known, codes == own, np.nan)
        else:
            result[:, place] = _column(name, log_area, numeric, texts, words) ** int(level)
    return result


def _column(name: str, log_area: Floats, numeric: Floats, texts: Ints, words: Vocabularies) -> Floats:
    if name == "area":
        return log_area - _TYPICAL_LOG_AREA
    if name == "top_without_lift":
        band, lift = texts[:, _TEXT["floor_band"]], numeric[:, _NUMBER["has_lift"]]
        top = np.where(band >= 0, band == words.columns[_TEXT["floor_band"]].known("顶"), np.nan)
        return top * (1 - lift)
    value = numeric[:, _NUMBER[name]]
    if name == "total_floors":
        return np.log(np.maximum(value, 1.0))
    return (value - 2000) / 10 if name == "built_year" else value


def fit_hedonics(
    *, log_area: Floats, numeric: Floats, texts: Ints, words: Vocabularies, community: Ints, log_price: Floats
) -> Hedonics:
    """Effects from time-adjusted log prices; a second pass leaves out what lies far off."""
    labels = labels_of(numeric, texts, words)
    columns = design(labels, log_area, numeric, texts, words)
    _, group = np.unique(community, return_inverse=True)
    x, y = within(columns, group), within(log_price[:, None], group)[:, 0]
    effects: Floats = _ridge(x, y)
    off = np.abs(y - x @ effects)
    keep = off <= 3 * max(1.4826 * np.median(off), 0.02)
    effects = _ridge(x[keep], y[keep]).round(8)
    bare = Hedonics(labels=labels, effects=effects, centres=np.zeros(len(FIELDS)))
    raw = bare.contributions(log_area, numeric, texts, words)
    known = ~np.isnan(raw)
    centres = np.where(known, raw, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Hedonics(labels=labels, effects=effects, centres=np.round(centres, 8))


def _ridge(x: Floats, y: Floats) -> Floats:
    return np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y).astype(np.float64)
