"""Drift of inputs: the population stability index between a reference sample and the present one.

PSI = Σ (q_j − p_j) · ln(q_j / p_j) over bins; p are the reference's shares, q the present ones, each at least 10⁻⁴
(valuation guide §13). Below 0.10 calm, up to 0.25 look, above act.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

BINS: Final = 10
FLOOR: Final = 1e-4  # an empty bin would make the index infinite
LOOK: Final = 0.10
ACT: Final = 0.25


class Drift(StrEnum):
    """What a PSI calls for."""

    CALM = "CALM"
    LOOK = "LOOK"
    ACT = "ACT"


def verdict(index: float) -> Drift:
    """What an index calls for; the border values belong to LOOK."""
    if index < LOOK:
        return Drift.CALM
    return Drift.LOOK if index <= ACT else Drift.ACT


def psi_of_shares(reference: ArrayLike, present: ArrayLike) -> float:
    """PSI of two lists of shares of the same bins. Raises `ValueError` where they are not."""
    p, q = np.asarray(reference, np.float64).ravel(), np.asarray(present, np.float64).ravel()
    if len(p) != len(q) or not len(p):
        raise ValueError(f"{len(p)} reference shares stand against {len(q)} present ones; both need the same bins")
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def psi(reference: ArrayLike, present: ArrayLike, *, bins: int = BINS) -> float:
    """PSI of a number, over bins that hold equal parts of the reference; what is missing (NaN) is a bin of its own.

    Where the reference has many equal values, some of the bins fall together. Raises `ValueError` for an empty sample.
    """
    before, now = np.asarray(reference, np.float64).ravel(), np.asarray(present, np.float64).ravel()
    stated = before[~np.isnan(before)]
    if not len(stated) or not len(now):
        raise ValueError(f"drift needs both samples; there are {len(stated)} reference and {len(now)} present values")
    edges = np.unique(np.quantile(stated, np.arange(1, bins) / bins))
    return psi_of_shares(_shares(before, edges), _shares(now, edges))


def psi_of_kinds(reference: Sequence[str], present: Sequence[str]) -> float:
    """PSI of a choice (city, channel, which fields were given), each kind a bin. Raises `ValueError` when empty."""
    if not reference or not present:
        raise ValueError(f"drift needs both samples; there are {len(reference)} reference and {len(present)} present")
    before, now = Counter(reference), Counter(present)
    kinds = sorted({*before, *now})
    return psi_of_shares(
        [before[kind] / len(reference) for kind in kinds], [now[kind] / len(present) for kind in kinds]
    )


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Shares per bin, an edge belonging to the bin below it; the last bin counts the missing ones."""
    missing = np.isnan(values)
    places = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(places, minlength=len(edges) + 2) / len(values)
