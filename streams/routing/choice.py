"""Choosing a threshold of certainty on a backtest (valuation guide §10): never by wish, always by what was reached."""

from collections.abc import Sequence
from itertools import groupby
from math import floor
from typing import Final

from schemas.domain.measures import LEAST, wilson
from streams.routing.curve import Case, CurvePoint

NOTHING: Final = 1.0  # a threshold that no value reaches
_STEPS: Final = 10_000  # thresholds are kept to four places, rounded down: what is let through is what was counted


def choose(cases: Sequence[Case], target: float) -> CurvePoint | None:
    """The largest share of the cases, surest first, whose lower Wilson bound of the share within 10 % holds `target`.

    `None` where no share of at least 30 cases does. Equals in certainty are let through together.
    """
    best, taken, near = None, 0, 0
    for least, equals in groupby(sorted(cases, key=lambda case: -case.p10), key=lambda case: _rounded(case.p10)):
        added = list(equals)
        taken, near = taken + len(added), near + sum(case.is_near for case in added)
        lower, upper = wilson(near, taken)
        if taken >= LEAST and lower >= target:
            best = CurvePoint(
                share=taken / len(cases),
                cases=taken,
                min_p10=least,
                within_10=near / taken,
                lower=lower,
                upper=upper,
            )
    return best


def _rounded(p10: float) -> float:
    return floor(p10 * _STEPS) / _STEPS
