"""The table of deliveries: what was made, what waits for its turn, what came of each attempt.

| status       | means                                            | leaves it by                          |
| ------------ | ------------------------------------------------ | ------------------------------------- |
| SENT         | it lies on the topic; nobody has to acknowledge  | a receipt, or a sending by hand       |
| OPEN         | the channel has to acknowledge                   | 2xx, a receipt, or 24 h without both  |
| ACKNOWLEDGED | the channel has it                               | a receipt that says otherwise         |
| PARKED       | given up: a dead letter                          | a sending by hand, or a late receipt  |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.callbacks.bodies import Telling
from schemas.codes import DeliveryKind
from schemas.events import Delivered

_DELIVERED: Final = (
    "delivery_id::text, channel, kind, subject_id, event_id, body, sha256, delivered_at, business_ref, embed_target"
)
_INSERT: Final = """
    insert into delivery (delivery_id, channel, kind, subject_id, event_id, body, sha256, delivered_at, business_ref,
        embed_target, traceparent, is_batch, is_final, value, status, due_at, give_up_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (delivery_id) do nothing returning sequence
"""
# A later delivery about the same subject waits for the earlier one; those about others go on.
_TURN: Final = """
    status = 'OPEN' and due_at <= %(now)s and (leased_until is null or leased_until <= %(now)s)
    and not exists (
        select from delivery earlier where earlier.channel = d.channel and earlier.subject_id = d.subject_id
            and earlier.status = 'OPEN' and earlier.sequence < d.sequence
    )
"""
_CLAIM: Final = f"""
    with due as (
        select delivery_id as id from delivery d where channel = %(channel)s and {_TURN}
        order by is_batch, due_at, sequence limit %(limit)s for update skip locked
    )
    update delivery set leased_until = %(until)s, attempts = attempts + 1 from due where delivery_id = due.id
    returning {_DELIVERED}, attempts, traceparent, sequence
"""
_ACKNOWLEDGED: Final = """
    update delivery set status = 'ACKNOWLEDGED', acknowledged_at = coalesce(acknowledged_at, %s),
        acknowledged_by = coalesce(acknowledged_by, %s), due_at = null, leased_until = null, awaits_endpoint = false,
        last_fault = null, embedded_at = coalesce(%s, embedded_at)
    where delivery_id = %s
"""
_FAILED: Final = """
    update delivery set due_at = %s, leased_until = null, last_fault = %s, awaits_endpoint = %s
    where delivery_id = %s and status = 'OPEN'
"""
_REOPENED: Final = """
    update delivery set status = 'OPEN', due_at = %s, leased_until = null, last_fault = %s, awaits_endpoint = false,
        acknowledged_at = null, acknowledged_by = null, give_up_at = %s
    where delivery_id = %s
"""
_ENDPOINT_IS_BACK: Final = """
    update delivery set due_at = %s, awaits_endpoint = false
    where channel = %s and status = 'OPEN' and awaits_endpoint and due_at > %s
"""
_SENT: Final = "update delivery set status = 'SENT', due_at = null, leased_until = null where delivery_id = %s"
_DUE_CHANNELS: Final = "select distinct channel from delivery where status = 'OPEN' and due_at <= %s order by channel"
_PARK: Final = """
    update delivery set status = 'PARKED', due_at = null, leased_until = null, awaits_endpoint = false
    where status = 'OPEN' and give_up_at <= %(now)s and (leased_until is null or leased_until <= %(now)s)
    returning delivery_id::text, channel, kind, subject_id, attempts, last_fault
"""


class State(StrEnum):
    """Where a delivery stands; see the table above."""

    OPEN = "OPEN"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARKED = "PARKED"


class AcknowledgedBy(StrEnum):
    """How the channel said that it has a delivery."""

    HTTP = "HTTP"
    RECEIPT = "RECEIPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A delivery to keep. It is awaited from an instant on, or (`None`) not at all."""

    delivered: Delivered
    telling: Telling
    traceparent: str | None = None
    awaited_from: datetime | None = None
    give_up_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery whose turn it is, leased to us. `attempts` counts this one."""

    delivered: Delivered
    attempts: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A delivery that was just given up."""

    delivery_id: str
    channel: str
    kind: str
    subject_id: str
    attempts: int
    last_fault: str | None


def add(connection: Connection[TupleRow], rows: Sequence[New]) -> frozenset[str]:
    """Keep deliveries, in their order; gives the ids of those that were not there. One round trip for all of them."""
    if not rows:
        return frozenset()
    added = set()
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [_row(new) for new in rows], returning=True)
        for new in rows:
            if cursor.rowcount == 1:
                added.add(new.delivered.delivery_id)
            cursor.nextset()
    return frozenset(added)


