"""Requests flow through every stage while processes and the broker are killed: none is lost, no effect comes twice."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from infra.cli.demo.reviewer import review
from infra.cli.up import STAGES, System, running_system
from infra.embedded.processes import Phase
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from infra.settings import Settings
from producers.simulator.requests import SimulatedRequest, to_requested
from schemas.catalogue import DEAD_LETTERS, REQUESTS, TOPICS
from schemas.codes import Lane, Status
from schemas.events import Requested
from schemas.headers import CE_ID, header
from tests.e2e.system import Avm, processes_of
from tests.e2e.users import CODEC, PUBLIC, headers_of

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.postgres]

REQUESTS_SENT = int(os.environ.get("AVM_CHAOS_REQUESTS", "1000"))
SEED = int(os.environ.get("AVM_CHAOS_SEED", "20261126"))
STRIKING_S = 55.0
SENDING_S = STRIKING_S + 10.0  # the broker's recovery takes its time too: every blow shall meet a flow
SETTLED_WITHIN_S = 240.0
_HANDFUL_S = 0.25
_TWICE_EVERY = 20  # a sender that heard no answer sends again; that a blow repeats events too is up to its moment
_PUBLIC_SHARE = 0.7  # the public gets no report, which is the slowest thing we make
_VICTIMS = (
    *(f"{stage}.{lane}" for stage in STAGES for lane in Lane),
    "settle", "shadow", "ledger", "desk", "gateway", "callbacks", "notifier", "batch", "wechat", "ledger", "desk",
)  # fmt: skip
# A question back ends our part: the next word is the channel's.
ENDS = [status.value for status in Status if status.is_final or status is Status.NEEDS_CLARIFICATION]


@dataclass(frozen=True)
class Blow:
    """After a pause, one process gets a signal; `None` is the broker, which is killed."""

    after_s: float
    victim: str | None
    number: signal.Signals

    def __str__(self) -> str:
        return f"+{self.after_s:.1f} s  {self.number.name:<7}  {self.victim or 'broker'}"


def schedule(seed: int) -> list[Blow]:
    """Every process of the house once, ledger and desk twice, and in the middle the broker."""
    randomness = random.Random(seed)
    victims = randomness.sample(_VICTIMS, len(_VICTIMS))
    pause = STRIKING_S / (len(victims) + 1)
    kinds = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]
    blows = [Blow(pause * randomness.uniform(0.4, 1.6), victim, randomness.choice(kinds)) for victim in victims]
    blows.insert(len(blows) // 2, Blow(pause, None, signal.SIGKILL))
    return blows


@dataclass
class Stream:
    """The requests, sent evenly over both lanes by a bank's own producer, which repeats what was not acknowledged."""

    requests: Sequence[tuple[Lane, Requested]]
    sent: int = 0

    async def flow(self, bootstrap: str) -> None:
        started = time.monotonic()
        with closing(Publisher(client_conf(bootstrap), on_fatal=lambda _: None)) as publisher:
            while self.sent < len(self.requests):
                share = (time.monotonic() - started) / SENDING_S
                due = min(len(self.requests), int(share * len(self.requests)) + 1)
                numbered = list(enumerate(self.requests))[self.sent : due]
                records = [_record(*one) for _, one in numbered]
                again = [_record(*one) for number, one in numbered if number % _TWICE_EVERY == 0]
                await publisher.publish_async(records + again)
                self.sent = due
                await asyncio.sleep(_HANDFUL_S)


def _record(lane: Lane, request: Requested) -> Record:
    return Record(
        topic=REQUESTS.named(lane),
        key=request.valuation_id.encode(),
        value=CODEC.encode(request),
        headers=headers_of(request),
    )


def stream_of(houses: Sequence[SimulatedRequest], seed: int) -> Stream:
    """A numbered request about each house; all but ambiguous addresses, whose answer would be a question."""
    randomness = random.Random(seed)
    now = datetime.now(UTC)
    asked = []
    for number, house in enumerate(houses):
        channel = PUBLIC if randomness.random() < _PUBLIC_SHARE else "CREDIT_MGMT"
        request = to_requested(replace(house, channel=channel), client_request_id=f"{number:06d}", requested_at=now)
        asked.append((Lane.BATCH if channel != PUBLIC and number % 2 else Lane.ONLINE, request))
    return Stream(asked)


async def strike(system: System, blow: Blow) -> str:
    """Do it, and say what became of it."""
    await asyncio.sleep(blow.after_s)
    if blow.victim is None:
        system.stack.kafka.kill()
        started = time.monotonic()
        system.stack.kafka.start()  # in this thread: the broker ends with the one that started it
        return f"{blow}: serving again after {time.monotonic() - started:.1f} s"
    state = next(state for state in system.supervisor.states() if state.name == blow.victim)
    if state.pid is None:
        return f"{blow}: was between two runs"
    os.kill(state.pid, blow.number)
    return f"{blow}: was {state.phase}"


