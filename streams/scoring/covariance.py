"""How alike two flats are, as a covariance of their log prices: a sum of parts a valuer would recognise.

Each part is a variance times factors that fade with distance: the same community, the same plan (areas within 1 %), the
same building, nearness on two scales, likeness of area, age and height, and movements in time of a place of its own.
What is unknown of a deal lies infinitely far from everything: such a part tells nothing and leaves its full variance.
Sums and products of covariances are covariances (Rasmussen & Williams, Gaussian Processes for Machine Learning, 4.2.4).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from streams.scoring.attributes import Floats, Ints

Reals = NDArray[np.floating[Any]]
Gap = Callable[[str], Reals]
_FAR: Final = 1e3  # beyond any length scale
_PLAN: Final = 100.0  # per unit of log area: a triangle one per cent wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One covariance: `gates` must agree for it to act; it fades with each axis of `scales` (1 exponential, 2 Gauss).

    `sd` (log price) and the length scales are where the fit begins.
    """

    name: str
    sd: float
    gates: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, int]] | None = None

    @property
    def axes(self) -> Mapping[str, tuple[float, int]]:
        """Length scale and power by axis."""
        return self.scales or {}


PLAIN: Final = (
    Part(name="region", sd=0.15, scales={"km": (6.0, 1)}),
    Part(name="quarter", sd=0.12, scales={"km": (0.8, 1)}),
    Part(name="circle", sd=0.08, gates=("circle",)),
    Part(name="circle_time", sd=0.03, gates=("circle",), scales={"day": (60.0, 1)}),
    Part(name="community", sd=0.09, gates=("community",)),
    Part(name="community_area", sd=0.06, gates=("community",), scales={"area": (0.3, 2)}),
    Part(name="plan", sd=0.045, gates=("plan",)),
    Part(name="community_time", sd=0.03, gates=("community",), scales={"day": (30.0, 1)}),
    Part(name="quarter_time", sd=0.03, scales={"km": (3.0, 1), "day": (60.0, 1)}),
    Part(name="area", sd=0.06, scales={"area": (0.5, 2)}),
    Part(name="quarter_area", sd=0.08, scales={"km": (1.5, 1), "area": (0.6, 2)}),
)
"""For a subject of which only the place and the area are known."""
PARSED: Final = (
    *PLAIN,
    Part(name="community_band", sd=0.02, gates=("community", "band")),
    Part(name="community_height", sd=0.03, gates=("community",), scales={"height": (0.3, 2)}),
)
"""For a subject whose floor and height of building are known."""
DESCRIBED: Final = (
    *PARSED,
    Part(name="community_rooms", sd=0.03, gates=("community",), scales={"rooms": (1.0, 2)}),
    Part(name="building", sd=0.03, gates=("building",)),
    Part(name="quarter_type", sd=0.06, gates=("type",), scales={"km": (1.0, 1)}),
    Part(name="looks", sd=0.06, scales={"area": (0.5, 2), "age": (1.0, 2), "height": (0.7, 2), "quality": (0.1, 2)}),
    Part(
        name="quarter_looks",
        sd=0.06,
        scales={"km": (2.0, 1), "area": (0.5, 2), "age": (1.0, 2), "height": (0.7, 2), "quality": (0.1, 2)},
    ),
)
"""For a subject that is described: age, height and type of the building, floor and rooms.

A part with an axis that is unknown for a subject must not be in its covariance: most communities are of one height, so
the fit cannot tell the community's own level from that of its height, and the subject would lose both.
"""
KINDS: Final[Mapping[str, tuple[Part, ...]]] = {"plain": PLAIN, "parsed": PARSED, "described": DESCRIBED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Flats as a covariance sees them; all columns of one shape. Unknown: NaN, or -1 for the coded ones.

    `x`, `y`, `z`: place on the globe in km. `age`: decades since 2000; `height`: log of all floors; `quality`: what the
    attributes add to the log price.
    """

    x: Reals
    y: Reals
    z: Reals
    day: Reals
    area: Reals
    age: Reals
    height: Reals
    rooms: Reals
    quality: Reals
    community: Ints
    circle: Ints
    building: Ints
    type: Ints
    band: Ints

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariance:
    """Fitted: a variance for each part, a length scale for each axis of each part, and the noise of one deal."""

    parts: tuple[Part, ...]
    variances: Floats
    scales: Floats
    noise: float  # variance, log

    @property
    def total(self) -> float:
        """Variance of a price about its prior mean, without the noise of the deal."""
        return float(self.variances.sum())

    def between(self, a: Points, b: Points) -> Reals:
        """Covariance of each pair, in the shape that `a` and `b` are broadcast to."""
        result: Reals | None = None
        for variance, part in zip(self.variances, self.of_parts(gaps(a, b)), strict=True):
            piece = part * np.asarray(variance, part.dtype)
            result = piece if result is None else np.add(result, piece, out=result)
        if result is None:
            raise AssertionError("a covariance has parts")
        return result

    def of_parts(self, gap: Gap) -> Iterator[Reals]:
        """The correlation of each part."""
        place = 0
        for part in self.parts:
            exponent: Reals | None = None
            for axis, (_, power) in part.axes.items():
                distance = gap(axis)
                scaled = distance * np.asarray(1 / self.scales[place], distance.dtype)
                faded = scaled if power == 1 else scaled * scaled * np.asarray(0.5, distance.dtype)
                exponent = faded if exponent is None else exponent + faded
                place += 1
            factor = None if exponent is None else np.exp(-exponent)
            for gate in part.gates:
                open_ = gap(gate)
                factor = open_ if factor is None else factor * open_
            yield gap("one") if factor is None else factor

    def as_json(self) -> dict[str, Any]:
        """Plain values for the artefact."""
        return {
            "parts": [part.name for part in self.parts],
            "variances": self.variances.tolist(),
            "scales": self.scales.tolist(),
            "noise": self.noise,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Covariance":
        """What `as_json` gave."""
        known = {part.name: part for part in DESCRIBED}
        return cls(
            parts=tuple(known[name] for name in stored["parts"]),
            variances=np.array(stored["variances"]),
            scales=np.array(stored["scales"]),
            noise=stored["noise"],
        )


def unfitted(parts: Sequence[Part]) -> Covariance:
    """The covariance at which a fit of these parts begins."""
    return Covariance(
        parts=tuple(parts),
        variances=np.array([part.sd**2 for part in parts]),
        scales=np.array([scale for part in parts for scale, _ in part.axes.values()]),
        noise=0.07**2,
    )


def gaps(a: Points, b: Points) -> Gap:
    """Distances along an axis and gates (1 where both are known and agree) of all pairs, each worked out once."""
    seen: dict[str, Reals] = {}

    def gap(name: str) -> Reals:
        if name not in seen:
            seen[name] = _gap(name, a, b, gap)
        return seen[name]

    return gap


def _gap(name: str, a: Points, b: Points, gap: Gap) -> Reals:
    if name == "one":
        return np.ones(np.broadcast_shapes(a.day.shape, b.day.shape), a.day.dtype)
    if name == "km":
        return _km(a, b, gap)
    if name == "plan":
        near = 1 - np.abs(a.area - b.area) * np.asarray(_PLAN, a.area.dtype)
        plan: Reals = gap("community") * np.maximum(near, 0)
        return plan
    mine, theirs = getattr(a, name), getattr(b, name)
    if mine.dtype.kind == "i":
        agree: Reals = ((mine == theirs) & (mine >= 0)).astype(a.day.dtype)
        return agree
    apart: Reals = np.nan_to_num(np.abs(mine - theirs), copy=False, nan=_FAR)
    return apart


def _km(a: Points, b: Points, gap: Gap) -> Reals:
    """Through the globe; one community without coordinates is still at one place."""
    squares = (a.x - b.x) ** 2
    squares += (a.y - b.y) ** 2
    squares += (a.z - b.z) ** 2
    km: Reals = np.sqrt(squares, out=squares)
    if np.isnan(km).any():
        km = np.where(np.isnan(km), _FAR * (1 - gap("community")), km)
    return km
