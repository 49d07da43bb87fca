"""Processes that do their work beside pages, as ledger and desk do, or alone."""

import importlib.metadata
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from infra.cli.connections import codec, kafka_conf, utc_now
from infra.kafka.producer import Publisher
from infra.settings import Settings
from infra.telemetry.health import Health, HealthServer
from schemas.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

EXIT_RESTART_ME = 70  # as for stages: nothing that was not done is marked as done; start again
_STOP_S = 10


def consuming(settings: Settings, run: Callable[..., None]) -> Callable[[threading.Event], None]:
    """The work of a consumer with a database: its `loop.run`, with all that these settings reach."""

    def work(stop: threading.Event) -> None:
        kafka, fatal = kafka_conf(settings), list[str]()

        def give_up(why: str) -> None:
            fatal.append(why)
            stop.set()

        with closing(Publisher(kafka, on_fatal=give_up)) as publisher:
            run(
                dsn=settings.postgres.dsn.get_secret_value(),
                kafka=kafka,
                publisher=publisher,
                codec=codec(settings),
                clock=utc_now,
                stop=stop,
                release=importlib.metadata.version("house-valuation"),
            )
        if fatal:
            raise PublishError(fatal[0])

    return work


def work_alone(work: Callable[[threading.Event], None], *, health_port: int | None) -> int:
    """Run `work` until SIGTERM or SIGINT, in a process without pages; return the exit code.

    `health_port`: loopback port that says the process lives. When `work` fails, the process ends with 70.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        if health_port is not None:
            pulse = HealthServer(lambda: Health(live=True), str, port=health_port)
            pulse.start()
            stack.callback(pulse.stop)
        try:
            work(stop)
        except Exception:
            log.exception("the work of this process ended")
            return EXIT_RESTART_ME
    return 0 if stop.is_set() else EXIT_RESTART_ME


class _Server(uvicorn.Server):
    """Leaves signals to us: work and pages end together."""

    @contextmanager
    def capture_signals(self) -> "Iterator[None]":
        yield


def serve_beside(web: Any, *, host: str, port: int, work: Callable[[threading.Event], None]) -> int:
    """Serve `web` while `work` runs on a thread of its own, until SIGTERM or SIGINT; return the exit code.

    `work` ends soon after its event is set. When it fails, or the server cannot listen, the process ends with 70.
    """
    stop, failed = threading.Event(), threading.Event()
    config = uvicorn.Config(
        web, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=_STOP_S
    )
    server = _Server(config)

    def watched() -> None:
        try:
            work(stop)
        except Exception:
            log.exception("the work beside the pages ended")
            failed.set()
        server.should_exit = True

    def end(*_: object) -> None:
        stop.set()
        server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    worker = threading.Thread(target=watched, name="work")
    worker.start()
    try:
        server.run()
    finally:
        asked = stop.is_set()
        stop.set()
        worker.join()
    return EXIT_RESTART_ME if failed.is_set() or not asked else 0
