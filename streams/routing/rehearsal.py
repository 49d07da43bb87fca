"""A rehearsal of a policy: what it would have decided on valuations that were scored already."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import Scored
from streams.routing.answer import profile_of
from streams.routing.policy import Policy
from streams.routing.rules import reasons_for_review


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What two policies make of the same valuations. `reasons` counts a review once for each reason that applies."""

    valuations: int
    automatic_before: int
    automatic_after: int
    newly_automatic: int
    newly_reviewed: int
    reasons_before: dict[str, int]
    reasons_after: dict[str, int]


def rehearse(scored: Iterable[Scored], before: Policy, after: Policy) -> Rehearsal:
    """Route everything by both policies. A valuation that occurs twice counts once, by its last event."""
    latest = {event.valuation_id: event for event in scored}
    decisions = [tuple(_reasons(event, policy) for policy in (before, after)) for event in latest.values()]
    return Rehearsal(
        valuations=len(decisions),
        automatic_before=sum(not old for old, _ in decisions),
        automatic_after=sum(not new for _, new in decisions),
        newly_automatic=sum(bool(old) and not new for old, new in decisions),
        newly_reviewed=sum(bool(new) and not old for old, new in decisions),
        reasons_before=dict(Counter(reason for old, _ in decisions for reason in old)),
        reasons_after=dict(Counter(reason for _, new in decisions for reason in new)),
    )


def _reasons(event: Scored, policy: Policy) -> tuple[str, ...]:
    return reasons_for_review(event, policy, profile_of(event.request.channel))
