"""Who is at the terminal, and what `avm report revoke` says."""

import getpass
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consumers.ledger.revoking import Proposal
    from schemas.events import ReportRevoked


def operator() -> str:
    """Who the operating system says is here, recorded beside the staff number that is given.

    AVM_OPERATOR where the bank's own log-in sets it, else the login name; a container's user often has a number alone.
    """
    from consumers.ledger.revoking import NAMED

    named = os.environ.get("AVM_OPERATOR", "").strip()
    if named:
        return f"{NAMED}{named}"
    try:
        return f"login:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"login:{os.getuid()}"


def proposed_lines(proposal: "Proposal") -> tuple[dict[str, Any], str]:
    """A proposal as JSON and as a line."""
    told = {
        "report_no": proposal.report_no,
        "state": "PROPOSED",
        "reason": proposal.reason,
        "proposed_by": proposal.proposed_by,
        "operator": proposal.operator,
        "proposed_at": proposal.proposed_at.isoformat(),
        "lapses_at": proposal.lapses_at.isoformat(),
    }
    line = (
        f"report {proposal.report_no}: {proposal.proposed_by} proposes to revoke it: {proposal.reason}. It counts till "
        f"another person confirms: avm report revoke {proposal.report_no} --confirm --by NUMBER, "
        f"by {proposal.lapses_at:%Y-%m-%d %H:%M %Z}"
    )
    return told, line


def revoked_lines(event: "ReportRevoked") -> tuple[dict[str, Any], str]:
    """A revocation as JSON and as a line."""
    told = {
        "report_no": event.report_no,
        "state": "REVOKED",
        "valuation_id": event.valuation_id,
        "reason": event.reason,
        "revoked_at": event.revoked_at.isoformat(),
    }
    return told, f"report {event.report_no} is revoked: {event.reason}"
