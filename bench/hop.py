"""One hop through Kafka: our stage runtime beside a plain confluent-kafka loop, same run, same work.

    python -m bench.hop --json hop.json

Both sides decode, hand batches to the same pass-through stage, encode with the same headers, wait for every ack and
commit afterwards; what differs is who drives. Printed as one JSON object: messages/s and µs CPU per message of the
worker process under a flood, then p50 and p99 in ms at a steady rate. `measure` takes any command line that reads
`source` and writes `sink`, and any messages, so that `bench.peers` puts other frameworks beside.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.embedded.kafka import EmbeddedKafka
from infra.kafka.producer import Publisher, Record
from infra.kafka.security import client_conf
from infra.telemetry.tracing import CarriedTracing
from schemas.catalogue import DEAD_LETTERS, REQUESTS, Topic
from schemas.codec import Codec
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from streams.runtime.outbound import Outbound
from streams.runtime.stage import Outcome, Output
from streams.runtime.worker import Input, WorkerConfig, run_worker

ROOT = Path(__file__).resolve().parents[1]
PARTITIONS = 4
VALUE_BYTES = 400
BATCH = 500
_STEADY_S = 10

Pairs = Sequence[tuple[bytes, bytes]]


# ---- the work: the same on both sides ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bytes:
    """An event that is only bytes: what remains is the price of the hop itself."""

    valuation_id: str
    value: bytes


class BytesCodec:
    """Decodes nothing. The key is taken from the first bytes of the value."""

    def encode(self, event: Bytes, /) -> bytes:
        """Event to bytes."""
        return event.value

    def decode(self, message: bytes | None, _expected: Any, /) -> Bytes:
        """Bytes to an event."""
        value = message or b""
        return Bytes(value[:16].decode(), value)


CODECS: dict[str, Callable[[], Any]] = {"bytes": BytesCodec, "avro": lambda: Codec(CatalogueRegistry())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a side has to do: `stage` over the events of `source`, whatever it says going to `sink`."""

    stage: Any
    codec: Any
    source: Topic
    sink: Topic


