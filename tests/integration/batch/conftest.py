"""The batch service on a database of its own, played step by step: the sender's turns, and answers as they come."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.producer import Record
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from producers.batch.gathering import Gathering
from producers.batch.job import Job, Order
from producers.batch.loop import ROOM, Service
from producers.batch.pace import Limits, OnlineWatch
from producers.batch.sending import Sender
from producers.batch.voice import Outgoing
from schemas.catalogue import BATCHES, REPORTS, RESULTS, VALUES_MOVED
from schemas.codes import Action, Lane
from schemas.events import BatchProgressed, Reported, Requested, Resulted, ValueMoved
from tests.fakes.answers import CODEC

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HEADER = "业务编号,房屋地址,建筑面积"


@dataclass
class Broker:
    """Takes what is sent. `fails`: raised after the records are there, as when a process dies before its note."""

    records: list[Record] = field(default_factory=list)
    fails: Exception | None = None

    def publish(self, records: Sequence[Record]) -> None:
        self.records += records
        if self.fails is not None and records:
            raise self.fails

    @property
    def requests(self) -> list[Requested]:
        return [CODEC.decode(record.value, Requested) for record in self.records]

    @property
    def asked(self) -> list[Requested]:
        return [requested for requested in self.requests if requested.action is Action.VALUE]


@dataclass
class Room:
    """The service, and everything around it that a test moves by hand."""

    service: Service
    folder: Path
    broker: Broker
    now: datetime = NOW
    standing: Sender | None = None

    def clock(self) -> datetime:
        return self.now

    def monotonic_s(self) -> float:
        return self.now.timestamp()

    def pass_time(self, by: timedelta) -> None:
        self.now += by

    def open(self, rows: Sequence[str], *, header: str = HEADER, **order: Any) -> Job:
        return self.open_file(self.a_csv(rows, header), **order)[0]

    def a_csv(self, rows: Sequence[str], header: str = HEADER) -> Path:
        path = self.folder / "押品.csv"
        path.write_text("\n".join([header, *rows]), encoding="utf-8")
        return path

    def open_file(self, path: Path, **order: Any) -> tuple[Job, bool]:
        given = Order(**{"channel": "BATCH_FILE", "name": path.name, **order})
        return self.service.opening.open(path, sha256(path.read_bytes()).hexdigest(), given)

    def sender(
        self,
        me: str = "one",
        lag: int = 0,
        watch: OnlineWatch | None = None,
        beside: Executor | None = None,
        **limits: Any,
    ) -> Sender:
        return Sender(
            pool=self.service.pool,
            voice=self.service.voice,
            publisher=self.broker,
            delivering=self.service.delivering,
            watch=watch or OnlineWatch(lambda: 0.0),
            lag=lambda: lag,
            clock=self.clock,
            monotonic_s=self.monotonic_s,
            me=me,
            limits=Limits(**{"chunk": 7, "least": 3, "most": 20, **limits}),
            beside=beside,
        )

    def work(self, sender: Sender | None = None) -> None:
        """Let the sender, by default one that lives on, work until there is nothing to do."""
        self.standing = self.standing or self.sender()
        working = sender or self.standing
        while working.turn():
            pass

    def answer(self, events: Sequence[Resulted | Reported], lane: Lane = Lane.BATCH) -> None:
        gathering = Gathering(self.service.voice, OnlineWatch(lambda: 0.0), self.clock)
        batch = [
            Received(
                topic=RESULTS if isinstance(event, Resulted) else REPORTS,
                lane=lane,
                partition=0,
                offset=number,
                appended_at=self.now,
                event=event,
                headers=(),
                value=b"",
            )
            for number, event in enumerate(events)
        ]
        self.pass_time(timedelta(seconds=1))
        with self.service.pool.connection() as connection:
            gathering(connection, batch)

    def job(self, job_id: str) -> Any:
        return self.service.jobs.get(job_id, "BATCH_FILE")[0]

    def tally(self, job_id: str) -> Any:
        return self.service.jobs.get(job_id, "BATCH_FILE")[1]

    def result(self, job_id: str) -> str:
        job = self.job(job_id)
        with self.service.delivering.result(job, job.kind) as path:
            return path.read_text(encoding="utf-8-sig")

    @property
    def progress(self) -> list[BatchProgressed]:
        return [CODEC.decode(value, BatchProgressed) for value in self._outbox(BATCHES.name)]

    @property
    def alarms(self) -> list[ValueMoved]:
        return [CODEC.decode(value, ValueMoved) for value in self._outbox(VALUES_MOVED.name)]

    def count(self, table: str) -> int:
        with self.service.pool.connection() as connection:
            return connection.execute(f"select count(*) from {table}").fetchone()[0]

    def _outbox(self, topic: str) -> list[bytes]:
        with self.service.pool.connection() as connection:
            return [
                value
                for (value,) in connection.execute("select value from outbox where topic = %s order by id", [topic])
            ]


@pytest.fixture
def room(postgres, tmp_path) -> Iterator[Room]:
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM, size=3) as connections:
        made: list[Room] = []
        service = Service.made(
            connections=connections,
            codec=CODEC,
            clock=lambda: made[0].now,
            today=lambda: date(2026, 3, 2),
            spool=tmp_path / "spool",
            randomness=random.Random(1),
            topics=Outgoing(),
        )
        made.append(Room(service=service, folder=tmp_path, broker=Broker()))
        yield made[0]
