"""The proof's cast: a driver that sends numbered requests, an operator that breaks things, a checker that counts."""

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.embedded.kafka import EmbeddedKafka
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.codec import Codec
from schemas.events import Requested
from schemas.ids import valuation_id
from schemas.registry import CatalogueRegistry
from tests.chaos.numbered_worker import Note, Setup

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("-m", "tests.chaos.numbered_worker")
NUMBER = "number"
NOT_A_MESSAGE = b"these bytes are no message"
UNDECODABLE = "undecodable"
_SENT_AT_ONCE = 0.05  # seconds between two handfuls of the driver


# ---- the driver -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Shares of messages that make trouble."""

    undecodable: float = 0.002
    bug: float = 0.002
    flaky: float = 0.002

    def kinds(self, count: int, seed: int) -> list[str]:
        """What each numbered message is, the same for the same seed."""
        weights = {UNDECODABLE: self.undecodable, Note.BUG: self.bug, Note.FLAKY: self.flaky}
        weights[Note.FINE] = 1 - sum(weights.values())
        return random.Random(seed).choices([*weights], [*weights.values()], k=count)


class Driver(threading.Thread):
    """Sends one message per entry of `kinds`, evenly over `seconds`; catches up after an outage."""

    def __init__(self, bootstrap: str, topic: str, kinds: Sequence[str], seconds: float) -> None:
        super().__init__(name="driver", daemon=True)
        self._topic, self._kinds, self._seconds = topic, kinds, seconds
        self._codec = Codec(CatalogueRegistry())
        self._publisher = Publisher(client_conf(bootstrap), on_fatal=sys.exit)
        self.sent = 0
        self.error: Exception | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            while self.sent < len(self._kinds):
                share = (time.monotonic() - started) / self._seconds
                due = min(len(self._kinds), int(len(self._kinds) * share) + 1)
                self._publisher.publish([self._record(number) for number in range(self.sent, due)])
                self.sent = max(self.sent, due)
                time.sleep(_SENT_AT_ONCE)
        except Exception as error:  # noqa: BLE001 - told to the test, which runs in another thread
            self.error = error
        self._publisher.close()

    def _record(self, number: int) -> Record:
        request = numbered(number, self._kinds[number])
        value = NOT_A_MESSAGE if self._kinds[number] == UNDECODABLE else self._codec.encode(request)
        headers = [(NUMBER, str(number).encode())]
        return Record(topic=self._topic, key=request.valuation_id.encode(), value=value, headers=headers)


def numbered(number: int, note: str) -> Requested:
    """The request of this number."""
    return Requested(
        valuation_id=valuation_id("chaos", str(number)),
        channel="chaos",
        client_request_id=str(number),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        address="somewhere",
        area=Decimal("89.5"),
        note=note,
    )


# ---- the operator ---------------------------------------------------------------------------------------------------


class Act(StrEnum):
    """What the operator does."""

    KILL = "SIGKILL a worker"
    TERM = "SIGTERM a worker"
    KILL_STARTING = "SIGKILL a worker that is starting"
    TERM_STARTING = "SIGTERM a worker that is starting"
    JOIN = "one more worker"
    LEAVE = "one worker fewer (SIGTERM)"
    BROKER_TERM = "SIGTERM the broker"
    BROKER_KILL = "SIGKILL the broker"


