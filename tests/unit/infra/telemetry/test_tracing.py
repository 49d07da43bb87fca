"""One trace per valuation: continued by hand without an exporter, as real spans with one."""

import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.telemetry import names
from infra.telemetry.tracing import CarriedTracing, child_of, traceparent, tracing_for

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()
HEADERS = (("number", b"1"), ("traceparent", PARENT))


@given(st.one_of(st.none(), st.just(PARENT), st.just(PARENT[:-2] + b"00")), st.integers())
def test_a_child_is_well_formed_in_the_same_trace_with_a_new_span(parent, seed):
    child = child_of(parent, random.Random(seed)).encode()
    assert traceparent([("traceparent", child)]) == child
    if parent is not None:
        assert child[:36] == parent[:36]
        assert child[36:52] != parent[36:52]
        assert child[-2:] == parent[-2:], "the sender decided whether the trace is sampled"


@pytest.mark.parametrize(
    "value",
    [b"", b"nonsense", PARENT + b"-more", b"00-" + b"0" * 32 + b"-" + SPAN.encode() + b"-01", PARENT.upper(), None],
)
def test_a_broken_traceparent_is_as_good_as_none(value):
    assert traceparent([("traceparent", value)]) is None


def test_no_headers_means_no_trace():
    assert traceparent(None) is None
    assert traceparent(()) is None


def test_without_an_endpoint_the_context_is_carried_on():
    tracing = tracing_for(None, service="scoring")
    assert isinstance(tracing, CarriedTracing)
    with tracing.batch("in", "g", [HEADERS]) as trace:
        assert trace.send(HEADERS, "out").split("-")[1] == TRACE
        assert trace.send(None, "out").split("-")[1] != TRACE
    tracing.close()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Span]]]:
    """An OTLP/HTTP receiver and the spans it got."""
    spans: list[Span] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            sent = ExportTraceServiceRequest()
            sent.ParseFromString(body)
            spans.extend(s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", spans
    server.shutdown()
    server.server_close()


def test_with_an_endpoint_a_batch_links_its_messages_and_sends_hang_under_them(collector):
    endpoint, spans = collector
    tracing = tracing_for(endpoint, service="scoring", instance="scoring-0")
    with tracing.batch("valuation.enriched.online", "g", [HEADERS, ()]) as trace:
        child = trace.send(HEADERS, "valuation.scored.online")
        orphan = trace.send((), "valuation.scored.online")
    tracing.close()

    by_name = {span.name: span for span in spans if span.name.startswith("process")}
    process = by_name["process valuation.enriched.online"]
    assert [link.trace_id.hex() for link in process.links] == [TRACE]
    attributes = {attribute.key: attribute.value for attribute in process.attributes}
    assert attributes[names.MESSAGING_BATCH_COUNT].int_value == 2
    sends = {span.span_id.hex(): span for span in spans if span.name == "send valuation.scored.online"}
    sent = sends[child.split("-")[2]]
    assert (sent.trace_id.hex(), sent.parent_span_id.hex()) == (TRACE, SPAN)
    fresh = sends[orphan.split("-")[2]]
    assert fresh.trace_id.hex() not in {TRACE, process.trace_id.hex()}, "each valuation is a trace of its own"


def test_a_failed_batch_says_so_on_its_sends(collector):
    endpoint, spans = collector
    tracing = tracing_for(endpoint, service="scoring")
    batch = tracing.batch("in", "g", [HEADERS])
    batch.__enter__().send(HEADERS, "out")
    error = ZeroDivisionError()
    batch.__exit__(type(error), error, None)
    tracing.close()
    (sent,) = [span for span in spans if span.name == "send out"]
    assert {a.key: a.value.string_value for a in sent.attributes}[names.ERROR_TYPE] == "ZeroDivisionError"
