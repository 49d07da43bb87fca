"""A room for tests of worker processes: topics of one test, a publisher, workers and what they say over HTTP."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from confluent_kafka import Message

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.codec import Codec
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from tests.chaos.numbered_worker import Setup
from tests.chaos.scene import PROGRAM, ROOT, headers_of, lag, numbered

CODEC = Codec(CatalogueRegistry())
DEADLINE_S = 60.0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, at most until the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"in vain waited for {what}"
        time.sleep(0.05)


class Worker:
    """One worker process and what it says over HTTP."""

    def __init__(self, setup: Setup, log: Path) -> None:
        self.setup, self._log = setup, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, *PROGRAM, setup.as_argument()], cwd=ROOT, stdout=out, stderr=out
            )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def said(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        marker = "health on port "
        until(lambda: marker in self.said(), "the health server")
        port = int(self.said().split(marker)[1].split()[0])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self) -> None:
        until(lambda: self.get("/health")[0] == 200, "a ready worker")


class Room:
    """Topics of one test, a publisher, and the workers it starts."""

    def __init__(self, bootstrap: str, topics, folder: Path) -> None:
        self.setup = Setup(
            bootstrap=bootstrap,
            source=topics("in"),
            sink=topics("out"),
            dead_letters=topics("dead"),
            group=f"g.{uuid.uuid4().hex[:8]}",
            health_port=0,
        )
        self.bootstrap, self._folder = bootstrap, folder
        self.publisher = Publisher(client_conf(bootstrap), on_fatal=sys.exit)
        self.workers: list[Worker] = []

    def start(self, **changes: object) -> Worker:
        worker = Worker(replace(self.setup, **changes), self._folder / f"worker{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    def send(self, *notes: str, key: str | None = None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        requests = [numbered(number, note) for number, note in enumerate(notes)]
        if key is not None:
            requests = [replace(request, valuation_id=key) for request in requests]
        self.publisher.publish(
            [
                Record(
                    topic=self.setup.source,
                    key=request.valuation_id.encode(),
                    value=CODEC.encode(request),
                    headers=headers,
                )
                for request in requests
            ]
        )

    def send_raw(self, value: bytes | None) -> None:
        self.publisher.publish([Record(topic=self.setup.source, key=b"k", value=value)])

    def send_values(self, values: Sequence[bytes], *, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        self.publisher.publish(
            [Record(topic=self.setup.source, key=b"one", value=value, headers=headers) for value in values]
        )

    def headers(self, message: Message) -> dict[str, str]:
        return headers_of(message)

    def committed(self) -> None:
        until(lambda: lag(self.bootstrap, self.setup) == 0, "everything committed")

    def read(self, topic: str) -> list[Message]:
        with TopicReader(client_conf(self.bootstrap), [topic], start=Start.BEGINNING) as reader:
            return list(reader.to_end())

    def outputs(self) -> list[Requested]:
        return [CODEC.decode(message.value(), Requested) for message in self.read(self.setup.sink)]

    def dead_letters(self) -> list[dict[str, str]]:
        return [headers_of(message) for message in self.read(self.setup.dead_letters)]

    def close(self) -> None:
        self.publisher.close()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()
