"""A report of a value that came behind another end: reporting had drawn it before it knew. It is revoked at once.

Which end came first is told by the topic; until both are read here the report counts, and afterwards it does not. What
came of a dispute supersedes an end, and its report another: neither is behind.
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
from schemas.domain.ends import is_end
from schemas.events import Reported, ReportRevoked, Resulted
from schemas.json_events import event_from_json
from schemas.records import to_record

BEHIND_A_CANCELLATION: Final = "渠道已撤销该笔估值，报告作废"
BEHIND_ANOTHER_END: Final = "该笔估值此前已有最终结果，本报告作废，以此前结果为准"
_BEHIND: Final = """
    select r.payload, v.concluded_status = 'CANCELLED' as is_cancelled
    from report r join valuation v using (valuation_id) left join revocation o using (report_no)
    where r.valuation_id = any(%s::uuid[]) and o.report_no is null
        and (v.concluded_status = 'CANCELLED' or (
            v.concluded_at is not null and r.revision <> v.concluded_revision
            and r.payload->>'supersedes_report_no' is null
        ))
"""
_REVOKE: Final = """
    insert into revocation (report_no, valuation_id, payload) values (%s, %s, %s) on conflict (report_no) do nothing
"""


def revoke_behind_ends(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep the revocations that follow from a batch, after its own lines were written. Twice is as good as once."""
    events = [one.event for one in batch if _may_show_one(one.event)]
    if not events:
        return
    for payload, is_cancelled in connection.execute(_BEHIND, [[event.valuation_id for event in events]]).fetchall():
        reason = BEHIND_A_CANCELLATION if is_cancelled else BEHIND_ANOTHER_END
        event = revoked(event_from_json(Reported, payload), reason)
        text = storable(json.dumps(dict(to_record(ReportRevoked)(event)), default=json_ready))
        connection.execute(_REVOKE, [event.report_no, event.valuation_id, text])


def revoked(report: Reported, reason: str) -> ReportRevoked:
    """The revocation of such a report. Its instant is the report's, so that a replay says the same."""
    return ReportRevoked(
        valuation_id=report.valuation_id,
        report_no=report.report_no,
        channel=report.channel,
        reason=reason,
        revoked_at=report.issued_at,
        business_ref=report.business_ref,
    )


def _may_show_one(event: object) -> bool:
    """Two ends are of two askings, unless one is a cancellation: of most valuations there is one asking."""
    if isinstance(event, Resulted):
        return is_end(event) and (event.revision > 1 or event.status is Status.CANCELLED)
    return isinstance(event, Reported)