@dataclass(frozen=True)
class Books:
    """What the ledger's tables say."""

    received: int
    unfinished: list[tuple[str, str, str]]  # request number, status, kind of its last event
    ends: Counter[UUID]
    asked: int  # requests, each under an id that the ledger makes of its bytes
    said: set[str]  # ids of all events that the house itself said
    reports: int
    reports_due: int
    reported_twice: int

    @classmethod
    def read(cls, dsn: str) -> "Books":
        with psycopg.connect(dsn, options="-c search_path=ledger,public") as connection:

            def one(query: str, *values: object) -> int:
                return connection.execute(query, values).fetchone()[0]

            ends = "select valuation_id, event_id from ledger_event where kind = 'Resulted' and status = any(%s)"
            open_ones = (
                "select client_request_id, status, (select kind from ledger_event e where e.valuation_id ="
                " v.valuation_id order by appended_at desc limit 1) from valuation v"
                " where final_at is null and not coalesce(status = 'NEEDS_CLARIFICATION', false)"
            )
            valued = "e.kind = 'Resulted' and e.status in ('COMPLETED_AUTO', 'COMPLETED_MANUAL')"
            return cls(
                received=one("select count(*) from valuation"),
                unfinished=connection.execute(open_ones).fetchall(),
                ends=Counter(row[0] for row in connection.execute(ends, [ENDS])),
                asked=one("select count(*) from ledger_event where kind = 'Requested'"),
                said={
                    str(row[0])
                    for row in connection.execute("select event_id from ledger_event where kind <> 'Requested'")
                },
                reports=one("select count(*) from report"),
                reports_due=one(
                    f"select count(distinct (e.valuation_id, e.revision)) from ledger_event e join valuation v"
                    f" using (valuation_id) where v.channel <> %s and {valued}",
                    PUBLIC,
                ),
                reported_twice=one(
                    "select count(*) from (select 1 from report group by valuation_id, revision having count(*) > 1) t"
                ),
            )


def event_ids_on_topics(bootstrap: str) -> Counter[str]:
    """How often each event of the house lies on the topics that the ledger reads."""
    names = [name for topic in TOPICS if "ledger" in topic.readers and topic is not REQUESTS for name in topic.names]
    with TopicReader(client_conf(bootstrap), names, start=Start.BEGINNING) as reader:
        return Counter(header(message.headers(), CE_ID) for message in reader.to_end(within_s=60))


def dead_letters(bootstrap: str) -> list[dict[str, bytes]]:
    with TopicReader(client_conf(bootstrap), [DEAD_LETTERS.named()], start=Start.BEGINNING) as reader:
        return [dict(message.headers()) for message in reader.to_end(within_s=60)]


async def settled(dsn: str, requests: int) -> Books:
    """The books once every request is final, every report is there and nothing moves any more; else as they stand."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    before = None
    while True:
        books = await asyncio.to_thread(Books.read, dsn)
        done = books.received == requests and not books.unfinished and books.reports == books.reports_due
        if (done and books == before) or time.monotonic() > deadline:
            return books
        before = books
        await asyncio.sleep(1.0)


@pytest.mark.requirement("IN8", "RS1", "IN3")
async def test_no_request_is_lost_and_no_effect_comes_twice_whatever_is_killed(market, tmp_path, capsys):
    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)  # noqa: T201 - the schedule of a run must be seen

    blows = schedule(SEED)
    houses = [house for house in market.mixed(seed=SEED, count=REQUESTS_SENT * 2) if house.kind != "AMBIGUOUS_NAME"]
    stream = stream_of(houses[:REQUESTS_SENT], SEED)
    say(f"\nsystem chaos: {REQUESTS_SENT} requests, {len(blows)} blows, seed {SEED}")
    state = tmp_path / "state"
    async with running_system(Settings(state=state)) as system:
        await asyncio.to_thread(market.load_into, Avm(state))
        await system.supervisor.wait_ready(240)
        dsn = system.settings.postgres.dsn.get_secret_value()
        stop = asyncio.Event()
        reviewer = asyncio.create_task(review(system.pages["desk"], system.passwords, stop=stop))
        flow = asyncio.create_task(stream.flow(system.settings.kafka.bootstrap))
        struck = Counter[str]()
        for blow in blows:
            say(f"  {await strike(system, blow)}  ({stream.sent} sent)")
            struck[blow.victim or "broker"] += 1
        await flow
        books = await settled(dsn, REQUESTS_SENT)
        stop.set()
        decided = await reviewer
        on_topics = await asyncio.to_thread(event_ids_on_topics, system.settings.kafka.bootstrap)
        letters = await asyncio.to_thread(dead_letters, system.settings.kafka.bootstrap)
        states = system.supervisor.states()
    repeated = sum(on_topics.values()) - len(on_topics)
    restarts = {process.name: process.restarts for process in states}
    say(
        f"  {books.received} received, {len(books.ends)} ended, {decided} decided at the desk, "
        f"{books.reports} reports, {repeated} events repeated on the topics, {len(letters)} dead letters\n"
        f"  restarts {restarts}"
    )

    assert struck.total() >= 10
    assert {victim for victim in struck if victim != "broker"} == {process.name for process in states}
    assert all(restarts[victim] >= 1 for victim in struck if victim != "broker"), "every process came back"
    assert {process.phase for process in states} <= {Phase.READY, Phase.STARTING}
    assert (books.received, books.unfinished) == (REQUESTS_SENT, []), "none is lost"
    assert set(books.ends) == {UUID(request.valuation_id) for _, request in stream.requests}
    assert set(books.ends.values()) == {1}, "exactly one end each"
    assert repeated >= REQUESTS_SENT // _TWICE_EVERY, "what a channel sends twice is told twice, blows add to it"
    assert books.asked == REQUESTS_SENT
    assert books.said == set(on_topics), "each event has one row, and each row its event"
    assert books.reports == books.reports_due > 0
    assert books.reported_twice == 0
    assert decided > 0
    assert letters == []
    assert processes_of(Path(state)) == [], "nothing is left running"
