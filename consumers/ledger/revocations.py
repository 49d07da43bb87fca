"""Requirement RP6: a report that a later one replaces, or that two people revoke, no longer counts.

| from                                       | comes                                                       |
| ------------------------------------------ | ----------------------------------------------------------- |
| a report that supersedes an earlier one    | `ReportRevoked` of that one, replaced by the new            |
| two people (`revoking.py`)                 | `ReportRevoked` with their reason                           |

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
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import Topic
from schemas.events import Reported, ReportRevoked
from schemas.json_events import event_from_json
from schemas.records import to_record

REPLACED: Final = "已由新报告替代"
_AT_ONCE: Final = 500
# Told once both are known, whichever is read first. A successor names the report, or, where that was not known yet when
# the dispute was opened, the answer's event by its id: then all that the valuation was told before no longer counts.
_SUPERSEDED: Final = r"""
    select distinct on (old.report_no) old.report_no, new.payload
    from report new join report old on old.valuation_id = new.valuation_id and old.report_no <> new.report_no
        left join revocation known on known.report_no = old.report_no
    where new.valuation_id = any(%s) and new.payload->>'supersedes_report_no' is not null and known.report_no is null
        and (
            old.report_no = new.payload->>'supersedes_report_no'
            or (old.revision < new.revision
                and new.payload->>'supersedes_report_no' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
        )
    order by old.report_no, new.revision, new.report_no
"""
_KEEP: Final = """
    insert into revocation (report_no, valuation_id, payload, second, told_at)
    values (%(report_no)s, %(valuation_id)s, %(payload)s, %(second)s, %(told_at)s)
    on conflict (report_no) do update set told_at = coalesce(revocation.told_at, excluded.told_at)
        where excluded.told_at is not null
"""
_UNTOLD: Final = """
    select r.payload, v.traceparent from revocation r left join valuation v using (valuation_id)
    where r.told_at is null order by r.report_no limit %s for update of r skip locked
"""
_TOLD: Final = "update revocation set told_at = %s where report_no = any(%s)"


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
    told = [one for one in batch if isinstance(one.event, Reported | ReportRevoked)]
    for received in told:
        if isinstance(received.event, ReportRevoked):
            keep(connection, received.event, told_at=received.appended_at)
    valuations = sorted({UUID(one.event.valuation_id) for one in told if isinstance(one.event, Reported)})
    if not valuations:
        return
    for report_no, successor in connection.execute(_SUPERSEDED, [valuations]).fetchall():
        keep(connection, _replaced(event_from_json(Reported, successor), report_no))


def _replaced(successor: Reported, report_no: str) -> ReportRevoked:
    """The revocation that follows from a successor; its instant is the successor's, so a replay says the same."""
    return ReportRevoked(
        valuation_id=successor.valuation_id,
        report_no=report_no,
        channel=successor.channel,
        reason=REPLACED,
        revoked_at=successor.issued_at,
        replaced_by=successor.report_no,
        business_ref=successor.business_ref,
    )


def keep(
    connection: Connection[TupleRow],
    event: ReportRevoked,
    *,
    second: str | None = None,
    told_at: datetime | None = None,
) -> None:
    """Keep a revocation, inside the caller's transaction. `told_at`: when it was told, where it was.

    `second` is the second person where people revoked it.
    """
    payload = storable(json.dumps(dict(to_record(ReportRevoked)(event)), default=json_ready))
    values = {
        "report_no": event.report_no,
        "valuation_id": UUID(event.valuation_id),
        "payload": payload,
        "second": second,
        "told_at": told_at,
    }
    connection.execute(_KEEP, values)
