"""The clocks of open tasks: warnings at shares of the time, the breach (C-03), and who is told when nobody acts. Pure.

Time is desk time, and stands still while the channel is asked: `due_at` moves by the pause, so what is left until then
is what is left. Minutes of an escalation are wall time after a breach, and desk time for a queue that nobody serves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import DESK, desk_time_between

ALLOWANCE: Final = MANUAL_ANSWER.value * DESK.day
BREACH: Final = Decimal(1)
_PROMISED: Final = frozenset({Kind.VALUATION, Kind.DISPUTE})
_IN_LINE: Final = frozenset({TaskState.QUEUED, TaskState.PARKED})


class Level(StrEnum):
    """Who is told that nobody acts: 班长, 运维, 管理层. In the order of `DeskPolicy.escalate_after`."""

    SUPERVISOR = "SUPERVISOR"
    OPERATIONS = "OPERATIONS"
    MANAGEMENT = "MANAGEMENT"


LEVELS: Final = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocked:
    """What a clock needs of an open task, and what it has said of it. `state` is where the task stands at this moment.

    `is_in_hand`: somebody works on it, or has the offer of it. `told_revision` is `None` until the channel was told.
    """

    task_id: str
    valuation_id: str
    revision: int
    kind: Kind
    internal: bool
    region: Region
    queue: str
    state: TaskState
    is_in_hand: bool
    received_at: datetime
    due_at: datetime
    paused_since: datetime | None = None
    share_told: Decimal = Decimal(0)
    level_told: int = 0
    told_revision: int | None = None
    expected_at: datetime | None = None

    @property
    def is_promised(self) -> bool:
        """Whether a channel waits for it by the contract: samples and opinions are the desk's own work."""
        return not self.internal and self.kind in _PROMISED

    @property
    def kind_told(self) -> str:
        """The kind as the channel knows it: it raised a dispute, and has not heard of any other kind."""
        return str(self.kind) if self.kind is Kind.DISPUTE else ""

    @property
    def is_in_line(self) -> bool:
        """Whether it has a place in the queue."""
        return self.state in _IN_LINE and not self.is_in_hand


def share_used(due_at: datetime, now: datetime, paused_since: datetime | None = None) -> Decimal:
    """The share of the working day that is gone, 0 to 1; above 1 once `due_at` has passed, which itself is in time."""
    at = now if paused_since is None else min(now, paused_since)
    if at > due_at:
        return BREACH + Decimal("0.0001")
    left = min(desk_time_between(at, due_at), ALLOWANCE)
    return BREACH - Decimal(left // timedelta(seconds=1)) / Decimal(ALLOWANCE // timedelta(seconds=1))


def marks_due(task: Clocked, now: datetime, policy: DeskPolicy) -> tuple[Decimal, ...]:
    """The shares to be told now, each once. The last is the breach, which needs the due time to have passed."""
    if not task.is_promised:
        return ()
    used = share_used(task.due_at, now, task.paused_since)
    return tuple(
        mark for mark in policy.at_risk if task.share_told < mark and (used >= mark if mark < BREACH else used > BREACH)
    )


def level_of(unattended: timedelta, policy: DeskPolicy) -> int:
    """How many of the levels have to know of something that nobody has acted on for so long."""
    return sum(unattended >= after for after in policy.escalate_after)


def levels_due(task: Clocked, now: datetime, policy: DeskPolicy) -> tuple[Level, ...]:
    """Who has to be told now that a task is overdue, each once. While the channel is asked nobody here can act."""
    if not task.is_promised or task.paused_since is not None or now <= task.due_at:
        return ()
    return LEVELS[task.level_told : level_of(now - task.due_at, policy)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A queue of which nobody takes anything, since when, and how many levels know."""

    queue: str
    since: datetime
    level_told: int = 0


def blocked_queues(open_tasks: Iterable[Clocked], paused: frozenset[str]) -> frozenset[str]:
    """Queues with waiting tasks and nobody at any. One that a supervisor has paused is not blocked, it rests."""
    waiting: set[str] = set()
    served: set[str] = set()
    for task in open_tasks:
        if task.is_in_hand:
            served.add(task.queue)
        elif task.state is TaskState.QUEUED:
            waiting.add(task.queue)
    resting = {queue for queue in waiting if queue in paused or queue.partition("/")[0] in paused}
    return frozenset(waiting - served - resting)


def block_levels_due(block: Blocked, now: datetime, policy: DeskPolicy) -> tuple[Level, ...]:
    """Who has to be told now that a queue is blocked, each once. Outside opening hours nobody is missing."""
    return LEVELS[block.level_told : level_of(desk_time_between(block.since, now), policy)]


def first_in(queue: str, in_order: Sequence[Clocked]) -> Clocked | None:
    """The task that waits in front of a queue, of open tasks in their order; promised ones alone."""
    mine = (task for task in in_order if task.queue == queue and task.state is TaskState.QUEUED)
    return next((task for task in mine if task.is_promised), None)


MARK_TEXT: Final[Mapping[Decimal, str]] = {
    Decimal("0.75"): "办结时限已用75%，请尽快处理，专家组可领取",
    Decimal("0.90"): "办结时限已用90%，请班长立即安排",
    BREACH: "已超过办结时限",
}
"""What people of the desk are told at a mark; at the first nobody but the reviewer needs to know, who sees it."""
