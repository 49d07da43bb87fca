"""Deciding about a segment: promoted by rule, admitted by people, held, released, taken back to people."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.codes import SegmentState
from schemas.domain.segments import segment_key
from schemas.events import SegmentFigures, SegmentStanding
from streams.routing.policy import AdmissionRule, PropertyClass


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


def shortfalls(figures: SegmentFigures, rule: AdmissionRule) -> tuple[str, ...]:
    """Where figures stay below the rule; empty when they reach it. A boundary value passes."""
    return tuple(_shortfalls(figures, rule))


def promoted(
    segment: Segment,
    before: SegmentStanding | None,
    figures: SegmentFigures,
    rule: AdmissionRule,
    decision: Decision,
) -> SegmentStanding:
    """AUTOMATIC because the figures reach the rule. Raises `AdmissionError` where they do not, or where it is held."""
    if missing := shortfalls(figures, rule):
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
    """Back to HUMAN_ONLY, until it reaches the rule again. Raises `AdmissionError` where it is not AUTOMATIC."""
    if before is None or before.state is not SegmentState.AUTOMATIC:
        raise AdmissionError(f"{segment.key} is not AUTOMATIC, so there is no admission to withdraw")
    _require(decision, two=True)
    return _standing(segment, before, SegmentState.HUMAN_ONLY, decision)


def state_before_hold(segment: Segment, history: tuple[SegmentStanding, ...]) -> SegmentState:
    """What stood before the segment was held. A community knows no admission of its own: without a hold it is free."""
    if segment.community_id is not None:
        return SegmentState.AUTOMATIC
    earlier = [one.state for one in history if one.segment == segment.key and one.state is not SegmentState.HELD]
    return earlier[-1] if earlier else SegmentState.HUMAN_ONLY


def _admitted(segment: Segment, before: SegmentStanding | None, decision: Decision) -> SegmentStanding:
    if segment.community_id is not None:
        raise AdmissionError(f"{segment.key}: a community is not admitted on its own, its city and class are")
    if before is not None and before.state is SegmentState.HELD:
        raise AdmissionError(f"{segment.key} is held ({before.reason}); two people must release it first")
    if before is not None and before.state is SegmentState.AUTOMATIC:
        raise AdmissionError(f"{segment.key} is AUTOMATIC already, since {before.at:%Y-%m-%d}")
    _require(decision, two=True)
    return _standing(segment, before, SegmentState.AUTOMATIC, decision)


def _shortfalls(figures: SegmentFigures, rule: AdmissionRule) -> Iterator[str]:
    if figures.deals < rule.min_deals:
        yield f"{figures.deals} deals in twelve months, {rule.min_deals} are needed"
    if figures.accepted < rule.min_accepted:
        yield f"{figures.accepted} accepted cases out of time, {rule.min_accepted} are needed"
    if figures.ppe10 < rule.min_ppe10:
        yield f"{figures.ppe10:.1%} of the accepted cases within 10 %, {rule.min_ppe10:.1%} are needed"


def _require(decision: Decision, *, two: bool) -> None:
    if not decision.reason.strip() or not decision.by.strip():
        raise AdmissionError("say who decides (--by) and why (--reason); both are kept")
    if two and (not (decision.second or "").strip() or decision.second == decision.by):
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
