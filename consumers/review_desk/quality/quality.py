"""Quality at the desk: second readings are drawn, known answers planted, and what came of both is compared.

A second reading and a known answer are tasks like any other: they wait in the queue, nobody sees what they are, and
what is decided stays at the desk. The comparison is made afterwards, from the decisions.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.pace import Pace
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Family, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.quality import rows
from consumers.review_desk.quality.agreement import (
    Check,
    Figures,
    Pair,
    QualityRules,
    figures,
    figures_by,
    newcomer_agreement,
    skill_gaps,
)
from consumers.review_desk.quality.rows import Drawn, Planted
from consumers.review_desk.quality.sampling import drawn, seed_of
from consumers.review_desk.quality.seeds import KnownAnswer, as_received, refuse_own, second_reading, seeded
from consumers.review_desk.store import Held, TaskStore, insert
from consumers.review_desk.task import NotAllowedError, Task, TaskUnavailableError
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.domain.worktime import DESK, SHANGHAI, is_working_day, shanghai_date

ACTOR: Final = "DESK-QUALITY"
_ONE_DAY: Final = timedelta(days=1)
_LOOK_BACK: Final = 14  # days drawn late after an outage; the longest holiday has nine
_NEWCOMER_WINDOW: Final = timedelta(days=366)
_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Figures of a window: of each reviewer and queue, of the automatic answers, and each reviewer's skill gaps."""

    reviewers: dict[str, Figures]
    queues: dict[str, Figures]
    automatic: Figures
    automatic_queues: dict[str, Figures]
    gaps: dict[str, tuple[Family, ...]]


