"""The ledger's part of the audit: every event once, by the digest of the bytes on its topic, chained per valuation.

So the broker's records are audited where they end: what a topic says later can be held against what it said then. The
gateway's acts come on a topic of their own and are chained with the valuation they concern, or under `gateway`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.entry import Entry
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.ingest import Received
from schemas.events import Audited

GATEWAY: Final = "gateway"  # subject of acts that concern no valuation


def chain(connection: Connection[TupleRow], new: Iterable[tuple[Entry, Received]], said: Sequence[Received]) -> None:
    """Append a line for each event seen for the first time, and for each act of the gateway.

    Inside the transaction of the ingest, so that each record counts once. `new` are events the ledger did not have;
    `said` records of `Audited`.
    """
    acts: dict[str, list[Act]] = {}
    for entry, received in new:
        acts.setdefault(str(entry.valuation_id), []).append(act_of_event(entry, received))
    for received in said:
        subject = _subject(received.event)
        acts.setdefault(subject, []).append(act_of_gateway(received))
    audit.append_all(connection, acts)


def act_of_event(entry: Entry, received: Received) -> Act:
    """What a line says of an event: who wrote it where, and the digest of what it said, never the content."""
    details = {"event_id": str(entry.event_id), "revision": entry.revision, **_place(received)}
    if entry.status is not None:
        details["status"] = str(entry.status)
    return Act(actor=entry.stage, action=entry.kind, at=entry.appended_at, details=details)


def act_of_gateway(received: Received) -> Act:
    """What a line says of an act of the gateway."""
    said: Audited = received.event
    details = {"http_status": said.http_status, "said_at": audit.instant(said.at), **_place(received)}
    if said.repeated:
        details["repeated"] = said.repeated
    return Act(actor=said.actor, action=said.action, at=received.appended_at, details=details)


def _place(received: Received) -> dict[str, str | int]:
    return {
        "topic": received.topic.named(received.lane),
        "partition": received.partition,
        "offset": received.offset,
        "sha256": hashlib.sha256(received.value).hexdigest(),
    }


def _subject(said: Audited) -> str:
    try:
        return str(UUID(said.valuation_id))
    except ValueError:
        return GATEWAY
