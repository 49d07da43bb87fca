"""The private names of Faust 0.15.3 that `streams/runtime/consumer.py` stands on: a version bump must fail here."""

import asyncio
import inspect
from importlib import import_module
from importlib.metadata import version
from types import SimpleNamespace

import faust
import pytest
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from intervaltree import IntervalTree

from streams.runtime.consumer import StageApp, StageConsumer, StageTransport, build_app
from streams.runtime.window import Bounds, Window

PLACE = TP("in", 0)


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def record(offset: int) -> SimpleNamespace:
    """What aiokafka hands to Faust."""
    return SimpleNamespace(
        topic="in",
        partition=0,
        offset=offset,
        timestamp=1_700_000_000_000,
        timestamp_type=0,
        headers=(("number", b"1"),),
        key=b"k",
        value=b"v",
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=1,
    )


class Fetched(StageConsumer):
    """Our consumer with a fetch that gives what the test put there, and seeks that are counted."""

    batches: list[dict[TP, list[SimpleNamespace]]]
    seeks = 0

    async def _getmany(self, active_partitions, timeout):  # noqa: ARG002, ASYNC109 - Faust's
        return self.batches.pop(0) if self.batches else {}

    async def perform_seek(self):
        self.seeks += 1

    def assignment(self):
        return {PLACE}


@pytest.fixture
async def app():
    """An app that was never started and knows of no broker."""
    app = build_app(
        "contract", bootstrap="127.0.0.1:1", topics=["in"], window=Window(Bounds(window_messages=3)), instance_id=None
    )
    app.consumer_generation_id = 5
    app.topics._acking_topics.add("in")
    return app


