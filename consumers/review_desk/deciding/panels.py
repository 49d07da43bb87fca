"""合议: three sealed opinions, at least one of them an expert's; their median counts (requirements 4.2, RD7).

The opinions are tasks of their own, blind and internal, so that each of the three works as on any other case. Once all
are in, the panel ends by itself, or, where they lie far apart, with the grounds of its chair: an expert who sat on it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.deciding import decision_rows, panel_rows
from consumers.review_desk.deciding.authority import decision_refusal, is_chair, panel_refusal
from consumers.review_desk.deciding.case import masked
from consumers.review_desk.deciding.decision import (
    SHORTEST_RATIONALE,
    IncompleteDecisionError,
    Signed,
    Violation,
    violations,
)
from consumers.review_desk.deciding.opinions import Chair, Opinion, communities_of, members, seat, spread_of, summed_up
from consumers.review_desk.deciding.panel_rows import opinions_of
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import refusals_audited
from consumers.review_desk.people.staff import Grade, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves
from consumers.review_desk.queue.afresh import as_they_are
from consumers.review_desk.store import Held, TaskStore, insert
from consumers.review_desk.task import NotAllowedError, Task, TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from schemas.catalogue import DECISIONS, Topic

SEATS: Final = 3
_AGREED: Final = "三位合议人意见相近，取中位数"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel as its members see it: while it is sealed (`spread` is `None`), no opinion is shown.

    `spread` is (highest − lowest) ÷ median of the unit prices; where the outcomes differ it is 1. Of `communities`,
    where there is more than one, the chair chooses.
    """

    task: Task
    because: str
    given: int
    opinions: tuple[Opinion, ...] = ()
    spread: Decimal | None = None
    communities: tuple[str, ...] = ()
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
        current: Callable[[str], Person | None] | None = None,
        decisions_topic: Topic = DECISIONS,
    ) -> None:
        """Prepare; `current` as in `Desk`; `decisions_topic` is where decided events go."""
        self._current = current
        self._store, self._policy, self._clock = store, policy, clock
        self._guidelines, self._decisions = guidelines, decisions_topic

    def open(self, held: Held, *, because: str, at: datetime, excluded: tuple[str, ...] = ()) -> None:
        """Seat a panel for a task in state PANEL, inside its transaction. Whoever spoke before takes no seat."""
        panel_rows.open_panel(held.connection, held.task.task_id, because, at)
        author = (held.task.reviewer,) if held.task.reviewer else ()
        self._seat(held, range(1, SEATS + 1), at=at, excluded=(*author, *excluded), needs_expert=True)

    def reseat(self, task_id: str, by: Person, reason: str, *, version: int | None = None) -> None:
        """Give the seats that are still open anew, for a panel that does not come to its end: a supervisor's command.

        Opinions that are in stay in and stay sealed. Whoever was at work on one of those seats loses it and the draft.

        Raises:
            TaskUnavailableError: It is no panel, or all its opinions are in.
            NotAllowedError: The person does not oversee the region. Audited.
        """
        now = self._clock()
        refusals = refusals_audited(self._store, self._clock, by, "RESEAT", task_id)
        with refusals, self._store.locked(task_id, version=version) as origin:
            require(by, Permission.SUPERVISE, origin.task.region)
            opinions = opinions_of(origin.connection, task_id)
            if origin.task.state is not TaskState.PANEL or len(opinions) >= SEATS:
                raise TaskUnavailableError("该案件没有待填写的合议席位", origin.task)
            seats = panel_rows.locked_seats(origin.connection, task_id)
            barred_ones = {name for task in seats for name in task.excluded} | {one.reviewer for one in opinions}
            for task in seats:
                if task.state.is_open:
                    closed = self._store.lock(origin.connection, task.task_id)
                    closed.save(moves.cancel(closed.task), _act(by, "SEAT_CLOSED", now))
            numbers = range(len(seats) + 1, len(seats) + 1 + SEATS - len(opinions))
            needs_expert = all(opinion.grade is not Grade.G4 for opinion in opinions)
            self._seat(origin, numbers, at=now, excluded=barred_ones, needs_expert=needs_expert)
            details = {"reason": reason, "given": len(opinions)}
            origin.save(origin.task, Act(actor=by.username, action="RESEAT", at=now, details=details))

    def name_chair(self, task_id: str, by: Person, chair: Person, reason: str, *, version: int | None = None) -> None:
        """Let an expert who did not sit on it sum up a full panel, as its own cannot: a supervisor's command.

        Raises:
            TaskUnavailableError: It is no panel, or an opinion is still out.
            NotAllowedError: The supervisor does not oversee the region, or the chair may not be it. Audited.
        """
        now = self._clock()
        refusals = refusals_audited(self._store, self._clock, by, "NAME_CHAIR", task_id)
        with refusals, self._store.locked(task_id, version=version) as held:
            require(by, Permission.SUPERVISE, held.task.region)
            if held.task.state is not TaskState.PANEL or len(opinions_of(held.connection, task_id)) < SEATS:
                raise TaskUnavailableError("合议意见尚未齐备，或合议已结束", held.task)
            why = chair_refusal(chair, held.task, now, self._policy)
            if why:
                raise NotAllowedError(f"{chair.name}：{why}")
            panel_rows.name_chair(held.connection, task_id, chair.username)
            details = {"reason": reason, "chair": chair.username}
            held.save(held.task, Act(actor=by.username, action="NAME_CHAIR", at=now, details=details))

    def _seat(self, held: Held, numbers: range, *, at: datetime, excluded: Collection[str], needs_expert: bool) -> None:
        evidence = self._store.codec.encode(held.review)
        for number in numbers:
            is_experts = needs_expert and number == numbers.start
            task = seat(held.task, number, at=at, excluded=excluded, is_experts=is_experts)
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
            panel_rows.exclude(connection, origin.task.task_id, person.username)
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
        confirmed = signed.conclusion.confirmed_community_id
        refused = decision_refusal(person, mine.task, confirmed, signed.decided_at, self._policy)
        if refused:
            raise NotAllowedError(refused)
        found = violations(signed.conclusion, mine.review, self._policy, task=mine.task)
        if found:
            raise IncompleteDecisionError(found)

    def _end_if_agreed(self, origin: Held, now: datetime, guideline_version: str) -> None:
        opinions = opinions_of(origin.connection, origin.task.task_id)
        if len(opinions) < SEATS:
            return
        spread, communities = spread_of(opinions), communities_of(opinions)
        if spread > self._policy.panel_spread or len(communities) > 1:
            panel_rows.keep_spread(origin.connection, origin.task.task_id, spread)
            origin.save(origin.task, Act(actor="desk", action="OPENED", at=now, details={"spread": f"{spread:.4f}"}))
            return
        expert = next(opinion for opinion in opinions if opinion.grade is Grade.G4)
        chair = Chair(username=expert.reviewer, grade=expert.grade)
        community_id = communities[0] if communities else None
        signed = summed_up(origin.task, opinions, chair, _AGREED, now, guideline_version, community_id)
        self._conclude(origin, signed, spread)

    def conclude(
        self, task_id: str, person: Person, rationale: str, *, version: int, confirmed_community_id: str | None = None
    ) -> TaskState:
        """Sum up a panel whose opinions lie apart: the chair gives the grounds for the median.

        Raises:
            IncompleteDecisionError: The grounds are missing or too short, or members confirmed different communities
                and the chair has not chosen among them.
        """
        if len(rationale.strip()) < SHORTEST_RATIONALE:
            found = Violation(field="rationale", message=f"请写明合议理由，不少于{SHORTEST_RATIONALE}个字")
            raise IncompleteDecisionError((found,))
        now, person = self._clock(), as_they_are(person, self._current)
        guideline_version = self._guidelines.version_in_force()
        refusals = refusals_audited(self._store, self._clock, person, "CONCLUDE", task_id)
        with refusals, self._store.locked(task_id, version=version) as held:
            require(person, Permission.WORK, held.task.region)
            opinions = opinions_of(held.connection, task_id)
            if held.task.state is not TaskState.PANEL or len(opinions) < SEATS:
                raise TaskUnavailableError("合议意见尚未齐备，或合议已结束", held.task)
            if not self._chairs(held, person, opinions):
                raise NotAllowedError("由参加合议的专家担任主持人")
            community_id = _chosen(communities_of(opinions), confirmed_community_id)
            refused = decision_refusal(person, held.task, community_id, now, self._policy)
            if refused:
                raise NotAllowedError(refused)
            chair = Chair(username=person.username, grade=person.grade)
            signed = summed_up(held.task, opinions, chair, rationale, now, guideline_version, community_id)
            return self._conclude(held, signed, spread_of(opinions)).state

    def _chairs(self, held: Held, person: Person, opinions: tuple[Opinion, ...]) -> bool:
        return is_chair(person, members(opinions)) or person.username == (
            panel_rows.standing(held.connection, held.task.task_id).chair
        )

    def _conclude(self, held: Held, signed: Signed, spread: Decimal) -> Task:
        now, conclusion = signed.decided_at, signed.conclusion
        panel_rows.close(held.connection, held.task.task_id, spread, signed.reviewer, conclusion.rationale, now)
        details = {"outcome": conclusion.outcome, "unit_price": conclusion.unit_price, "spread": f"{spread:.4f}"}
        act = Act(actor=signed.reviewer, action="PANEL_DECIDE", at=now, details=details)
        return decision_rows.finish(held, moves.decide(held.task), signed, act, self._decisions)

    def panels(self, person: Person) -> tuple[Panel, ...]:
        """The open panels a person has given an opinion to, or is to sum up."""
        with self._store.pool.connection() as connection:
            tasks = panel_rows.of_person(connection, person.username)
            return tuple(self._seen(connection, task, person) for task in tasks if task.region in person.regions)

    def _seen(self, connection: Connection[TupleRow], task: Task, person: Person) -> Panel:
        stands = panel_rows.standing(connection, task.task_id)
        opinions = opinions_of(connection, task.task_id)
        if len(opinions) < SEATS:
            return Panel(task=masked(task), because=stands.because, given=len(opinions))
        return Panel(
            task=masked(task),
            because=stands.because,
            given=SEATS,
            opinions=opinions,
            spread=spread_of(opinions),
            communities=communities_of(opinions),
            needs_chair=is_chair(person, members(opinions)) or stands.chair == person.username,
        )


def chair_refusal(chair: Person, task: Task, now: datetime, policy: DeskPolicy) -> str:
    """Why somebody may not sum up a panel they did not sit on (Chinese); empty where they may."""
    if chair.grade is not Grade.G4:
        return "主持人须为专家"
    if chair.username == task.reviewer:
        return "不能主持对本人结论的合议"
    return decision_refusal(chair, task, None, now, policy)


def _chosen(communities: tuple[str, ...], chosen: str | None) -> str | None:
    """The community that a panel confirms: the only one named, or the one of several that its chair chose."""
    if len(communities) == 1 and chosen in {None, communities[0]}:
        return communities[0]
    if chosen in communities or (not communities and chosen is None):
        return chosen
    message = "合议人确认的小区不一致，请在其中选定一个" if communities else "合议人均未确认小区，不能由主持人另行确认"
    raise IncompleteDecisionError((Violation(field="confirmed_community_id", message=message),))


def _act(person: Person, action: str, at: datetime) -> Act:
    return Act(actor=person.username, action=action, at=at)
