"""C-04 as a rate: the share of values within ±10 % of offline appraisals, by city, type and model. Pure.

AUTO is contractual, MANUAL stands apart. What is excluded is counted beside, never dropped in silence.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from consumers.ledger.deviation import Exclusion
from consumers.ledger.outcomes import Alone, Outcome
from schemas.domain.contract import LEAST_SAMPLE, WITHIN_DEVIATION_ALARM, WITHIN_DEVIATION_HOLD
from schemas.domain.measures import bias, mdape, wilson

_UNKNOWN: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The term of the contract, both days included. A valuation outside of it counts for nothing."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Of `n` cases `within` lie within the promise. Fewer than 30 cases raise no alarm: `is_enough` is then false.

    `interval` is Wilson's of the share; `mdape` and `bias` (median deviation) are `None` below 30 cases.
    """

    n: int
    within: int
    share: float | None
    interval: tuple[float, float]
    mdape: float | None
    bias: float | None
    is_enough: bool
    is_alarm: bool
    hold_proposed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRate:
    """The rate of one city, type and model. `is_automatic`: of answers that no person gave."""

    city: str
    property_type: str
    model: str
    is_automatic: bool
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class RateReport:
    """Everything that is said of the deviation in one window. `hold` names the segments proposed for a hold."""

    automatic: Rate
    manual: Rate
    segments: tuple[SegmentRate, ...]
    excluded: dict[str, int]
    unmatched: tuple[Alone, ...]

    @property
    def hold(self) -> tuple[SegmentRate, ...]:
        """Segments whose automatic values are so far off that automation should rest. A person decides."""
        return tuple(one for one in self.segments if one.rate.hold_proposed)


def rate_report(outcomes: Iterable[Outcome], unmatched: Sequence[Alone], term: Term | None = None) -> RateReport:
    """The report of cases of one kind. Without a `term` every date belongs to it."""
    judged = [_in_term(one, term) for one in outcomes]
    counted = [one for one in judged if one.excluded is None]
    return RateReport(
        automatic=rate([one for one in counted if one.is_automatic], may_hold=False),
        manual=rate([one for one in counted if not one.is_automatic], may_hold=False),
        segments=tuple(_segments(counted)),
        excluded=dict(sorted(Counter(one.excluded for one in judged if one.excluded).items())),
        unmatched=tuple(unmatched),
    )


def rate(counted: Sequence[Outcome], *, may_hold: bool) -> Rate:
    """The rate of cases that count. `may_hold`: they are the automatic ones of a segment, which can be held."""
    n, within = len(counted), sum(bool(one.is_within) for one in counted)
    enough = n >= LEAST_SAMPLE.value
    return Rate(
        n=n,
        within=within,
        share=within / n if n else None,
        interval=wilson(within, n),
        mdape=mdape(*totals(counted)) if enough else None,
        bias=bias(*totals(counted)) if enough else None,
        is_enough=enough,
        is_alarm=enough and _below(within, n, WITHIN_DEVIATION_ALARM.value),
        hold_proposed=may_hold and enough and _below(within, n, WITHIN_DEVIATION_HOLD.value),
    )


def grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[Outcome]]]:
    """Cases by a key, in the order of the keys."""
    return [(name, list(members)) for name, members in groupby(sorted(outcomes, key=key), key=key)]


def totals(counted: Iterable[Outcome]) -> tuple[list[int], list[int]]:
    """Values and references of cases that count, which all have a value."""
    pairs = [(one.value, one.reference) for one in counted if one.value is not None]
    return [value for value, _ in pairs], [reference for _, reference in pairs]


def segment_key(one: Outcome) -> tuple[str, str, str]:
    """City, property type and model of a case; empty where unknown."""
    return one.city or _UNKNOWN, one.property_type, one.model or _UNKNOWN


def _segments(counted: Sequence[Outcome]) -> Iterable[SegmentRate]:
    for (city, property_type, model, automatic), members in grouped(
        counted, lambda one: (*segment_key(one), one.is_automatic)
    ):
        yield SegmentRate(
            city=city,
            property_type=property_type,
            model=model,
            is_automatic=automatic,
            rate=rate(members, may_hold=automatic),
        )


def _in_term(one: Outcome, term: Term | None) -> Outcome:
    if term is None or one.excluded is not None or term.first <= one.value_date <= term.last:
        return one
    return replace(one, excluded=Exclusion.OUT_OF_TERM)


def _below(within: int, n: int, line: Decimal) -> bool:
    """Unrounded: exactly on the line is not below it."""
    return within < line * n
