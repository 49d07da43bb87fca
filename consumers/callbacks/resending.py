"""Sending again, by hand or because a channel asked: which deliveries are meant, and putting them in line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.callbacks import deliveries
from consumers.callbacks.deliveries import New
from consumers.callbacks.retrying import WEBHOOK_RETRIES
from schemas.events import Delivered

_SHOWN: Final = (
    "delivery_id::text, channel, kind, subject_id, business_ref, status, attempts, delivered_at, due_at, give_up_at,"
    " last_fault, acknowledged_at, acknowledged_by, embedded_at, sha256"
)
_ASKED_FOR: Final = f"""
    update delivery set resent_for = %(request)s, status = coalesce(%(status)s::text, status),
        due_at = coalesce(%(due_at)s::timestamptz, due_at), leased_until = null,
        give_up_at = coalesce(%(give_up_at)s::timestamptz, give_up_at),
        acknowledged_at = case when %(status)s::text is null then acknowledged_at end,
        acknowledged_by = case when %(status)s::text is null then acknowledged_by end
    where delivery_id = %(id)s and resent_for is distinct from %(request)s and status <> 'HELD'
    returning {deliveries.COLUMNS}
"""


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
    give_up_at = now + WEBHOOK_RETRIES.give_up_after
    return deliveries.reopen(connection, ids, due_at=now, fault=None, give_up_at=give_up_at)


def asked_for(connection: Connection[TupleRow], new: New) -> Delivered | None:
    """The delivery as it was made, awaited again where the channel acknowledges; each request (`resent_for`) once."""
    given = {
        "id": new.delivered.delivery_id,
        "request": new.resent_for,
        "status": None if new.awaited_from is None else deliveries.State.OPEN,
        "due_at": new.awaited_from,
        "give_up_at": new.give_up_at,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_ASKED_FOR, given).fetchone()
    return None if row is None else deliveries.delivered_of(row)


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
