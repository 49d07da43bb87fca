"""Fit a covariance: variances and length scales under which the deals of many small neighbourhoods are most likely."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy import linalg, optimize

from streams.scoring.attributes import Floats
from streams.scoring.covariance import Covariance, Gap, Points, Reals, gaps

_ITERATIONS: Final = 30
_PRIOR_SD: Final = 2.0  # of the logarithm of each parameter about its start: data overrules it, silence does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """Deals of one neighbourhood: their residuals about one prior mean, and the gaps among them."""

    residual: Floats
    gap: Gap


def neighbourhood(deals: Points, residual: Floats) -> Neighbourhood:
    """These deals, with `residual` in their order."""
    return Neighbourhood(residual=residual, gap=gaps(deals[:, None], deals[None, :]))


def fit_covariance(start: Covariance, neighbourhoods: Sequence[Neighbourhood]) -> Covariance:
    """The covariance of greatest likelihood over the neighbourhoods (taken as independent), near `start`."""
    first = _as_vector(start)

    def loss(vector: Floats) -> tuple[float, Floats]:
        covariance = _from_vector(start, vector)
        off = vector - first
        total, slope = float(off @ off) / (2 * _PRIOR_SD**2), off / _PRIOR_SD**2
        for one in neighbourhoods:
            value, gradient = _surprise(covariance, one)
            total += value
            slope = slope + gradient
        return total, slope

    found = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    fitted = _from_vector(start, found.x)
    return replace(
        fitted, variances=_short(fitted.variances), scales=_short(fitted.scales), noise=float(_short(fitted.noise))
    )


def _surprise(covariance: Covariance, one: Neighbourhood) -> tuple[float, Floats]:
    """Negative log likelihood, and its slope by the logarithm of every parameter (Rasmussen & Williams 5.9)."""
    pieces: list[Reals] = []
    for variance, alike in zip(covariance.variances, covariance.of_parts(one.gap), strict=True):
        piece = alike * np.float32(variance)
        np.fill_diagonal(piece, variance)  # a deal is like itself even in what nobody knows of it
        pieces.append(piece)
    n = len(one.residual)
    whole = np.add.reduce(np.array(pieces, np.float64))
    whole[np.diag_indices(n)] += covariance.noise
    factor = linalg.cholesky(whole, lower=True, check_finite=False)
    inverse = linalg.cho_solve((factor, True), np.eye(n), check_finite=False)
    solved = inverse @ one.residual
    value = 0.5 * float(one.residual @ solved) + float(np.log(np.diag(factor)).sum())
    pull = (np.outer(solved, solved) - inverse).astype(np.float32)
    of_variances = [-0.5 * float(np.vdot(pull, piece)) for piece in pieces]
    of_scales = []
    place = 0
    for part, piece in zip(covariance.parts, pieces, strict=True):
        pulled = pull * piece if part.axes else pull
        for axis, (_, power) in part.axes.items():
            scaled = one.gap(axis) * np.float32(1 / covariance.scales[place])
            fading = scaled if power == 1 else scaled * scaled
            np.fill_diagonal(fading, 0)
            of_scales.append(-0.5 * float(np.vdot(pulled, fading)))
            place += 1
    of_noise = -0.5 * covariance.noise * float(np.trace(pull))
    return value, np.array([*of_variances, *of_scales, of_noise])


def _as_vector(covariance: Covariance) -> Floats:
    vector: Floats = np.log(np.concatenate([covariance.variances, covariance.scales, [covariance.noise]]))
    return vector


def _from_vector(like: Covariance, vector: Floats) -> Covariance:
    plain = np.exp(vector)
    count = len(like.parts)
    return replace(like, variances=plain[:count], scales=plain[count:-1], noise=float(plain[-1]))


def _short(values: Any) -> Any:
    """Six digits: what the likelihood can tell apart, and the same on every machine."""
    return np.array([float(f"{value:.6g}") for value in np.atleast_1d(values)]).reshape(np.shape(values))
