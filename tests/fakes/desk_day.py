"""A desk on a real database with people and cases: for tests of what is done with decisions afterwards."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from consumers.review_desk.deciding import decision_rows
from consumers.review_desk.deciding.decision import Conclusion, Signed
from consumers.review_desk.people.staff import Family, Grade, Person, Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.regions import Region
from consumers.review_desk.store import TaskStore, insert
from consumers.review_desk.task import Kind, Task, TaskState
from infra.postgres.audit import Act
from infra.postgres.pool import Pool
from schemas.catalogue import DECISIONS
from schemas.codes import ReviewOutcome
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import due_at
from schemas.events import ReviewRequested
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday in Shanghai
QUEUE = "YANGTZE_DELTA/RESIDENTIAL"
MODEL_PRICE = 41_000
LIN = Person(
    username="lin",
    name="林审",
    grade=Grade.G2,
    roles=frozenset({Role.REVIEWER}),
    main_queue=QUEUE,
    skills={QUEUE: 4, Family.DISPUTE: 3},
    certified_until=date(2027, 1, 1),
)
WU = replace(LIN, username="wu", name="吴核", grade=Grade.G3, roles=frozenset({Role.REVIEWER, Role.SENIOR}))
ZHAO = replace(LIN, username="zhao", name="赵估")
NEW = replace(LIN, username="new", name="新员", grade=Grade.G1, hired_on=date(2026, 2, 1))
MEI = replace(LIN, username="mei", name="梅检", roles=frozenset({Role.QA}), main_queue="", skills={})
SUN = replace(MEI, username="sun", name="孙班", roles=frozenset({Role.SUPERVISOR}))
PEOPLE = (LIN, WU, ZHAO, NEW, MEI, SUN)


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


class Day:
    """Cases come in, people take and decide them."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self.pool, self.clock, self.policy = pool, clock, DeskPolicy()
        self.store = TaskStore(pool, CODEC, randomness=random.Random(1))
        self.desk = Desk(self.store, lambda: PEOPLE, policy=self.policy, clock=clock)

    def comes_in(self, number: str, *, kind: Kind = Kind.VALUATION, review: ReviewRequested | None = None, **changes):
        """A task that has just come in; its id."""
        asked = review or made.review(number, requested_at=self.clock.now, skill="RESIDENTIAL")
        scored, now = asked.scored, self.clock.now
        task = Task(
            task_id=made.valuation_id("TASK", f"{number}|{kind}|{changes.get('revision', 1)}"),
            valuation_id=asked.valuation_id,
            revision=1,
            kind=kind,
            region=Region.YANGTZE_DELTA,
            city=scored.address.city or "",
            property_type="APARTMENT",
            skill="RESIDENTIAL",
            community_id=scored.address.community_id,
            address=scored.request.address,
            area_m2=scored.request.area_m2,
            reasons=asked.reasons,
            model_value=None if scored.valuation is None else scored.valuation.value,
            priority=asked.priority,
            received_at=now,
            requested_at=now,
            due_at=due_at(now, MANUAL_ANSWER.value),
            queued_at=now,
        )
        with self.pool.connection() as connection:
            act = Act(actor="test", action="CAME_IN", at=now)
            insert(connection, replace(task, **changes), CODEC.encode(asked), None, act)
        return task.task_id

    def decides(self, task_id: str, person: Person, unit_price: int | None, *, approver: str | None = None) -> None:
        """Somebody takes a task and decides it; without a price they say that it cannot be valued."""
        self.desk.claim(task_id, person)
        now = self.clock.now
        outcome = ReviewOutcome.UNABLE if unit_price is None else ReviewOutcome.VALUE
        conclusion = Conclusion(outcome=outcome, rationale="三例修正后取均值，依据充分", unit_price=unit_price)
        signed = Signed(
            conclusion=conclusion,
            reviewer=person.username,
            grade=person.grade,
            claimed_at=now,
            decided_at=now,
            guideline_version="2026-01",
            approver=approver,
        )
        with self.store.locked(task_id) as held:
            ended = moves.submit(held.task, person, now, TaskState.DECIDED)
            act = Act(actor=person.username, action="DECIDE", at=now)
            decision_rows.finish(held, ended, signed, act, DECISIONS)

    def returns(self, task_id: str, person: Person) -> None:
        """Somebody takes a task and gives it back to the model."""
        self.desk.claim(task_id, person)
        now = self.clock.now
        conclusion = Conclusion(outcome=ReviewOutcome.RETURN_TO_AUTO, rationale="已确认小区，请重新自动估值")
        signed = Signed(
            conclusion=conclusion,
            reviewer=person.username,
            grade=person.grade,
            claimed_at=now,
            decided_at=now,
            guideline_version="2026-01",
        )
        with self.store.locked(task_id) as held:
            act = Act(actor=person.username, action="RETURN_TO_AUTO", at=now)
            decision_rows.finish(held, moves.return_to_auto(held.task, person, now), signed, act, DECISIONS)

    def tasks(self, kind: Kind) -> list[Task]:
        with self.pool.connection() as connection:
            ids = connection.execute("select task_id from task where kind = %s order by task_id", [kind]).fetchall()
        found = (self.store.find(str(task_id)) for (task_id,) in ids)
        return [one[0] for one in found if one is not None]

    def audited(self, subject: str, action: str) -> int:
        with self.pool.connection() as connection:
            row = connection.execute(
                "select count(*) from audit_line where subject = %s and action = %s", [subject, action]
            ).fetchone()
        return row[0]
