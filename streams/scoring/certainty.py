"""How sure a value is: spread, interval, chance within ten per cent, confidence.

All of it is calibrated on deals later than those the model learned from (valuation guide §9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from schemas.domain.contract import DEVIATION
from streams.scoring.attributes import Floats, Ints
from streams.scoring.comparables import FEATURES

COVERAGE: Final = 0.90
NEAR: Final = float(DEVIATION.value)  # `p10` and `ppe10`: within the deviation that the contract allows, ten per cent
METHOD: Final = "conformal-normalised"
P10_REFERENCE: Final = "deal"
FLOOR: Final = 0.01  # added to absolute residuals before the logarithm: a lucky hit says little about the spread
_ONE_SD: Final = 0.683
_FAR_IN_AREA: Final = 0.35  # log: 40 % larger or 30 % smaller than the next in size
_USUAL: Final = (0.01, 0.99)
_CLASSES: Final = 4  # of evidence
_RIDGE: Final = 2.0
_LEAST_OF_CLASS: Final = 100  # a quantile of fewer is luck
_AS_SEEN: Final = 3.0  # standard deviations; a sign counts no further than the window taught
_SILENCE: Final = 180.0  # days that double the error; four weeks cost ten points within 10 % (guide §19.1)
_SURE: Final = (0.01, 0.99)
LEVELS: Final = ((7, 0.90), (6, 0.85), (5, 0.80), (4, 0.75), (3, 0.65), (2, 0.50))
"""置信等级: the level and the least `p10` it promises; below all of them it is 1, and 0 means not scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What a model said of deals it had not learned from: log errors (estimate less deal), and what it knew before."""

    error: Floats
    spread: Floats
    features: Floats
    moved: Floats  # by layer 2
    silent: Floats  # days since the newest deal of the city

    def taken(self, rows: Ints) -> "Outcomes":
        """The outcomes at these places."""
        return Outcomes(**{name: getattr(self, name)[rows] for name in Outcomes.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Of one class of evidence."""

    quantile: float  # of |error| / spread that covers `COVERAGE`
    sd: float  # of |error| / spread that covers 68.3 %
    weights: Floats  # of the logistic regression for p10, the intercept first
    centre: Floats
    scale: Floats
    rows: int

    def as_json(self) -> dict[str, Any]:
        """Plain values for the artefact."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in ((name, getattr(self, name)) for name in self.__slots__)
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Calibration":
        """What `as_json` gave."""
        arrays = {name: np.array(stored[name]) for name in ("weights", "centre", "scale")}
        return cls(quantile=stored["quantile"], sd=stored["sd"], rows=stored["rows"], **arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Calibrated on one window of later weeks, for each class of evidence apart (Mondrian). See `evidence`.

    `sizes`: log areas between which 98 % of the window lay. `silent`: the longest silence in it, in days.
    """

    classes: tuple[Calibration, ...]
    sizes: tuple[float, float]
    silent: float

    def half_width(self, spread: Floats, features: Floats, silent: Floats) -> Floats:
        """Half the interval, on the log scale."""
        return self._of_class("quantile")[evidence(features)] * spread * self.stretch(features, silent)

    def fsd(self, spread: Floats, features: Floats, silent: Floats) -> Floats:
        """Forecast standard deviation of the log error."""
        return self._of_class("sd")[evidence(features)] * spread * self.stretch(features, silent)

    def p10(self, spread: Floats, features: Floats, moved: Floats, silent: Floats) -> Floats:
        """Chance that the value is within ±10 % of the deal price; never quite 0 or 1."""
        kind = evidence(features)
        x = (signs(spread, features, moved) - self._of_class("centre")[kind]) / self._of_class("scale")[kind]
        weights = self._of_class("weights")[kind]
        score = weights[:, 0] + (np.clip(x, -_AS_SEEN, _AS_SEEN) * weights[:, 1:]).sum(axis=1)
        chance: Floats = np.clip(1 / (1 + np.exp(-score)) / self.stretch(features, silent), *_SURE)
        return chance

    def stretch(self, features: Floats, silent: Floats) -> Floats:
        """At least 1: how far a subject lies from what was ever seen, in size and in time.

        No outcome tells how wrong a value is where nothing was sold, or long after the last deal; it is taken to grow
        with the distance. Areas are compared with those of the deals at hand and with the window's; `silent` are days
        since the newest deal of the city became known.
        """
        area = features[:, FEATURES.index("log_area")].astype(np.float64)
        low, high = self.sizes
        outside = np.maximum(low - area, area - high)
        apart = np.nan_to_num(features[:, FEATURES.index("nearest_area")].astype(np.float64))
        size = np.maximum(apart / _FAR_IN_AREA, 1 + outside / _FAR_IN_AREA)
        stretched: Floats = np.maximum(np.maximum(size, 1 + (silent - self.silent) / _SILENCE), 1.0)
        return stretched

    def as_json(self) -> dict[str, Any]:
        """Plain values for the artefact."""
        return {
            "classes": [calibration.as_json() for calibration in self.classes],
            "sizes": list(self.sizes),
            "silent": self.silent,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Certainty":
        """What `as_json` gave."""
        low, high = stored["sizes"]
        return cls(
            classes=tuple(Calibration.from_json(calibration) for calibration in stored["classes"]),
            sizes=(low, high),
            silent=stored["silent"],
        )

    def _of_class(self, name: str) -> Floats:
        return np.array([getattr(calibration, name) for calibration in self.classes])


def evidence(features: Floats) -> Ints:
    """The class of each subject: 0 its community has deals, 1 only neighbours have, 2 only the district or city has.

    3: as 0, and the building is known. A flat of a size that nobody near sold is no better off than one in 2: deals of
    flats half as large say little of it, whoever's they are.
    """
    alike = features[:, FEATURES.index("nearest_area")] <= _FAR_IN_AREA
    here = features[:, FEATURES.index("community_count")] > 0
    near = features[:, FEATURES.index("near_weight")] > 0
    described = ~np.isnan(features[:, FEATURES.index("rooms")])
    return np.where(alike & here, np.where(described, 3, 0), np.where(alike & near, 1, 2))


def calibrate(seen: Sequence[Outcomes]) -> Certainty:
    """Certainty from the outcomes of the calibration window; a class with too few takes those of all."""
    together = Outcomes(
        **{name: np.concatenate([getattr(outcomes, name) for outcomes in seen]) for name in Outcomes.__slots__}
    )
    kind = evidence(together.features)
    low, high = np.quantile(together.features[:, FEATURES.index("log_area")].astype(np.float64), _USUAL).round(6)
    return Certainty(
        sizes=(float(low), float(high)),
        silent=float(together.silent.max()),
        classes=tuple(
            _calibration(together.taken(rows) if len(rows) >= _LEAST_OF_CLASS else together)
            for rows in (np.flatnonzero(kind == each) for each in range(_CLASSES))
        ),
    )


def _calibration(outcomes: Outcomes) -> Calibration:
    ratio = np.abs(outcomes.error) / outcomes.spread
    x = signs(outcomes.spread, outcomes.features, outcomes.moved)
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 0.05)  # what never varied must not decide alone
    hit = (np.abs(np.expm1(outcomes.error)) <= NEAR).astype(np.float64)
    return Calibration(
        quantile=conformal_quantile(ratio, COVERAGE),
        sd=conformal_quantile(ratio, _ONE_SD),
        weights=_doubting((x - centre) / scale, hit).round(6),
        centre=centre.round(6),
        scale=scale.round(6),
        rows=len(outcomes.error),
    )


