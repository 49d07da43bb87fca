"""Forecasts as the figures of the validation protocol (valuation guide §8.5): plain values, ready for JSON and tables.

Shares are fractions of 1; `cod` is times 100 by its definition. PRD and PRB are of totals, as the standard has them.
A cut of fewer than `LEAST` items shows its count alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from schemas.domain.measures import (
    LEAST,
    Floats,
    ape,
    bias,
    calibration_error,
    fsd_check,
    interval_coverage,
    mdape,
    measure,
    paired_bootstrap,
    ppe,
    ppe_among_surest,
    reliability,
    risk_coverage,
    wilson,
)
from streams.scoring.answers import Answers, joined
from streams.scoring.certainty import NEAR
from streams.scoring.cuts import CUTS, fifths, first_of
from streams.scoring.disparity import disparity
from streams.scoring.evaluation import Forecast

ANSWERED: Final = (0.5, 0.7, 0.8, 0.9, 0.95)
CURVE: Final = tuple(round(0.05 * step, 2) for step in range(1, 21))
SEED: Final = 17  # of the bootstrap
_TOO_GOOD_COD: Final = 5.0  # IAAO: below it on real sales, the price was probably seen
_TOO_GOOD_PPE10: Final = 0.90  # of deals, among the surest nine tenths: the best ever measured is 0.81


def report(forecasts: Sequence[Forecast]) -> dict[str, Any]:
    """All figures of one setting. Raises `ValueError` without forecasts."""
    answers = joined(forecasts)
    error = ape(answers.value, answers.price)
    hit = error <= NEAR
    figures = {
        **measure(answers.value * answers.area, answers.price * answers.area).as_json(),
        "ppe10_interval": _rounded(wilson(int(hit.sum()), len(hit))),
        "ppe10_at": {f"{share:.0%}".rstrip("%"): _at(error, answers.p10, share) for share in ANSWERED},
        "interval_coverage": round(interval_coverage(answers.lower, answers.upper, answers.price), 4),
        "interval_width": round(answers.half_width.mean(), 4),
        "coverage_by_fifth": [row.get("interval_coverage") for row in _cut(answers, fifths(-answers.p10)).values()],
        "ece_p10": round(calibration_error(answers.p10, hit), 4),
        "fsd_check": round(fsd_check(answers.value, answers.price, answers.fsd), 4),
        "p10_reliability": [_plain(asdict(row)) for row in reliability(answers.p10, hit)],
        "risk_coverage": {
            "share": list(CURVE),
            "by_p10": _rounded(risk_coverage(error, answers.p10, CURVE)),
            "by_comparables": _rounded(risk_coverage(error, answers.comparables, CURVE)),
            "oracle": _rounded(risk_coverage(error, -error, CURVE)),
        },
        **{f"by_{name}": _cut(answers, place(answers)) for name, place in CUTS.items()},
        "disparity": disparity(answers),
        "baselines": {name: _baseline(answers, values, hit) for name, values in answers.baselines.items()},
    }
    return {**figures, "warnings": warnings(figures)}


def warnings(figures: Mapping[str, Any]) -> list[str]:
    """Codes of what makes the figures themselves doubtful."""
    found = {
        "COD_BELOW_5": figures["cod"] < _TOO_GOOD_COD,
        "SUREST_90_WITHIN_10_ABOVE_90": figures["ppe10_at"]["90"] > _TOO_GOOD_PPE10,
        "FEWER_THAN_30": figures["n"] < LEAST,
    }
    return [code for code, applies in found.items() if applies]


def _cut(answers: Answers, groups: Sequence[str]) -> dict[str, dict[str, Any]]:
    names = np.array(groups, object)
    return {name: _row(answers.where(names == name)) for name in first_of(groups)}


def _row(answers: Answers) -> dict[str, Any]:
    n = len(answers)
    if n < LEAST:
        return {"n": n}
    error = ape(answers.value, answers.price)
    return {
        "n": n,
        "mdape": round(mdape(answers.value, answers.price), 4),
        "ppe10": round(ppe(answers.value, answers.price, NEAR), 4),
        "ppe10_interval": _rounded(wilson(int((error <= NEAR).sum()), n)),
        "bias": round(bias(answers.value, answers.price), 4),
        "interval_coverage": round(interval_coverage(answers.lower, answers.upper, answers.price), 4),
        "interval_width": round(answers.half_width.mean(), 4),
    }


def _baseline(answers: Answers, values: Floats, hit: Any) -> dict[str, Any]:
    theirs = ape(values, answers.price) <= NEAR
    gain, interval = paired_bootstrap(hit, theirs, answers.communities, seed=SEED)
    return {
        **measure(values * answers.area, answers.price * answers.area).as_json(),
        "ppe10_gain": round(gain, 4),
        "ppe10_gain_interval": _rounded(interval),
    }


def _at(error: Floats, p10: Floats, share: float) -> float:
    return round(ppe_among_surest(error, p10, share), 4)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value) if isinstance(value, tuple) else round(value, 4) for name, value in row.items()}
