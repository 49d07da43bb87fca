"""Accuracy of values against a reference (deal prices or manual values): the trade's measures, in one place.

`v` are estimates, `a` the reference, r = v/a. Definitions: IAAO Standard on Ratio Studies; valuation guide §3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Z95: Final = 1.959964
LEAST: Final = 30  # a statistic of fewer items is an anecdote; print the count alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """All measures of one set of items. Shares and ratios, not per cent (only `cod` is ×100 by its definition)."""

    n: int
    mdape: float
    ppe5: float
    ppe10: float
    ppe20: float
    bias: float
    cod: float
    prd: float
    prb: float
    prb_interval: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to what such figures can bear; what is not defined becomes `None`."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in {"n", "prb_interval"}}
        low, high = self.prb_interval
        return {
            "n": self.n,
            **{name: _rounded(value) for name, value in plain.items()},
            "prb_interval": [_rounded(low), _rounded(high)],
        }


def measure(estimates: ArrayLike, references: ArrayLike) -> Measures:
    """All measures. Raises `ValueError` listing every fault of the input."""
    v, a = checked(estimates, references)
    slope, half = prb(v, a)
    return Measures(
        n=len(v),
        mdape=mdape(v, a),
        ppe5=ppe(v, a, 0.05),
        ppe10=ppe(v, a, 0.10),
        ppe20=ppe(v, a, 0.20),
        bias=bias(v, a),
        cod=cod(v, a),
        prd=prd(v, a),
        prb=slope,
        prb_interval=(slope - half, slope + half),
    )


def ape(estimates: ArrayLike, references: ArrayLike) -> Floats:
    """Absolute percentage errors |v/a - 1|; the reference is the denominator."""
    v, a = checked(estimates, references)
    return np.abs(v / a - 1)


def mdape(estimates: ArrayLike, references: ArrayLike) -> float:
    """误差中位数: the median of `ape`."""
    return float(np.median(ape(estimates, references)))


def ppe(estimates: ArrayLike, references: ArrayLike, within: float) -> float:
    """Share of items with `ape` at most `within` (0.10: within ten per cent, the border included)."""
    return float((ape(estimates, references) <= within + 1e-12).mean())


def bias(estimates: ArrayLike, references: ArrayLike) -> float:
    """Median ratio less one."""
    v, a = checked(estimates, references)
    return float(np.median(v / a) - 1)


def cod(estimates: ArrayLike, references: ArrayLike) -> float:
    """Coefficient of dispersion: 100 x mean absolute deviation from the median ratio, over the median ratio."""
    v, a = checked(estimates, references)
    ratio = v / a
    middle = np.median(ratio)
    return float(100 * np.abs(ratio - middle).mean() / middle)


def prd(estimates: ArrayLike, references: ArrayLike) -> float:
    """Price-related differential: mean ratio over weighted ratio; above 1.03 dear homes are under-valued."""
    v, a = checked(estimates, references)
    return float((v / a).mean() / (v.sum() / a.sum()))


def prb(estimates: ArrayLike, references: ArrayLike) -> tuple[float, float]:
    """Price-related bias: change of the ratio per doubling of value, and half its 95 % interval.

    NaN where it is not defined: fewer than three items, or all of one value.
    """
    v, a = checked(estimates, references)
    ratio = v / a
    middle = np.median(ratio)
    x = np.log2(0.5 * v / middle + 0.5 * a)
    y = (ratio - middle) / middle
    x = x - x.mean()
    squares = float(x @ x)
    if len(v) < 3 or squares < 1e-18:  # noqa: PLR2004 - a slope and its error need three points
        return float("nan"), float("nan")
    slope = float(x @ y) / squares
    rest = y - y.mean() - slope * x
    error = sqrt(float(rest @ rest) / (len(v) - 2) / squares)
    return slope, _t95(len(v) - 2) * error


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Interval of a share by Wilson's score; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    centre = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def interval_coverage(lower: ArrayLike, upper: ArrayLike, references: ArrayLike) -> float:
    """Share of references inside their interval, borders included."""
    low, high, a = (np.asarray(values, np.float64) for values in (lower, upper, references))
    return float(((low <= a) & (a <= high)).mean())


def calibration_error(chances: ArrayLike, hits: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: mean gap between forecast and observed share in `bins` of equal width, by count."""
    p, hit = np.asarray(chances, np.float64), np.asarray(hits, np.float64)
    place = np.minimum((p * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, p, bins) - np.bincount(place, hit, bins))
    return float(gap[count > 0].sum() / len(p))


