"""How sure a value is: spread, interval, chance within ten per cent, confidence.

All of it is calibrated on deals later than those the model learned from (valuation guide §9).
"""

from collections.abc import Sequence
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
_CLASSES: Final = 4  # of evidence
_RIDGE: Final = 2.0
_LEAST_OF_CLASS: Final = 100  # a quantile of fewer is luck
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
    """Calibrated on one window of later weeks, for each class of evidence apart (Mondrian). See `evidence`."""

    classes: tuple[Calibration, ...]

    def half_width(self, spread: Floats, features: Floats) -> Floats:
        """Half the interval, on the log scale."""
        return self._of_class("quantile")[evidence(features)] * spread

    def fsd(self, spread: Floats, features: Floats) -> Floats:
        """Forecast standard deviation of the log error."""
        return self._of_class("sd")[evidence(features)] * spread

    def p10(self, spread: Floats, features: Floats, moved: Floats) -> Floats:
        """Chance that the value is within ±10 % of the deal price; never quite 0 or 1."""
        kind = evidence(features)
        x = (signs(spread, features, moved) - self._of_class("centre")[kind]) / self._of_class("scale")[kind]
        weights = self._of_class("weights")[kind]
        score = weights[:, 0] + (x * weights[:, 1:]).sum(axis=1)
        chance: Floats = np.clip(1 / (1 + np.exp(-score)), *_SURE)
        return chance

    def as_json(self) -> list[dict[str, Any]]:
        """Plain values for the artefact."""
        return [calibration.as_json() for calibration in self.classes]

    @classmethod
    def from_json(cls, stored: list[dict[str, Any]]) -> "Certainty":
        """What `as_json` gave."""
        return cls(classes=tuple(Calibration.from_json(calibration) for calibration in stored))

    def _of_class(self, name: str) -> Floats:
        return np.array([getattr(calibration, name) for calibration in self.classes])


def evidence(features: Floats) -> Ints:
    """The class of each subject: 0 its community has deals, 1 only neighbours have, 2 only the district or city has.

    3: as 0, and the building is known.
    """
    here = features[:, FEATURES.index("community_count")] > 0
    near = features[:, FEATURES.index("near_weight")] > 0
    described = ~np.isnan(features[:, FEATURES.index("rooms")])
    return np.where(here, np.where(described, 3, 0), np.where(near, 1, 2))


def calibrate(seen: Sequence[Outcomes]) -> Certainty:
    """Certainty from the outcomes of the calibration window; a class with too few takes those of all."""
    together = Outcomes(
        **{name: np.concatenate([getattr(outcomes, name) for outcomes in seen]) for name in Outcomes.__slots__}
    )
    kind = evidence(together.features)
    return Certainty(
        classes=tuple(
            _calibration(together.taken(rows) if len(rows) >= _LEAST_OF_CLASS else together)
            for rows in (np.flatnonzero(kind == each) for each in range(_CLASSES))
        )
    )


def _calibration(outcomes: Outcomes) -> Calibration:
    ratio = np.abs(outcomes.error) / outcomes.spread
    x = signs(outcomes.spread, outcomes.features, outcomes.moved)
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 0.05)  # what never varied must not decide alone
    hit = (np.abs(np.expm1(outcomes.error)) <= NEAR).astype(np.float64)
    return Calibration(
        quantile=conformal_quantile(ratio, COVERAGE),
        sd=conformal_quantile(ratio, _ONE_SD),
        weights=_logistic((x - centre) / scale, hit).round(6),
        centre=centre.round(6),
        scale=scale.round(6),
        rows=len(outcomes.error),
    )


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
