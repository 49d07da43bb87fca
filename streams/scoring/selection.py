"""可比实例: the three to six past deals shown beside a value, and the rules of market comparison they must meet.

GB/T 50291: at least three, at most two years old, one factor at most 20 %, all together at most 30 %, highest adjusted
price over lowest at most 1.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from schemas.events import Adjustment, Comparable, RuleCheck
from streams.scoring.attributes import Floats, Ints
from streams.scoring.comparables import FIELD_FACTOR, TIME, Candidates, Comparison
from streams.scoring.hedonics import FACTORS
from streams.scoring.particulars import Sold

LEAST: Final = 3
MOST: Final = 6
MAX_AGE_DAYS: Final = 730
MAX_SINGLE: Final = 0.20
MAX_TOTAL: Final = 0.30
MAX_RATIO: Final = 1.2
HEAVIEST: Final = 16  # candidates looked at; those beyond weigh next to nothing
_HALF_RATIO: Final = np.log(MAX_RATIO) / 2 - 2e-4  # either side of the middle; the rest is room for whole yuan
_LEAST_WEIGHT: Final = 1e-5  # a deal that stands behind others may even weigh less than nothing: none to show
_FARTHEST_KM: Final = 1e4  # stands for a distance that nobody knows
_LEAST_SHARE: Final = 0.02  # a fourth to sixth deal that weighs less only lengthens the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What became of the deals nearest to a subject: how many there were, and why some cannot stand beside it."""

    nearby: int
    too_old: int
    adjusted_too_far: int
    apart: int

    def text(self) -> str:
        """Why there are fewer comparables than the rules ask for, in Chinese."""
        if not self.nearby:
            return "周边没有可用作可比实例的已知成交"
        why = [
            f"{count}宗{reason}"
            for count, reason in (
                (self.too_old, "成交已逾两年"),
                (self.adjusted_too_far, "修正幅度超出规则"),
                (self.apart, "与其余成交的价格相差过大"),
            )
            if count
        ]
        found = f"周边仅有{self.nearby}宗" if self.nearby < LEAST else f"周边最相近的{self.nearby}宗"
        return f"{found}已知成交" + (f"，其中{'、'.join(why)}，未采用" if why else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """The chosen deals of a batch, padded to `MOST` per subject; `weight` 0 means no deal there."""

    row: Ints
    weight: Floats  # shares of the chosen
    shares: Floats  # n x MOST x factors: adjustment of each factor, 0.03 = 3 % up
    total: Floats
    adjusted: Floats  # whole yuan per m²
    km: Floats
    same_community: Floats
    left_out: Ints  # n x (nearby, too old, adjusted too far, apart)

    def shortages(self) -> list[Shortage]:
        """Why each subject has no more comparables."""
        return [
            Shortage(nearby=nearby, too_old=old, adjusted_too_far=far, apart=apart)
            for nearby, old, far, apart in self.left_out.tolist()
        ]

    @property
    def count(self) -> Ints:
        """Deals chosen for each subject."""
        count: Ints = (self.weight > 0).sum(axis=1)
        return count

    def comparison_unit_price(self) -> Floats:
        """比准单价: mean of the adjusted prices by weight; NaN where nothing was chosen."""
        total = self.weight.sum(axis=1)
        return np.where(total > 0, (self.weight * self.adjusted).sum(axis=1), np.nan)


def choose(comparison: Comparison, unit_prices: Floats, n: int, *, of_heaviest: int = HEAVIEST) -> Shortlist:
    """Of the heaviest candidates of each subject those that meet the rules, and lie together within a factor of 1.2.

    `unit_prices` are those of all deals in the order of the market's rows.
    """
    c = comparison.candidates
    place, pair = _heaviest(c, comparison.kriged.candidate_weight, n, of_heaviest)
    held = pair >= 0
    at = np.where(held, pair, 0)
    if not len(c.row):
        return _nothing(n)
    row = c.row[at]
    logs = np.zeros((*at.shape, len(FACTORS)))
    logs[..., TIME] = c.time[at]
    for column, factor in enumerate(FIELD_FACTOR):
        logs[..., factor] += c.fields[at, column]
    shares: Floats = np.expm1(logs).round(4)
    total = np.prod(1 + shares, axis=-1) - 1
    adjusted = np.floor(unit_prices[row] * (1 + total) + 0.5)
    young = held & (c.age_days[at] <= MAX_AGE_DAYS)
    conform = young & (np.abs(shares).max(axis=-1) <= MAX_SINGLE) & (np.abs(total) <= MAX_TOTAL)
    weight = np.where(conform, place, 0.0)
    middle = _weighted_median(np.log(np.maximum(adjusted, 1.0)), weight)
    together = conform & (np.abs(np.log(np.maximum(adjusted, 1.0)) - middle[:, None]) <= _HALF_RATIO)
    chosen = together & (np.cumsum(together, axis=1) <= MOST)
    first = np.argsort(~chosen, axis=1, kind="stable")[:, :MOST]
    weight = np.take_along_axis(np.where(chosen, place, 0.0), first, axis=1)
    light = weight < _LEAST_SHARE * weight.sum(axis=1, keepdims=True)
    light[:, :LEAST] = False
    weight = np.where(light, 0.0, weight)
    sums = weight.sum(axis=1, keepdims=True)
    return Shortlist(
        row=np.take_along_axis(row, first, axis=1),
        weight=np.divide(weight, sums, out=np.zeros_like(weight), where=sums > 0),
        shares=np.take_along_axis(shares, first[..., None], axis=1),
        total=np.take_along_axis(total, first, axis=1),
        adjusted=np.take_along_axis(adjusted, first, axis=1),
        km=np.take_along_axis(np.minimum(c.km[at], _FARTHEST_KM), first, axis=1),
        same_community=np.take_along_axis(c.same_community[at], first, axis=1),
        left_out=np.column_stack(
            [each.sum(axis=1) for each in (held, held & ~young, young & ~conform, conform & ~together)]
        ),
    )


def rule_checks(comparables: Sequence[Comparable], value_date: date) -> tuple[RuleCheck, ...]:
    """Each rule with its figure, from the comparables as they are printed."""
    single = max((abs(a.share) for c in comparables for a in c.adjustments), default=0.0)
    total = max((abs(c.total_adjustment) for c in comparables), default=0.0)
    age = max(((value_date - c.deal_date).days for c in comparables), default=0)
    prices = [c.adjusted_unit_price for c in comparables]
    ratio = round(max(prices) / min(prices), 4) if prices else 0.0
    return (
        RuleCheck(rule="MIN_COMPARABLES", met=len(comparables) >= LEAST, figure=float(len(comparables))),
        RuleCheck(rule="MAX_AGE_DAYS", met=age <= MAX_AGE_DAYS, figure=float(age)),
        RuleCheck(rule="MAX_SINGLE_ADJUSTMENT", met=single <= MAX_SINGLE, figure=single),
        RuleCheck(rule="MAX_TOTAL_ADJUSTMENT", met=total <= MAX_TOTAL, figure=total),
        RuleCheck(rule="MAX_ADJUSTED_RATIO", met=ratio <= MAX_RATIO, figure=ratio),
    )


def as_comparables(shortlist: Shortlist, sold: Callable[[int], Sold]) -> list[tuple[Comparable, ...]]:
    """The chosen deals of each subject, heaviest first. `sold` gives the deal of a row of the market."""
    columns = (
        shortlist.row.tolist(),
        np.round(shortlist.weight, 4).tolist(),
        shortlist.adjusted.astype(np.int64).tolist(),
        np.round(shortlist.total, 4).tolist(),
        shortlist.shares.tolist(),
        (1000 * shortlist.km + 0.5).astype(np.int64).tolist(),
    )
    return [
        tuple(_comparable(sold(row), *rest) for row, *rest in zip(*subject, strict=True) if rest[0] > 0)
        for subject in zip(*columns, strict=True)
    ]


def _comparable(
    deal: Sold, weight: float, adjusted: int, total: float, shares: Sequence[float], distance_m: int
) -> Comparable:
    return Comparable(
        deal_id=deal.deal_id,
        community_id=deal.community_id,
        community_name=deal.community_name or "",
        deal_date=deal.deal_date,
        area_m2=deal.area_m2,
        unit_price=int(deal.unit_price + 0.5),
        adjusted_unit_price=adjusted,
        weight=weight,
        total_adjustment=total,
        adjustments=tuple(_adjustment(factor, share) for factor, share in zip(FACTORS, shares, strict=True) if share),
        distance_m=distance_m if distance_m < 1000 * _FARTHEST_KM else None,
        floor_band=deal.floor_band,
        source=deal.source,
    )


@lru_cache(maxsize=50_000)
def _adjustment(factor: str, share: float) -> Adjustment:
    """Shares have four decimals, so few differ: keeping them is seven times quicker than making them."""
    return Adjustment(factor=factor, share=share)


def _heaviest(c: Candidates, weights: Floats, n: int, most: int) -> tuple[Floats, Ints]:
    """Weights and places of the heaviest candidates, padded to `most` a subject (place -1, weight 0)."""
    kept = np.flatnonzero(weights > _LEAST_WEIGHT)
    kept = kept[np.lexsort((-weights[kept], c.subject[kept]))]
    subject = c.subject[kept]
    rank = np.arange(len(kept)) - np.searchsorted(subject, subject)
    front = rank < most
    weight, place = np.zeros((n, most)), np.full((n, most), -1, np.int64)
    weight[subject[front], rank[front]] = weights[kept[front]]
    place[subject[front], rank[front]] = kept[front]
    return weight, place


def _weighted_median(values: Floats, weight: Floats) -> Floats:
    """Along the second axis; of a row without weight its least value."""
    order = np.argsort(values, axis=1, kind="stable")
    running = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    half = (running < running[:, -1:] / 2).sum(axis=1)
    found = np.take_along_axis(order, np.minimum(half, values.shape[1] - 1)[:, None], axis=1)
    return np.take_along_axis(values, found, axis=1)[:, 0]


def _nothing(n: int) -> Shortlist:
    empty = np.zeros((n, MOST))
    return Shortlist(
        row=empty.astype(np.int64),
        weight=empty,
        shares=np.zeros((n, MOST, len(FACTORS))),
        total=empty,
        adjusted=empty,
        km=empty,
        same_community=empty,
        left_out=np.zeros((n, 4), np.int64),
    )