ENDS_A_WORKER = frozenset({Act.KILL, Act.TERM, Act.KILL_STARTING, Act.TERM_STARTING, Act.LEAVE})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One act, after a pause."""

    after_s: float
    act: Act
    chance: float  # decides which worker, and how long after its start

    def __str__(self) -> str:
        return f"+{self.after_s:4.1f} s  {self.act}  ({self.chance:.2f})"


def schedule(seed: int, *, mean_pause_s: float) -> list[Step]:
    """A shuffled sequence with every kind of fault: two and three workers, 13 ends of workers, two of the broker."""
    randomness = random.Random(seed)
    body = [Act.KILL] * 4 + [Act.TERM] * 3 + [Act.KILL_STARTING, Act.TERM_STARTING] * 2 + [Act.LEAVE, Act.JOIN]
    body += [Act.BROKER_TERM, Act.BROKER_KILL]
    randomness.shuffle(body)
    acts = [Act.JOIN, Act.JOIN, *body, Act.LEAVE]
    return [
        Step(after_s=randomness.uniform(0.4, 1.6) * mean_pause_s, act=act, chance=randomness.random()) for act in acts
    ]


@dataclass
class Workers:
    """The worker processes of one group, by slot. Slot 0 is a static member, the others come and go."""

    setup: Setup
    log: Path
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    exits: Counter[str] = field(default_factory=Counter)

    def start(self, slot: int) -> subprocess.Popen[bytes]:
        instance = f"{self.setup.group}-0" if slot == 0 else None
        argument = replace(self.setup, instance_id=instance).as_argument()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *PROGRAM, argument], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.running[slot] = process
        return process

    def end(self, slot: int, number: signal.Signals, *, within_s: float = 60.0) -> int:
        """Signal the worker and wait for its end."""
        process = self.running.pop(slot)
        process.send_signal(number)
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
            self.exits["did not stop"] += 1
        self.exits[str(code)] += 1
        return code

    def restart_the_dead(self) -> None:
        """Do what a supervisor does: start again whatever ended by itself."""
        for slot, process in list(self.running.items()):
            code = process.poll()
            if code is not None:
                self.exits[f"{code} by itself"] += 1
                self.start(slot)

    def stop_all(self) -> list[int]:
        return [self.end(slot, signal.SIGTERM) for slot in sorted(self.running)]

    def kill_all(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


class Operator:
    """Plays a schedule, in the main thread (the broker ends with the thread that started it)."""

    def __init__(self, broker: EmbeddedKafka, workers: Workers, *, say: Callable[[str], None]) -> None:
        self._broker, self._workers, self._say = broker, workers, say
        self._started = time.monotonic()
        self.done: Counter[Act] = Counter()

    def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._wait(step.after_s)
            self._act(step)
            self.done[step.act] += 1

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._workers.restart_the_dead()
            time.sleep(0.1)

    def _act(self, step: Step) -> None:
        workers = self._workers
        slots = sorted(workers.running)
        slot = slots[int(step.chance * len(slots))]
        outcome = ""
        match step.act:
            case Act.KILL | Act.TERM:
                number = signal.SIGKILL if step.act is Act.KILL else signal.SIGTERM
                outcome = f"slot {slot}: exit {workers.end(slot, number)}"
                workers.start(slot)
            case Act.KILL_STARTING | Act.TERM_STARTING:
                workers.end(slot, signal.SIGKILL)
                workers.start(slot)
                time.sleep(0.3 + 3.0 * step.chance)
                number = signal.SIGKILL if step.act is Act.KILL_STARTING else signal.SIGTERM
                outcome = f"slot {slot}: exit {workers.end(slot, number)}"
                workers.start(slot)
            case Act.JOIN:
                workers.start(max(slots) + 1)
                outcome = f"{len(workers.running)} workers"
            case Act.LEAVE:
                outcome = f"slot {slots[-1]}: exit {workers.end(slots[-1], signal.SIGTERM)}"
            case Act.BROKER_TERM | Act.BROKER_KILL:
                self._broker.stop() if step.act is Act.BROKER_TERM else self._broker.kill()
                time.sleep(0.5 + 2.0 * step.chance)
                started = time.monotonic()
                self._broker.start()
                outcome = f"serving again {time.monotonic() - started:.1f} s after its start"
        self._say(f"{time.monotonic() - self._started:6.1f} s  {step.act}: {outcome}")


# ---- the checker ----------------------------------------------------------------------------------------------------


class Ledger:
    """Absorbs what comes twice, as the ledger's primary key does: an event id enters once."""

    def __init__(self) -> None:
        self._events: dict[str, int] = {}
        self.absorbed = 0

    def absorb(self, event_id: str, number: int) -> None:
        """Take an event. The same id for another number would silently swallow a result: that raises."""
        known = self._events.setdefault(event_id, number)
        if known != number:
            message = f"event {event_id} names both {known} and {number}"
            raise AssertionError(message)
        self.absorbed += 1

    def times(self) -> Counter[int]:
        """How many different events each number has; more than one is a duplicate that was not absorbed."""
        return Counter(self._events.values())


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of the numbered messages."""

    sent: int
    lost: tuple[int, ...]
    replayed: int
    duplicated_in_ledger: tuple[int, ...]
    dead: Mapping[str, int]
    wrongly_dead: tuple[int, ...]  # in the dead letters without a reason to be there, or missing there, or misclassed

    def __str__(self) -> str:
        return (
            f"sent {self.sent}, lost {len(self.lost)}, replayed {self.replayed}, "
            f"duplicated in the ledger {len(self.duplicated_in_ledger)}, dead letters {dict(self.dead)}, "
            f"wrongly dead or alive {len(self.wrongly_dead)}"
        )


def examine(bootstrap: str, setup: Setup, kinds: Sequence[str]) -> Verdict:
    """Read outputs and dead letters whole and judge."""
    codec, ledger = Codec(CatalogueRegistry()), Ledger()
    for message in everything(bootstrap, setup.sink):
        number = int(codec.decode(message.value(), Requested).client_request_id)
        ledger.absorb(headers_of(message).get("ce_id", str(number)), number)
    classes: dict[int, set[str]] = defaultdict(set)
    letters = 0
    for message in everything(bootstrap, setup.dead_letters):
        headers = headers_of(message)
        classes[int(headers[NUMBER])].add(headers["dlq.class"])
        letters += 1
    times = ledger.times()
    expected = {UNDECODABLE: {"undecodable"}, Note.BUG: {"defect"}}
    return Verdict(
        sent=len(kinds),
        lost=tuple(number for number in range(len(kinds)) if not times[number] and number not in classes),
        replayed=ledger.absorbed - len(times) + letters - len(classes),
        duplicated_in_ledger=tuple(number for number, count in times.items() if count > 1),
        dead=Counter(kind for found in classes.values() for kind in found),
        wrongly_dead=tuple(
            number
            for number, kind in enumerate(kinds)
            if classes.get(number, set()) != expected.get(kind, set()) or (kind in expected and times[number])
        ),
    )


def everything(bootstrap: str, topic: str) -> Iterator[Message]:
    """Every message of a topic."""
    with TopicReader(client_conf(bootstrap), [topic], start=Start.BEGINNING) as reader:
        yield from reader.to_end(within_s=60)


def headers_of(message: Message) -> dict[str, str]:
    """A message's headers as text."""
    return {name: (value or b"").decode() for name, value in message.headers() or ()}


def lag(bootstrap: str, setup: Setup) -> int:
    """Messages of the source that the group has not committed; -1 while the broker does not say."""
    quiet = {"log_level": 0}
    consumer = Consumer({**client_conf(bootstrap), **quiet, "group.id": setup.group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(setup.source, partition) for partition in range(setup.partitions)]
        committed = consumer.committed(places, timeout=5)
        ends = [consumer.get_watermark_offsets(place, timeout=5)[1] for place in places]
        return sum(end - max(place.offset, 0) for end, place in zip(ends, committed, strict=True))
    except KafkaException:
        return -1
    finally:
        consumer.close()


def drained(bootstrap: str, workers: Workers, *, within_s: float) -> bool:
    """Wait until everything sent is committed; `False` when that does not happen in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        workers.restart_the_dead()
        if lag(bootstrap, workers.setup) == 0:
            return True
        time.sleep(0.3)
    return False


logging.getLogger("infra.kafka.producer").setLevel(logging.ERROR)  # a broker that goes away is the point here