def _doubting(x: Floats, hit: Floats) -> Floats:
    """Weights of the logistic regression in which no reason for doubt makes surer.

    What is collinear may come out with the wrong sign, and be right as long as all stays as it was; beyond, it would
    call a value the surer the less is known. Such a sign is left out and the rest fitted again.
    """
    kept = np.ones(x.shape[1], bool)
    while True:
        weights = np.zeros(x.shape[1] + 1)
        weights[np.concatenate([[True], kept])] = _logistic(x[:, kept], hit)
        wrong = kept & _DOUBTS & (weights[1:] > 0)
        if not wrong.any():
            return weights
        kept &= ~wrong


def conformal_quantile(scores: Floats, coverage: float) -> float:
    """The score below which a new one falls with at least this chance; the largest where there are too few."""
    ordered = np.sort(scores)
    rank = int(np.ceil((len(ordered) + 1) * coverage))
    return float(ordered[min(rank, len(ordered)) - 1])


def confidence_level(p10: float) -> int:
    """置信等级 1-7 by the published table."""
    return next((level for level, least in LEVELS if p10 >= least), 1)


def signs(spread: Floats, features: Floats, moved: Floats) -> Floats:
    """What tells of certainty (n x signs): spread, evidence, dispersion, and how far layer 2 `moved` the estimate."""
    column = {name: features[:, FEATURES.index(name)].astype(np.float64) for name in _SIGNS}
    return np.column_stack(
        [
            np.log(spread),
            np.log(column["kriged_sd"]),
            np.nan_to_num(column["surprise"], nan=0.08),
            np.nan_to_num(column["near_surprise"], nan=0.08),
            np.abs(column["back_off_gap"]),
            np.log1p(column["community_count"]),
            np.log1p(column["plan_count"]),
            np.log1p(column["near_weight"]),
            np.nan_to_num(column["community_spread"], nan=0.12),
            np.nan_to_num(column["near_spread"], nan=0.2),
            column["group_weight"],
            np.abs(np.nan_to_num(column["plan_gap"])),
            np.abs(moved),
        ]
    )


_SIGNS: Final = (
    "kriged_sd", "surprise", "near_surprise", "back_off_gap",
    "community_count", "plan_count", "near_weight", "community_spread", "near_spread", "group_weight", "plan_gap",
)  # fmt: skip
_DOUBTS: Final = np.array([True, True, True, True, True, False, False, False, True, True, True, True, True])
"""Which of the signs, in the order of `signs`, speak against a value; counts of deals may speak either way."""


def _logistic(x: Floats, hit: Floats) -> Floats:
    """Weights by Newton's method with a small ridge on all but the intercept."""
    design = np.column_stack([np.ones(len(x)), x])
    penalty = np.diag([0.0] + [_RIDGE] * x.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (hit - chance) - penalty @ weights
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + penalty + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:  # noqa: PLR2004 - converged
            break
    result: Floats = weights
    return result
