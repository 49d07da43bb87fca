"""A conclusion that waits for a second person: who may be that person, and what they see of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from consumers.review_desk.deciding.authority import approval_refusal, decision_refusal
from consumers.review_desk.deciding.case import masked
from consumers.review_desk.deciding.decision_rows import FirstOpinion
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.task import Task, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A conclusion that waits for a second person, as they see it.

    `model_unit_price` and `move` (share of it, without sign) are `None` where the model gave no value, or nobody is to
    see it. `value` is the total in yuan.
    """

    task: Task
    first: FirstOpinion
    value: int | None
    model_unit_price: int | None = None
    move: Decimal | None = None


def why_not(person: Person, task: Task, first: FirstOpinion, now: datetime, policy: DeskPolicy) -> str:
    """Why this person may not put their name beside it (Chinese); empty where they may. The right to: `access`."""
    refused = approval_refusal(person, task, first.reviewer, first.grade, first.stakes, policy)
    return refused or decision_refusal(person, task, first.conclusion.confirmed_community_id, now, policy)


def may_approve(person: Person, task: Task, first: FirstOpinion | None, now: datetime, policy: DeskPolicy) -> bool:
    """Whether a task waits for a second person, and this one may be it."""
    return (
        first is not None
        and task.state is TaskState.PENDING_APPROVAL
        and may(person, Permission.APPROVE, task.region)
        and not why_not(person, task, first, now, policy)
    )


def approval_of(task: Task, first: FirstOpinion) -> Approval:
    """What the second person sees; of a blind task nothing of the model."""
    if task.blind:  # what nobody was to see stays unseen here too
        unseen = replace(first, model_unit_price=None, because="按规定须双人复核")
        return Approval(task=masked(task), first=unseen, value=first.value)
    return Approval(
        task=masked(task),
        first=first,
        value=first.value,
        model_unit_price=first.model_unit_price,
        move=first.stakes.move,
    )
