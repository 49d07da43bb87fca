"""The opinions of a panel, and what they come to together (requirements 4.2, RD7). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Final

from consumers.review_desk.deciding.decision import Conclusion, Signed
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.queue.assignment import EXPERTS
from consumers.review_desk.task import Kind, Task, about_the_same_case
from schemas.codes import ReviewOutcome
from schemas.domain.rounding import unit_price as whole_yuan
from schemas.ids import event_id

_MAJORITY: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One seat's opinion. `unit_price` in yuan per m², for the outcome VALUE.

    `confirmed_community_id`: which candidate of an open address they mean. `comparable_ids`: what they rest on.
    """

    reviewer: str
    grade: Grade
    outcome: ReviewOutcome
    unit_price: int | None
    confirmed_community_id: str | None = None
    comparable_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chair:
    """The expert who signs for a panel."""

    username: str
    grade: Grade


def joint(opinions: Sequence[Opinion]) -> tuple[ReviewOutcome, int | None]:
    """What a full panel comes to: the outcome of its majority (without one: UNABLE), and the median unit price."""
    agreeing = _agreeing(opinions)
    if not agreeing:
        return ReviewOutcome.UNABLE, None
    prices = [opinion.unit_price for opinion in agreeing if opinion.unit_price is not None]
    return agreeing[0].outcome, whole_yuan(Decimal(median(prices))) if prices else None


def communities_of(opinions: Sequence[Opinion]) -> tuple[str, ...]:
    """The communities that the majority confirmed, by id. Of more than one the chair has to choose."""
    named = {opinion.confirmed_community_id for opinion in _agreeing(opinions)}
    return tuple(sorted(community_id for community_id in named if community_id is not None))


def _agreeing(opinions: Sequence[Opinion]) -> list[Opinion]:
    """The majority by outcome; nobody where there is none."""
    for outcome in ReviewOutcome:
        found = [opinion for opinion in opinions if opinion.outcome is outcome]
        if len(found) >= _MAJORITY:
            return found
    return []


def _nearest(opinions: Sequence[Opinion], unit_price: int) -> Opinion:
    """Whose price is nearest; of two equally near ones the earlier."""
    priced = [(opinion, opinion.unit_price) for opinion in opinions if opinion.unit_price is not None]
    return min(priced, key=lambda each: abs(each[1] - unit_price))[0]


def spread_of(opinions: Sequence[Opinion]) -> Decimal:
    """(Highest − lowest) ÷ median of the unit prices; 1 where the outcomes differ, 0 where none gave a value."""
    if len({opinion.outcome for opinion in opinions}) > 1:
        return Decimal(1)
    prices = [Decimal(opinion.unit_price) for opinion in opinions if opinion.unit_price is not None]
    return (max(prices) - min(prices)) / median(prices) if prices else Decimal(0)


def seat(origin: Task, number: int, *, at: datetime, excluded: Iterable[str], is_experts: bool) -> Task:
    """The task of one opinion: the same house, due at the same time, with nothing shown that others think of it."""
    task_id = event_id(origin.task_id, Kind.OPINION, number)
    return replace(
        about_the_same_case(origin, task_id=task_id, kind=Kind.OPINION, at=at),
        group=EXPERTS if is_experts else None,  # one seat at least
        excluded=tuple(sorted({*origin.excluded, *excluded})),
    )


def members(opinions: Sequence[Opinion]) -> tuple[tuple[str, Grade], ...]:
    """Who gave them, with the grade they had."""
    return tuple((opinion.reviewer, opinion.grade) for opinion in opinions)


def summed_up(  # noqa: PLR0913, PLR0917 - what a panel comes to is made of
    task: Task,
    opinions: Sequence[Opinion],
    chair: Chair,
    rationale: str,
    now: datetime,
    guideline_version: str,
    community_id: str | None,
) -> Signed:
    """What a panel comes to, under the chair's name with another member's beside it.

    The comparables are those of the opinion nearest the median; `community_id` is what it says of an open address.
    """
    outcome, price = joint(opinions)
    second = next(opinion for opinion in opinions if opinion.reviewer != chair.username)
    conclusion = Conclusion(
        outcome=outcome,
        rationale=rationale,
        unit_price=price,
        comparable_ids=() if price is None else _nearest(_agreeing(opinions), price).comparable_ids,
        confirmed_community_id=community_id,
    )
    return Signed(
        conclusion=conclusion,
        reviewer=chair.username,
        grade=chair.grade,
        claimed_at=task.claimed_at or task.queued_at,
        decided_at=now,
        guideline_version=guideline_version,
        approver=second.reviewer,
    )
