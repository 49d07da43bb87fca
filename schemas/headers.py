"""Record headers: CloudEvents' Kafka binding in binary mode, and the W3C trace context."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from schemas.codes import Reason
from schemas.events import Resulted, Scored, Withdrawn

Header = tuple[str, bytes]

CE_ID = "ce_id"
CE_TYPE = "ce_type"
CE_SOURCE = "ce_source"
CE_TIME = "ce_time"
CE_SPECVERSION = "ce_specversion"
CONTENT_TYPE = "content-type"
TRACEPARENT = "traceparent"
ANSWERS = "avm_answers"
"""On an event that answers a command: the id of the message."""
RESENT_FOR = "avm_resent_for"
"""On an event that is published once more because a channel asked for it: the id of the message that asked."""

_TYPE_PREFIX = "cn.housevaluation"


def event_type(event: object) -> str:
    """`cn.housevaluation.<Event>`, for results with the status behind it: each is a fact of its own."""
    status = getattr(event, "status", None)
    name = f"{_TYPE_PREFIX}.{type(event).__name__}"
    return f"{name}.{status}" if status else name


def fact_of(event: object) -> str:
    """The kind of fact an event's id is made of: its type, and what tells it from another fact of that type.

    A reminder is another fact than its question, and so is each later word about a review that goes on. A valuation
    that met no model is scored again after the outage: what was said without a value, with one, and for comparison
    alone are three facts. An asking may be taken from the model, and the valuation then be cancelled.
    """
    kind = event_type(event)
    match event:
        case Resulted(reasons=reasons) if Reason.CLARIFICATION_REMINDER in reasons:
            return f"{kind}.{Reason.CLARIFICATION_REMINDER}"
        case Resulted(update=update) if update:
            return f"{kind}.{update}"
        case Withdrawn(action=action):
            return f"{kind}.{action}"
        case Scored(concerns=concerns) if Reason.COMPARISON_ONLY in concerns:
            return f"{kind}.{Reason.COMPARISON_ONLY}"
        case Scored(valuation=None):
            return f"{kind}.{Reason.NO_MODEL}"
        case _:
            return kind


def event_headers(
    *, event_id: str, event_type: str, source: str, at: datetime, traceparent: str | None
) -> list[Header]:
    """Headers of a new event. `source` is the room that says it, e.g. `streams/scoring`."""
    headers = [
        (CE_SPECVERSION, b"1.0"),
        (CE_ID, event_id.encode()),
        (CE_TYPE, event_type.encode()),
        (CE_SOURCE, source.encode()),
        (CE_TIME, at.astimezone(UTC).isoformat().encode()),
        (CONTENT_TYPE, b"application/avro"),
    ]
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent.encode()))
    return headers


def header(headers: Iterable[Header] | None, name: str) -> str | None:
    """The first header of that name as text; `None` when it is absent or no text."""
    for key, value in headers or ():
        if key == name and value is not None:
            return value.decode("utf-8", errors="replace")
    return None


def replaced(headers: Sequence[Header] | None, name: str, value: str) -> list[Header]:
    """The headers with `name` set once: appending would leave two, and readers differ in which one they take."""
    return [(key, kept) for key, kept in headers or () if key != name] + [(name, value.encode())]
