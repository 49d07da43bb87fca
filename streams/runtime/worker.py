"""One process of one stage: check the topics, load the reference data, then consume until told to stop."""

import asyncio
import gc
import logging
import os
import random
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn

import faust
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.kafka.admin import TopicsError, require, wanted_topics
from infra.kafka.producer import Publisher
from infra.telemetry.health import HealthServer
from infra.telemetry.metrics import Metrics
from infra.telemetry.tracing import tracing_for
from schemas.catalogue import DEAD_LETTERS, MAX_MESSAGE_BYTES, Topic
from schemas.codes import Lane
from streams.runtime.consumer import StageApp, build_app
from streams.runtime.failures import Burial
from streams.runtime.guard import Guard, Retry
from streams.runtime.loop import StageLoop
from streams.runtime.meters import Meters
from streams.runtime.outbound import Codec
from streams.runtime.presence import Presence
from streams.runtime.reference import ReferenceReader, ReferenceSource
from streams.runtime.stage import RawMessage, Stage
from streams.runtime.window import Bounds, Window

log = logging.getLogger(__name__)

EXIT_DONE: Final = 0
EXIT_MISCONFIGURED: Final = 1
EXIT_RESTART_ME: Final = 70  # EX_SOFTWARE: nothing of the batch in flight was committed; start again

