"""The clocks of the desk, running: each mark, each escalation and each word to a waiting channel goes out once.

One pass every few seconds, of one process at a time. What is told about a task is told in the transaction that notes
it, under the lock on its row.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.clock import rows as clock_rows
from consumers.review_desk.clock.progress import Place, is_news, places, progress_of
from consumers.review_desk.clock.rules import (
    BREACH,
    LEVELS,
    MARK_TEXT,
    Blocked,
    Clocked,
    Level,
    block_levels_due,
    blocked_queues,
    first_in,
    levels_due,
    marks_due,
    share_used,
)
from consumers.review_desk.oversight import notices, pauses
from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.pace import Pace
from consumers.review_desk.people.staff import Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.store import Held, TaskStore
from consumers.review_desk.words import queue_said
from infra.postgres.audit import Act
from schemas.catalogue import REVIEW_CLOCKS, REVIEW_PROGRESS, Topic
from schemas.events import ReviewAtRisk

ACTOR: Final = "clocks"
_EVERY: Final = timedelta(seconds=5)
_MOST_AT_ONCE: Final = 100  # of each sort in a pass; the next is seconds away
_NOTICE_STAYS: Final = timedelta(hours=1)
_HUNDRED: Final = 100
# Numbers of what is told about one asking of a valuation: marks by their percentage, then two rows of levels.
_PER_REVISION, _OVERDUE, _BLOCKED = 1000, 200, 300
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROLES: Final = {
    Level.SUPERVISOR: frozenset({Role.SUPERVISOR}),
    Level.OPERATIONS: frozenset({Role.SUPERVISOR, Role.ADMIN}),
    Level.MANAGEMENT: frozenset({Role.SUPERVISOR, Role.ADMIN}),
}


class Clocks:
    """Warns, escalates, and keeps waiting channels informed."""

    def __init__(
        self,
        store: TaskStore,
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        progress_topic: Topic = REVIEW_PROGRESS,
        clocks_topic: Topic = REVIEW_CLOCKS,
    ) -> None:
        """`clock` gives the instant now, in UTC; `tick` may be given another."""
        self._store, self._policy, self._clock = store, policy, clock
        self._progress_topic, self._clocks_topic = progress_topic, clocks_topic
        self._pace = Pace(_EVERY)

    def tick(self, now: datetime | None = None) -> None:
        """Make a pass, if the last one of this process is long enough ago and no other process is at it."""
        now = now or self._clock()
        if not self._pace.is_due(now):
            return
        with self._store.pool.connection() as guard:
            if not clock_rows.takes_turn(guard):
                return
            tasks = clock_rows.open_tasks(guard, now)
            self._warn(guard, tasks, now)
            self._escalate_queues(guard, tasks, now)
            decided = clock_rows.decided_by_queue(guard, now, self._policy.pace_over)
        self._tell_channels(places(tasks, decided, now, self._policy), now)

    # ---- warnings of a task -------------------------------------------------------------------------------------

    def _warn(self, connection: Connection[TupleRow], tasks: Sequence[Clocked], now: datetime) -> None:
        due = (task for task in tasks if self._has_due(task, now))
        for _, task in zip(range(_MOST_AT_ONCE), due, strict=False):
            self._warn_of(task.task_id, now)
        for (region, mark), count in clock_rows.unsaid(connection).items():
            _notify(connection, region, mark, count, now, self._policy)

    def _has_due(self, task: Clocked, now: datetime) -> bool:
        return bool(marks_due(task, now, self._policy) or levels_due(task, now, self._policy))

    def _warn_of(self, task_id: str, now: datetime) -> None:
        """Tell of everything that is due for one task, and keep it for the notice to the desk, which speaks of all."""
        with self._store.locked(task_id) as held:
            task = clock_rows.one(held.connection, task_id, now)
            if not task.state.is_open:
                return
            marks, levels = marks_due(task, now, self._policy), levels_due(task, now, self._policy)
            for mark in marks:
                self._publish(held, task, now, share=mark, place=int(mark * _HUNDRED))
            for level in levels:
                self._publish(held, task, now, share=BREACH, place=_OVERDUE + LEVELS.index(level), level=level)
            level_told = task.level_told + len(levels)
            clock_rows.mark(held.connection, task_id, share=max((task.share_told, *marks)), level=level_told)
            clock_rows.to_say(held.connection, task.region, (*marks, *levels))

    def _publish(
        self, held: Held, task: Clocked, now: datetime, *, share: Decimal, place: int, level: Level | None = None
    ) -> None:
        event = ReviewAtRisk(
            valuation_id=task.valuation_id,
            revision=task.revision,
            number=task.revision * _PER_REVISION + place,
            share=float(share),
            due_at=task.due_at,
            noted_at=now,
            state=str(task.state),
            is_breach=share >= BREACH and now > task.due_at,
            escalated_to="" if level is None else str(level),
            queue=task.queue,
            desk=str(task.region),
            kind=task.kind_told,
        )
        act = Act(
            actor=ACTOR,
            action="AT_RISK" if level is None else "ESCALATED",
            at=now,
            details={"share": str(share), "escalated_to": event.escalated_to, "is_breach": event.is_breach},
        )
        held.note(act)
        held.publish(self._clocks_topic, event, act, number=event.number)

    # ---- queues nobody serves -----------------------------------------------------------------------------------

    def _escalate_queues(self, connection: Connection[TupleRow], tasks: Sequence[Clocked], now: datetime) -> None:
        paused = pauses.paused_queues(connection)
        for block in clock_rows.note_blocked(connection, blocked_queues(tasks, paused), now):
            levels = block_levels_due(block, now, self._policy)
            if levels:
                self._escalate(connection, block, levels, first_in(block.queue, tasks), now)

    def _escalate(
        self,
        connection: Connection[TupleRow],
        block: Blocked,
        levels: Sequence[Level],
        first: Clocked | None,
        now: datetime,
    ) -> None:
        region = Region(block.queue.partition("/")[0])
        for level in levels:
            text = (
                f"{queue_said(block.queue)}有待办任务但无人处理，已持续{_minutes(level, self._policy)}分钟，请安排人员"
            )
            notices.write(connection, _notice(text, _ROLES[level], region, now))
        clock_rows.escalated(connection, block.queue, block.level_told + len(levels))
        if first is None:
            return
        with self._store.locked(first.task_id) as held:
            share = min(share_used(first.due_at, now, first.paused_since), BREACH)
            for level in levels:
                self._publish(held, first, now, share=share, place=_place_of(block, level), level=level)

    # ---- channels that wait -------------------------------------------------------------------------------------

    def _tell_channels(self, found: Iterable[Place], now: datetime) -> None:
        news = (place for place in found if is_news(place, self._policy))
        for _, place in zip(range(_MOST_AT_ONCE), news, strict=False):
            self._tell(place, now)

    def _tell(self, place: Place, now: datetime) -> None:
        """Tell, unless somebody has taken the task since the pass looked, or another process has told."""
        with self._store.locked(place.task.task_id) as held:
            task = clock_rows.one(held.connection, place.task.task_id, now)
            is_same = task.is_in_line and task.revision == place.task.revision
            if not is_same or not is_news(replace(place, task=task), self._policy):
                return
            event = progress_of(place, held.review, now)
            act = Act(actor=ACTOR, action="PROGRESS_TOLD", at=now)
            held.publish(self._progress_topic, event, act, number=event.number)
            clock_rows.told(held.connection, task, place.position, place.expected_at, now)


def _notify(
    connection: Connection[TupleRow],
    region: Region,
    mark: Decimal | Level,
    count: int,
    now: datetime,
    policy: DeskPolicy,
) -> None:
    """One notice for all tasks of a region that came to the same mark in a pass."""
    if isinstance(mark, Level):
        late = f"{count}项超时任务仍未办结，超过时限已{_minutes(mark, policy)}分钟，请立即处理"
        text, roles = late, _ROLES[mark]
    elif mark in MARK_TEXT:
        text, roles = (
            f"{count}项任务{MARK_TEXT[mark]}",
            frozenset({Role.SUPERVISOR, Role.SENIOR} if mark < BREACH else {Role.SUPERVISOR}),
        )
    else:
        return
    notices.write(connection, _notice(text, roles, region, now))


def _notice(text: str, roles: frozenset[Role], region: Region, now: datetime) -> Notice:
    return Notice(
        severity=Severity.URGENT,
        text=text,
        written_by=ACTOR,
        written_at=now,
        shown_until=now + _NOTICE_STAYS,
        roles=roles,
        regions=frozenset({region}),
    )


def _place_of(block: Blocked, level: Level) -> int:
    """A number of its own for each time that a queue is blocked, also before the same task."""
    return _BLOCKED + (block.since - _EPOCH) // timedelta(milliseconds=1) * _PER_REVISION + LEVELS.index(level)


def _minutes(level: Level, policy: DeskPolicy) -> int:
    return int(policy.escalate_after[LEVELS.index(level)] // timedelta(minutes=1))
