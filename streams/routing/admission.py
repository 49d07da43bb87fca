"""Deciding about a segment: promoted by rule, admitted by people, held, released, taken back to people."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from schemas.codes import SegmentState
from schemas.domain.segments import segment_key
from schemas.domain.staff import folded
from schemas.domain.worktime import shanghai_date
from schemas.events import SegmentFigures, SegmentStanding
from streams.routing.policy import AdmissionRule, PropertyClass
from streams.routing.standings import Standings

_STILL_TRUE: Final = timedelta(days=90)
_TWELVE_MONTHS: Final = timedelta(days=366)


class AdmissionError(ValueError):
    """A change of a segment's standing is refused. Says why, and what would be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What is decided about: a property class in a city, or one community of it (which can only be held)."""

    city: str
    property_class: PropertyClass
    community_id: str | None = None

    @property
    def key(self) -> str:
        """Its key on the topic."""
        return segment_key(self.city, self.property_class, self.community_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decides, when and why. `by` and `second` are staff numbers; a hold needs no second."""

    by: str
    reason: str
    at: datetime
    second: str | None = None


def shortfalls(figures: SegmentFigures, rule: AdmissionRule, today: date) -> tuple[str, ...]:
    """Where figures stay below the rule, or are no figures of today; empty when they reach it. A boundary passes."""
    return (*_faults(figures, today), *_shortfalls(figures, rule))


def promoted(
    segment: Segment,
    before: SegmentStanding | None,
    figures: SegmentFigures,
    rule: AdmissionRule,
    decision: Decision,
) -> SegmentStanding:
    """AUTOMATIC because the figures reach the rule. Raises `AdmissionError` where they do not, or where it is held."""
    if missing := shortfalls(figures, rule, shanghai_date(decision.at)):
        raise AdmissionError(f"{segment.key} does not reach the rule: {'; '.join(missing)}")
    return replace(_admitted(segment, before, decision), figures=figures, by_rule=True)


def admitted(
    segment: Segment, before: SegmentStanding | None, decision: Decision, figures: SegmentFigures | None = None
) -> SegmentStanding:
    """AUTOMATIC by decision of two people, outside the rule; the record says so. Raises `AdmissionError`."""
    return replace(_admitted(segment, before, decision), figures=figures)


def held(segment: Segment, before: SegmentStanding | None, decision: Decision) -> SegmentStanding:
    """HELD, from whatever state. Raises `AdmissionError` without a reason or a person."""
    _require(decision, two=False)
    return _standing(segment, before, SegmentState.HELD, decision)


def released(
    segment: Segment, before: SegmentStanding | None, decision: Decision, *, to: SegmentState
) -> SegmentStanding:
    """The end of a hold: back to the state that stood before it (`state_before_hold`). Raises `AdmissionError`."""
    if before is None or before.state is not SegmentState.HELD:
        raise AdmissionError(f"{segment.key} is not held, so there is nothing to release")
    if to is SegmentState.HELD:
        raise AdmissionError(f"{segment.key} cannot be released to HELD")
    _require(decision, two=True)
    return _standing(segment, before, to, decision)


def withdrawn(segment: Segment, before: SegmentStanding | None, decision: Decision) -> SegmentStanding:
    """Back to HUMAN_ONLY, until it reaches the rule again; a hold ends with it. Raises `AdmissionError`."""
    _refuse_community(segment)
    if before is None or before.state is SegmentState.HUMAN_ONLY:
        raise AdmissionError(f"{segment.key} is neither AUTOMATIC nor HELD, so there is no admission to withdraw")
    _require(decision, two=True)
    return _standing(segment, before, SegmentState.HUMAN_ONLY, decision)


def state_before_hold(segment: Segment, history: Iterable[SegmentStanding]) -> SegmentState:
    """What stood before the segment was held. A community knows no admission of its own: without a hold it is free."""
    return SegmentState.AUTOMATIC if segment.community_id is not None else Standings(history).before_hold(segment.key)


def _admitted(segment: Segment, before: SegmentStanding | None, decision: Decision) -> SegmentStanding:
    _refuse_community(segment)
    if before is not None and before.state is SegmentState.HELD:
        raise AdmissionError(f"{segment.key} is held ({before.reason}); two people must release it first")
    if before is not None and before.state is SegmentState.AUTOMATIC:
        raise AdmissionError(f"{segment.key} is AUTOMATIC already, since {before.at:%Y-%m-%d}")
    _require(decision, two=True)
    return _standing(segment, before, SegmentState.AUTOMATIC, decision)


def _refuse_community(segment: Segment) -> None:
    if segment.community_id is not None:
        raise AdmissionError(f"{segment.key}: a community is not admitted on its own, its city and class are")


def _faults(figures: SegmentFigures, today: date) -> Iterator[str]:
    """What no figures of a segment can be that anybody may decide by today."""
    since, until = figures.since, figures.until
    if not 0.0 <= figures.ppe10 <= 1.0:
        yield f"ppe10 is {figures.ppe10}, it must be a share of 0 to 1"
    if not since < until <= today:
        yield f"cases of {since} to {until}: they must begin before they end, and end by {today}"
    if until < today - _STILL_TRUE:
        yield f"cases until {until}, the last must be within {_STILL_TRUE.days} days of {today}: run the backtest anew"
    if until - since > _TWELVE_MONTHS:
        yield f"cases of {since} to {until}, no more than twelve months may be counted"


def _shortfalls(figures: SegmentFigures, rule: AdmissionRule) -> Iterator[str]:
    """Asked as `not enough`: of no number (NaN) nothing is below the rule, and it must not pass for that."""
    if not figures.deals >= rule.min_deals:
        yield f"{figures.deals} deals in twelve months, {rule.min_deals} are needed"
    if not figures.accepted >= rule.min_accepted:
        yield f"{figures.accepted} accepted cases out of time, {rule.min_accepted} are needed"
    if not figures.ppe10 >= rule.min_ppe10:
        yield f"{figures.ppe10:.1%} of the accepted cases within 10 %, {rule.min_ppe10:.1%} are needed"


def _require(decision: Decision, *, two: bool) -> None:
    if not decision.reason.strip() or not decision.by.strip():
        raise AdmissionError("say who decides (--by) and why (--reason); both are kept")
    second = folded(decision.second or "")
    if two and (not second or second == folded(decision.by)):
        raise AdmissionError("this needs a second person (--second), and not the same one twice")


def _standing(
    segment: Segment, before: SegmentStanding | None, state: SegmentState, decision: Decision
) -> SegmentStanding:
    return SegmentStanding(
        segment=segment.key,
        city=segment.city,
        property_class=segment.property_class,
        community_id=segment.community_id,
        state=state,
        reason=decision.reason,
        by=decision.by,
        second=decision.second,
        at=decision.at,
        version=(0 if before is None else before.version) + 1,
    )
