"""Sending again by hand: which deliveries are meant, and putting them in line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.callbacks import deliveries
from consumers.callbacks.retrying import WEBHOOK_RETRIES

_SHOWN: Final = (
    "delivery_id::text, channel, kind, subject_id, business_ref, status, attempts, delivered_at, due_at, give_up_at,"
    " last_fault, acknowledged_at, acknowledged_by, embedded_at, sha256"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which deliveries; what is `None` does not restrict. `since`: made at that instant or later."""

    delivery_id: str | None = None
    subject_id: str | None = None
    channel: str | None = None
    status: str | None = None
    since: datetime | None = None


def found(connection: Connection[TupleRow], selection: Selection, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The deliveries selected, newest last; of more than `limit` the newest ones."""
    where, values = _where(selection)
    query = f"select {_SHOWN}, sequence from delivery {where} order by sequence desc limit %s"
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, [*values, limit]).fetchall()
    return [{name: cell for name, cell in row.items() if name != "sequence"} for row in reversed(rows)]


def receipts_of(connection: Connection[TupleRow], delivery_id: str) -> list[dict[str, Any]]:
    """Every receipt of a delivery, in the order in which they came."""
    query = (
        "select channel, received_at, sha256, stored, fault, embedded_at, verdict from receipt"
        " where delivery_id = %s order by seen_at, received_at"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [delivery_id]).fetchall()


def send_again(connection: Connection[TupleRow], ids: Iterable[str], now: datetime) -> int:
    """Put deliveries in line again, with the whole time before them; gives how many. Their ids stay the same.

    Those with a webhook go there; the others go to their topic once more, within a second or two.
    """
    known: Sequence[str] = [one.delivery_id for one in deliveries.delivered_by_id(connection, ids)]
    give_up_at = now + WEBHOOK_RETRIES.give_up_after
    for delivery_id in known:
        deliveries.reopen(connection, delivery_id, due_at=now, fault=None, give_up_at=give_up_at)
    return len(known)


def _where(selection: Selection) -> tuple[str, list[object]]:
    conditions = {
        "delivery_id::text = %s": selection.delivery_id,
        "subject_id = %s": selection.subject_id,
        "channel = %s": selection.channel,
        "status = %s": selection.status,
        "delivered_at >= %s": selection.since,
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    return ("where " + " and ".join(given) if given else ""), list(given.values())
