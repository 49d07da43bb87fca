"""Two people revoke a wrong report, in two acts: one proposes it with the reason, another confirms within a day.

Who they are is the business of the operating system and the bank: the number that is given is compared, and who was
logged in where it was typed is recorded beside it, and compared where the log-in names persons. Both acts are lines of
the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.revocations import keep
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.domain.masking import masked_personal_data
from schemas.domain.staff import staff_number
from schemas.events import Reported, ReportRevoked
from schemas.json_events import event_from_json

PROPOSAL_LASTS: Final = timedelta(hours=24)
NAMED: Final = "operator:"
"""How an operator begins whom the bank's own log-in names: then one person is one, whatever number they give."""

_SHORTEST_REASON: Final = 4  # characters; shorter says nothing to the bank
_LONGEST_REASON: Final = 200
_ISSUED: Final = "select payload from report where report_no = %s for update"
_REVOKED: Final = "select payload from revocation where report_no = %s"
_PROPOSALS: Final = "select report_no, reason, proposed_by, operator, proposed_at from revocation_proposal"
_OF_REPORT: Final = f"{_PROPOSALS} where report_no = %s"
_OPEN: Final = f"{_PROPOSALS} where proposed_at > %s order by proposed_at, report_no"
_PROPOSE: Final = """
    insert into revocation_proposal (report_no, reason, proposed_by, operator, proposed_at) values (%s, %s, %s, %s, %s)
    on conflict (report_no) do update set (reason, proposed_by, operator, proposed_at)
        = (excluded.reason, excluded.proposed_by, excluded.operator, excluded.proposed_at)
"""
_DONE: Final = "delete from revocation_proposal where report_no = %s"


class RevocationError(Exception):
    """A report cannot be revoked; says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A revocation that waits for a second person. `operator`: who was logged in where it was typed."""

    report_no: str
    reason: str
    proposed_by: str
    operator: str
    proposed_at: datetime

    @property
    def lapses_at(self) -> datetime:
        """From when on it can be confirmed no more."""
        return self.proposed_at + PROPOSAL_LASTS


def propose(
    connection: Connection[TupleRow], report_no: str, *, reason: str, by: str, operator: str, at: datetime
) -> Proposal:
    """Propose to revoke a report, inside the caller's transaction. `by` is a staff number.

    Raises `RevocationError` for an unknown report, one already revoked or proposed, or no reason.
    """
    first, why = _person(by), masked_personal_data(reason.strip())
    if not _SHORTEST_REASON <= len(why) <= _LONGEST_REASON:
        raise RevocationError(f"say why, in {_SHORTEST_REASON} to {_LONGEST_REASON} characters; the bank reads it")
    reported = _in_force(connection, report_no)
    before = _proposal(connection, report_no)
    if before is not None and at < before.lapses_at:
        raise RevocationError(
            f"{before.proposed_by} proposed at {_told(before.proposed_at)} to revoke report {report_no}: "
            f"{before.reason}; another person confirms it with --confirm until {_told(before.lapses_at)}"
        )
    proposal = Proposal(report_no=report_no, reason=why, proposed_by=first, operator=operator, proposed_at=at)
    connection.execute(_PROPOSE, [report_no, why, first, operator, at])
    details = {"report_no": report_no, "reason": why, "operator": operator}
    act = Act(actor=first, action="REPORT_REVOCATION_PROPOSED", at=at, details=details)
    audit.append(connection, reported.valuation_id, act)
    return proposal


def confirm(connection: Connection[TupleRow], report_no: str, *, by: str, operator: str, at: datetime) -> ReportRevoked:
    """Revoke a report that another person proposed to, inside the caller's transaction. `by` is a staff number.

    Raises `RevocationError` where nobody proposed it within a day, the same person did, or it is revoked already.
    """
    second, reported = _person(by), _in_force(connection, report_no)
    proposal = _proposal(connection, report_no)
    if proposal is None:
        raise RevocationError(f"nobody proposed to revoke report {report_no}; propose it with --reason and --by first")
    if at >= proposal.lapses_at:
        raise RevocationError(
            f"the proposal to revoke report {report_no} lapsed at {_told(proposal.lapses_at)}; propose it anew"
        )
    if second == proposal.proposed_by:
        raise RevocationError(f"a report is revoked by two people; {second} proposed it and cannot confirm it, too")
    if operator == proposal.operator and operator.startswith(NAMED):
        raise RevocationError(f"a report is revoked by two people; {operator} was logged in at both acts")
    event = ReportRevoked(
        valuation_id=reported.valuation_id,
        report_no=report_no,
        channel=reported.channel,
        reason=proposal.reason,
        revoked_at=at,
        by=proposal.proposed_by,
        business_ref=reported.business_ref,
    )
    keep(connection, event, second=second)
    connection.execute(_DONE, [report_no])
    details = {
        "report_no": report_no,
        "reason": proposal.reason,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at.isoformat(),
        "operator": operator,
    }
    audit.append(connection, reported.valuation_id, Act(actor=second, action="REPORT_REVOKED", at=at, details=details))
    return event


def open_proposals(connection: Connection[TupleRow], *, now: datetime) -> Sequence[Proposal]:
    """What waits for a second person, the oldest first; without what has lapsed."""
    with connection.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(_OPEN, [now - PROPOSAL_LASTS]).fetchall()


def _in_force(connection: Connection[TupleRow], report_no: str) -> Reported:
    """The report, locked, so that two who act on it at once come one after the other."""
    issued = connection.execute(_ISSUED, [report_no]).fetchone()
    if issued is None:
        raise RevocationError(f"there is no report {report_no}; look its number up on the report itself")
    before = connection.execute(_REVOKED, [report_no]).fetchone()
    if before is not None:
        raise RevocationError(f"report {report_no} was revoked at {before[0]['revoked_at']}: {before[0]['reason']}")
    return event_from_json(Reported, issued[0])


def _proposal(connection: Connection[TupleRow], report_no: str) -> Proposal | None:
    with connection.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(_OF_REPORT, [report_no]).fetchone()


def _person(number: str) -> str:
    try:
        return staff_number(number)
    except ValueError as error:
        raise RevocationError(str(error)) from None


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"
