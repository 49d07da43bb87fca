"""Receipts: what a bank system says of a delivery, and what follows.

| receipt                                      | verdict      | then                                            |
| -------------------------------------------- | ------------ | ----------------------------------------------- |
| stored, sha256 of the body, or of the report | ACKNOWLEDGED | done                                            |
| stored, another sha256                       | DIFFERENT    | written down, sent again after a pause          |
| not stored                                   | NOT_STORED   | written down, sent again after a pause          |
| of a delivery we do not know                 | UNKNOWN      | written down, judged anew once we know it       |
| of another channel's delivery                | NOT_YOURS    | written down: a channel speaks for itself alone |
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.callbacks import deliveries
from consumers.callbacks.deliveries import AcknowledgedBy
from consumers.callbacks.retrying import WEBHOOK_RETRIES, pause
from schemas.domain import channels
from schemas.events import Receipted

log = logging.getLogger(__name__)

_NOT_STORED_FAULT: Final = "RECEIPT_NOT_STORED"
_DIFFERENT_FAULT: Final = "RECEIPT_SHA256_DIFFERS"
_KNOWN: Final = """
    select channel, sha256, attempts, give_up_at,
        case when kind = 'REPORT' then body::jsonb->'data'->>'sha256' end as file_sha256
    from delivery where delivery_id = %s for update
"""
_KEEP: Final = """
    insert into receipt (delivery_id, channel, received_at, sha256, stored, fault, embedded_at, verdict, seen_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_EARLY: Final = """
    select delivery_id, channel, received_at, sha256, stored, fault, embedded_at from receipt
    where delivery_id = any(%s) and verdict = 'UNKNOWN' order by seen_at, received_at
"""
_JUDGED: Final = """
    update receipt set verdict = %s
    where delivery_id = %s and channel = %s and received_at = %s and sha256 = %s and stored = %s
"""


class Verdict(StrEnum):
    """What a receipt came to; see the table above."""

    ACKNOWLEDGED = "ACKNOWLEDGED"
    DIFFERENT = "DIFFERENT"
    NOT_STORED = "NOT_STORED"
    UNKNOWN = "UNKNOWN"
    NOT_YOURS = "NOT_YOURS"


_FAULTS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {Verdict.DIFFERENT: _DIFFERENT_FAULT, Verdict.NOT_STORED: _NOT_STORED_FAULT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we have under a receipt's number. `file_sha256`: of the PDF, where the delivery tells of a report."""

    channel: str
    sha256: str
    attempts: int
    give_up_at: datetime | None = None
    file_sha256: str | None = None


def verdict_of(receipt: Receipted, known: Known | None) -> Verdict:
    """What a receipt comes to."""
    if known is None:
        return Verdict.UNKNOWN
    speaker = channels.find(receipt.channel)
    if speaker is None or speaker.code != known.channel:
        return Verdict.NOT_YOURS
    if not receipt.stored:
        return Verdict.NOT_STORED
    held = {known.sha256, known.file_sha256}
    return Verdict.ACKNOWLEDGED if receipt.sha256.lower() in held else Verdict.DIFFERENT


def take_early(
    connection: Connection[TupleRow], ids: Iterable[str], *, now: datetime, draw: float
) -> tuple[Verdict, ...]:
    """Judge anew the receipts that came before we had read what they are about: `ids` are of new deliveries."""
    verdicts = []
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_EARLY, [list(ids)]).fetchall()
    for row in rows:
        receipt = Receipted(**{name: cell for name, cell in row.items() if name != "embedded_at"})
        receipt = replace(receipt, embedded_at_target=row["embedded_at"])
        known = _known(connection, receipt.delivery_id)
        verdict = verdict_of(receipt, known)
        key = [receipt.delivery_id, receipt.channel, receipt.received_at, receipt.sha256, receipt.stored]
        connection.execute(_JUDGED, [verdict, *key])
        _follow(connection, receipt, known, verdict, now=now, draw=draw)
        verdicts.append(verdict)
    return tuple(verdicts)


def take(connection: Connection[TupleRow], receipt: Receipted, *, now: datetime, draw: float) -> Verdict | None:
    """Write a receipt down and do what follows; `None` when it was taken before. `draw` as in `retrying.pause`."""
    known = _known(connection, receipt.delivery_id)
    verdict = verdict_of(receipt, known)
    row = [
        receipt.delivery_id,
        receipt.channel,
        receipt.received_at,
        receipt.sha256,
        receipt.stored,
        receipt.fault,
        receipt.embedded_at_target,
        verdict,
        now,
    ]
    if connection.execute(_KEEP, row).rowcount == 0:
        return None
    _follow(connection, receipt, known, verdict, now=now, draw=draw)
    return verdict


def _follow(
    connection: Connection[TupleRow],
    receipt: Receipted,
    known: Known | None,
    verdict: Verdict,
    *,
    now: datetime,
    draw: float,
) -> None:
    if verdict is Verdict.ACKNOWLEDGED:
        deliveries.acknowledge(
            connection,
            [receipt.delivery_id],
            by=AcknowledgedBy.RECEIPT,
            at=receipt.received_at,
            embedded_at=receipt.embedded_at_target,
        )
        return
    log.warning("receipt", extra={"delivery_id": receipt.delivery_id, "verdict": verdict.value})
    if verdict in _FAULTS and known is not None:
        # With a pause in both cases: a bank system that refuses everything would else be sent to without end.
        due_at = now + pause(max(1, known.attempts), WEBHOOK_RETRIES, draw)
        is_running = known.give_up_at is not None and known.give_up_at > now
        give_up_at = known.give_up_at if is_running and known.give_up_at else now + WEBHOOK_RETRIES.give_up_after
        fault = _FAULTS[verdict]
        deliveries.reopen(connection, [receipt.delivery_id], due_at=due_at, fault=fault, give_up_at=give_up_at)


def _known(connection: Connection[TupleRow], delivery_id: str) -> Known | None:
    if not _is_uuid(delivery_id):
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        row: dict[str, Any] | None = cursor.execute(_KNOWN, [delivery_id]).fetchone()
    return None if row is None else Known(**row)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
