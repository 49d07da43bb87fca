"""Queues that are paused: nothing of theirs is offered or claimed; what is in work goes on.

The assignment asks: `is_paused(task.queue, pauses)` with the `pauses` of `paused_queues(connection)`.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

_PAUSED = "select queue from queue_pause"
_PAUSES = "select queue, reason, paused_by, paused_at from queue_pause order by queue"
_PAUSE = """
    insert into queue_pause (queue, reason, paused_by, paused_at) values (%s, %s, %s, %s)
    on conflict (queue) do nothing
"""
_RESUME = "delete from queue_pause where queue = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause. `queue`: `YANGTZE_DELTA/RESIDENTIAL`, or `YANGTZE_DELTA` for all queues of the region."""

    queue: str
    reason: str
    paused_by: str
    paused_at: datetime


def is_paused(queue: str, pauses: AbstractSet[str]) -> bool:
    """Whether tasks of a queue stay where they are: it is paused itself, or its region is."""
    region, _, _ = queue.partition("/")
    return queue in pauses or region in pauses


def paused_queues(connection: Connection[TupleRow]) -> frozenset[str]:
    """Everything that is paused now: a handful of rows at most."""
    return frozenset(queue for (queue,) in connection.execute(_PAUSED))


def pauses(connection: Connection[TupleRow]) -> tuple[Pause, ...]:
    """All pauses with who, when and why, by queue."""
    with connection.cursor(row_factory=class_row(Pause)) as cursor:
        return tuple(cursor.execute(_PAUSES).fetchall())


def pause(connection: Connection[TupleRow], what: Pause) -> bool:
    """Pause a queue; `False` where it was paused already, which keeps the first reason."""
    return connection.execute(_PAUSE, [what.queue, what.reason, what.paused_by, what.paused_at]).rowcount == 1


def resume(connection: Connection[TupleRow], queue: str) -> bool:
    """End a pause; `False` where there was none."""
    return connection.execute(_RESUME, [queue]).rowcount == 1
