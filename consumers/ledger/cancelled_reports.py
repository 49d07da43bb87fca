"""A report of a value that came behind CANCELLED: reporting had drawn it before it knew. It is revoked at once.

Which end came first is told by the topic; until both are read here the report counts, and afterwards it does not.
"""

import json
from collections.abc import Iterable
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.entry import json_ready
from consumers.ledger.storable import storable
from infra.postgres.ingest import Received
from schemas.codes import Status
from schemas.events import Reported, ReportRevoked, Resulted
from schemas.json_events import event_from_json
from schemas.records import to_record

BEHIND_A_CANCELLATION: Final = "渠道已撤销该笔估值，报告作废"
_BEHIND: Final = """
    select r.payload from report r join valuation v using (valuation_id) left join revocation o using (report_no)
    where r.valuation_id = any(%s::uuid[]) and v.concluded_status = 'CANCELLED' and o.report_no is null
"""
_REVOKE: Final = """
    insert into revocation (report_no, valuation_id, payload) values (%s, %s, %s) on conflict (report_no) do nothing
"""


def revoke_behind_cancellations(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep the revocations that follow from a batch, after its own lines were written. Twice is as good as once."""
    events = [one.event for one in batch if _may_show_one(one.event)]
    if not events:
        return
    for (payload,) in connection.execute(_BEHIND, [[event.valuation_id for event in events]]).fetchall():
        event = revoked(event_from_json(Reported, payload))
        text = storable(json.dumps(dict(to_record(ReportRevoked)(event)), default=json_ready))
        connection.execute(_REVOKE, [event.report_no, event.valuation_id, text])


def revoked(report: Reported) -> ReportRevoked:
    """The revocation of such a report. Its instant is the report's, so that a replay says the same."""
    return ReportRevoked(
        valuation_id=report.valuation_id,
        report_no=report.report_no,
        channel=report.channel,
        reason=BEHIND_A_CANCELLATION,
        revoked_at=report.issued_at,
        business_ref=report.business_ref,
    )


def _may_show_one(event: object) -> bool:
    return isinstance(event, Reported) or (isinstance(event, Resulted) and event.status is Status.CANCELLED)
