"""What a supervisor may make of a task: pure moves. None loses the draft; none moves the due time."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves
from consumers.review_desk.task import Task, TaskState, TaskUnavailableError

_WAITS_FOR_OTHERS: Final = frozenset({TaskState.PENDING_APPROVAL, TaskState.WAIT_REPLY, TaskState.WAIT_SURVEY})
HIGHEST_PRIORITY: Final = 999  # above everything that routing gives
SHORTEST_REASON: Final = 4


class Command(StrEnum):
    """The commands of requirement RD15 and the call for a panel, as the audit names them."""

    WATCH = "WATCH"
    SEIZE = "SEIZE"
    REASSIGN = "REASSIGN"
    FORCE_RELEASE = "FORCE_RELEASE"
    SET_PRIORITY = "SET_PRIORITY"
    PAUSE_QUEUE = "PAUSE_QUEUE"
    RESUME_QUEUE = "RESUME_QUEUE"
    SET_STATE = "SET_STATE"
    HOLD_SEGMENT = "HOLD_SEGMENT"
    BROADCAST = "BROADCAST"
    CALL_PANEL = "CALL_PANEL"


class CommandError(Exception):
    """A supervisor's command is incomplete. `field` names what is wrong, `why` (Chinese) how to mend it."""

    def __init__(self, field: str, why: str) -> None:
        self.field, self.why = field, why
        super().__init__(f"{field}: {why}")


def checked_reason(reason: str) -> str:
    """The reason of a command, without blanks around. Raises `CommandError` for none worth the name."""
    said = reason.strip()
    if len(said) < SHORTEST_REASON:
        raise CommandError("reason", f"请填写原因，不少于{SHORTEST_REASON}个字")
    return said


def seized(task: Task, supervisor: Person, now: datetime, policy: DeskPolicy) -> Task:
    """The supervisor works on the task from now on, with whatever its reviewer had typed."""
    if task.worked_on_by(supervisor.username, now):
        raise TaskUnavailableError("该任务已在您手中", task)
    return moves.claim(moves.free(moves.as_of(task, now)), supervisor, now, policy)


def reassigned(task: Task, to: Person, now: datetime, policy: DeskPolicy) -> Task:
    """Back to the queue, for one person first: offered to nobody else before `same_reviewer_within` has passed.

    What is parked stays parked, and is kept for them from the opening of the desk on.
    """
    if task.worked_on_by(to.username, now):
        raise TaskUnavailableError("该任务已由此人处理", task)
    settled = moves.as_of(task, now)
    parked = settled.state is TaskState.PARKED and settled.parked_until is not None
    since = settled.parked_until if parked and settled.parked_until is not None else now
    queued = settled if parked else moves.free(settled)
    return replace(queued, preferred=to.username, preferred_until=since + policy.same_reviewer_within, group=None)


def force_released(task: Task, now: datetime) -> Task:
    """Back to the queue, with its draft, for anybody; also what waits for an approval, the channel or a survey.

    For when that does not come: nobody of the grade is left, the channel does not answer, nobody can see the house.
    """
    if task.state in _WAITS_FOR_OTHERS:
        return moves.recall(task, now)
    if task.state is TaskState.QUEUED or moves.is_free(task, now):
        raise TaskUnavailableError("该任务不在任何人手中", task)
    return replace(moves.free(task), preferred=None, preferred_until=None)


def panel_called(task: Task) -> Task:
    """PENDING_APPROVAL → PANEL: its author stays named, and takes no seat."""
    if task.state is not TaskState.PENDING_APPROVAL:
        raise TaskUnavailableError("只有待复核的任务可以改由合议决定", task)
    return replace(task, state=TaskState.PANEL)


def prioritised(task: Task, priority: int) -> Task:
    """With another priority, 0 … `HIGHEST_PRIORITY`; the higher comes first. Raises `CommandError` for any other."""
    if not 0 <= priority <= HIGHEST_PRIORITY:
        raise CommandError("priority", f"优先级须在0至{HIGHEST_PRIORITY}之间")
    if not task.state.is_open:
        raise TaskUnavailableError("该任务已经办结", task)
    return replace(task, priority=priority)


def left_behind(task: Task, to: Person | None, now: datetime, policy: DeskPolicy) -> Task:
    """A leaver's task handed on: to one person first, or to anybody.

    What waits for the channel goes on waiting, and its reply comes to the new person. What waits for an approval or a
    panel is left to those who approve and chair: it is not asked for here.
    """
    if task.state is TaskState.WAIT_REPLY:
        return replace(task, reviewer=None if to is None else to.username)
    if to is not None:
        return reassigned(task, to, now, policy)
    return force_released(task, now)
