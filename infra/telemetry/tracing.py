"""Traces that travel in record headers: one trace per valuation through every stage.

With an OTLP endpoint real spans are made: per batch one `process {topic}` with a link to every message, per output
one `send {topic}` whose parent is the *message's* own context. Without an endpoint nothing is recorded, but the
`traceparent` still goes on with a fresh span id, so that a trace begun by the bank never ends in the middle.
"""

import random
import re
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from infra.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Headers = Sequence[tuple[str, bytes | None]]

_VALID: Final = re.compile(rb"\A00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
_SAMPLED: Final = "01"
_EXPORT_TIMEOUT_S: Final = 5  # an absent collector must not hold up the end of a process
_QUEUE: Final = 8192  # spans waiting for export; older ones are dropped rather than slowing the stage
_PROCESS_LINKS: Final = 128  # the SDK's own limit of links per span


def traceparent(headers: Headers | None) -> bytes | None:
    """Return the message's trace context if it is well formed; a broken one is as good as none.

    Writers replace it (`schemas.headers.replaced`): appending would leave two, and readers differ in which they take.
    """
    value = next((value for name, value in headers or () if name == names.TRACEPARENT), None)
    return value if value is not None and _VALID.match(value) else None


def child_of(parent: bytes | None, randomness: random.Random) -> str:
    """Return the next `traceparent`: same trace and flags with a new span, or a new sampled trace without a parent."""
    span = f"{randomness.getrandbits(64) or 1:016x}"
    if parent is None:
        return f"00-{randomness.getrandbits(128) or 1:032x}-{span}-{_SAMPLED}"
    text = parent.decode()
    return f"{text[:35]}-{span}-{text[-2:]}"


class BatchTrace(Protocol):
    """Trace of one batch in flight; leaving it ends its spans."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None: ...

    def send(self, parent: Headers | None, topic: str) -> str:
        """Begin `send {topic}` under the message that caused it; return the `traceparent` to put on the record."""
        ...


class Tracing(Protocol):
    """What the stage runtime needs of tracing."""

    def batch(self, topic: str, group: str, messages: Sequence[Headers | None]) -> BatchTrace:
        """Begin `process {topic}` for these messages' headers."""
        ...

    def close(self) -> None:
        """Hand over what is still waiting, for a bounded time."""
        ...


class _CarriedBatch:
    __slots__ = ("_randomness",)

    def __init__(self, randomness: random.Random) -> None:
        self._randomness = randomness

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send(self, parent: Headers | None, topic: str) -> str:  # noqa: ARG002 -- no span, so no name is needed
        return child_of(traceparent(parent), self._randomness)


class CarriedTracing:
    """No exporter: the context is carried on, nothing is recorded. Costs about a microsecond per record."""

    def __init__(self, randomness: random.Random | None = None) -> None:
        self._batch = _CarriedBatch(randomness or random.Random())  # noqa: S311 -- span ids are not secrets

    def batch(self, topic: str, group: str, messages: Sequence[Headers | None]) -> BatchTrace:  # noqa: ARG002
        """Return the carrier; it has no state of its own, so one serves all batches."""
        return self._batch

    def close(self) -> None:
        """Nothing waits."""


class _RecordedBatch:
    def __init__(self, tracer: "Tracer", topic: str, group: str, messages: Sequence[Headers | None]) -> None:
        self._tracer, self._topic, self._group, self._messages = tracer, topic, group, messages
        self._sends: list[Span] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from opentelemetry.trace import Link, SpanKind

        contexts = (_span_context(headers) for headers in self._messages[:_PROCESS_LINKS])
        span = self._tracer.start_as_current_span(
            f"{names.OPERATION_PROCESS} {self._topic}",
            kind=SpanKind.CONSUMER,
            links=[Link(context) for context in contexts if context.is_valid],
            attributes={
                names.MESSAGING_SYSTEM: "kafka",
                names.MESSAGING_OPERATION_NAME: names.OPERATION_PROCESS,
                names.MESSAGING_OPERATION_TYPE: names.OPERATION_PROCESS,
                names.MESSAGING_DESTINATION: self._topic,
                names.MESSAGING_GROUP: self._group,
                names.MESSAGING_BATCH_COUNT: len(self._messages),
            },
        )
        self._stack.enter_context(span)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for span in self._sends:
            if kind is not None:
                span.set_attribute(names.ERROR_TYPE, kind.__qualname__)
            span.end()
        self._stack.__exit__(kind, error, where)

    def send(self, parent: Headers | None, topic: str) -> str:
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        span = self._tracer.start_span(
            f"{names.OPERATION_SEND} {topic}",
            context=_context(parent),
            kind=SpanKind.PRODUCER,
            attributes={
                names.MESSAGING_SYSTEM: "kafka",
                names.MESSAGING_OPERATION_NAME: names.OPERATION_SEND,
                names.MESSAGING_OPERATION_TYPE: names.OPERATION_SEND,
                names.MESSAGING_DESTINATION: topic,
            },
        )
        self._sends.append(span)
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
        return carrier[names.TRACEPARENT]


def _context(headers: Headers | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = traceparent(headers)
    if parent is None:
        return Context()  # a new trace, not a child of whatever batch happens to carry it
    return TraceContextTextMapPropagator().extract({names.TRACEPARENT: parent.decode()}, context=Context())


def _span_context(headers: Headers | None) -> Any:
    from opentelemetry.trace import get_current_span

    return get_current_span(_context(headers)).get_span_context()


class RecordedTracing:
    """Real spans through an OpenTelemetry provider. Export happens on the provider's own thread."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("avm.streams")

    def batch(self, topic: str, group: str, messages: Sequence[Headers | None]) -> BatchTrace:
        """Begin `process {topic}`."""
        return _RecordedBatch(self._tracer, topic, group, messages)

    def close(self) -> None:
        """Flush for at most five seconds, then stop."""
        self._provider.force_flush(_EXPORT_TIMEOUT_S * 1000)
        self._provider.shutdown()


def tracing_for(endpoint: str | None, *, service: str, instance: str = "") -> Tracing:
    """Choose: spans by OTLP/HTTP to `endpoint` (its base URL, e.g. `http://collector:4318`), or carrying only."""
    if not endpoint:
        return CarriedTracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({names.SERVICE_NAME: service, names.SERVICE_INSTANCE: instance})
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE))
    return RecordedTracing(provider)
