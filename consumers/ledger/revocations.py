"""Requirement RP6: a report that a later one replaces, or that two people revoke, no longer counts.

| from                                       | comes                                                       |
| ------------------------------------------ | ----------------------------------------------------------- |
| a report that names the one it supersedes  | `ReportRevoked` of that one, replaced by the new            |
| two people (`avm report revoke`)           | `ReportRevoked` with their reason                           |

The stored file stays as it was issued, and so does its digest; what no longer counts is told beside it. A report is
revoked once: what is said of it again changes nothing.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.entry import json_ready
from consumers.ledger.outgoing import Voice
from consumers.ledger.storable import storable
from infra.postgres import audit, outbox
from infra.postgres.audit import Act
from infra.postgres.ingest import Received
from schemas.catalogue import Topic
from schemas.domain.staff import staff_number
from schemas.events import Reported, ReportRevoked
from schemas.json_events import event_from_json
from schemas.records import to_record

REPLACED: Final = "已由新报告替代"
_SHORTEST_REASON: Final = 4  # characters; shorter says nothing to the bank
_LONGEST_REASON: Final = 200
_AT_ONCE: Final = 500
# Of reports alone: an answer without one is superseded by its own id.
_KEEP: Final = """
    insert into revocation (report_no, valuation_id, payload, second, told_at)
    select %(report_no)s, %(valuation_id)s, %(payload)s, %(second)s, %(told_at)s
    where %(told_at)s::timestamptz is not null or exists (select from report where report_no = %(report_no)s)
    on conflict (report_no) do update set told_at = coalesce(revocation.told_at, excluded.told_at)
        where excluded.told_at is not null
"""
_UNTOLD: Final = """
    select r.payload, v.traceparent from revocation r left join valuation v using (valuation_id)
    where r.told_at is null order by r.report_no limit %s for update of r skip locked
"""
_TOLD: Final = "update revocation set told_at = %s where report_no = any(%s)"
_ISSUED: Final = "select payload from report where report_no = %s for update"
_REVOKED: Final = "select payload from revocation where report_no = %s"


class RevocationError(Exception):
    """A report cannot be revoked; says why and what to do."""


class RevocationWatch:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox."""

    def __init__(self, *, revocations: Topic, voice: Voice) -> None:
        self._revocations, self._voice = revocations, voice

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Tell of every revocation that nobody was told of yet."""
        untold = connection.execute(_UNTOLD, [_AT_ONCE]).fetchall()
        if not untold:
            return
        events = [(event_from_json(ReportRevoked, payload), traceparent) for payload, traceparent in untold]
        topic = self._revocations.named()
        outbox.write(connection, [self._voice.revocation(event, topic, at=now, traceparent=t) for event, t in events])
        connection.execute(_TOLD, [now, [event.report_no for event, _ in events]])


def note_revocations(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep what a batch says of reports that no longer count, after its own reports were written."""
    for received in batch:
        event = received.event
        if isinstance(event, Reported) and event.supersedes_report_no is not None:
            _keep(connection, _replaced(event, event.supersedes_report_no))
        if isinstance(event, ReportRevoked):
            _keep(connection, event, told_at=received.appended_at)


def revoke(
    connection: Connection[TupleRow], report_no: str, *, reason: str, by: str, second: str, at: datetime
) -> ReportRevoked:
    """Revoke a wrong report, inside the caller's transaction. `by` and `second` are the staff numbers of two people.

    Raises `RevocationError` for an unknown report, one already revoked, no reason, or one person alone.
    """
    first, other, why = _person(by), _person(second), reason.strip()
    if first == other:
        raise RevocationError(f"a report is revoked by two people; {first} was given for both")
    if not _SHORTEST_REASON <= len(why) <= _LONGEST_REASON:
        raise RevocationError(f"say why, in {_SHORTEST_REASON} to {_LONGEST_REASON} characters; the bank reads it")
    issued = connection.execute(_ISSUED, [report_no]).fetchone()
    if issued is None:
        raise RevocationError(f"there is no report {report_no}; look its number up on the report itself")
    before = connection.execute(_REVOKED, [report_no]).fetchone()
    if before is not None:
        raise RevocationError(f"report {report_no} was revoked at {before[0]['revoked_at']}: {before[0]['reason']}")
    reported = event_from_json(Reported, issued[0])
    event = ReportRevoked(
        valuation_id=reported.valuation_id,
        report_no=report_no,
        channel=reported.channel,
        reason=why,
        revoked_at=at,
        by=first,
        business_ref=reported.business_ref,
    )
    _keep(connection, event, second=other)
    details = {"report_no": report_no, "reason": why, "second": other}
    audit.append(connection, reported.valuation_id, Act(actor=first, action="REPORT_REVOKED", at=at, details=details))
    return event


def _person(number: str) -> str:
    try:
        return staff_number(number)
    except ValueError as error:
        raise RevocationError(str(error)) from None


def _replaced(reported: Reported, report_no: str) -> ReportRevoked:
    """The revocation that follows from a successor; its instant is the successor's, so a replay says the same."""
    return ReportRevoked(
        valuation_id=reported.valuation_id,
        report_no=report_no,
        channel=reported.channel,
        reason=REPLACED,
        revoked_at=reported.issued_at,
        replaced_by=reported.report_no,
        business_ref=reported.business_ref,
    )


def _keep(
    connection: Connection[TupleRow],
    event: ReportRevoked,
    *,
    second: str | None = None,
    told_at: datetime | None = None,
) -> None:
    payload = storable(json.dumps(dict(to_record(ReportRevoked)(event)), default=json_ready))
    values = {
        "report_no": event.report_no,
        "valuation_id": UUID(event.valuation_id),
        "payload": payload,
        "second": second,
        "told_at": told_at,
    }
    connection.execute(_KEEP, values)
