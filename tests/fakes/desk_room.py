"""Desks on a real database, with a clock that tests move."""

import random
from datetime import datetime, timedelta

from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.queue.intake import take_in
from consumers.review_desk.store import TaskStore, insert
from consumers.review_desk.task import Task
from infra.postgres.audit import Act
from schemas.events import ReviewRequested
from tests.fakes import valuations as made
from tests.fakes.desk import MONDAY_NOON, POLICY, person
from tests.fakes.valuations import CODEC, TRACE

LIN, WU, MEI = person("lin"), person("wu"), person("mei")


class Clock:
    """An instant that tests move."""

    def __init__(self) -> None:
        self.now = MONDAY_NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class DeskRoom:
    """A migrated database, and desks on it."""

    def __init__(self, pool) -> None:
        self.pool, self.clock = pool, Clock()
        self.people = [LIN, WU, MEI]
        self.store = TaskStore(pool, CODEC, randomness=random.Random(1))

    def desk(self) -> Desk:
        """Another process on the same database."""
        store = TaskStore(self.pool, CODEC, randomness=random.Random(1))
        return Desk(store, lambda: self.people, policy=POLICY, clock=self.clock)

    def put(self, *tasks: Task) -> None:
        """Tasks in the queue, as routed at noon."""
        evidence = CODEC.encode(made.review())
        with self.pool.connection() as connection:
            for one in tasks:
                insert(connection, one, evidence, None, Act(actor="test", action="ROUTED", at=MONDAY_NOON))

    def take_in(self, *reviews: ReviewRequested) -> None:
        """Requests as the ingest loop takes them in."""
        with self.pool.connection() as connection:
            for review in reviews:
                take_in(connection, self.store, POLICY, review, CODEC.encode(review), TRACE)

    def task(self, task_id: str) -> Task:
        return self.store.find(task_id)[0]

    def acts(self, valuation_id: str) -> list[tuple[str, str]]:
        """Who did what about a valuation."""
        with self.pool.connection() as connection:
            query = "select actor, action from audit_line where subject = %s order by sequence"
            return connection.execute(query, [valuation_id]).fetchall()
