"""Outcomes to records: encode, key, headers, trace, size."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from infra.kafka.producer import Record, check
from infra.telemetry.tracing import BatchTrace
from schemas.headers import event_headers, event_type, fact_of
from schemas.ids import event_id
from streams.runtime.stage import Outcome, Output, RawMessage

FIRST_REVISION: Final = 1


class Codec(Protocol):
    """The part of `schemas.codec.Codec` that is needed here."""

    def encode(self, event: Any, /) -> bytes:
        """Event to bytes."""
        ...

    def decode(self, message: bytes | None, expected: Any, /) -> Any:
        """Bytes to an event of that class."""
        ...


def key_of(output: Output) -> bytes:
    """Return the record key: the event's own key field as text, so that one valuation stays on one partition."""
    return str(getattr(output.event, output.topic.key)).encode()


def revision_of(event: object) -> int:
    """Return the revision an event speaks of: its own, that of its request or of its scored case, or the first."""
    own = getattr(event, "revision", None)
    if own is None:
        asked = getattr(event, "request", None) or getattr(getattr(event, "scored", None), "request", None)
        own = getattr(asked, "revision", None)
    return FIRST_REVISION if own is None else int(own)


class Outbound:
    """Encodes the outcomes of one batch. `source` names the room that speaks, e.g. `streams/scoring`."""

    def __init__(
        self, *, codec: Codec, source: str, clock: Callable[[], datetime], max_bytes: int, trace: BatchTrace
    ) -> None:
        self._codec, self._source, self._max_bytes, self._trace = codec, source, max_bytes, trace
        self._at = clock()  # one instant for a batch: its outputs were decided together

    def encode(self, message: RawMessage, outcome: Outcome) -> Sequence[Record]:
        """Return the records of one outcome; raises `UnpublishableError` when one is too large."""
        return [self._record(message, output) for output in outcome.outputs]

    def _record(self, message: RawMessage, output: Output) -> Record:
        topic, key = output.topic.named(output.lane), key_of(output)
        kind = event_type(output.event)
        headers = event_headers(
            event_id=event_id(key.decode(), fact_of(output.event), revision_of(output.event)),
            event_type=kind,
            source=self._source,
            at=self._at,
            traceparent=self._trace.send(message.headers, topic),
        )
        record = Record(topic=topic, key=key, value=self._codec.encode(output.event), headers=headers)
        if len(record.value or b"") > self._max_bytes // 2:  # keys and headers are short, so others need no check here
            check([record], self._max_bytes)
        return record
