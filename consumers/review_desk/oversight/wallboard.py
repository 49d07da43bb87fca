"""大屏: the desk at one instant, in a handful of queries. Periods are days of Shanghai's calendar.

The share in time (C-03) is taken over requests whose clock has ended: those decided, and those still open past their
due time, which are late whatever comes. `due_at` stands still while the channel is asked, so it is the net clock of
the contract. Today: what ended today, or fell due today unanswered. Thirty days: by receipt, as the contract counts.
Decisions that stay inside the desk (second readings, seeded cases, opinions) are work, and no answers.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.oversight import pauses
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import presence_rows
from consumers.review_desk.queue.presence import Presence, PresenceState, newcomer
from consumers.review_desk.regions import Region
from infra.postgres.pool import Pool
from schemas.domain.worktime import SHANGHAI

LONG_RUN: Final = timedelta(days=30)
SOON: Final = timedelta(hours=2)  # wall time; the warnings by share of the clock are the events' business

# A lapsed offer, claim or hold counts as waiting, as it does for everybody who asks for work (`moves.as_of`).
_STANDING = """
    case when state in ('OFFERED', 'WORKING', 'ON_HOLD') and coalesce(lease_until, '-infinity') <= %(now)s then 'QUEUED'
         when state = 'ON_HOLD' and held_until <= %(now)s then 'QUEUED'
         when state = 'PARKED' and parked_until <= %(now)s then 'QUEUED'
         else state end
"""
_OPEN = f"""
    with open as (
        select queue, due_at, requested_at, internal, coalesce(level_told, 0) as level, {_STANDING} as standing
        from task left join task_clock using (task_id)
        where state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED') and region = any(%(regions)s)
    )
    select queue,
        count(*) filter (where standing = 'QUEUED') as waiting,
        count(*) filter (where standing in ('OFFERED', 'WORKING')) as in_work,
        count(*) filter (where standing = 'ON_HOLD') as on_hold,
        count(*) filter (where standing = 'WAIT_REPLY') as wait_reply,
        count(*) filter (where standing = 'WAIT_SURVEY') as wait_survey,
        count(*) filter (where standing in ('PENDING_APPROVAL', 'PANEL')) as approvals,
        count(*) filter (where standing = 'PARKED') as parked,
        count(*) filter (where not internal and standing <> 'WAIT_REPLY' and due_at >= %(now)s and due_at < %(soon)s)
            as at_risk,
        count(*) filter (where not internal and standing <> 'WAIT_REPLY' and due_at < %(now)s) as breached,
        count(*) filter (where level > 0) as escalated,
        min(requested_at) filter (where standing = 'QUEUED') as oldest_at,
        min(due_at) filter (where standing <> 'WAIT_REPLY') as next_due_at
    from open group by queue order by queue
"""
_BLOCKED = "select queue, since from queue_blocked"
_DONE = """
    select t.queue, count(*) as done
    from decision d join task t using (task_id)
    where d.decided_at >= %(today)s and t.region = any(%(regions)s) group by t.queue
"""
_FIGURES = """
    with ended as (
        select d.decided_at <= t.due_at as in_time, d.decided_at, t.received_at, t.internal,
               extract(epoch from d.decided_at - d.claimed_at) as handling,
               extract(epoch from d.claimed_at - t.requested_at) as waiting
        from decision d join task t using (task_id)
        where (t.received_at >= %(long)s or d.decided_at >= %(today)s) and t.region = any(%(regions)s)
    ), late as (
        select received_at, due_at from task
        where not internal and state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED', 'WAIT_REPLY')
          and due_at < %(now)s and region = any(%(regions)s)
    )
    select
        count(*) filter (where decided_at >= %(today)s) as done_today,
        count(*) filter (where decided_at >= %(today)s and not internal) as answered_today,
        count(*) filter (where decided_at >= %(today)s and not internal and in_time) as in_time_today,
        (select count(*) from late where due_at >= %(today)s) as late_today,
        count(*) filter (where received_at >= %(long)s and not internal) as answered_long,
        count(*) filter (where received_at >= %(long)s and not internal and in_time) as in_time_long,
        (select count(*) from late where received_at >= %(long)s) as late_long,
        percentile_cont(0.5) within group (order by handling) filter (where decided_at >= %(today)s) as handling_median,
        percentile_cont(0.95) within group (order by handling) filter (where decided_at >= %(today)s) as handling_p95,
        percentile_cont(0.5) within group (order by waiting) filter (where decided_at >= %(today)s) as waiting_median,
        percentile_cont(0.95) within group (order by waiting) filter (where decided_at >= %(today)s) as waiting_p95
    from ended
