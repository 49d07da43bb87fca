"""Ratio against deviation: what share could be answered automatically, and how much of that would be near enough.

The cases may come from topics, from the ledger or from a backtest: a case is a plain record.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.domain.contract import DEVIATION
from schemas.domain.measures import LEAST, wilson
from schemas.domain.segments import segment_key
from schemas.events import Scored
from streams.routing.policy import Policy

SHARES: Final = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
_NEAR: Final = float(DEVIATION.value)
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model's value with its certainty beside a figure from outside: `deviation` is value / figure − 1."""

    segment: str
    p10: float
    deviation: float

    @property
    def is_near(self) -> bool:
        """Within ±10 %, the border included."""
        return abs(self.deviation) <= _NEAR + _ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The most certain `share` of the cases: they have `p10` of at least `min_p10`, and `within_10` of them are near.

    `lower` and `upper` are the bounds of the 95 % Wilson interval.
    """

    share: float
    cases: int
    min_p10: float
    within_10: float
    lower: float
    upper: float


def curves(cases: Iterable[Case], shares: Sequence[float] = SHARES) -> dict[str, tuple[CurvePoint, ...]]:
    """The curve of each segment, and of all together under `*`; none where there are fewer than 30 cases."""
    by_segment: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_segment[case.segment].append(case)
        by_segment["*"].append(case)
    return {name: curve(own, shares) for name, own in sorted(by_segment.items()) if len(own) >= LEAST}


def curve(cases: Sequence[Case], shares: Sequence[float] = SHARES) -> tuple[CurvePoint, ...]:
    """One curve. Equals in certainty are let through together, so a point may hold more than its share."""
    surest_first = sorted(cases, key=lambda case: -case.p10)
    return tuple(_point(surest_first, share) for share in shares) if surest_first else ()


def case_of(scored: Scored, unit_price: float, policy: Policy) -> Case | None:
    """A case from a scored valuation and a figure from outside, in yuan per m²; `None` where the model had no value."""
    if scored.valuation is None or unit_price <= 0:
        return None
    kind = policy.class_of(scored.attributes.property_type)
    return Case(
        segment=segment_key(scored.address.city or "", kind or ""),
        p10=scored.valuation.p10,
        deviation=scored.valuation.unit_price / unit_price - 1,
    )


def cases_of(scored: Iterable[Scored], unit_prices: Mapping[str, float], policy: Policy) -> list[Case]:
    """Cases of all valuations whose figure from outside is known (by valuation id), each by its last scoring."""
    latest = {one.valuation_id: one for one in scored}
    known = [(one, unit_prices[name]) for name, one in latest.items() if name in unit_prices]
    return [case for one, price in known if (case := case_of(one, price, policy)) is not None]


def _point(surest_first: Sequence[Case], share: float) -> CurvePoint:
    least = surest_first[max(1, round(share * len(surest_first))) - 1].p10
    taken = [case for case in surest_first if case.p10 >= least]
    near = sum(case.is_near for case in taken)
    lower, upper = wilson(near, len(taken))
    return CurvePoint(
        share=len(taken) / len(surest_first),
        cases=len(taken),
        min_p10=least,
        within_10=near / len(taken),
        lower=lower,
        upper=upper,
    )
