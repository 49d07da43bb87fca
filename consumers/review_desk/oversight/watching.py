"""旁看: a supervisor sees a case in work, and the draft as it is typed, without touching either."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.review_desk.task import Task
from schemas.events import ReviewRequested

_OPEN = "insert into watch (watch_id, task_id, supervisor, reason, since) values (%s, %s, %s, %s, %s)"
_FIND = "select watch_id::text, task_id::text, supervisor, reason, since from watch where watch_id::text = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One watch of one task. There is none without a reason."""

    watch_id: str
    task_id: str
    supervisor: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is seen: the task as it is, its evidence, and the draft its reviewer saved last (each few seconds)."""

    watch: Watch
    task: Task
    review: ReviewRequested

    @property
    def draft(self) -> Mapping[str, Any]:
        """What has been typed so far, by field of the form."""
        return self.task.draft


def open_watch(connection: Connection[TupleRow], watch: Watch) -> None:
    """Keep a watch, inside a transaction of the caller's."""
    connection.execute(_OPEN, [watch.watch_id, watch.task_id, watch.supervisor, watch.reason, watch.since])


def find(connection: Connection[TupleRow], watch_id: str) -> Watch | None:
    """The watch of that id; `None` when there is none."""
    with connection.cursor(row_factory=class_row(Watch)) as cursor:
        return cursor.execute(_FIND, [watch_id]).fetchone()