"""
_PEOPLE = """
    with done as (
        select reviewer, count(*) as done, avg(extract(epoch from decided_at - claimed_at)) as handling
        from decision where decided_at >= %(today)s group by reviewer
    ), hand as (
        select reviewer,
            min(claimed_at) filter (where state = 'WORKING') as working_since,
            max(task_id::text) filter (where state = 'WORKING') as task_id,
            count(*) filter (where state = 'ON_HOLD') as on_hold
        from task where state in ('OFFERED', 'WORKING', 'ON_HOLD') and lease_until > %(now)s group by reviewer
    )
    select s.username, s.name, s.grade, s.regions, s.main_queue,
        h.working_since, h.task_id, coalesce(h.on_hold, 0) as on_hold,
        coalesce(d.done, 0) as done, d.handling
    from staff s left join done d on d.reviewer = s.username left join hand h on h.reviewer = s.username
    where s.is_active and s.roles && array['REVIEWER', 'SENIOR'] and s.regions && %(regions)s order by s.username
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One queue. `at_risk`: due within `SOON`; `breached`: past due; both without what waits for the channel.

    `escalated`: overdue ones somebody higher was told of. `blocked_since`: tasks wait, and nobody takes any.
    """

    queue: str
    waiting: int = 0
    in_work: int = 0
    on_hold: int = 0
    wait_reply: int = 0
    wait_survey: int = 0
    approvals: int = 0
    parked: int = 0
    at_risk: int = 0
    breached: int = 0
    escalated: int = 0
    oldest_at: datetime | None = None
    next_due_at: datetime | None = None
    done: int = 0
    is_paused: bool = False
    blocked_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """One person. `handling`: mean time of today's decisions; `working_since`: of the task in hand."""

    username: str
    name: str
    grade: str
    regions: tuple[str, ...]
    main_queue: str
    state: PresenceState
    since: datetime
    reason: str
    working_since: datetime | None
    task_id: str | None
    on_hold: int
    done: int
    handling: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Answers in time among those whose clock has ended. `share` is `None` while there are none."""

    in_time: int
    ended: int

    @property
    def share(self) -> float | None:
        """0 … 1."""
        return self.in_time / self.ended if self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and 95th percentile of today's cases; `None` while there are none."""

    median: timedelta | None
    p95: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The desk at `at`."""

    at: datetime
    queues: tuple[QueueLine, ...]
    people: tuple[PersonLine, ...]
    done_today: int
    today: Share
    thirty_days: Share
    handling: Spread
    waiting: Spread

    def total(self, column: str) -> int:
        """The sum of a column of the queues, e.g. `waiting`."""
        return sum(int(getattr(line, column)) for line in self.queues)

    @property
    def oldest_at(self) -> datetime | None:
        """When the case that has waited longest came to the desk."""
        return min((line.oldest_at for line in self.queues if line.oldest_at is not None), default=None)

    @property
    def next_due_at(self) -> datetime | None:
        """The nearest due time of anything open; past when something is late."""
        return min((line.next_due_at for line in self.queues if line.next_due_at is not None), default=None)

    def people_in(self, *states: PresenceState) -> int:
        """How many people are in one of these states."""
        return sum(line.state in states for line in self.people)


class Wallboard:
    """Takes snapshots."""

    def __init__(self, pool: Pool, *, policy: DeskPolicy, clock: Callable[[], datetime]) -> None:
        """Prepare; `clock` gives the instant now, in UTC."""
        self._pool, self._policy, self._clock = pool, policy, clock

    def snapshot(self, regions: AbstractSet[Region]) -> Snapshot:
        """These regions now. Reads indexes of open tasks and of the decisions of thirty days; locks nothing."""
        now = self._clock()
        today = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        values = {
            "now": now,
            "soon": now + SOON,
            "today": today,
            "long": today - LONG_RUN,
            "regions": sorted(map(str, regions)),
        }
        with self._pool.connection() as connection:
            queues = _queues(connection, values)
            (figures,) = _rows(connection, _FIGURES, values)
            there = {one.username: one for one in presence_rows.everybody(connection, now, self._policy)}
            rows = _rows(connection, _PEOPLE, values)
            people = tuple(_person(row, there.get(row["username"]) or newcomer(row["username"], now)) for row in rows)
        ended_today = figures["answered_today"] + figures["late_today"]
        ended_long = figures["answered_long"] + figures["late_long"]
        return Snapshot(
            at=now,
            queues=queues,
            people=people,
            done_today=figures["done_today"],
            today=Share(in_time=figures["in_time_today"], ended=ended_today),
            thirty_days=Share(in_time=figures["in_time_long"], ended=ended_long),
            handling=_spread(figures, "handling"),
            waiting=_spread(figures, "waiting"),
        )


def _queues(connection: Connection[TupleRow], values: Mapping[str, Any]) -> tuple[QueueLine, ...]:
    shown = set(values["regions"])
    paused = {one for one in pauses.paused_queues(connection) if one.partition("/")[0] in shown}
    done = {row["queue"]: row["done"] for row in _rows(connection, _DONE, values)}
    found = {row["queue"]: row for row in _rows(connection, _OPEN, values)}
    blocked = {row["queue"]: row["since"] for row in _rows(connection, _BLOCKED, values)}
    return tuple(
        QueueLine(
            **{"queue": queue, **found.get(queue, {})},
            done=done.get(queue, 0),
            is_paused=pauses.is_paused(queue, paused),
            blocked_since=blocked.get(queue),
        )
        for queue in sorted({*found, *done, *(one for one in paused if "/" in one)})
    )


def _person(row: Mapping[str, Any], presence: Presence) -> PersonLine:
    return PersonLine(
        **dict(row)
        | {
            "regions": tuple(row["regions"]),
            "state": presence.state,
            "since": presence.since,
            "reason": presence.reason,
            "handling": _seconds(row["handling"]),
        }
    )


def _spread(figures: Mapping[str, Any], name: str) -> Spread:
    return Spread(median=_seconds(figures[f"{name}_median"]), p95=_seconds(figures[f"{name}_p95"]))


def _seconds(value: Any) -> timedelta | None:
    return None if value is None else timedelta(seconds=float(value))


def _rows(connection: Connection[TupleRow], query: str, values: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
