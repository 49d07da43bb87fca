"""The record that asks for a valuation, and the trace it stands in."""

from typing import Final

from infra.kafka.producer import Record
from infra.telemetry.tracing import traceparent
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.codes import Action, Lane
from schemas.domain.contract import ONLINE_ANSWER
from schemas.events import Requested
from schemas.headers import TRACEPARENT, event_headers, event_type
from schemas.ids import event_id

SOURCE: Final = "producers/gateway"
_COMMANDS: Final = frozenset({Action.CANCEL, Action.FORCE_MANUAL})


def continued(traceparent: str, trace_id: str | None) -> str:
    """A call's place in the trace of the valuation it is about; its own trace where that is not known."""
    return traceparent if trace_id is None else f"00-{trace_id}-{traceparent[36:]}"


def request_record(
    requested: Requested, codec: Codec, topic: Topic, parent: str, *, lane: Lane = Lane.ONLINE
) -> Record:
    """The record that asks for a valuation. Only the online lane promises an answer within seconds."""
    kind = event_type(requested)
    revision = 2 if requested.action is Action.CLARIFY else 1
    fact = f"{kind}.{requested.action}" if requested.action in _COMMANDS else kind
    headers = event_headers(
        event_id=event_id(requested.valuation_id, fact, revision),
        event_type=kind,
        source=SOURCE,
        at=requested.requested_at,
        traceparent=parent,
    )
    if lane is Lane.ONLINE:
        deadline = requested.requested_at + ONLINE_ANSWER.value
        headers.append(("deadline", deadline.isoformat().encode()))
    return Record(
        topic=topic.named(lane),
        key=requested.valuation_id.encode(),
        value=codec.encode(requested),
        headers=headers,
    )


def well_formed(received: str | None) -> bytes | None:
    """The caller's `traceparent` if it is one."""
    return traceparent([(TRACEPARENT, received.encode())]) if received else None
