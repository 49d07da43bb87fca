"""Rows catch up with the time: a lapsed lease, a hold that is over, an opening. Nothing depends on when it is done."""

from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, presence, presence_rows
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import TaskState
from infra.postgres.audit import Act

ACTOR: Final = "dispatch"
ACTIONS: Final = {
    TaskState.OFFERED: "OFFER_EXPIRED",
    TaskState.WORKING: "LEASE_LAPSED",
    TaskState.ON_HOLD: "HOLD_OVER",
    TaskState.PARKED: "UNPARK",
}


def settle(connection: Connection[TupleRow], store: TaskStore, task_id: str, now: datetime, policy: DeskPolicy) -> None:
    """Let the row of a task say what it is at this instant; an offer that ran out is counted.

    The row of whoever had it is locked already.
    """
    held = store.lock(connection, task_id)
    was, settled = held.task, moves.as_of(held.task, now)
    if settled is was:
        return
    held.save(settled, Act(actor=ACTOR, action=ACTIONS[was.state], at=now, details={"reviewer": was.reviewer}))
    if was.state is TaskState.OFFERED and was.reviewer is not None:
        there = presence_rows.lock(connection, was.reviewer, now)
        presence_rows.put(connection, presence.missed(there, now, policy))
