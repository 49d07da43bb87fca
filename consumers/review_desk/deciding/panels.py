"""合议: three sealed opinions, at least one of them an expert's; their median counts (requirements 4.2, RD7).

The opinions are tasks of their own, blind and internal, so that each of the three works as on any other case. Once all
are in, the panel ends by itself, or, where they lie far apart, with the grounds of its chair: an expert who sat on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.deciding import decision_rows
from consumers.review_desk.deciding.authority import is_chair, panel_refusal
from consumers.review_desk.deciding.case import masked
from consumers.review_desk.deciding.decision import (
    SHORTEST_RATIONALE,
    IncompleteDecisionError,
    Signed,
    Violation,
    violations,
)
from consumers.review_desk.deciding.opinions import Opinion, members, seat, spread_of, summed_up
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import refusals_audited
from consumers.review_desk.people.staff import Grade, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.store import Held, TaskStore, insert, select_tasks
from consumers.review_desk.task import NotAllowedError, Task, TaskState, TaskUnavailableError
from consumers.review_desk.work import moves
from infra.postgres.audit import Act
from schemas.catalogue import DECISIONS, Topic
from schemas.codes import ReviewOutcome

SEATS: Final = 3
_AGREED: Final = "三位合议人意见相近，取中位数"

_OPEN = "insert into panel (task_id, opened_at, because) values (%s, %s, %s)"
_PANEL = "select * from panel where task_id = %s"
_OPINIONS = """
    select d.task_id, d.reviewer, d.grade, d.outcome, d.unit_price, d.decided_at from decision d
    join task t on t.task_id = d.task_id
    where t.origin = %s and t.kind = 'OPINION' order by d.decided_at, d.task_id
"""
# Whoever has spoken gets no second seat. No version moves: others at work on theirs are not disturbed.
_EXCLUDE = """
    update task set excluded = array_append(excluded, %s)
    where origin = %s and kind = 'OPINION' and state not in ('DECIDED', 'CANCELLED')
