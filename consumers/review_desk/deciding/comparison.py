"""市场比较法 as the reviewer works it: comparables with their adjustments and weights, the rules, and what follows.

GB/T 50291: at least three deals, at most two years old; one factor at most 20 %, all together at most 30 %; highest
adjusted price over lowest at most 1.2. A broken rule is shown, it forbids nothing: the reviewer answers for the value.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import prod
from statistics import median
from typing import Final

from schemas.domain.rounding import unit_price as whole_yuan
from schemas.events import Adjustment, Comparable, RuleCheck

LEAST: Final = 3
MAX_AGE: Final = timedelta(days=730)
MAX_SINGLE: Final = 0.20
MAX_TOTAL: Final = 0.30
MAX_RATIO: Final = 1.2
FURTHEST: Final = 0.90  # a factor that moves a price by more is a slip of the keyboard: 5 instead of 0.05

# What a reviewer may adjust for, in the order of the table's columns; the model names more or fewer of them.
FACTORS: Final = (
    "TIME",
    "LOCATION",
    "FLOOR",
    "AREA",
    "BUILDING",
    "AGE",
    "RENOVATION",
    "LAYOUT",
    "TAX",
    "OTHER",
)

_FACTOR: Final = re.compile(r"[A-Z][A-Z_]{1,29}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedComparable:
    """What the reviewer made of one comparable: adjustments (0.03 = 3 % up) and its weight beside the others."""

    deal_id: str
    adjustments: tuple[Adjustment, ...]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table: a deal, its price in yuan per m², and how it stands to the subject."""

    deal_id: str
    deal_date: date
    unit_price: int
    adjustments: tuple[Adjustment, ...]
    weight: float

    @property
    def total_adjustment(self) -> float:
        """All factors together, multiplied, as the model does: 0.03 = 3 % up."""
        return round(prod(1 + adjustment.share for adjustment in self.adjustments) - 1, 4)

    @property
    def adjusted_unit_price(self) -> int:
        """比准单价 of this deal, in whole yuan per m²."""
        return whole_yuan(self.unit_price * (1 + self.total_adjustment))

    def share_of(self, factor: str) -> float:
        """The adjustment for a factor; 0 where there is none."""
        return sum(adjustment.share for adjustment in self.adjustments if adjustment.factor == factor)


def lines_of(comparables: Iterable[Comparable], edits: Iterable[EditedComparable] = ()) -> tuple[Line, ...]:
    """The table at its beginning: as the model saw the deals, with what the reviewer has changed since."""
    edited = {edit.deal_id: edit for edit in edits}
    return tuple(_line(deal, edited.get(deal.deal_id)) for deal in comparables)


def as_sold(comparables: Iterable[Comparable]) -> tuple[Comparable, ...]:
    """The deals with the plain facts of them, newest first: no adjustment, and the same weight for each.

    For who values without the model's word: its adjusted prices, by its weights, come to its value.
    """
    newest_first = sorted(comparables, key=lambda deal: (deal.deal_date, deal.deal_id), reverse=True)
    weight = 1 / max(1, len(newest_first))
    return tuple(
        replace(deal, adjusted_unit_price=deal.unit_price, total_adjustment=0.0, adjustments=(), weight=weight)
        for deal in newest_first
    )


def _line(deal: Comparable, edit: EditedComparable | None) -> Line:
    return Line(
        deal_id=deal.deal_id,
        deal_date=deal.deal_date,
        unit_price=deal.unit_price,
        adjustments=deal.adjustments if edit is None else edit.adjustments,
        weight=deal.weight if edit is None else edit.weight,
    )


def adjusted(line: Line, factor: str, share: float) -> Line:
    """The line with a factor at `share`; at 0 the factor is left out. Others keep their places."""
    shares = {adjustment.factor: adjustment.share for adjustment in line.adjustments} | {factor: share}
    kept = tuple(Adjustment(factor=name, share=each) for name, each in shares.items() if each)
    return replace(line, adjustments=kept)


def edits_of(lines: Iterable[Line]) -> tuple[EditedComparable, ...]:
    """What is kept of a table beside the decision."""
    return tuple(
        EditedComparable(deal_id=line.deal_id, adjustments=line.adjustments, weight=line.weight) for line in lines
    )


def weighted_mean(lines: Sequence[Line]) -> int | None:
    """比准单价: mean of the adjusted prices by weight, in whole yuan per m²; `None` where nothing has any weight."""
    weight = sum(line.weight for line in lines)
    if weight <= 0:
        return None
    return whole_yuan(sum(line.weight * line.adjusted_unit_price for line in lines) / weight)


def middle(lines: Sequence[Line]) -> int | None:
    """Median of the adjusted prices, in whole yuan per m²; `None` without lines. Weights do not count."""
    return whole_yuan(median(line.adjusted_unit_price for line in lines)) if lines else None


def rule_checks(lines: Sequence[Line], value_date: date) -> tuple[RuleCheck, ...]:
    """Each rule with its figure, under the names the model gives them. A figure at the limit is within it."""
    single = max((abs(adjustment.share) for line in lines for adjustment in line.adjustments), default=0.0)
    total = max((abs(line.total_adjustment) for line in lines), default=0.0)
    age = max((value_date - line.deal_date for line in lines), default=timedelta(0))
    prices = [line.adjusted_unit_price for line in lines]
    ratio = round(max(prices) / min(prices), 4) if prices and min(prices) > 0 else 0.0
    return (
        RuleCheck(rule="MIN_COMPARABLES", met=len(lines) >= LEAST, figure=float(len(lines))),
        RuleCheck(rule="MAX_AGE_DAYS", met=age <= MAX_AGE, figure=float(age.days)),
        RuleCheck(rule="MAX_SINGLE_ADJUSTMENT", met=single <= MAX_SINGLE, figure=single),
        RuleCheck(rule="MAX_TOTAL_ADJUSTMENT", met=total <= MAX_TOTAL, figure=total),
        RuleCheck(rule="MAX_ADJUSTED_RATIO", met=ratio <= MAX_RATIO, figure=ratio),
    )


def slips(edits: Iterable[EditedComparable]) -> tuple[str, ...]:
    """Deals whose edits cannot be meant.

    A factor beyond ±90 %, all together below -90 %, one named twice or by no code, a weight below 0.
    """
    return tuple(edit.deal_id for edit in edits if _is_slip(edit))


def _is_slip(edit: EditedComparable) -> bool:
    factors = [adjustment.factor for adjustment in edit.adjustments]
    too_far = any(not abs(adjustment.share) <= FURTHEST for adjustment in edit.adjustments)  # also not a number
    to_nothing = prod(1 + adjustment.share for adjustment in edit.adjustments) - 1 < -FURTHEST
    unknown = not all(_FACTOR.fullmatch(factor) for factor in factors)
    return unknown or too_far or to_nothing or len(set(factors)) < len(factors) or not 0 <= edit.weight < float("inf")