class PassThrough:
    """Gives every event on as it is."""

    name = "pass"

    def __init__(self, sink: Topic) -> None:
        self._sink = sink

    def handle(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        """One output per event."""
        return [Outcome(outputs=(Output(topic=self._sink, event=event),)) for event in batch]


def pass_through(codec: str, source: str, sink: str) -> Work:
    """The work of this bench."""
    topic = replace(REQUESTS, name=source, lanes=(), partitions=PARTITIONS)
    out = replace(topic, name=sink)
    return Work(stage=PassThrough(out), codec=CODECS[codec](), source=topic, sink=out)


def values(codec: str, count: int) -> list[tuple[bytes, bytes]]:
    """`count` different keys and values for a codec."""
    keys = [f"{number:016d}" for number in range(count)]
    if codec == "bytes":
        return [(key.encode(), key.encode().ljust(VALUE_BYTES, b"x")) for key in keys]
    encode = CODECS["avro"]().encode
    request = Requested(
        valuation_id="",
        channel="bench",
        client_request_id="",
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        address="北京市朝阳区望京街道某小区1号楼1单元101室",
        area=Decimal("89.50"),
        product="HOUSE_PURCHASE_MORTGAGE",
        note="x" * 200,
    )
    return [(key.encode(), encode(replace(request, valuation_id=key, client_request_id=key))) for key in keys]


# ---- the two sides -------------------------------------------------------------------------------------------------


def run_ours(bootstrap: str, work: Work) -> int:
    """The stage runtime."""
    return run_worker(
        work.stage,
        inputs=[Input(topic=work.source)],
        outputs=[work.sink],
        codec=work.codec,
        clock=lambda: datetime.now(UTC),
        config=WorkerConfig(
            connection=client_conf(bootstrap),
            group=f"ours.{work.source.name}",
            dead_letters=replace(DEAD_LETTERS, name=f"{work.sink.name}.dead", partitions=PARTITIONS),
        ),
    )


def run_plain(bootstrap: str, work: Work) -> int:
    """A plain loop: poll for one, take what is there already, publish, commit. No retries, no isolation, no health."""
    tracing, expected = CarriedTracing(), work.source.event
    publisher = Publisher(client_conf(bootstrap), on_fatal=sys.exit)
    settings = {"group.id": f"plain.{work.source.name}", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({**client_conf(bootstrap), **settings})
    consumer.subscribe([work.source.name])
    running = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: running.set())
    while not running.is_set():
        first = consumer.poll(0.1)
        if first is None:
            continue
        batch = [m for m in (first, *consumer.consume(BATCH - 1, 0)) if m.error() is None]
        headers = [m.headers() for m in batch]
        outcomes = work.stage.handle([work.codec.decode(m.value(), expected) for m in batch])
        with tracing.batch(work.source.name, "plain", headers) as trace:
            outbound = Outbound(
                codec=work.codec, source="bench", clock=lambda: datetime.now(UTC), max_bytes=2**20, trace=trace
            )
            records = [
                record
                for seen, outcome in zip(headers, outcomes, strict=True)
                for record in outbound.encode(_Carrier(seen), outcome)
            ]
            publisher.publish(records)
        consumer.commit(asynchronous=True)
    consumer.close()
    publisher.close()
    return 0


@dataclass(frozen=True, slots=True)
class _Carrier:
    """The only part of a message that encoding looks at."""

    headers: Any


SIDES = {"ours": run_ours, "plain": run_plain}


# ---- measuring -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one side did."""

    side: str
    codec: str
    messages_per_s: int
    cpu_us_per_message: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_message_steady: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent: `flood` messages at once, then `rate`/s for ten seconds. `pairs(n)`: n distinct keys and values."""

    pairs: Callable[[int], Pairs]
    flood: int
    rate: int


def measure(side: str, codec: str, bootstrap: str, command: Callable[[str, str], Sequence[str]], load: Load) -> Figures:
    """Start `command(source, sink)`, warm it up, flood it, then send steadily."""
    flood, rate = load.flood, load.rate
    warming, flooding, steady = load.pairs(200), load.pairs(flood), load.pairs(rate * _STEADY_S)
    tag = uuid.uuid4().hex[:8]
    source, sink = f"bench.{tag}.in", f"bench.{tag}.out"
    make_topics(bootstrap, [source, sink, f"{sink}.dead"])
    worker = subprocess.Popen([*command(source, sink)], cwd=ROOT)
    try:
        watcher = Watcher(bootstrap, sink)
        publisher = Publisher(client_conf(bootstrap), on_fatal=sys.exit)
        sender = Sender(publisher, source, watcher.sent)
        watcher.expect(len(warming), lambda: sender.all_at_once(warming), within_s=120)  # start-up and caches
        before, started = cpu_s(worker.pid), time.perf_counter()
        watcher.expect(flood, lambda: sender.all_at_once(flooding), within_s=120)
        flood_s, flood_cpu = time.perf_counter() - started, cpu_s(worker.pid) - before
        before = cpu_s(worker.pid)
        watcher.latencies.clear()
        watcher.expect(len(steady), lambda: sender.steadily(steady, rate), within_s=60)
        steady_cpu = cpu_s(worker.pid) - before
        ordered = sorted(watcher.latencies)
        publisher.close()
        watcher.close()
    finally:
        worker.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(30)
        worker.kill()
    return Figures(
        side=side,
        codec=codec,
        messages_per_s=round(flood / flood_s),
        cpu_us_per_message=round(flood_cpu / flood * 1e6, 1),
        p50_ms=round(ordered[len(ordered) // 2] * 1e3, 1),
        p99_ms=round(ordered[int(len(ordered) * 0.99)] * 1e3, 1),
        cpu_ms_per_message_steady=round(steady_cpu / len(steady) * 1e3, 2),
    )


class Sender:
    """Writes to `source`, noting in `sent` when each key was handed over."""

    def __init__(self, publisher: Publisher, source: str, sent: dict[bytes, float]) -> None:
        self._publisher, self._source, self._sent = publisher, source, sent

    def all_at_once(self, pairs: Pairs) -> None:
        """As fast as possible."""
        self._sent |= dict.fromkeys((key for key, _ in pairs), time.perf_counter())
        self._publisher.publish([Record(topic=self._source, key=key, value=value) for key, value in pairs])

    def steadily(self, pairs: Pairs, rate: int) -> None:
        """One by one."""
        started = time.perf_counter()
        for number, (key, value) in enumerate(pairs):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            self._sent[key] = time.perf_counter()
            self._publisher.publish([Record(topic=self._source, key=key, value=value)])


class Watcher:
    """Counts what comes out and how long it took, from its being sent to our eyes. Keys tell which is which."""

    def __init__(self, bootstrap: str, sink: str) -> None:
        settings = {"group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        self._consumer = Consumer({**client_conf(bootstrap), **settings})
        self._consumer.assign([TopicPartition(sink, partition, 0) for partition in range(PARTITIONS)])
        self.latencies: list[float] = []
        self.sent: dict[bytes, float] = {}

    def expect(self, count: int, cause: Callable[[], None], *, within_s: float) -> None:
        """Let `cause` happen on a thread, and return when `count` more messages have come out."""
        thread = threading.Thread(target=cause, daemon=True)
        thread.start()
        deadline = time.perf_counter() + within_s
        seen = 0
        while seen < count:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{seen} of {count} messages came out within {within_s:g} s")
            first = self._consumer.poll(0.1)
            if first is None:
                continue
            now = time.perf_counter()
            arrived = [m for m in (first, *self._consumer.consume(1_000, 0)) if m.error() is None]
            self.latencies += [now - self.sent[m.key()] for m in arrived]
            seen += len(arrived)
        thread.join()

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_topics(bootstrap: str, topics: Sequence[str]) -> None:
    """Create topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in topics]).values():
        created.result(30)


def own_command(bootstrap: str, side: str, codec: str) -> Callable[[str, str], Sequence[str]]:
    """The command line of one of our sides."""
    return lambda source, sink: [sys.executable, "-m", "bench.hop", "--worker", side, bootstrap, source, sink, codec]


def compare(*, flood: int, rate: int) -> dict[str, Any]:
    """Run every side with every codec on one broker."""

    def one(bootstrap: str, side: str, codec: str) -> Figures:
        command = own_command(bootstrap, side, codec)
        load = Load(pairs=partial(values, codec), flood=flood, rate=rate)
        return measure(side, codec, bootstrap, command, load)

    folder = Path(tempfile.mkdtemp(prefix="bench-kafka-"))
    try:
        with EmbeddedKafka(folder) as broker:
            figures = [one(broker.bootstrap, side, codec) for codec in CODECS for side in SIDES]
    finally:
        shutil.rmtree(folder)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()}
    return {"flood": flood, "rate": rate, "machine": machine, "figures": [asdict(figure) for figure in figures]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the object to this file too")
    parser.add_argument("--worker", nargs=5, metavar=("SIDE", "BOOTSTRAP", "SOURCE", "SINK", "CODEC"))
    arguments = parser.parse_args()
    if arguments.worker:
        side, bootstrap, source, sink, codec = arguments.worker
        return SIDES[side](bootstrap, pass_through(codec, source, sink))
    text = json.dumps(compare(flood=arguments.flood, rate=arguments.rate), indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
