"""What outcomes say of a model in service: rolling measures, bias in a turning market, intervals that keep their word.

Outcomes arrive weeks after the values they judge. Every window is therefore of arrival, and prints its lag. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final

from consumers.ledger.outcomes import Outcome
from consumers.ledger.rates import grouped, segment_key, totals
from schemas.domain.measures import LEAST, bias, cod, interval_coverage, mdape, ppe
from schemas.domain.worktime import SHANGHAI

WEEKS: Final = (4, 12)
BIAS_ALARM: Final = 0.02
_WEEK: Final = timedelta(weeks=1)
COVERAGE_ITEMS: Final = 200
COVERAGE_TOLERANCE: Final = 0.03
PROMISED_COVERAGE: Final = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Measures of what arrived in the last `weeks` weeks, as fractions (`cod` ×100); `None` below 30 items.

    `lag_days`: median days from value date to arrival; `None` when nothing arrived.
    """

    weeks: int
    n: int
    mdape: float | None
    ppe10: float | None
    bias: float | None
    cod: float | None
    lag_days: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasWatch:
    """Bias of the last two weeks, the older first; `None` below 30 items. Alarm: both beyond 2 % to the same side."""

    by_week: tuple[float | None, float | None]
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageWatch:
    """Share of the newest 200 references inside the interval promised for 90 %; `None` with fewer at hand."""

    n: int
    coverage: float | None
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentWatch:
    """One city, type and model, against one kind of reference. `reference`: OFFLINE_APPRAISAL, DEAL or AUDIT."""

    city: str
    property_type: str
    model: str
    reference: str
    windows: tuple[Window, ...]
    bias: BiasWatch
    coverage: CoverageWatch


def watch(outcomes: Iterable[Outcome], today: date) -> tuple[SegmentWatch, ...]:
    """Every segment, up to and with `today`. Automatic values alone: the model is what is watched.

    References whose author had seen our value are left out, since they agree too easily.
    """
    judged = [one for one in outcomes if one.is_automatic and one.is_blind and one.excluded is None]
    return tuple(
        SegmentWatch(
            city=city,
            property_type=property_type,
            model=model,
            reference=kind,
            windows=tuple(window(members, weeks, today) for weeks in WEEKS),
            bias=bias_watch(members, today),
            coverage=coverage_watch(members),
        )
        for (city, property_type, model, kind), members in grouped(judged, lambda one: (*segment_key(one), one.kind))
    )


def window(outcomes: Sequence[Outcome], weeks: int, today: date) -> Window:
    """The measures of what arrived in the `weeks` weeks that end with `today`."""
    members = _arrived(outcomes, today - weeks * _WEEK, today)
    values, references = totals(members)
    enough = len(members) >= LEAST
    return Window(
        weeks=weeks,
        n=len(members),
        mdape=mdape(values, references) if enough else None,
        ppe10=ppe(values, references, 0.10) if enough else None,
        bias=bias(values, references) if enough else None,
        cod=cod(values, references) if enough else None,
        lag_days=median((_arrival(one) - one.value_date).days for one in members) if members else None,
    )


def bias_watch(outcomes: Sequence[Outcome], today: date) -> BiasWatch:
    """Two weeks in a row beyond 2 % to the same side: bias moves first in a turning market."""
    before = _week_bias(outcomes, today - _WEEK)
    now = _week_bias(outcomes, today)
    turned = before is not None and now is not None and min(abs(before), abs(now)) > BIAS_ALARM and before * now > 0
    return BiasWatch(by_week=(before, now), is_alarm=turned)


def coverage_watch(outcomes: Sequence[Outcome]) -> CoverageWatch:
    """Coverage of the newest 200 that have an interval; an alarm beyond 3 points from the promise."""
    promised = [one for one in outcomes if one.lower is not None and one.upper is not None]
    newest = sorted(promised, key=lambda one: (one.reported_at, one.appraisal_id))[-COVERAGE_ITEMS:]
    if len(newest) < COVERAGE_ITEMS:
        return CoverageWatch(n=len(newest), coverage=None, is_alarm=False)
    share = interval_coverage(
        [one.lower or 0 for one in newest], [one.upper or 0 for one in newest], [one.reference for one in newest]
    )
    gap = abs(share - PROMISED_COVERAGE)
    return CoverageWatch(n=len(newest), coverage=share, is_alarm=gap > COVERAGE_TOLERANCE + 1e-9)


def _week_bias(outcomes: Sequence[Outcome], last: date) -> float | None:
    members = _arrived(outcomes, last - _WEEK, last)
    if len(members) < LEAST:
        return None
    return bias(*totals(members))


def _arrived(outcomes: Sequence[Outcome], after: date, last: date) -> list[Outcome]:
    return [one for one in outcomes if after < _arrival(one) <= last]


def _arrival(one: Outcome) -> date:
    return one.reported_at.astimezone(SHANGHAI).date()
