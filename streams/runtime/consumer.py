"""The bulk lane: Faust keeps group, rebalance, offsets and timers; whole record lists come to our window.

Everything private that is touched in Faust 0.15.3 is touched in this file, and each name is pinned by
`tests/contract/test_faust_private_names.py`. Why each override is needed stands with it.
"""

import logging
from collections.abc import AsyncIterator, MutableMapping, Sequence
from time import monotonic
from typing import Any, Final

import faust
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from infra.telemetry.metrics import Counter
from streams.runtime.window import Window

log = logging.getLogger(__name__)

_ROOM_CHECK_S: Final = 1.0  # waiting for room looks at shutdown this often; a revocation wakes it at once


class LeanMonitor(faust.Monitor):
    """Faust's monitor without the dozen dictionaries it writes per message; the runtime has its own meters."""

    committed_at: float | None = None

    def on_message_in(self, tp: TP, offset: int, message: Any) -> None:
        """Do nothing per message."""

    def on_message_out(self, tp: TP, offset: int, message: Any) -> None:
        """Do nothing per message."""

    def on_stream_event_in(self, tp: TP, offset: int, stream: Any, event: Any) -> None:
        """Do nothing per message."""

    def on_stream_event_out(self, tp: TP, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        """Do nothing per message."""

    def on_tp_commit(self, tp_offsets: MutableMapping[TP, int]) -> None:
        """Remember when offsets were last committed."""
        super().on_tp_commit(tp_offsets)
        self.committed_at = monotonic()


class StageConsumer(driver.Consumer):
    """Faust's consumer with a few overrides."""

    app: "StageApp"

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust names the message that follows a hole as its end; the message is then counted twice.

        The committed offset stops moving for ever behind the first transaction marker or compaction hole. The hole
        ends one earlier.
        """
        await super()._add_gap(tp, offset_from, offset_to - 1)

    def stop_flow(self) -> None:
        """First act of a revocation or a stop: forget what has not been started.

        Its next owner reads it again. Otherwise the rebalance would wait for the whole window, which slow stages
        stretch beyond the rebalance timeout.
        """
        super().stop_flow()
        self.app.forget_waiting()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's stall detector watches streams, which the bulk lane does not use; ours is the worker's health."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 -- Faust's
        """Put whole record lists into the window; yields nothing, so no message costs Faust's four tasks."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # asyncio.Event does; Faust itself does so
        generation = self.app.consumer_generation_id
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self._flows(generation):
            await self._start_over()
            return
        for tp, fetched in records.items():
            if not fetched or not (active is None or tp in active):
                continue
            if not await self._room(generation):
                return  # the rest is dropped: after the rebalance it is read again from the committed offset
            messages = [self._to_message(tp, record) for record in fetched]
            await self._note_holes(tp, messages)
            if not self._flows(generation):  # noting a hole lets other tasks run
                return
            self._admit(tp, messages)
        if records and self.app.rest_s:
            await self.sleep(self.app.rest_s)
        return
        yield  # type: ignore[unreachable]  # never reached, but makes this the async generator that Faust iterates over

    async def _start_over(self) -> None:
        """Seek to the committed offsets: what was fetched belongs to a generation that is over.

        While partitions are being taken away this may fail; Faust seeks again when they are given back.
        """
        try:
            await self.perform_seek()
        except KafkaError as error:
            if self.flow_active:
                raise  # fetching on would skip what was dropped: end, and be restarted at the committed offsets
            log.warning("no seek during a rebalance", extra={"error": type(error).__name__})

    def _flows(self, generation: int) -> bool:
        return bool(self.flow_active) and generation == self.app.consumer_generation_id and not self.should_stop

    async def _room(self, generation: int) -> bool:
        """Wait until the window has room; `False` when the partitions are being taken away instead."""
        window: Window[Any] = self.app.window
        while self._flows(generation) and not window.has_room:
            await self.wait_first(window.room(), self.suspend_flow.wait(), timeout=_ROOM_CHECK_S)
        return self._flows(generation)

    async def _note_holes(self, tp: TP, messages: Sequence[ConsumerMessage]) -> None:
        """Tell the offset bookkeeping of offsets no message will come for (transaction markers, compaction)."""
        last_read = self._read_offset[tp]
        # After a seek this is the *committed* offset, which is the next one to come. Faust's own guard accepts that
        # the hole's first offset is not named then.
        expected = messages[0].offset if last_read is None else last_read + 1
        for message in messages:
            if message.offset > expected:
                await self._add_gap(tp, expected, message.offset)
            expected = message.offset + 1

    def _admit(self, tp: TP, messages: Sequence[ConsumerMessage]) -> None:
        for message in messages:
            message.refcount, message.tracked = 1, True  # one acknowledgement is enough: there is one stage
            self._unacked_messages.add(message)  # so that a graceful stop waits for it
        self._read_offset[tp] = messages[-1].offset
        self.app.window.put(messages)

    def release(self, message: ConsumerMessage) -> None:
        """Stop waiting for a message that will neither be handled nor committed here."""
        self._unacked_messages.discard(message)


class StageTransport(driver.Transport):
    """Makes our consumer."""

    Consumer = StageConsumer


class StageApp(faust.App):
    """A Faust app that feeds one window."""

    window: Window[Any]  # of ConsumerMessage, which has the shape of RawMessage but looser types
    rest_s: float
    consumer: StageConsumer
    monitor: LeanMonitor
    forgotten: Counter

    def forget_waiting(self) -> None:
        """Empty the window and stop waiting for what was in it."""
        forgotten = self.window.forget()
        for message in forgotten:
            self.consumer.release(message)
        self.forgotten.add(len(forgotten))

    def is_current(self, message: ConsumerMessage) -> bool:
        """Whether the message was fetched in this generation."""
        return bool(message.generation_id == self.consumer_generation_id)

    def acknowledge(self, message: ConsumerMessage) -> None:
        """Let the message's offset be committed."""
        message.ack(self.consumer)

    def release(self, message: ConsumerMessage) -> None:
        """Stop waiting for a stale message."""
        self.consumer.release(message)

    def _new_transport(self) -> StageTransport:
        return StageTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Make no folders: there are no tables, so nothing would ever lie in them."""


def build_app(  # noqa: PLR0913 -- settings of one app, keyword-only
    group: str,
    *,
    bootstrap: str,
    topics: Sequence[str],
    window: Window[Any],
    instance_id: str | None = None,
    commit_interval_s: float = 0.5,
    session_timeout_s: float = 15.0,
    credentials: Any = None,
    forgotten: Counter | None = None,
    rest_s: float = 0.0,
) -> StageApp:
    """Return an app that reads `topics` as consumer group `group` into `window`. Not started, no connection yet.

    `bootstrap` is `host:port[,host:port…]`. `commit_interval_s` bounds the replay after a kill (rate x interval; not
    under 0.2). `session_timeout_s` is how long a killed worker's partitions wait, unless `instance_id` comes back.
    `rest_s`: pause after each fetch that brought messages, so that those behind it come together.
    """
    _require_compiled_iterator()
    app = StageApp(
        group,
        broker=";".join(f"kafka://{server}" for server in bootstrap.split(",")),
        broker_credentials=credentials,
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,  # it declares only internal topics, of which there are none
        topic_disable_leader=True,
        web_enabled=False,  # its /table endpoint shows contents
        Monitor=LeanMonitor,
        cython_optimizations=True,
        broker_commit_interval=commit_interval_s,
        broker_commit_every=10_000,
        broker_max_poll_records=1_000,
        stream_buffer_maxsize=4_096,
        stream_wait_empty=True,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=min(3.0, session_timeout_s / 3),
        broker_request_timeout=max(30.0, session_timeout_s),  # Faust insists: session <= request
        consumer_group_instance_id=instance_id,
        consumer_auto_offset_reset="earliest",  # "latest" skips what was sent before a new group's first commit
    )
    app.window, app.forgotten, app.rest_s = window, forgotten or Counter(), rest_s
    for topic in topics:
        _subscribe(app, topic)
    return app


def _subscribe(app: StageApp, topic: str) -> None:
    """Register an agent that stays idle: it makes Faust subscribe to the topic and count its acknowledgements."""

    async def idle(stream: Any) -> None:
        async for _ in stream:
            pass

    app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"), name=f"bulk.{topic}", concurrency=1)(idle)


def _require_compiled_iterator() -> None:
    """The pure Python stream iterator acknowledges messages it skips; the compiled one does not."""
    from faust import streams

    if getattr(streams, "_CStreamIterator", None) is None:
        raise RuntimeError(
            "faust's compiled stream iterator is missing (NO_CYTHON set, or no wheel for this platform); "
            "install the binary wheel of faust-streaming, or messages can be lost in a rebalance"
        )
