"""Who may decide what alone, who approves it, and what goes to a panel (requirements 4.2)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from consumers.review_desk.people.staff import Grade, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.assignment import barred, conflict_in
from consumers.review_desk.task import Kind, Task
from schemas.codes import ReviewOutcome

# Their decisions change nothing for a channel: the automatic answer stands, or they are compared at the desk.
_CHANGES_NOTHING: Final = frozenset({Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED, Kind.OPINION})
_ORDER: Final = tuple(Grade)
_LEAST_APPROVER: Final = Grade.G3


class Need(StrEnum):
    """What a decision needs before it goes out."""

    NOTHING = "NOTHING"
    APPROVAL = "APPROVAL"
    PANEL = "PANEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """How much hangs on a decision: the total in yuan (`None`: no value is given), and how far it moves from the model.

    `move` is a share of the model's unit price, without sign; `None` where the model had no value, or none is given.
    """

    value: int | None
    move: Decimal | None
    model_had_value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a decision needs, and in Chinese why."""

    need: Need
    because: str = ""


def distance(price: int, reference: int) -> Decimal:
    """How far a price lies from another, as a share of that other, without sign."""
    return abs(Decimal(price) - reference) / reference


def stakes_of(value: int | None, unit_price: int | None, model_unit_price: int | None) -> Stakes:
    """The stakes of an outcome with these figures; all `None` where it gives no value."""
    move = distance(unit_price, model_unit_price) if unit_price is not None and model_unit_price else None
    return Stakes(value=value, move=move, model_had_value=bool(model_unit_price))


def ruling(grade: Grade, kind: Kind, outcome: ReviewOutcome, stakes: Stakes, policy: DeskPolicy) -> Ruling:
    """What a decision by a person of this grade needs. A figure at the ceiling is within it."""
    if kind in _CHANGES_NOTHING or outcome is ReviewOutcome.CLARIFY:  # a question is no conclusion
        return Ruling(need=Need.NOTHING)
    beyond_all = _beyond(stakes, Grade.G4, policy)
    if beyond_all:
        return Ruling(need=Need.PANEL, because=beyond_all)
    if grade is Grade.G1:
        return Ruling(need=Need.APPROVAL, because="新入职人员的结论均须复核")
    if outcome is ReviewOutcome.RETURN_TO_AUTO:  # the answer is the model's, with its own safeguards
        return Ruling(need=Need.NOTHING)
    if not stakes.model_had_value:
        return Ruling(need=Need.APPROVAL, because="无模型估值，须双人复核")
    beyond = _beyond(stakes, grade, policy)
    return Ruling(need=Need.APPROVAL, because=beyond) if beyond else Ruling(need=Need.NOTHING)


def approval_refusal(
    approver: Person, task: Task, author: str, author_grade: Grade, stakes: Stakes, policy: DeskPolicy
) -> str:
    """Why this person may not approve (Chinese); empty where they may. Right and region: `access.require`.

    Another person, of a higher grade (for an expert's: another expert), whose own ceiling covers the case, who has no
    interest in it and has not judged it before. G1 and G2 approve nobody.
    """
    if approver.username == author:
        return "不能复核本人的结论"
    if approver.username in task.excluded:
        return "您曾经办或复核该笔估值，须由他人复核"
    conflict = conflict_in(task.communities, approver)
    if conflict is not None:
        return conflict
    is_higher = _ORDER.index(approver.grade) > _ORDER.index(author_grade)
    both_experts = approver.grade is Grade.G4 and author_grade is Grade.G4
    if _ORDER.index(approver.grade) < _ORDER.index(_LEAST_APPROVER) or not (is_higher or both_experts):
        return "复核人的级别须高于估值人；专家的结论由另一名专家复核"
    beyond = _beyond(stakes, approver.grade, policy)
    return f"超出复核人本人的权限：{beyond}" if beyond else ""


def decision_refusal(person: Person, task: Task, confirmed: str | None, now: datetime, policy: DeskPolicy) -> str:
    """Why this person may not put their name to a conclusion on a task (Chinese); empty where they may.

    They have to be somebody who may have it, as they are at that moment, also with the community it confirms.
    """
    why = barred(task, person, now, policy)
    if why is None and confirmed is not None:
        why = conflict_in((confirmed,), person)
    return why or ""


def panel_refusal(person: Person, given: tuple[tuple[str, Grade], ...], seats: int) -> str:
    """Why this person's opinion cannot be the next of a panel, of which `given` (who, grade) are in; empty if it can.

    Three people, at least one of them an expert: the last seat is an expert's where there was none so far.
    """
    if any(username == person.username for username, _ in given):
        return "您已就本案发表过合议意见"
    experts = sum(grade is Grade.G4 for _, grade in given)
    if person.grade is not Grade.G4 and not experts and len(given) == seats - 1:
        return "合议须至少有一名专家，本席位须由专家填写"
    return ""


def is_chair(person: Person, given: tuple[tuple[str, Grade], ...]) -> bool:
    """Whether a person may sum up a panel: an expert who sat on it."""
    return person.grade is Grade.G4 and any(username == person.username for username, _ in given)


def _beyond(stakes: Stakes, grade: Grade, policy: DeskPolicy) -> str:
    ceiling = policy.ceilings[grade]
    if stakes.value is not None and stakes.value > ceiling.value:
        return f"总价超过{ceiling.value // 10_000}万元"
    if stakes.move is not None and stakes.move > ceiling.move:
        return f"与模型相差超过{ceiling.move:.0%}"
    return ""