def claim(
    connection: Connection[TupleRow], channel: str, *, now: datetime, lease: timedelta, limit: int
) -> tuple[Claimed, ...]:
    """Lease up to `limit` deliveries whose turn it is, those of single requests before those of batches."""
    given = {"channel": channel, "now": now, "until": now + lease, "limit": limit}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_CLAIM, given).fetchall()
    return tuple(
        Claimed(delivered=delivered_of(row), attempts=row["attempts"], traceparent=row["traceparent"])
        for row in sorted(rows, key=lambda row: int(row["sequence"]))
    )


def acknowledge(
    connection: Connection[TupleRow],
    delivery_id: str,
    *,
    by: AcknowledgedBy,
    at: datetime,
    embedded_at: str | None = None,
) -> None:
    """The channel has it. Called again it keeps who said so first, and when."""
    connection.execute(_ACKNOWLEDGED, [at, by, embedded_at, delivery_id])


def fail(
    connection: Connection[TupleRow], delivery_id: str, *, again_at: datetime, fault: str, by_endpoint: bool
) -> None:
    """An attempt failed. Without effect on what was acknowledged in the meantime."""
    connection.execute(_FAILED, [again_at, fault, by_endpoint, delivery_id])


def reopen(
    connection: Connection[TupleRow], delivery_id: str, *, due_at: datetime, fault: str | None, give_up_at: datetime
) -> None:
    """It has to be sent again, from `due_at` on, whatever stood before."""
    connection.execute(_REOPENED, [due_at, fault, give_up_at, delivery_id])


def mark_sent(connection: Connection[TupleRow], delivery_id: str) -> None:
    """It lies on its topic once more, and nobody has to acknowledge it."""
    connection.execute(_SENT, [delivery_id])


def channels_with_due(connection: Connection[TupleRow], now: datetime) -> tuple[str, ...]:
    """The channels for which something is due."""
    return tuple(str(row[0]) for row in connection.execute(_DUE_CHANNELS, [now]).fetchall())


def endpoint_is_back(connection: Connection[TupleRow], channel: str, now: datetime) -> int:
    """What failed because nobody was there need not wait any longer; gives how many."""
    return connection.execute(_ENDPOINT_IS_BACK, [now, channel, now]).rowcount


def park(connection: Connection[TupleRow], now: datetime) -> tuple[Parked, ...]:
    """Give up what was tried for long enough; it no longer holds back what came after it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(Parked(**row) for row in cursor.execute(_PARK, {"now": now}).fetchall())


def delivered_by_id(connection: Connection[TupleRow], ids: Iterable[str]) -> Sequence[Delivered]:
    """The deliveries of these ids, in the order in which they were made."""
    query = f"select {_DELIVERED} from delivery where delivery_id = any(%s::uuid[]) order by sequence"
    with connection.cursor(row_factory=dict_row) as cursor:
        return [delivered_of(row) for row in cursor.execute(query, [list(ids)]).fetchall()]


def delivered_of(row: Mapping[str, Any]) -> Delivered:
    """The event of a row."""
    return Delivered(
        delivery_id=row["delivery_id"],
        channel=row["channel"],
        kind=DeliveryKind(row["kind"]),
        subject_id=row["subject_id"],
        event_id=row["event_id"],
        body=row["body"],
        sha256=row["sha256"],
        delivered_at=row["delivered_at"],
        business_ref=row["business_ref"],
        embed_target=row["embed_target"],
    )


def _row(new: New) -> list[object]:
    made, telling = new.delivered, new.telling
    return [
        made.delivery_id,
        made.channel,
        made.kind,
        made.subject_id,
        made.event_id,
        made.body,
        made.sha256,
        made.delivered_at,
        made.business_ref,
        made.embed_target,
        new.traceparent,
        telling.is_batch,
        telling.is_final,
        telling.value,
        State.SENT if new.awaited_from is None else State.OPEN,
        new.awaited_from,
        new.give_up_at,
    ]