_TICK_S: Final = 1.0  # how often an idle stage looks at its reference data
_LOAD_WITHIN_S: Final = 600.0  # reference data that takes longer than this to load is a fault, not a wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A topic family the stage reads. `lane` is `None` for topics without lanes."""

    topic: Topic
    lane: Lane | None = None

    @property
    def name(self) -> str:
        """The Kafka topic."""
        return self.topic.named(self.lane)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What differs between one worker process and another. Times in seconds."""

    connection: Mapping[str, Any]  # from infra.kafka.security.client_conf
    group: str  # e.g. valuation-scoring-online
    lane: str = ""
    instance_id: str | None = None  # the pod's name in a StatefulSet: a quick restart then causes no rebalance
    release: str = "dev"
    health_port: int | None = None  # None: no server; 0: the kernel picks
    health_host: str = "127.0.0.1"
    otlp_endpoint: str | None = None
    max_partitions: int | None = None  # the embedded broker has fewer than the catalogue says
    commit_interval_s: float = 0.5
    session_timeout_s: float = 15.0
    rest_s: float = 0.0  # between fetches; fewer and larger batches where nobody waits for one message
    stop_within_s: float = 30.0  # longest batch + pauses + commit; the platform's grace period must be longer
    bounds: Bounds = field(default_factory=Bounds)
    retry: Retry = field(default_factory=Retry)
    max_record_bytes: int = MAX_MESSAGE_BYTES
    max_defects_in_a_row: int | None = None
    dead_letters: Topic = DEAD_LETTERS


def run_worker(  # noqa: PLR0913 -- the parts of a process, keyword-only, wired in one place
    stage: Stage[Any],
    *,
    inputs: Sequence[Input],
    outputs: Sequence[Topic],
    codec: Codec,
    config: WorkerConfig,
    clock: Callable[[], datetime],
    references: Sequence[ReferenceSource] = (),
    problems: Callable[[], Sequence[str]] = tuple,
) -> int:
    """Run `stage` until SIGTERM or SIGINT; return the exit code for the process.

    0: stopped as asked, all work under way finished and committed. 1: topics are missing or wrong, said in the log.
    70: the broker does not answer. Ends the process with 70 too, without returning, when records cannot be published or
    the loop breaks: whatever is not committed is read again after the restart. `problems` says what the stage works
    around (a refused policy, a refused model); it stands in `/health` and does not make the worker unready.
    """
    signal.signal(signal.SIGTERM, _leave)  # until the event loop takes over there is nothing to finish
    signal.signal(signal.SIGINT, _leave)
    try:
        _require_topics(inputs, outputs, references, config)
    except TopicsError as error:
        log.critical("%s cannot start: %s", stage.name, error)
        return EXIT_MISCONFIGURED
    except KafkaException as error:
        log.critical("%s cannot start, the broker does not answer: %s", stage.name, error)
        return EXIT_RESTART_ME
    worker = _Worker(
        stage, inputs=inputs, codec=codec, config=config, clock=clock, references=references, problems=problems
    )
    return worker.run()


def _leave(*_: object) -> NoReturn:
    sys.exit(EXIT_DONE)


def _require_topics(
    inputs: Sequence[Input], outputs: Sequence[Topic], references: Sequence[ReferenceSource], config: WorkerConfig
) -> None:
    families = {topic.name: topic for topic in (config.dead_letters, *outputs)}
    families |= {source.topic.name: source.topic for source in inputs}
    families |= {topic.name: topic for reference in references for topic in reference.topics}
    wanted = wanted_topics(families.values(), replication_factor=1, max_partitions=config.max_partitions)
    require(AdminClient(dict(config.connection)), wanted)


def _die(why: str, error: BaseException | None = None) -> NoReturn:
    """End at once. Not `raise` and not a graceful stop: both let Faust commit what must not be committed."""
    log.critical("worker ends: %s", why, exc_info=error)
    sys.stderr.flush()
    os._exit(EXIT_RESTART_ME)


class _Worker:
    """Holds the parts of one process; `run` connects and runs them."""

    def __init__(  # noqa: PLR0913 -- as `run_worker`
        self,
        stage: Stage[Any],
        *,
        inputs: Sequence[Input],
        codec: Codec,
        config: WorkerConfig,
        clock: Callable[[], datetime],
        references: Sequence[ReferenceSource],
        problems: Callable[[], Sequence[str]],
    ) -> None:
        self._stage, self._inputs, self._codec, self._config, self._clock = stage, inputs, codec, config, clock
        self._window: Window[Any] = Window(config.bounds)
        self._metrics = Metrics(stage=stage.name, lane=config.lane)
        self._meters = Meters(self._metrics, self._window, lambda: clock().timestamp())
        self._reference = ReferenceReader(references, connection=config.connection, codec=codec)
        self._tracing = tracing_for(config.otlp_endpoint, service=stage.name, instance=config.instance_id or "")
        details = {"stage": stage.name, "lane": config.lane, "group": config.group, "release": config.release}
        self._presence = Presence(self._metrics, self._meters, self._reference, details=details, problems=problems)

    def run(self) -> int:
        health = self._serve_health()
        self._load_reference()
        publisher = Publisher(
            {**self._config.connection, "message.max.bytes": self._config.max_record_bytes},
            on_fatal=lambda why: _die(f"publishing ended for good: {why}"),
            max_record_bytes=self._config.max_record_bytes,
        )
        asyncio.run(self._consume(publisher))
        publisher.close()
        self._reference.stop()
        self._tracing.close()
        if health is not None:
            health.stop()
        log.info("stopped", extra={"stage": self._stage.name})
        return EXIT_DONE

    def _load_reference(self) -> None:
        """Wait for the reference data: requests wait on the topic meanwhile, and `/health` says for what."""
        try:
            self._reference.start()
            self._reference.load(deadline_s=_LOAD_WITHIN_S)
        except Exception as error:  # noqa: BLE001 -- whatever it is, a restart is the remedy
            _die("reference data cannot be loaded", error)
        gc.collect()
        gc.freeze()  # hundreds of thousands of reference objects that live for ever: walking them stalls a batch

    async def _consume(self, publisher: Publisher) -> None:
        app = self._built_app()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        work = self._watched(self._stage_loop(app, publisher).run(), "the stage's loop broke")
        tick = self._watched(self._tick(), "the ticker broke")
        start = self._watched(app.start(), "the consumer did not start")
        self._presence.consuming(lambda: app.monitor.committed_at)
        ended = asyncio.create_task(app.wait_until_stopped())
        await asyncio.wait({asyncio.create_task(stop.wait()), ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            _die("the consumer crashed", app.crash_reason)
        await self._stop(app)
        for task in (start, ended, tick, work):
            task.cancel()

    async def _stop(self, app: StageApp) -> None:
        """Finish the batch in flight, commit, leave the group. The loop still runs meanwhile."""
        try:
            await asyncio.wait_for(app.stop(), self._config.stop_within_s)
        except TimeoutError:
            _die(f"no clean stop within {self._config.stop_within_s:g} s (is the broker away?)")

    def _stage_loop(self, app: StageApp, publisher: Publisher) -> StageLoop[Any]:
        events = {source.name: source.topic.event for source in self._inputs}
        decode = self._codec.decode

        def decode_message(message: RawMessage) -> Any:
            return decode(message.value, events[message.topic])

        config = self._config
        guard = Guard(
            stage=self._stage,
            decode=decode_message,
            burial=Burial(
                topic=config.dead_letters.named(),
                stage=self._stage.name,
                release=config.release,
                max_bytes=config.max_record_bytes,
            ),
            retry=config.retry,
            clock=self._clock,
            sleep=asyncio.sleep,
            randomness=random.Random(),  # noqa: S311 -- jitter, not a secret
        )
        return StageLoop(
            window=self._window,
            guard=guard,
            offsets=app,
            publisher=publisher,
            codec=self._codec,
            tracing=self._tracing,
            reference=self._reference,
            meters=self._meters,
            clock=self._clock,
            source=f"streams/{self._stage.name}",
            group=config.group,
            max_record_bytes=config.max_record_bytes,
            max_defects_in_a_row=config.max_defects_in_a_row,
        )

    def _built_app(self) -> StageApp:
        config = self._config
        app = build_app(
            config.group,
            bootstrap=config.connection["bootstrap.servers"],
            topics=[source.name for source in self._inputs],
            window=self._window,
            instance_id=config.instance_id,
            commit_interval_s=config.commit_interval_s,
            session_timeout_s=config.session_timeout_s,
            credentials=_credentials(config.connection),
            forgotten=self._meters.forgotten,
            rest_s=config.rest_s,
        )
        app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]  # Faust's own examples do so
        app.on_partitions_revoked.connect(self._on_revoked)  # type: ignore[arg-type]
        return app

    async def _on_assigned(self, _app: object, *partitions: Any, **_: object) -> None:
        self._presence.assigned(*partitions)
        log.info("partitions assigned", extra={"stage": self._stage.name, "partitions": len(*partitions)})

    async def _on_revoked(self, _app: object, *partitions: Any, **_: object) -> None:
        self._presence.revoked()
        log.info("partitions revoked", extra={"stage": self._stage.name, "partitions": len(*partitions)})

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._window.wake()

    def _watched(self, work: Coroutine[Any, Any, Any], trouble: str) -> asyncio.Task[Any]:
        """Run a task whose failure ends the process."""

        def ended(task: asyncio.Task[Any]) -> None:
            if not task.cancelled() and task.exception() is not None:
                _die(trouble, task.exception())

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task

    def _serve_health(self) -> HealthServer | None:
        config = self._config
        if config.health_port is None:
            return None
        server = HealthServer(
            self._presence.health, self._metrics.text, port=config.health_port, host=config.health_host
        )
        server.start()
        log.info("health on port %d", server.port, extra={"stage": self._stage.name})
        return server


def _credentials(connection: Mapping[str, Any]) -> Any:
    """Return Faust's form of the connection's login and TLS; `None` for plain text."""
    protocol = str(connection.get("security.protocol", "PLAINTEXT"))
    context = ssl.create_default_context(cafile=connection.get("ssl.ca.location")) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=connection["sasl.mechanism"],
            username=connection["sasl.username"],
            password=connection["sasl.password"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
