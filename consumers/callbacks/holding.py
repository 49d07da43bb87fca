"""Order across topics: a report waits for the answer it belongs to, and a revocation for the report that it revokes.

Each is read from a topic of its own, so that any of them may come first. The wait is bounded: what it waits for may
have been told before this table was there, or be told to nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.callbacks import days, deliveries
from consumers.callbacks.deliveries import Held
from consumers.callbacks.endpoints import Mode
from consumers.callbacks.retrying import awaited
from consumers.callbacks.voice import Voice
from infra.postgres import outbox
from schemas.codes import DeliveryKind, Status

AT_MOST: Final = timedelta(minutes=5)
WAITING_KINDS: Final = frozenset({DeliveryKind.REPORT, DeliveryKind.REVOCATION})

_LATE_AT_ONCE: Final = 500
_WHICH: Final = "h.status = 'HELD' and h.kind = %(kind)s"
_END: Final = """
    select from delivery r where r.channel = h.channel and r.subject_id = h.subject_id and r.kind = 'RESULT'
        and r.is_final and r.revision
"""
_REPORT_READY: Final = f"exists ({_END} = h.revision)"
_REVOCATION_READY: Final = """
    exists (
        select from delivery r where r.channel = h.channel and r.subject_id = h.subject_id and r.kind = 'REPORT'
            and r.report_no = h.report_no and r.status <> 'HELD'
    )
"""
_READY: Final[Mapping[DeliveryKind, str]] = {
    DeliveryKind.REPORT: _REPORT_READY,
    DeliveryKind.REVOCATION: _REVOCATION_READY,
}
# Without a report is what ended as cancelled, and an asking that a later one's end overtook: its own is told to nobody.
_VOID: Final = f"""
    delete from delivery h where h.status = 'HELD' and h.kind = 'REPORT' and h.subject_id = any(%s) and (
        exists ({_END} = h.revision and r.body::json->'data'->>'status' = '{Status.CANCELLED}')
        or exists ({_END} > h.revision) and not exists ({_END} = h.revision)
    )
"""


def release(connection: Connection[TupleRow], subjects: Iterable[str], now: datetime) -> tuple[Held, ...]:
    """Those of some valuations that need not wait any longer, taken out of the wait, reports before revocations."""
    given = list(subjects)
    if not given:
        return ()
    connection.execute(_VOID, [given])
    ready = list[Held]()
    for kind in (DeliveryKind.REPORT, DeliveryKind.REVOCATION):
        where = f"{_WHICH} and h.subject_id = any(%(subjects)s) and {_READY[kind]}"
        ready.extend(_taken(connection, where, {"kind": kind, "subjects": given}, now))
    return tuple(ready)


def release_late(connection: Connection[TupleRow], now: datetime) -> tuple[Held, ...]:
    """Those that have waited long enough, reports before revocations."""
    return tuple(
        held
        for kind in (DeliveryKind.REPORT, DeliveryKind.REVOCATION)
        for held in _taken(connection, f"{_WHICH} and h.held_until <= %(now)s", {"kind": kind}, now, _LATE_AT_ONCE)
    )


def tell(
    connection: Connection[TupleRow], held: Sequence[Held], registered: Mapping[str, Mode], voice: Voice, now: datetime
) -> None:
    """Put them on their topics, and await them where the channel acknowledges."""
    for channel in {one.delivered.channel for one in held}:
        awaited_from, give_up_at = awaited(registered.get(channel), now)
        if awaited_from is not None and give_up_at is not None:
            ids = [one.delivered.delivery_id for one in held if one.delivered.channel == channel]
            deliveries.reopen(connection, ids, due_at=awaited_from, fault=None, give_up_at=give_up_at)
    outbox.write(connection, [voice.record(one.delivered, at=now, traceparent=one.traceparent) for one in held])
    days.make_again(connection, ((one.delivered.channel, one.occurred_at) for one in held), now)


def _taken(
    connection: Connection[TupleRow], where: str, given: Mapping[str, Any], now: datetime, most: int | None = None
) -> tuple[Held, ...]:
    """Told from `now` on, so after everything that was told before."""
    query = f"""
        with ready as (
            select delivery_id as id from delivery h where {where} order by sequence limit %(most)s
            for update skip locked
        )
        update delivery d set status = 'SENT', sequence = default, held_until = null, delivered_at = %(now)s
        from ready where d.delivery_id = ready.id
        returning {deliveries.COLUMNS}, traceparent, occurred_at, sequence
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), {**given, "now": now, "most": most}).fetchall()
    return tuple(
        Held(delivered=deliveries.delivered_of(row), traceparent=row["traceparent"], occurred_at=row["occurred_at"])
        for row in sorted(rows, key=lambda row: int(row["sequence"]))
    )