@pytest.fixture
async def consumer(app):
    async def ignore(*_):
        """Faust insists on callbacks."""

    consumer = Fetched(app.transport, callback=ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    consumer.batches = []
    consumer._set_active_tps({PLACE})
    app._consumer = consumer
    yield consumer
    consumer._thread.thread_loop.close()


async def fetch(consumer, *offsets: int) -> None:
    consumer.batches.append({PLACE: [record(offset) for offset in offsets]})
    async for _ in consumer.getmany(timeout=0.1):
        pytest.fail("the bulk lane yields nothing to Faust")


def test_the_pinned_versions_are_installed():
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


def test_the_compiled_stream_iterator_is_present():
    assert import_module("faust._cython.streams").StreamIterator is import_module("faust.streams")._CStreamIterator


def test_a_missing_compiled_iterator_is_refused_at_start(monkeypatch):
    monkeypatch.setattr(import_module("faust.streams"), "_CStreamIterator", None)
    with pytest.raises(RuntimeError, match="compiled stream iterator"):
        build_app("g", bootstrap="127.0.0.1:1", topics=["in"], window=Window(Bounds()))


def test_signatures_we_override_or_call_are_as_pinned():
    assert parameters(BaseConsumer._add_gap) == ["self", "tp", "offset_from", "offset_to"]
    assert parameters(BaseConsumer.getmany) == ["self", "timeout"]
    assert inspect.isasyncgenfunction(BaseConsumer.getmany)
    assert inspect.isasyncgenfunction(StageConsumer.getmany)
    assert parameters(BaseConsumer._wait_next_records) == ["self", "timeout"]
    assert parameters(driver.Consumer._to_message) == ["self", "tp", "record"]
    assert parameters(BaseConsumer.stop_flow) == ["self"]
    assert parameters(BaseConsumer.perform_seek) == ["self"]
    assert parameters(driver.Consumer.verify_event_path) == ["self", "now", "tp"]
    assert parameters(faust.App._new_transport) == ["self"]
    assert parameters(faust.App._create_directories) == ["self"]
    assert parameters(ConsumerMessage.ack) == ["self", "consumer", "n"]


def test_faust_takes_the_consumer_from_the_transport_of_the_app():
    app = StageApp("g", broker="kafka://127.0.0.1:1")
    assert isinstance(app.transport, StageTransport)
    assert app.transport.Consumer is StageConsumer
    assert driver.Transport.Consumer is driver.Consumer


def test_the_drain_loop_still_calls_what_we_override():
    assert "getmany" in BaseConsumer._drain_messages.__code__.co_names
    assert "_create_directories" in faust.App.on_first_start.__code__.co_names


async def test_the_attributes_we_read_exist(consumer):
    for name in (
        "_read_offset",
        "_committed_offset",
        "_acked",
        "_gap",
        "_unacked_messages",
        "flow_active",
        "can_resume_flow",
        "suspend_flow",
        "should_stop",
    ):
        assert hasattr(consumer, name), name
    assert isinstance(consumer._gap[PLACE], IntervalTree)
    assert consumer._read_offset[PLACE] is None


async def test_a_message_has_the_fields_the_runtime_reads(consumer):
    message = consumer._to_message(PLACE, record(7))
    assert (message.topic, message.partition, message.offset) == ("in", 0, 7)
    assert (message.key, message.value, message.headers) == (b"k", b"v", (("number", b"1"),))
    assert message.timestamp == 1_700_000_000.0
    assert message.generation_id == 5


async def test_fetched_lists_go_to_the_window_and_are_awaited_by_a_graceful_stop(app, consumer):
    await fetch(consumer, 0, 1, 2)
    batch = app.window.take()
    assert [message.offset for message in batch] == [0, 1, 2]
    assert set(consumer._unacked_messages) == set(batch)
    assert consumer._read_offset[PLACE] == 2


async def test_one_acknowledgement_makes_an_offset_committable(app, consumer):
    await fetch(consumer, 0, 1, 2)
    batch = app.window.take()
    assert consumer._unacked_messages
    for message in batch[:2]:
        app.acknowledge(message)
    assert consumer._new_offset(PLACE) == 2
    app.acknowledge(batch[2])
    assert consumer._new_offset(PLACE) == 3
    assert not consumer._unacked_messages


async def test_a_hole_in_the_offsets_does_not_freeze_commits(app, consumer):
    """A transaction marker after every two records: stock Faust never commits past the first."""
    for offsets in ((0, 1), (3, 4), (6, 7)):
        await fetch(consumer, *offsets)
        for message in app.window.take():
            app.acknowledge(message)
        consumer._committed_offset[PLACE] = consumer._new_offset(PLACE)
    assert consumer._committed_offset[PLACE] == 8


async def test_stock_faust_still_stays_behind_a_hole(app, consumer):
    """When this fails, Faust has mended `_add_gap`, and our override of it must go."""
    consumer._add_gap = lambda *arguments: BaseConsumer._add_gap(consumer, *arguments)
    for offsets in ((0, 1), (3, 4)):
        await fetch(consumer, *offsets)
        for message in app.window.take():
            app.acknowledge(message)
        consumer._committed_offset[PLACE] = consumer._new_offset(PLACE)
    assert consumer._committed_offset[PLACE] == 4, "everything up to 4 is acknowledged, so 5 should be committed"


async def test_revocation_forgets_what_waits_but_not_what_is_in_flight(app, consumer):
    await fetch(consumer, 0, 1, 2)
    in_flight = app.window.take()
    await fetch(consumer, 3, 4)
    consumer.stop_flow()
    assert len(app.window) == 0
    assert {message.offset for message in consumer._unacked_messages} == {message.offset for message in in_flight}
    assert app.forgotten.total == 2


async def test_a_fetch_waiting_for_room_is_dropped_when_the_flow_stops(app, consumer):
    await fetch(consumer, 0, 1, 2)
    waiting = asyncio.create_task(fetch(consumer, 3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    consumer.stop_flow()
    await asyncio.wait_for(waiting, 5)
    assert len(app.window) == 0
    assert consumer._read_offset[PLACE] == 2


async def test_records_of_an_old_generation_are_dropped_and_sought_again(app, consumer):
    async def fetch_during_a_rebalance(active_partitions, timeout):  # noqa: ASYNC109 - Faust's
        app.consumer_generation_id = 6
        return {PLACE: [record(0)]}

    consumer._getmany = fetch_during_a_rebalance
    await fetch(consumer)
    assert len(app.window) == 0
    assert consumer.seeks == 1


async def test_a_stale_message_is_known_and_can_be_released(app, consumer):
    await fetch(consumer, 0)
    (message,) = app.window.take()
    assert app.is_current(message)
    app.consumer_generation_id = 6
    assert not app.is_current(message)
    app.release(message)
    assert not consumer._unacked_messages
