"""What a challenger would change, and who was right: the figures a release is decided on. Pure.

Every figure has a name with dots, so that it can be kept with the step: `impact.over_5`, `impact.110105.n`,
`paired.difference`. Shares are fractions of 1. Of fewer than 30 items the count alone is given.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from schemas.domain.contract import APPRAISAL_DISTANCE
from schemas.domain.measures import LEAST, mdape, ppe
from schemas.events import Appraised, ShadowValued

_WITHIN: Final = 0.10
_NOTABLE: Final = {"5": 0.05, "10": 0.10}
_DRAWS: Final = 2_000
_SEED: Final = 20_261_101  # the same outcomes give the same interval
_HALF_TAIL: Final = 2.5  # per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """One past request by both models. `None`: no value. `reviewed`: the policy would ask a person."""

    county_code: str
    champion_value: int | None
    challenger_value: int | None
    champion_reviewed: bool
    challenger_reviewed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One shadow valuation whose house later got a price or an appraisal, in yuan."""

    county_code: str
    champion_value: int
    challenger_value: int
    actual: int


R = TypeVar("R", Rescored, Outcome)


def impact(rows: Sequence[Rescored]) -> dict[str, float]:
    """How values and routing would change, over all and by county."""
    figures = {f"impact.{name}": figure for name, figure in _changes(rows).items()}
    for county, own in _by_county(rows).items():
        figures |= {f"impact.{county}.{name}": figure for name, figure in _changes(own).items()}
    return figures


def paired(rows: Sequence[Outcome]) -> dict[str, float]:
    """Champion and challenger on the same outcomes, over all and by county, with the paired bootstrap's 95 %."""
    figures = {f"paired.{name}": figure for name, figure in _comparison(rows).items()}
    for county, own in _by_county(rows).items():
        figures |= {f"paired.{county}.{name}": figure for name, figure in _comparison(own).items()}
    return figures


def outcomes(
    shadows: Iterable[ShadowValued], appraised: Iterable[Appraised], *, champion: str, challenger: str
) -> list[Outcome]:
    """Shadow valuations of these two artefacts (sha256) with their outcome. The first of each valuation counts.

    Of figures from outside the one reported last; as under C-04, only within 90 days of the value date, and only where
    whoever appraised had not seen our value, which draws every figure to itself and so to the champion's.
    """
    figures: dict[str, list[Appraised]] = defaultdict(list)
    for one in sorted(appraised, key=lambda figure: figure.reported_at):
        if one.valuation_id and one.blind and one.value > 0:
            figures[one.valuation_id].append(one)
    found: dict[str, Outcome] = {}
    for shadow in shadows:
        near = [one.value for one in figures[shadow.valuation_id] if _is_near(one, shadow)]
        of_both = (shadow.champion.artefact_sha256, shadow.challenger.artefact_sha256) == (champion, challenger)
        values = shadow.champion.value, shadow.challenger.value
        if of_both and values[0] and values[1] and near:
            outcome = Outcome(
                county_code=shadow.county_code,
                champion_value=values[0],
                challenger_value=values[1],
                actual=near[-1],
            )
            found.setdefault(shadow.valuation_id, outcome)
    return list(found.values())


def _is_near(figure: Appraised, shadow: ShadowValued) -> bool:
    return abs(figure.on_date - shadow.value_date) <= APPRAISAL_DISTANCE.value


def _by_county(rows: Iterable[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = defaultdict(list)
    for row in rows:
        found[row.county_code].append(row)
    return dict(sorted(found.items()))


def _changes(rows: Sequence[Rescored]) -> dict[str, float]:
    both = [(r.champion_value, r.challenger_value) for r in rows if r.champion_value and r.challenger_value]
    counts = {
        "n": float(len(rows)),
        "lost": float(sum(bool(r.champion_value) and not r.challenger_value for r in rows)),
        "gained": float(sum(not r.champion_value and bool(r.challenger_value) for r in rows)),
        "to_review": float(sum(r.challenger_reviewed and not r.champion_reviewed for r in rows)),
        "to_automatic": float(sum(r.champion_reviewed and not r.challenger_reviewed for r in rows)),
    }
    if len(both) < LEAST:
        return counts
    change = np.array([new / old - 1 for old, new in both])
    size = np.abs(change)
    return counts | {
        "median_change": float(np.median(change)),
        "p90_change": float(np.quantile(size, 0.9)),
        **{f"over_{name}": float((size > limit).mean()) for name, limit in _NOTABLE.items()},
    }


def _comparison(rows: Sequence[Outcome]) -> dict[str, float]:
    if len(rows) < LEAST:
        return {"n": float(len(rows))}
    actual = [row.actual for row in rows]
    old, new = [row.champion_value for row in rows], [row.challenger_value for row in rows]
    hits = [np.abs(np.divide(values, actual) - 1) <= _WITHIN for values in (old, new)]
    gain = hits[1].astype(float) - hits[0].astype(float)
    # a gain is -1, 0 or 1, so drawing the items anew is drawing how many there are of each
    shares = [(gain == step).mean() for step in (-1, 0, 1)]
    draws = np.random.default_rng(_SEED).multinomial(len(gain), shares, size=_DRAWS)
    low, high = np.percentile((draws[:, 2] - draws[:, 0]) / len(gain), [_HALF_TAIL, 100 - _HALF_TAIL])
    return {
        "n": float(len(rows)),
        "champion_ppe10": ppe(old, actual, _WITHIN),
        "challenger_ppe10": ppe(new, actual, _WITHIN),
        "champion_mdape": mdape(old, actual),
        "challenger_mdape": mdape(new, actual),
        "difference": float(gain.mean()),
        "difference_low": float(low),
        "difference_high": float(high),
    }
