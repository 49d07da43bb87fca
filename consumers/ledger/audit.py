"""The ledger's part of the audit: every event once, by the digest of the bytes on its topic, chained per valuation.

An event that comes again in other bytes has a line for those, too: they are no second fact, and not the same either.

So the broker's records are audited where they end: what a topic says later can be held against what it said then. The
gateway's acts come on a topic of their own and are chained with the valuation they concern, or under `gateway`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
SAID_AGAIN: Final = "SAID_AGAIN"
_DIGESTS: Final = """
    select coalesce(details->>'event_id', details->>'again') as event_id, details->>'sha256' from audit_line
    where subject = any(%s) and coalesce(details->>'event_id', details->>'again') is not null
"""


def chain(
    connection: Connection[TupleRow],
    new: Sequence[tuple[Entry, Received]],
    again: Sequence[tuple[Entry, Received]],
    said: Sequence[Received],
) -> None:
    """Append a line for each event seen for the first time, and for each act of the gateway.

    Inside the transaction of the ingest, so that each record counts once. `new` are events the ledger did not have;
    `again` those it had, of which a line tells only where they come in bytes that no line has a digest of (SAID_AGAIN);
    `said` records of `Audited`.
    """
    acts: dict[str, list[Act]] = {}
    for entry, received in new:
        acts.setdefault(str(entry.valuation_id), []).append(act_of_event(entry, received))
    for entry, received in _differing(again, _digests(connection, again, new)):
        acts.setdefault(str(entry.valuation_id), []).append(act_of_repeat(entry, received))
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


def act_of_repeat(entry: Entry, received: Received) -> Act:
    """What a line says of an event that came again and says something else. The ledger keeps what it said first."""
    details = {"again": str(entry.event_id), "revision": entry.revision, **_place(received)}
    return Act(actor=entry.stage, action=SAID_AGAIN, at=entry.appended_at, details=details)


def _digests(
    connection: Connection[TupleRow], again: Sequence[tuple[Entry, Received]], new: Sequence[tuple[Entry, Received]]
) -> dict[str, set[str]]:
    """The digests that are known of each event that came again. None of one from before there was a chain."""
    known: dict[str, set[str]] = {}
    if not again:
        return known
    for entry, received in new:
        known.setdefault(str(entry.event_id), set()).add(_sha256(received))
    subjects = list({str(entry.valuation_id) for entry, _ in again})
    for event_id, digest in connection.execute(_DIGESTS, [subjects]).fetchall():
        known.setdefault(event_id, set()).add(digest)
    return known


def _differing(again: Iterable[tuple[Entry, Received]], known: dict[str, set[str]]) -> Iterator[tuple[Entry, Received]]:
    for entry, received in again:
        digests, digest = known.get(str(entry.event_id), set()), _sha256(received)
        if digests and digest not in digests:
            digests.add(digest)
            yield entry, received


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
        "sha256": _sha256(received),
    }


def _sha256(received: Received) -> str:
    return hashlib.sha256(received.value).hexdigest()


def _subject(said: Audited) -> str:
    try:
        return str(UUID(said.valuation_id))
    except ValueError:
        return GATEWAY
