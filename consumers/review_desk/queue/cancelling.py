"""What a channel has withdrawn: its open tasks end, whoever has one is told, and no new one begins.

The ledger says so once CANCELLED is known to be the first end of the valuation. A decision of the same moment that
went out before is either that first end itself, and then nothing comes here, or it answers nobody.
"""

from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.oversight import notices
from consumers.review_desk.queue import moves
from consumers.review_desk.store import Held, TaskStore
from consumers.review_desk.task import TaskState
from infra.postgres.audit import Act
from schemas.codes import Action
from schemas.events import Withdrawn

ACTOR: Final = "intake"
# A request and the withdrawal of its valuation may be taken in by two processes at once: one waits for the other.
_ONE_BY_ONE: Final = "select pg_advisory_xact_lock(hashtextextended('withdrawn.' || %s, 0))"
_KEEP: Final = "insert into withdrawn (valuation_id, withdrawn_at) values (%s, %s) on conflict do nothing"
_IS_WITHDRAWN: Final = "select 1 from withdrawn where valuation_id = %s"
# The case before the seats of its panel, as everybody locks them.
_OPEN: Final = """
    select task_id::text from task where valuation_id = %s and kind in ('VALUATION', 'OPINION')
        and state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED')
    order by origin is not null, task_id
"""
_WITH_NOBODY: Final = frozenset({TaskState.QUEUED, TaskState.PARKED})


def cancel_tasks(connection: Connection[TupleRow], store: TaskStore, withdrawn: Withdrawn) -> None:
    """End what is open of a valuation that was withdrawn. A second time changes nothing.

    What was only taken from the model goes on: people are to value it.
    """
    if withdrawn.action is not Action.CANCEL:
        return
    connection.execute(_ONE_BY_ONE, [withdrawn.valuation_id])
    connection.execute(_KEEP, [withdrawn.valuation_id, withdrawn.withdrawn_at])
    for (task_id,) in connection.execute(_OPEN, [withdrawn.valuation_id]).fetchall():
        held = store.lock(connection, task_id)
        if held.task.state.is_open:
            _cancel(held, withdrawn)


def is_withdrawn(connection: Connection[TupleRow], valuation_id: str) -> bool:
    """Whether the channel has withdrawn a valuation; it is not withdrawn during the rest of the transaction."""
    connection.execute(_ONE_BY_ONE, [valuation_id])
    return connection.execute(_IS_WITHDRAWN, [valuation_id]).fetchone() is not None


def _cancel(held: Held, withdrawn: Withdrawn) -> None:
    before, at = held.task, withdrawn.withdrawn_at
    details = {"before": str(before.state), "reviewer": before.reviewer}
    held.save(moves.cancel(before), Act(actor=ACTOR, action="CANCELLED_BY_CHANNEL", at=at, details=details))
    if before.reviewer is not None and before.state not in _WITH_NOBODY:
        told = f"渠道已撤销该笔估值申请，任务已关闭，无需再处理：{before.address}"
        notices.tell(held.connection, before.reviewer, told, by=ACTOR, at=at)