def ppe_among_surest(errors: ArrayLike, chances: ArrayLike, share: float, within: float = 0.10) -> float:
    """Share within `within` among the `share` of items with the highest chance: a point of the risk-coverage curve."""
    error, p = np.asarray(errors, np.float64), np.asarray(chances, np.float64)
    surest = np.argsort(-p, kind="stable")[: max(1, round(len(p) * share))]
    return float((error[surest] <= within + 1e-12).mean())


def risk_coverage(errors: ArrayLike, order: ArrayLike, shares: Sequence[float], within: float = 0.10) -> list[float]:
    """The risk-coverage curve: share within `within` among each share of items, those of the highest `order` first."""
    return [ppe_among_surest(errors, order, share, within) for share in shares]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A row of the reliability table: what was forecast for the items of a bin, and what came of them."""

    n: int
    forecast: float
    observed: float
    interval: tuple[float, float]


def reliability(chances: ArrayLike, hits: ArrayLike, bins: int = 10) -> list[Reliability]:
    """The reliability table in bins of equal width, those that are not empty; the interval is Wilson's."""
    p, hit = np.asarray(chances, np.float64), np.asarray(hits, bool)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return [
        Reliability(
            n=int(here.sum()),
            forecast=float(p[here].mean()),
            observed=float(hit[here].mean()),
            interval=wilson(int(hit[here].sum()), int(here.sum())),
        )
        for here in (place == at for at in range(bins))
        if here.any()
    ]


def fsd_check(estimates: ArrayLike, references: ArrayLike, fsd: ArrayLike) -> float:
    """The 68.3 % quantile of |ln(a/v)| / fsd: 1 where the forecast standard deviations keep their promise."""
    v, a = checked(estimates, references)
    return float(np.quantile(np.abs(np.log(a / v)) / np.asarray(fsd, np.float64), 0.683))


def median_interval(values: ArrayLike, z: float = Z95) -> tuple[float, float]:
    """95 % interval of a median by order statistics, whatever the distribution; of few values their whole range."""
    ordered = np.sort(np.asarray(values, np.float64))
    n = len(ordered)
    half = z * sqrt(n) / 2
    low, high = int(np.floor(n / 2 - half)), int(np.ceil(n / 2 + half))
    return float(ordered[max(low, 0)]), float(ordered[min(high, n - 1)])


def paired_bootstrap(
    ours: ArrayLike, theirs: ArrayLike, groups: ArrayLike, *, seed: int, rounds: int = 1_000
) -> tuple[float, tuple[float, float]]:
    """Difference of two means over the same items, and its 95 % interval by resampling whole groups.

    Items of one community err together: resampling items would take them for independent and the interval for narrow.
    """
    gain = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    size, total = np.bincount(group).astype(np.float64), np.bincount(group, gain)
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(size), size=len(size)) for _ in range(rounds))
    means = np.array([total[pick].sum() / size[pick].sum() for pick in drawn])
    low, high = np.quantile(means, (0.025, 0.975))
    return float(gain.mean()), (float(low), float(high))


def checked(estimates: ArrayLike, references: ArrayLike) -> tuple[Floats, Floats]:
    """Both as arrays of one length, finite and positive. Raises `ValueError` with all faults in one message."""
    v, a = np.asarray(estimates, np.float64).ravel(), np.asarray(references, np.float64).ravel()
    faults = []
    if len(v) != len(a):
        faults.append(f"{len(v)} estimates stand against {len(a)} references")
    if not len(v) or not len(a):
        faults.append("there are no items")
    for name, values in (("estimates", v), ("references", a)):
        bad = int((~np.isfinite(values) | (values <= 0)).sum())
        if bad:
            faults.append(f"{bad} {name} are not finite and positive")
    if faults:
        raise ValueError("; ".join(faults))
    return v, a


def _t95(freedom: int) -> float:
    """97.5 % quantile of Student's t, by Hill's expansion about the normal (exact to 0.2 % from 3 degrees on)."""
    z, f = Z95, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * f)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * f * f)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * f**3)
    )


def _rounded(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None