"""
_SPREAD = "update panel set spread = %s where task_id = %s"
_CLOSE = "update panel set spread = %s, chair = %s, rationale = %s, closed_at = %s where task_id = %s"
_OF_PERSON = """
    where t.state = 'PANEL' and exists (
        select from task o join decision d on d.task_id = o.task_id
        where o.origin = t.task_id and o.kind = 'OPINION' and d.reviewer = %(username)s)
    order by t.due_at, t.task_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel as its members see it: while it is sealed (`spread` is `None`), no opinion is shown.

    `spread` is (highest − lowest) ÷ median of the unit prices; where the outcomes differ it is 1.
    """

    task: Task
    because: str
    given: int
    opinions: tuple[Opinion, ...] = ()
    spread: Decimal | None = None
    needs_chair: bool = False


class Panels:
    """The commands of a panel. Refusals as in `Decisions`; those of `give` are audited there."""

    def __init__(
        self,
        store: TaskStore,
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        guidelines: Guidelines,
        decisions_topic: Topic = DECISIONS,
    ) -> None:
        """Prepare; `decisions_topic` is where decided events go."""
        self._store, self._policy, self._clock = store, policy, clock
        self._guidelines, self._decisions = guidelines, decisions_topic

    def open(self, held: Held, *, because: str, at: datetime, excluded: tuple[str, ...] = ()) -> None:
        """Seat a panel for a task in state PANEL, inside its transaction. Whoever spoke before takes no seat."""
        held.connection.execute(_OPEN, [held.task.task_id, at, because])
        author = (held.task.reviewer,) if held.task.reviewer else ()
        evidence = self._store.codec.encode(held.review)
        for number in range(1, SEATS + 1):
            task = seat(held.task, number, at=at, excluded=(*author, *excluded))
            act = Act(actor="desk", action="SEAT", at=at, details={"seat": number})
            insert(held.connection, task, evidence, held.traceparent, act)

    def give(self, seat_: Task, person: Person, signed: Signed, *, version: int) -> None:
        """Put an opinion into its envelope; the last one opens all, and ends the panel where they agree."""
        if seat_.origin is None:
            raise TaskUnavailableError("没有这项合议意见", seat_)
        now = signed.decided_at
        with self._store.pool.connection() as connection:
            origin = self._store.lock(connection, seat_.origin)  # first, always: two last opinions wait here
            mine = self._store.lock(connection, seat_.task_id, version=version)
            # All rows before the first audit line: whoever claims a seat locks it first, and then the chain.
            connection.execute(_EXCLUDE, [person.username, origin.task.task_id])
            self._check(origin, mine, person, signed)
            decided = moves.submit(mine.task, person, now, TaskState.DECIDED)
            decision_rows.finish(mine, decided, signed, _act(person, "OPINION", now), self._decisions)
            self._end_if_agreed(origin, now, signed.guideline_version)

    def _check(self, origin: Held, mine: Held, person: Person, signed: Signed) -> None:
        if origin.task.state is not TaskState.PANEL:
            raise TaskUnavailableError("该合议已结束", mine.task)
        opinions = opinions_of(origin.connection, origin.task.task_id)
        refused = panel_refusal(person, members(opinions), SEATS)
        if refused:
            raise NotAllowedError(refused)
        moves.submit(mine.task, person, signed.decided_at, TaskState.DECIDED)  # refuses who has it not in hand
        found = violations(signed.conclusion, mine.review, self._policy, task=mine.task)
        if found:
            raise IncompleteDecisionError(found)

    def _end_if_agreed(self, origin: Held, now: datetime, guideline_version: str) -> None:
        opinions = opinions_of(origin.connection, origin.task.task_id)
        if len(opinions) < SEATS:
            return
        spread = spread_of(opinions)
        if spread > self._policy.panel_spread:
            origin.connection.execute(_SPREAD, [spread, origin.task.task_id])
            origin.save(origin.task, Act(actor="desk", action="OPENED", at=now, details={"spread": f"{spread:.4f}"}))
            return
        chair = next(opinion for opinion in opinions if opinion.grade is Grade.G4)
        signed = summed_up(origin.task, opinions, chair, _AGREED, now, guideline_version)
        self._conclude(origin, signed, spread)

    def conclude(self, task_id: str, person: Person, rationale: str, *, version: int) -> TaskState:
        """Sum up a panel whose opinions lie apart: the chair gives the grounds for the median.

        Raises:
            IncompleteDecisionError: The grounds are missing or too short.
        """
        if len(rationale.strip()) < SHORTEST_RATIONALE:
            found = Violation(field="rationale", message=f"请写明合议理由，不少于{SHORTEST_RATIONALE}个字")
            raise IncompleteDecisionError((found,))
        now = self._clock()
        guideline_version = self._guidelines.version_in_force()
        refusals = refusals_audited(self._store, self._clock, person, "CONCLUDE", task_id)
        with refusals, self._store.locked(task_id, version=version) as held:
            require(person, Permission.WORK, held.task.region)
            opinions = opinions_of(held.connection, task_id)
            if held.task.state is not TaskState.PANEL or len(opinions) < SEATS:
                raise TaskUnavailableError("合议意见尚未齐备，或合议已结束", held.task)
            if not is_chair(person, members(opinions)):
                raise NotAllowedError("由参加合议的专家担任主持人")
            chair = next(opinion for opinion in opinions if opinion.reviewer == person.username)
            signed = summed_up(held.task, opinions, chair, rationale, now, guideline_version)
            return self._conclude(held, signed, spread_of(opinions)).state

    def _conclude(self, held: Held, signed: Signed, spread: Decimal) -> Task:
        now, conclusion = signed.decided_at, signed.conclusion
        rationale = conclusion.rationale.replace("\x00", "\ufffd")
        held.connection.execute(_CLOSE, [spread, signed.reviewer, rationale, now, held.task.task_id])
        details = {"outcome": conclusion.outcome, "unit_price": conclusion.unit_price, "spread": f"{spread:.4f}"}
        act = Act(actor=signed.reviewer, action="PANEL_DECIDE", at=now, details=details)
        return decision_rows.finish(held, moves.decide(held.task), signed, act, self._decisions)

    def panels(self, person: Person) -> tuple[Panel, ...]:
        """The open panels a person has given an opinion to."""
        with self._store.pool.connection() as connection:
            tasks = select_tasks(connection, _OF_PERSON, {"username": person.username})
            return tuple(self._seen(connection, task, person) for task in tasks if task.region in person.regions)

    def _seen(self, connection: Connection[TupleRow], task: Task, person: Person) -> Panel:
        with connection.cursor(row_factory=dict_row) as cursor:
            row: dict[str, Any] = cursor.execute(_PANEL, [task.task_id]).fetchone() or {}
        opinions = opinions_of(connection, task.task_id)
        if len(opinions) < SEATS:
            return Panel(task=masked(task), because=row["because"], given=len(opinions))
        return Panel(
            task=masked(task),
            because=row["because"],
            given=SEATS,
            opinions=opinions,
            spread=spread_of(opinions),
            needs_chair=is_chair(person, members(opinions)),
        )


def opinions_of(connection: Connection[TupleRow], origin_id: str) -> tuple[Opinion, ...]:
    """The opinions given so far, first first. For the desk's own eyes while the panel is sealed."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_OPINIONS, [origin_id]).fetchall()
    return tuple(
        Opinion(
            reviewer=row["reviewer"],
            grade=Grade(row["grade"]),
            outcome=ReviewOutcome(row["outcome"]),
            unit_price=row["unit_price"],
        )
        for row in rows
    )


def _act(person: Person, action: str, at: datetime) -> Act:
    return Act(actor=person.username, action=action, at=at)
