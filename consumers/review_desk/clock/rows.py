"""The clocks in SQL. Open tasks come in the order in which they are handed out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row, dict_row

from consumers.review_desk.clock.rules import LEVELS, Blocked, Clocked, Level
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState

_LEVELS: Final = frozenset(map(str, LEVELS))
_LOCK: Final = "select pg_try_advisory_xact_lock(hashtextextended(current_schema || '.clocks', 0))"
# What has lapsed waits again, as it does for everybody who asks for work (`moves.as_of`).
_SELECT: Final = """
    select t.task_id::text, t.valuation_id::text, t.revision, t.kind, t.internal, t.region, t.queue, t.received_at,
        t.due_at, t.paused_since,
        case when t.state in ('OFFERED', 'WORKING', 'ON_HOLD') and coalesce(t.lease_until, '-infinity') <= %(now)s
             then 'QUEUED' else t.state end as state,
        t.state in ('OFFERED', 'WORKING') and t.lease_until > %(now)s as is_in_hand,
        coalesce(c.share_told, 0) as share_told, coalesce(c.level_told, 0) as level_told, c.revision as told_revision,
        c.expected_at
    from task t left join task_clock c on c.task_id = t.task_id
"""
_OPEN: Final = f"""
    {_SELECT} where t.state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED') order by t.rank_at, t.task_id
"""
_ONE: Final = f"{_SELECT} where t.task_id = %(task_id)s"
_DECIDED: Final = """
    select t.queue, count(*)::int from decision d join task t on t.task_id = d.task_id
    where d.decided_at > %s and d.decided_at <= %s group by t.queue
"""
_MARK: Final = """
    insert into task_clock (task_id, share_told, level_told) values (%s, %s, %s)
    on conflict (task_id) do update set share_told = greatest(task_clock.share_told, excluded.share_told),
        level_told = greatest(task_clock.level_told, excluded.level_told)
"""
_TOLD: Final = """
    insert into task_clock (task_id, revision, position, expected_at, told_at) values (%s, %s, %s, %s, %s)
    on conflict (task_id) do update set (revision, position, expected_at, told_at)
        = (excluded.revision, excluded.position, excluded.expected_at, excluded.told_at)
"""
_TO_SAY: Final = "insert into clock_unsaid (region, mark) select %s, unnest(%s::text[])"
_UNSAID: Final = "delete from clock_unsaid returning region, mark"
_BLOCKS: Final = "select queue, since, level_told from queue_blocked for update"
_BLOCK: Final = "insert into queue_blocked (queue, since) values (%s, %s) on conflict (queue) do nothing"
_FREED: Final = "delete from queue_blocked where queue <> all(%s)"
_ESCALATED: Final = "update queue_blocked set level_told = %s where queue = %s"


def takes_turn(connection: Connection[TupleRow]) -> bool:
    """Whether this process makes the pass: one at a time does, until its transaction ends."""
    row = connection.execute(_LOCK).fetchone()
    return bool(row and row[0])


def open_tasks(connection: Connection[TupleRow], now: datetime) -> tuple[Clocked, ...]:
    """Everything that is open, first what is handed out first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(map(_clocked, cursor.execute(_OPEN, {"now": now}).fetchall()))


def one(connection: Connection[TupleRow], task_id: str, now: datetime) -> Clocked:
    """One task and its clock, read anew under the lock on its row."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_ONE, {"now": now, "task_id": task_id}).fetchone()
    if row is None:
        raise LookupError(f"task {task_id} is locked and cannot be read")
    return _clocked(row)


def decided_by_queue(connection: Connection[TupleRow], now: datetime, over: timedelta) -> dict[str, int]:
    """How many tasks of each queue were decided in the time before `now`."""
    return {str(queue): int(count) for queue, count in connection.execute(_DECIDED, [now - over, now])}


def mark(connection: Connection[TupleRow], task_id: str, *, share: Decimal, level: int) -> None:
    """Note what was told of a task; neither figure ever falls."""
    connection.execute(_MARK, [task_id, share, level])


def to_say(connection: Connection[TupleRow], region: Region, marks: Sequence[Decimal | Level]) -> None:
    """Keep what a task has come to until the people of its region are told, in the transaction that marks the task."""
    connection.execute(_TO_SAY, [region, [str(mark) for mark in marks]])


def unsaid(connection: Connection[TupleRow]) -> Counter[tuple[Region, Decimal | Level]]:
    """Take how many tasks of each region have come to each mark, in the transaction that says it."""
    found = connection.execute(_UNSAID).fetchall()
    return Counter((Region(region), Level(mark) if mark in _LEVELS else Decimal(mark)) for region, mark in found)


def told(connection: Connection[TupleRow], task: Clocked, position: int, expected_at: datetime, now: datetime) -> None:
    """Note what the channel was told of the place of a task."""
    connection.execute(_TOLD, [task.task_id, task.revision, position, expected_at, now])


def note_blocked(connection: Connection[TupleRow], queues: frozenset[str], now: datetime) -> tuple[Blocked, ...]:
    """Begin to count for queues that are blocked now, forget the others, and return those that are."""
    connection.execute(_FREED, [sorted(queues)])
    for queue in sorted(queues):
        connection.execute(_BLOCK, [queue, now])
    with connection.cursor(row_factory=class_row(Blocked)) as cursor:
        return tuple(cursor.execute(_BLOCKS).fetchall())


def escalated(connection: Connection[TupleRow], queue: str, level: int) -> None:
    """Note how high a blocked queue was escalated."""
    connection.execute(_ESCALATED, [level, queue])


def _clocked(row: Mapping[str, object]) -> Clocked:
    values = dict(row)
    values |= {
        "kind": Kind(str(row["kind"])),
        "region": Region(str(row["region"])),
        "state": TaskState(str(row["state"])),
    }
    return Clocked(**values)  # type: ignore[arg-type]  # the columns of the query are the fields
