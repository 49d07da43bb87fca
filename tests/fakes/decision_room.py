"""The desk's decisions on a real database, for tests of them."""

import random
import uuid
from contextlib import contextmanager

from consumers.review_desk.deciding.decision import Conclusion
from consumers.review_desk.deciding.decisions import Decisions
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.deciding.surveys import Surveys
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.people.staff import Grade, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, presence_rows
from consumers.review_desk.queue.presence import PresenceState, turned
from consumers.review_desk.store import TaskStore, insert
from consumers.review_desk.task import Task, TaskState
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.events import Decided, ReviewProgressed
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, a_person, a_task
from tests.fakes.valuations import CODEC, NOON, TRACE

LIN, WU, HE, QI = (
    a_person("lin", Grade.G2),
    a_person("wu", Grade.G3),
    a_person("he", Grade.G4),
    a_person("qi", Grade.G4),
)
POLICY = DeskPolicy()
_TABLES = "select tablename from pg_tables where schemaname = 'review_desk' and tablename <> 'migration'"

_LET_THE_AUDIT_BE_EMPTIED = """
    create or replace function audit_is_append_only() returns trigger language plpgsql as 'begin return old; end'
"""


@contextmanager
def decision_rooms(server):
    """Yields `room()`: the desk in one database of its own, emptied each time; far quicker than a new one."""
    name = f"decisions_{uuid.uuid4().hex[:12]}"
    dsn = server.create_database(name)
    migrate(dsn, room="review_desk")
    with open_pool(dsn, room="review_desk") as pool:
        with pool.connection() as connection:
            connection.execute(_LET_THE_AUDIT_BE_EMPTIED)

        def room() -> "DecisionRoom":
            with pool.connection() as connection:
                connection.execute("set local session_replication_role = replica")  # in any order
                for (table,) in connection.execute(_TABLES).fetchall():
                    connection.execute(f"delete from {table}")  # few rows: far quicker than truncating
            return DecisionRoom(pool)

        yield room
    server.drop_database(name)


class DecisionRoom:
    """The desk's decisions at noon, with what a test wants to see of the database."""

    def __init__(self, pool) -> None:
        self.pool, self.now = pool, NOON
        self.store = TaskStore(pool, CODEC, randomness=random.Random(1))
        parts = {"policy": POLICY, "clock": lambda: self.now}
        self.guidelines = guidelines = Guidelines(pool, clock=parts["clock"], new_id=uuid.uuid4)
        self.panels = Panels(self.store, guidelines=guidelines, **parts)
        self.decisions = Decisions(self.store, guidelines=guidelines, panels=self.panels, **parts)
        self.surveys = Surveys(self.store, **parts)

    def put(self, review=None, **changes) -> Task:
        """A task in the queue."""
        review = review or made.review()
        task = a_task(review, **changes)
        with self.pool.connection() as connection:
            insert(connection, task, CODEC.encode(review), TRACE, Act(actor="test", action="ARRIVED", at=self.now))
        return task

    def in_hand(self, person: Person, review=None, **changes) -> Task:
        """A task this person works on."""
        return self.claimed(self.put(review, **changes).task_id, person)

    def claimed(self, task_id: str, person: Person) -> Task:
        """The task in the hands of this person, who is at work."""
        self.is_there(person)
        with self.store.locked(task_id) as held:
            task = moves.claim(held.task, person, self.now, POLICY)
            return held.save(task, Act(actor=person.username, action="CLAIM", at=self.now))

    def is_there(self, person: Person, state: PresenceState = PresenceState.READY) -> None:
        """Let somebody be at the desk at this moment."""
        with self.pool.connection() as connection:
            stored = presence_rows.lock(connection, person.username, self.now)
            presence_rows.put(connection, turned(stored, state, self.now))

    def task(self, task_id: str) -> Task:
        return self.store.find(task_id)[0]

    def sent(self, kind=Decided) -> list:
        with self.pool.connection() as connection:
            rows = connection.execute("select topic, value from outbox order by id").fetchall()
        topics = {Decided: "valuation.decisions", ReviewProgressed: "valuation.review-progress"}
        return [CODEC.decode(bytes(value), kind) for topic, value in rows if topic == topics[kind]]

    def acts(self, action: str) -> list[tuple[str, dict]]:
        with self.pool.connection() as connection:
            return connection.execute(
                "select actor, details from audit_line where action = %s order by at, sequence", [action]
            ).fetchall()

    def rows(self, query: str) -> list:
        with self.pool.connection() as connection:
            return connection.execute(query).fetchall()

    def decide(self, task: Task, person: Person, conclusion: Conclusion = GOOD) -> TaskState:
        """What becomes of a task by this conclusion."""
        return self.decisions.decide(task.task_id, person, conclusion, version=task.version)
