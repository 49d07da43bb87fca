"""Accuracy, F1 of each relation and their plain mean (macro-F1), as in the guide §16.4."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.enrichment.pairs.labelled import RELATIONS, Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Shares in 0..1. A relation that is neither stated nor decided has an F1 of 0, as in scikit-learn."""

    n: int
    accuracy: float
    macro_f1: float
    f1: dict[Relation, float]


def figures(stated: Sequence[int], decided: Sequence[int]) -> Figures:
    """How well decisions agree with what a person said.

    Raises:
        ValueError: There is no pair.
    """
    if not len(stated):
        raise ValueError("there is no pair to score")
    counts = confusion(stated, decided)
    right = np.diag(counts)
    meant = counts.sum(axis=0) + counts.sum(axis=1)
    f1 = np.divide(2.0 * right, meant, out=np.zeros(len(RELATIONS)), where=meant > 0)
    return Figures(
        n=len(stated),
        accuracy=float(right.sum() / len(stated)),
        macro_f1=float(f1.mean()),
        f1={relation: float(f1[relation]) for relation in RELATIONS},
    )


def confusion(stated: Sequence[int], decided: Sequence[int]) -> NDArray[np.int64]:
    """Counts: a row for what was stated, a column for what was decided."""
    counts = np.zeros((len(RELATIONS), len(RELATIONS)), np.int64)
    np.add.at(counts, (np.asarray(stated, np.int64), np.asarray(decided, np.int64)), 1)
    return counts
