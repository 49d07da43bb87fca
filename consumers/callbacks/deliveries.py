"""The table of deliveries: what was made, what waits for its turn, what came of each attempt.

| status       | means                                            | leaves it by                          |
| ------------ | ------------------------------------------------ | ------------------------------------- |
| HELD         | it belongs to something not told yet             | that being told, or a bounded wait    |
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

from schemas.codes import DeliveryKind
from schemas.domain.tellings import Telling
from schemas.events import Delivered

COLUMNS: Final = (
    "delivery_id::text, channel, kind, subject_id, event_id, body, sha256, delivered_at, business_ref, embed_target"
)
"""What `delivered_of` reads."""

_INSERT: Final = """
    insert into delivery (delivery_id, channel, kind, subject_id, event_id, body, sha256, delivered_at, business_ref,
        embed_target, traceparent, is_batch, is_final, value, occurred_at, revision, report_no, status, due_at,
        give_up_at, held_until)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
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
    returning {COLUMNS}, attempts, traceparent, sequence
"""
_ACKNOWLEDGED: Final = """
    update delivery set status = 'ACKNOWLEDGED', acknowledged_at = coalesce(acknowledged_at, %s),
        acknowledged_by = coalesce(acknowledged_by, %s), due_at = null, leased_until = null, awaits_endpoint = false,
        last_fault = null, embedded_at = coalesce(%s, embedded_at)
    where delivery_id = any(%s::uuid[])
"""
_FAILED: Final = """
    update delivery set due_at = %s, leased_until = null, last_fault = %s, awaits_endpoint = %s
    where delivery_id = %s and status = 'OPEN'
"""
_REOPENED: Final = """
    update delivery set status = 'OPEN', due_at = %s, leased_until = null, last_fault = %s, awaits_endpoint = false,
        acknowledged_at = null, acknowledged_by = null, give_up_at = %s
    where delivery_id = any(%s::uuid[]) and status <> 'HELD'
"""
_ENDPOINT_IS_BACK: Final = """
    update delivery set due_at = %s, awaits_endpoint = false
    where channel = %s and status = 'OPEN' and awaits_endpoint and due_at > %s
"""
_SENT: Final = (
    "update delivery set status = 'SENT', due_at = null, leased_until = null where delivery_id = any(%s::uuid[])"
)
_DUE_CHANNELS: Final = """
    select channel from unnest(%s::text[]) channel where (
        select true from delivery d where d.channel = channel.channel and d.status = 'OPEN' and d.due_at <= %s
        order by d.is_batch, d.due_at, d.sequence limit 1
    ) order by channel
"""


class State(StrEnum):
    """Where a delivery stands; see the table above."""

    HELD = "HELD"
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
    """A delivery to keep. It is awaited from an instant on, or (`None`) not at all; `held_until`: told later.

    `resent_for`: the request to send it again that its event was read for.
    """

    delivered: Delivered
    telling: Telling
    traceparent: str | None = None
    awaited_from: datetime | None = None
    give_up_at: datetime | None = None
    held_until: datetime | None = None
    resent_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What came of an attempt that failed. `by_endpoint`: for a reason that is not this delivery's own."""

    delivery_id: str
    again_at: datetime
    fault: str
    by_endpoint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery whose turn it is, leased to us. `attempts` counts this one."""

    delivered: Delivered
    attempts: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A delivery that has waited for what it belongs to, and is to be told now."""

    delivered: Delivered
    occurred_at: datetime
    traceparent: str | None = None


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
    ids: Sequence[str],
    *,
    by: AcknowledgedBy,
    at: datetime,
    embedded_at: str | None = None,
) -> None:
    """The channel has them. Called again it keeps who said so first, and when."""
    if ids:
        connection.execute(_ACKNOWLEDGED, [at, by, embedded_at, list(ids)])


def fail(connection: Connection[TupleRow], failures: Sequence[Failure]) -> None:
    """Attempts failed. Without effect on what was acknowledged in the meantime."""
    rows = [[one.again_at, one.fault, one.by_endpoint, one.delivery_id] for one in failures]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_FAILED, rows)


def reopen(
    connection: Connection[TupleRow], ids: Iterable[str], *, due_at: datetime, fault: str | None, give_up_at: datetime
) -> int:
    """They are to be sent again from `due_at` on, whatever stood before; gives how many. What is held comes anyway."""
    return connection.execute(_REOPENED, [due_at, fault, give_up_at, list(ids)]).rowcount


def mark_sent(connection: Connection[TupleRow], ids: Sequence[str]) -> None:
    """They lie on their topic once more, and nobody has to acknowledge them."""
    connection.execute(_SENT, [list(ids)])


def channels_with_due(connection: Connection[TupleRow], channels: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Those of some channels for which something is due; looks at one delivery of each, whatever their number."""
    return tuple(str(row[0]) for row in connection.execute(_DUE_CHANNELS, [list(channels), now]).fetchall())


def endpoint_is_back(connection: Connection[TupleRow], channel: str, now: datetime) -> int:
    """What failed because nobody was there need not wait any longer; gives how many."""
    return connection.execute(_ENDPOINT_IS_BACK, [now, channel, now]).rowcount


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
        telling.occurred_at,
        telling.revision,
        telling.report_no,
        _state(new),
        new.awaited_from,
        new.give_up_at,
        new.held_until,
    ]


def _state(new: New) -> State:
    if new.held_until is not None:
        return State.HELD
    return State.SENT if new.awaited_from is None else State.OPEN
