"""工单 for the channels that raised them: the last step of each, asked for over HTTP by the gateway."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, status
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from infra.postgres.ingest import Received
from infra.postgres.pool import Pool
from schemas.codes import WorkOrderState
from schemas.events import WorkOrderProgressed, WorkOrderRaised

_ENDS: Final = frozenset({WorkOrderState.ANSWERED, WorkOrderState.REJECTED})
_RAISED: Final = """
    insert into work_order (work_order_id, channel, client_request_id, kind, state, raised_at, valuation_id,
        business_ref, escalated)
    values (%s, %s, %s, %s, 'RAISED', %s, %s, %s, %s)
    on conflict (work_order_id) do update set raised_at = excluded.raised_at
"""
# A step may overtake the order it belongs to, which comes on another topic; and an older step changes nothing.
_PROGRESSED: Final = """
    insert into work_order (work_order_id, channel, client_request_id, kind, state, raised_at, number, valuation_id,
        business_ref, due_at, answer, escalated, answered_at)
    values (%(work_order_id)s, %(channel)s, %(client_request_id)s, %(kind)s, %(state)s, %(at)s, %(number)s,
        %(valuation_id)s, %(business_ref)s, %(due_at)s, %(answer)s, %(escalated)s, %(answered_at)s)
    on conflict (work_order_id) do update set (state, number, due_at, answer, escalated, answered_at) = (
        excluded.state, excluded.number, excluded.due_at, excluded.answer, excluded.escalated, excluded.answered_at)
    where work_order.number < excluded.number
"""
_OF_CHANNEL: Final = """
    select work_order_id::text, channel, client_request_id, kind, state, raised_at, valuation_id, business_ref, due_at,
        answer, escalated, answered_at
    from work_order where work_order_id = %s and channel = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """Where a work order stands. `due_at`: when its next step is owed; `answer` once it is answered or rejected."""

    work_order_id: str
    channel: str
    client_request_id: str
    kind: str
    state: str
    raised_at: datetime
    valuation_id: str
    business_ref: str | None
    due_at: datetime | None
    answer: str | None
    escalated: bool
    answered_at: datetime | None


def keep(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """Write down work orders and their steps; other events are not ours. Bears being called twice."""
    for received in batch:
        match received.event:
            case WorkOrderRaised() as raised:
                connection.execute(_RAISED, _raised(raised))
            case WorkOrderProgressed() as progressed:
                connection.execute(_PROGRESSED, _progressed(progressed))
            case _:
                continue


def routes(pool: Pool) -> APIRouter:
    """`GET /work-orders/{id}?channel=`: another channel's is not there."""
    router = APIRouter()

    @router.get("/work-orders/{work_order_id}")
    def work_order(work_order_id: UUID, channel: Annotated[str, Query()]) -> dict[str, Any]:
        with pool.connection() as connection, connection.cursor(row_factory=class_row(WorkOrder)) as cursor:
            found = cursor.execute(_OF_CHANNEL, [work_order_id, channel]).fetchone()
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return asdict(found)

    return router


def _raised(raised: WorkOrderRaised) -> list[Any]:
    return [
        raised.work_order_id,
        raised.channel,
        raised.client_request_id,
        raised.kind,
        raised.raised_at,
        raised.valuation_id,
        raised.business_ref,
        raised.escalated,
    ]


def _progressed(progressed: WorkOrderProgressed) -> dict[str, Any]:
    return asdict(progressed) | {"answered_at": progressed.at if progressed.state in _ENDS else None}
