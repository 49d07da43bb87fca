"""Running a loop beside a test, and waiting for what it does."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.errors import PublishError


@contextmanager
def running(loop: Callable[[threading.Event], None]):
    """Run `loop(stop)` on a thread while the block runs, then stop it; what it raised is raised here."""
    stop, failures = threading.Event(), []

    def run() -> None:
        try:
            loop(stop)
        except Exception as error:  # noqa: BLE001 - raised below, on the test's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
    if failures:
        raise failures[0]
    assert not thread.is_alive()


def eventually(holds: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Return when `holds()` is true; fail when it is not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not happen within {within_s:.0f} s"
        time.sleep(0.05)


@contextmanager
def publishing(bootstrap: str):
    """A publisher on the broker of the test."""
    publisher = Publisher(client_conf(bootstrap), on_fatal=lambda _why: None)
    try:
        yield publisher
    finally:
        publisher.close()


def everything_on(bootstrap: str, topic: str) -> list:
    """All messages of a topic at this moment."""
    with TopicReader(client_conf(bootstrap), [topic], start=Start.BEGINNING) as reader:
        return list(reader.to_end(30))


class Unconfirmed:
    """A publisher whose first batch reaches the broker, but whose acknowledgement is lost: a crash before the mark."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher, self.calls = publisher, 0

    def publish(self, records: list[Record]) -> None:
        self._publisher.publish(records)
        self.calls += 1
        if self.calls == 1:
            raise PublishError("lost")
