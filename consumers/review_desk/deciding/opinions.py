"""The opinions of a panel, and what they come to together (requirements 4.2, RD7). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Final

from consumers.review_desk.deciding.decision import Conclusion, Signed
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.task import Kind, Task
from consumers.review_desk.work.assignment import EXPERTS
from schemas.codes import ReviewOutcome
from schemas.domain.rounding import unit_price as whole_yuan
from schemas.ids import event_id

_MAJORITY: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One seat's opinion. `unit_price` in yuan per m², for the outcome VALUE."""

    reviewer: str
    grade: Grade
    outcome: ReviewOutcome
    unit_price: int | None


def joint(opinions: Sequence[Opinion]) -> tuple[ReviewOutcome, int | None]:
    """What a full panel comes to: the outcome of its majority (without one: UNABLE), and the median unit price."""
    for outcome in ReviewOutcome:
        agreeing = [opinion for opinion in opinions if opinion.outcome is outcome]
        if len(agreeing) >= _MAJORITY:
            prices = [opinion.unit_price for opinion in agreeing if opinion.unit_price is not None]
            return outcome, whole_yuan(Decimal(median(prices))) if prices else None
    return ReviewOutcome.UNABLE, None


def spread_of(opinions: Sequence[Opinion]) -> Decimal:
    """(Highest − lowest) ÷ median of the unit prices; 1 where the outcomes differ, 0 where none gave a value."""
    if len({opinion.outcome for opinion in opinions}) > 1:
        return Decimal(1)
    prices = [Decimal(opinion.unit_price) for opinion in opinions if opinion.unit_price is not None]
    return (max(prices) - min(prices)) / median(prices) if prices else Decimal(0)


def seat(origin: Task, number: int, *, at: datetime, excluded: tuple[str, ...]) -> Task:
    """The task of one opinion: the same house, due at the same time, with nothing shown that others think of it."""
    return Task(
        task_id=event_id(origin.task_id, Kind.OPINION, number),
        valuation_id=origin.valuation_id,
        revision=origin.revision,
        kind=Kind.OPINION,
        region=origin.region,
        city=origin.city,
        property_type=origin.property_type,
        skill=origin.skill,
        community_id=origin.community_id,
        address=origin.address,
        area_m2=origin.area_m2,
        reasons=origin.reasons,
        model_value=origin.model_value,
        priority=origin.priority,
        received_at=origin.received_at,
        requested_at=at,
        due_at=origin.due_at,
        blind=True,
        internal=True,
        queued_at=at,
        group=EXPERTS if number == 1 else None,  # one seat at least is an expert's
        excluded=tuple(sorted({*origin.excluded, *excluded})),
        origin=origin.task_id,
    )


def members(opinions: Sequence[Opinion]) -> tuple[tuple[str, Grade], ...]:
    """Who gave them, with the grade they had."""
    return tuple((opinion.reviewer, opinion.grade) for opinion in opinions)


def summed_up(
    task: Task, opinions: Sequence[Opinion], chair: Opinion, rationale: str, now: datetime, guideline_version: str
) -> Signed:
    """What a panel comes to, under the chair's name with another member's beside it."""
    outcome, price = joint(opinions)
    second = next(opinion for opinion in opinions if opinion.reviewer != chair.reviewer)
    return Signed(
        conclusion=Conclusion(outcome=outcome, rationale=rationale, unit_price=price),
        reviewer=chair.reviewer,
        grade=chair.grade,
        claimed_at=task.claimed_at or task.queued_at,
        decided_at=now,
        guideline_version=guideline_version,
        approver=second.reviewer,
    )
