"""Admission in the demonstration: by the policy's rule where the model's figures reach it, else openly outside it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from schemas.codes import PropertyType
from schemas.domain.worktime import shanghai_date
from schemas.events import Deal, SegmentFigures, SegmentStanding
from streams.routing.admission import Decision, Segment, admitted, promoted, shortfalls
from streams.routing.policy import Policy, PropertyClass

_YEAR: Final = timedelta(days=365)
_BY: Final = "demonstration-1"
_SECOND: Final = "demonstration-2"
_BY_RULE: Final = "校准期间的结果达到准入规则"
_OUTSIDE: Final = "示范环境由两人决定开通，未达准入规则"


def admissions(
    manifests: Iterable[Mapping[str, Any]], deals: Sequence[Deal], policy: Policy, now: datetime
) -> tuple[SegmentStanding, ...]:
    """What the demonstration decides about the segments of freshly trained models.

    A segment whose figures reach the rule is promoted by it. Flats of the other cities are admitted outside the rule,
    with the figures and a reason that says so; other classes stay with people. A market of years ago reaches no rule.
    """
    judged = (pair for manifest in manifests for pair in figures_of(manifest, deals, policy))
    decided = (_admission(segment, figures, policy, now) for segment, figures in judged)
    first: dict[str, SegmentStanding] = {}  # shops and offices have a model each, and one class
    for standing in decided:
        if standing is not None:
            first.setdefault(standing.segment, standing)
    return tuple(first.values())


def figures_of(
    manifest: Mapping[str, Any], deals: Sequence[Deal], policy: Policy
) -> Iterator[tuple[Segment, SegmentFigures]]:
    """Figures of every city of a model, from its calibration: deals it had not learned from, valued as of their day.

    The share within 10 % is that of all cases of the model, address and area known. It stands for the accepted ones of
    each city: these are the surest of them, so it is the more careful figure.
    """
    calibration = manifest["calibration"]
    since, until = (datetime.strptime(text, "%Y%m%d").date() for text in calibration["id"].split("-"))  # noqa: DTZ007
    sold = _by_segment(deals, policy, until - _YEAR, until)
    seen = _by_segment(deals, policy, since, until)
    kind = policy.class_of(PropertyType(manifest["segment"]))
    for segment in sorted((one for one in sold if one.property_class is kind), key=lambda one: one.key):
        yield (
            segment,
            SegmentFigures(
                deals=sold[segment],
                accepted=seen[segment],
                ppe10=calibration["settings"]["area"]["ppe10"] or 0.0,
                since=since,
                until=until,
                source=f"calibration of {manifest['name']} {manifest['version']}, all cases of all cities",
            ),
        )


def _admission(segment: Segment, figures: SegmentFigures, policy: Policy, now: datetime) -> SegmentStanding | None:
    decision = Decision(by=_BY, second=_SECOND, reason=_BY_RULE, at=now)
    if not shortfalls(figures, policy.admission, shanghai_date(now)):
        return promoted(segment, None, figures, policy.admission, decision)
    if segment.property_class is not PropertyClass.RESIDENTIAL:
        return None
    return admitted(segment, None, replace(decision, reason=_OUTSIDE), figures)


def _by_segment(deals: Sequence[Deal], policy: Policy, since: date, until: date) -> Counter[Segment]:
    """How many deals of each segment were closed in [`since`, `until`)."""
    closed = ((deal.city, policy.class_of(deal.property_type)) for deal in deals if since <= deal.deal_date < until)
    return Counter(Segment(city=city, property_class=kind) for city, kind in closed if kind is not None)
