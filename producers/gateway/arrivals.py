"""What stands on the topics of results and reports: messages as they arrive, and what is known of a valuation."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from infra.telemetry.tracing import traceparent
from schemas.codes import Reason, Status
from schemas.events import Reported, Resulted
from schemas.headers import CE_TYPE, TRACEPARENT, Header, header

UNDER_WAY: Final = frozenset({Status.RECEIVED, Status.PROCESSING})
_REPORTED: Final = Reported.__name__
_RESULTED: Final = Resulted.__name__


class Kind(Enum):
    """What a message on the followed topics is."""

    RESULT = auto()
    REPORT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message of a results or reports topic, not decoded. `status` is set for results."""

    valuation_id: str
    kind: Kind
    value: bytes
    status: Status | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of a valuation: its latest answer, the trace it came in, and, once there is one, its report.

    `is_revoked`: the report is known to count no more; the topics followed here do not say so, the ledger does.
    """

    result: Resulted
    report: Reported | None = None
    trace_id: str | None = None
    is_revoked: bool = False


def arrival(key: bytes | None, value: bytes | None, headers: Sequence[Header] | None) -> Arrival | None:
    """Read a message's key and headers; `None` for what is neither a result nor a report of ours."""
    if key is None or value is None:
        return None
    _, _, kind = (header(headers, CE_TYPE) or "").partition("cn.housevaluation.")
    name, _, status = kind.partition(".")
    trace = header(headers, TRACEPARENT)
    valuation_id = key.decode("utf-8", errors="replace")
    if name == _REPORTED:
        return Arrival(valuation_id=valuation_id, kind=Kind.REPORT, value=value)
    if name != _RESULTED or status not in Status.__members__:
        return None
    return Arrival(
        valuation_id=valuation_id,
        kind=Kind.RESULT,
        value=value,
        status=Status(status),
        trace_id=trace_id(trace) if trace else None,
    )


def trace_id(text: str) -> str | None:
    """The trace's id in a W3C `traceparent`; `None` when it is none."""
    return text[3:35] if traceparent([(TRACEPARENT, text.encode())]) else None


def is_conflict(resulted: Resulted) -> bool:
    """Whether this answer says that the request number was used before for another request."""
    return Reason.DUPLICATE_CONFLICT in resulted.reasons