class Quality:
    """Samples, known answers, agreement."""

    def __init__(
        self,
        store: TaskStore,
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        new_secret: Callable[[], str],
        sampling_seed: str = "",
        rules: QualityRules | None = None,
    ) -> None:
        """`clock` gives the instant now, in UTC.

        The lots of second readings hang on `sampling_seed`, which reviewers must not know; where it is empty, on what
        `new_secret` gave the first draw from this database.
        """
        self._sampling_seed, self._new_secret = sampling_seed, new_secret
        self._store, self._policy, self._clock = store, policy, clock
        self.rules = rules or QualityRules()
        self._pace = Pace(_EVERY)

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def draw(self, day: date) -> Drawn:
        """Put a share of what people decided on a day of the Shanghai calendar into the queue again, for others.

        A second call changes nothing and returns what was drawn the first time.

        Raises:
            ValueError: The day is not over yet.
        """
        now = self._clock()
        if day >= shanghai_date(now):
            raise ValueError(f"{day} is not over in Shanghai; draw a day once it has ended")
        with self._store.pool.connection() as connection:
            rows.lock_draws(connection)
            return rows.draw_of(connection, day) or self._draw(connection, day, now)

    def tick(self, now: datetime) -> tuple[Drawn, ...]:
        """Draw the days that have ended since the last draw, once the desk is open. Cheap, and safe to call often."""
        if not self._pace.is_due(now):
            return ()
        local = now.astimezone(SHANGHAI)
        if not is_working_day(local.date()) or local.time() < DESK.opens:
            return ()
        with self._store.pool.connection() as connection:
            last = rows.last_draw(connection)
        return tuple(self.draw(day) for day in days_to_draw(last, local.date()))

    def _draw(self, connection: Connection[TupleRow], day: date, now: datetime) -> Drawn:
        secret = self._sampling_seed or rows.sampling_secret(connection, self._new_secret)
        begins = datetime.combine(day, time.min, SHANGHAI)
        sample = drawn(
            rows.readable(connection, begins, begins + _ONE_DAY),
            seed=seed_of(day, secret),
            share=self._policy.second_reading_share,
            newcomer_share=self.rules.newcomer_share,
        )
        for one in sample.drawn:
            self._queue_again(self._store.lock(connection, one.task_id), day, now)
        record = rows.keep_draw(connection, day, sample, now)
        audit.append(connection, "desk", Act(actor=ACTOR, action="SAMPLE_DRAWN", at=now, details=record.details()))
        return record

    def _queue_again(self, first: Held, day: date, now: datetime) -> None:
        handled_by = rows.who_had(first.connection, first.task.valuation_id)
        reading = second_reading(first.task, first.review, handled_by, now)
        act = Act(actor=ACTOR, action="SECOND_READING_DRAWN", at=now, details={"day": f"{day}"})
        insert(first.connection, reading, self._evidence(first, reading), first.traceparent, act)

    def _evidence(self, origin: Held, task: Task) -> bytes:
        return self._store.codec.encode(as_received(origin.review, task.received_at))

    # ---- known answers ----------------------------------------------------------------------------------------------

    def plant(self, task_id: str, answer: KnownAnswer, by: Person) -> str:
        """Put a case with a known answer into the queue, with the evidence of a decided task; return the new task's id.

        Raises:
            NotAllowedError: No right to it, or the case is one's own; audited.
            TaskUnavailableError: No such task, not decided, or too old.
            ValueError: The answer is no amount of money.
        """
        if answer.value <= 0:
            raise ValueError(f"a known answer is a total in yuan above 0, got {answer.value}")
        with self._store.locked(task_id) as held:
            refusal = self._refusal(held, by)
            if refusal is None:
                return self._plant(held, answer, by.username)
        raise refusal

    def plant_known(self, valuation_id: str, answer: KnownAnswer, by: str) -> str | None:
        """Plant a case by its valuation, as the ledger names it, unless it was planted with the same answer before.

        Returns the new task's id; `None` where nothing was to be done: unknown, undecided, too old or there already.
        """
        with self._store.pool.connection() as connection:
            task_id = rows.decided_task(connection, valuation_id)
            if task_id is None or rows.is_planted(connection, task_id, answer):
                return None
            try:
                return self._plant(self._store.lock(connection, task_id), answer, by)
            except TaskUnavailableError:
                return None

    def _refusal(self, held: Held, by: Person) -> NotAllowedError | None:
        try:
            require(by, Permission.MARK, held.task.region)
            refuse_own(held.task, by.username)
        except NotAllowedError as error:
            held.note(Act(actor=by.username, action="REFUSED", at=self._clock(), details={"wanted": "PLANT"}))
            return error
        return None

    def _plant(self, held: Held, answer: KnownAnswer, by: str) -> str:
        now, connection, origin = self._clock(), held.connection, held.task
        handled_by = (*rows.who_had(connection, origin.valuation_id), by)
        number = rows.planted_of(connection, origin.task_id) + 1
        task = seeded(origin, held.review, handled_by, number=number, now=now)
        act = Act(actor=by, action="KNOWN_ANSWER_PLANTED", at=now, details={"basis": str(answer.basis)})
        insert(connection, task, self._evidence(held, task), held.traceparent, act)
        rows.keep_seed(connection, task.task_id, answer, by, now)
        return task.task_id

    # ---- what came of it --------------------------------------------------------------------------------------------

    def pairs(self, person: Person, since: datetime, until: datetime) -> tuple[Pair, ...]:
        """Every decision of a window beside what it was checked by, the newest first; of the person's regions.

        Raises:
            NotAllowedError: No right to see quality; audited.
        """
        demand(self._store.pool, person, Permission.SEE_QUALITY, self._clock())
        with self._store.pool.connection() as connection:
            found = rows.pairs(connection, since, until)
        return tuple(pair for pair in found if any(pair.queue.startswith(f"{region}/") for region in person.regions))

    def agreement(self, person: Person, since: datetime, until: datetime) -> Agreement:
        """The figures of a window. Raises as `pairs` does."""
        return agreement_of(self.pairs(person, since, until), self.rules)

    def agreement_of_house(self, since: datetime, until: datetime) -> Agreement:
        """The figures of a window over all regions, for the command line of those who run the desk."""
        with self._store.pool.connection() as connection:
            return agreement_of(rows.pairs(connection, since, until), self.rules)

    def newcomer_agreement(self, username: str) -> Decimal | None:
        """The share of somebody's decisions of the last year that a second reading agreed with; `None`: too few."""
        now = self._clock()
        with self._store.pool.connection() as connection:
            found = rows.pairs(connection, now - _NEWCOMER_WINDOW, now + _ONE_DAY, reviewer=username)
        return newcomer_agreement(found, self.rules)

    def draws(self, person: Person) -> tuple[Drawn, ...]:
        """The last draws, the newest first. Raises as `pairs` does."""
        demand(self._store.pool, person, Permission.SEE_QUALITY, self._clock())
        with self._store.pool.connection() as connection:
            return rows.draws(connection)

    def seeds(self, person: Person) -> tuple[Planted, ...]:
        """Known answers, the newest first, for those who may plant them. Raises `NotAllowedError`; audited."""
        demand(self._store.pool, person, Permission.MARK, self._clock())
        with self._store.pool.connection() as connection:
            return tuple(one for one in rows.seeds(connection) if one.region in person.regions)


def days_to_draw(last: date | None, today: date) -> tuple[date, ...]:
    """The days before `today` that are still to be drawn, the oldest first; at the very first draw yesterday alone."""
    first = today - _ONE_DAY if last is None else max(last + _ONE_DAY, today - _LOOK_BACK * _ONE_DAY)
    return tuple(first + number * _ONE_DAY for number in range((today - first).days))


def agreement_of(pairs: Iterable[Pair], rules: QualityRules) -> Agreement:
    """The figures of pairs: people's decisions by reviewer and queue, automatic answers apart."""
    all_pairs = list(pairs)
    people = [pair for pair in all_pairs if pair.check is not Check.AUDIT]
    automatic = [pair for pair in all_pairs if pair.check is Check.AUDIT]
    reviewers = sorted({pair.reviewer for pair in people})
    return Agreement(
        reviewers=figures_by(people, lambda pair: pair.reviewer, rules),
        queues=figures_by(people, lambda pair: pair.queue, rules),
        automatic=figures(automatic, rules),
        automatic_queues=figures_by(automatic, lambda pair: pair.queue, rules),
        gaps={name: skill_gaps([pair for pair in people if pair.reviewer == name], rules) for name in reviewers},
    )
