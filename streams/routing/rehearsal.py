"""A rehearsal of a policy: what it would have decided on valuations that were scored already."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from schemas.codes import Reason, SegmentState, ServiceType
from schemas.events import Scored
from streams.routing.answer import profile_of
from streams.routing.curve import case_of
from streams.routing.policy import Policy
from streams.routing.rules import reasons_for_review

_NONE_KNOWN: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What two policies make of the same valuations. `reasons` counts a review once for each reason that applies.

    `compared` are the automatic ones whose figure from outside is known; `within_10` the share of them within ±10 %,
    `None` for none.
    """

    valuations: int
    automatic_before: int
    automatic_after: int
    newly_automatic: int
    newly_reviewed: int
    compared_before: int
    compared_after: int
    within_10_before: float | None
    within_10_after: float | None
    reasons_before: dict[str, int]
    reasons_after: dict[str, int]


def rehearse(
    scored: Iterable[Scored],
    before: Policy,
    after: Policy,
    *,
    unit_prices: Mapping[str, float] = _NONE_KNOWN,
    state_of: Callable[[Scored, Policy], SegmentState] = lambda _scored, _policy: SegmentState.AUTOMATIC,
) -> Rehearsal:
    """Route everything by both policies. A valuation that occurs twice counts once, by its last event.

    What was scored for comparison alone, after people had answered, was never routed and does not count; nor does what
    was only to be verified.

    `unit_prices` are figures from outside by valuation id (offline appraisals, deals), in yuan per m². `state_of` gives
    the standing of a subject's segment (`Standings.state_of`); without it the rules alone are asked.
    """
    routed = (event for event in scored if _was_valued_by_rules(event))
    events = {event.valuation_id: event for event in routed}.values()
    old, new = ([_reasons(event, policy, state_of) for event in events] for policy in (before, after))
    stood, stand = ([event for event, why in zip(events, found, strict=True) if not why] for found in (old, new))
    (compared_before, within_before), (compared_after, within_after) = (
        _near(stood, unit_prices, before),
        _near(stand, unit_prices, after),
    )
    return Rehearsal(
        valuations=len(events),
        automatic_before=len(stood),
        automatic_after=len(stand),
        newly_automatic=sum(bool(was) and not now for was, now in zip(old, new, strict=True)),
        newly_reviewed=sum(bool(now) and not was for was, now in zip(old, new, strict=True)),
        compared_before=compared_before,
        compared_after=compared_after,
        within_10_before=within_before,
        within_10_after=within_after,
        reasons_before=dict(Counter(reason for reasons in old for reason in reasons)),
        reasons_after=dict(Counter(reason for reasons in new for reason in reasons)),
    )


def _was_valued_by_rules(event: Scored) -> bool:
    return Reason.COMPARISON_ONLY not in event.concerns and event.request.service_type is not ServiceType.VERIFY


def _reasons(event: Scored, policy: Policy, state_of: Callable[[Scored, Policy], SegmentState]) -> tuple[str, ...]:
    return reasons_for_review(event, policy, profile_of(event.request.channel), state_of(event, policy))


def _near(automatic: Sequence[Scored], unit_prices: Mapping[str, float], policy: Policy) -> tuple[int, float | None]:
    known = [(event, unit_prices[event.valuation_id]) for event in automatic if event.valuation_id in unit_prices]
    near = [case.is_near for event, price in known if (case := case_of(event, price, policy)) is not None]
    return len(near), sum(near) / len(near) if near else None
