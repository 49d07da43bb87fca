"""Kriging within reach: the best linear forecast of a log price from the deals most like the subject.

The exact Gaussian-process forecast given a subject's nearest deals (Stein, Chi & Welty 2004; Vecchia's approximation);
its price does not grow with the market. Deals far off from what their neighbours say are drawn in (winsorised) before
they count. Each row is solved apart: an answer never depends on the other subjects of a batch.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.scoring.attributes import Floats, Ints
from streams.scoring.covariance import Covariance, Points

_CLIP: Final = 3.0  # leave-one-out standard deviations
_DRAWN_IN: Final = 2  # times
_SUBJECTS: Final = 32  # solved together: their matrices fit the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`value` = Σ `weight` x `counted` (n); the others are n x m, 0 where there is no deal."""

    value: Floats
    sd: Floats  # of the deal price of the subject about `value`, by the covariance
    weight: Floats
    counted: Floats  # residuals as they were counted
    surprise: Floats  # each deal against the forecast of the others, log


def forecast(covariance: Covariance, subjects: Points, deals: Points, row: Ints, residual: Floats) -> Forecast:
    """Forecast the residual of each subject from those of the deals in its row.

    Args:
        covariance: Fitted on residuals of the same kind.
        subjects: n of them.
        deals: All that any subject may look at.
        row: n x m, places in `deals`; -1 where there are fewer.
        residual: n x m log prices about the subject's prior mean.
    """
    pieces = [
        _solved(covariance, subjects[piece], deals, row[piece], residual[piece])
        for piece in (slice(start, start + _SUBJECTS) for start in range(0, len(row), _SUBJECTS))
    ]
    return Forecast(**{name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in Forecast.__slots__})


def _solved(covariance: Covariance, subjects: Points, deals: Points, row: Ints, residual: Floats) -> Forecast:
    held = row >= 0
    near = deals[np.where(held, row, 0)]
    among = covariance.between(near[:, :, None], near[:, None, :])
    among *= held[:, :, None] & held[:, None, :]
    diagonal = np.arange(row.shape[1])
    among[:, diagonal, diagonal] = covariance.total + covariance.noise
    towards = covariance.between(subjects[:, None], near) * held
    # Single precision: the noise keeps the matrices far from singular, and it halves the price of an answer.
    inverse = np.linalg.inv(among).astype(np.float64)
    precision = inverse[:, diagonal, diagonal]
    counted, surprise = _drawn_in(inverse, precision, np.where(held, residual, 0.0))
    weight = _times(inverse, towards.astype(np.float64))
    variance = covariance.total + covariance.noise - (weight * towards).sum(axis=1)
    return Forecast(
        value=(weight * counted).sum(axis=1),
        sd=np.sqrt(np.maximum(variance, covariance.noise)),
        weight=weight,
        counted=counted,
        surprise=surprise,
    )


def _drawn_in(inverse: NDArray[Any], precision: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Residuals with those over `_CLIP` sds from their leave-one-out forecast drawn in, and how far each was off.

    Leave-one-out errors are the solution over the diagonal of the inverse (Sundararajan & Keerthi 2001).
    """
    limit = _CLIP / np.sqrt(precision)
    counted = residual
    for _ in range(_DRAWN_IN):
        others = counted - _times(inverse, counted) / precision
        counted = others + np.clip(residual - others, -limit, limit)
    others = counted - _times(inverse, counted) / precision
    return counted, residual - others


def _times(matrices: NDArray[Any], vectors: Floats) -> Floats:
    product: Floats = np.einsum("nij,nj->ni", matrices, vectors)
    return product
