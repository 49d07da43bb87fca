"""Deciding: within a person's authority at once, beyond it with a second person or by a panel."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, assert_never

from psycopg.errors import UniqueViolation

from consumers.review_desk.deciding import decision_rows, history, looking
from consumers.review_desk.deciding.approving import Approval, approval_of, why_not
from consumers.review_desk.deciding.authority import Need, Ruling, decision_refusal, distance, ruling, stakes_of
from consumers.review_desk.deciding.case import Case, masked
from consumers.review_desk.deciding.decision import Conclusion, IncompleteDecisionError, Signed, Violation, violations
from consumers.review_desk.deciding.decision_rows import FirstOpinion
from consumers.review_desk.deciding.history import Found
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.people.access import Permission, may, require
from consumers.review_desk.people.audited_refusals import DESK, refusals_audited
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, presence, presence_rows
from consumers.review_desk.queue.afresh import as_they_are
from consumers.review_desk.store import Held, TaskStore
from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskState, TaskUnavailableError
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.catalogue import DECISIONS, Topic
from schemas.codes import ReviewOutcome
from schemas.events import ReviewRequested

SHORTEST_REMARK: Final = 4


class Decisions:
    """The commands that end a task or bring it before others.

    All raise `TaskUnavailableError` for a task that has moved on, and `NotAllowedError`, which is audited, for a
    person who may not.
    """

    def __init__(  # noqa: PLR0913 - what deciding touches
        self,
        store: TaskStore,
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        guidelines: Guidelines,
        panels: Panels,
        current: Callable[[str], Person | None] | None = None,
        decisions_topic: Topic = DECISIONS,
    ) -> None:
        """Prepare; `current` as in `Desk`; `decisions_topic` is where decided events go."""
        self._store, self._policy, self._clock = store, policy, clock
        self._guidelines, self._panels, self._decisions = guidelines, panels, decisions_topic
        self._current = current

    # ---- looking ----------------------------------------------------------------------------------------------------

    def case(self, task_id: str, person: Person) -> Case:
        """Return everything the person may see of a case, in one call. The look is audited."""
        now = self._clock()
        task, review = self._found(task_id)
        guidelines = self._guidelines.for_case(masked(task))
        with self._audited(task_id, person, "LOOK"), self._store.pool.connection() as connection:
            return looking.look(connection, task, review, person, guidelines, now, self._policy)

    def search(self, person: Person, text: str) -> tuple[Found, ...]:
        """Find tasks of the person's regions by address (a part, also in pinyin), id, user name or day (2026-03-02)."""
        now = self._clock()
        with self._audited(None, person, "SEARCH"):
            require(person, Permission.SEARCH)
        sees_samples = may(person, Permission.SEE_QUALITY)
        wanted = text.replace("\x00", "").strip()
        with self._store.pool.connection() as connection:
            found = history.search(connection, person, wanted, sees_samples=sees_samples)
            audit.append(connection, DESK, _act(person, "SEARCH", now, {"text": wanted, "found": len(found)}))
        return found

    # ---- deciding ---------------------------------------------------------------------------------------------------

    def decide(self, task_id: str, person: Person, conclusion: Conclusion, *, version: int) -> TaskState:
        """Submit a conclusion; return where the task stands then.

        Raises:
            IncompleteDecisionError: Something is missing or wrong; nothing has changed.
        """
        now, person = self._clock(), as_they_are(person, self._current)
        with self._audited(task_id, person, "DECIDE"):
            task, review = self._found(task_id)
            require(person, Permission.WORK, task.region)
            signed = Signed(
                conclusion=conclusion,
                reviewer=person.username,
                grade=person.grade,
                claimed_at=task.claimed_at or now,
                decided_at=now,
                guideline_version=self._guidelines.version_in_force(),
            )
            if task.kind is Kind.OPINION:
                self._panels.give(task, person, signed, version=version)
                return TaskState.DECIDED
            with self._store.locked(task_id, version=version) as held:
                return self._decide(held, review, person, signed)

    def _decide(self, held: Held, review: ReviewRequested, person: Person, signed: Signed) -> TaskState:
        task, now = held.task, signed.decided_at
        moves.submit(task, person, now, TaskState.DECIDED)  # refuses who does not have it in hand
        refused = decision_refusal(person, task, signed.conclusion.confirmed_community_id, now, self._policy)
        if refused:
            raise NotAllowedError(refused)
        returned = decision_rows.was_returned(held.connection, task.valuation_id)
        found = violations(signed.conclusion, review, self._policy, task=task, returned=returned)
        if found:
            raise IncompleteDecisionError(found)
        ruled = self._ruled(held, review, signed)
        match ruled.need:
            case Need.NOTHING:
                return self._conclude(held, person, signed)
            case Need.APPROVAL:
                self._submit(held, person, signed, ruled, TaskState.PENDING_APPROVAL)
            case Need.PANEL:
                self._submit(held, person, signed, ruled, TaskState.PANEL)
                self._panels.open(held, because=ruled.because, at=now)
            case _:
                assert_never(ruled.need)
        return held.task.state

    def _ruled(self, held: Held, review: ReviewRequested, signed: Signed) -> Ruling:
        task, conclusion = held.task, signed.conclusion
        before = decision_rows.earlier_unit_price(held.connection, task) if task.kind is Kind.DISPUTE else None
        if before and conclusion.unit_price and self._are_apart(conclusion.unit_price, before):
            return Ruling(need=Need.PANEL, because=self._apart_text())
        stakes = stakes_of(
            decision_rows.value_of(conclusion, review), conclusion.unit_price, decision_rows.model_unit_price(review)
        )
        return ruling(signed.grade, task.kind, conclusion.outcome, stakes, self._policy)

    def _conclude(self, held: Held, person: Person, signed: Signed) -> TaskState:
        now = signed.decided_at
        is_compared = held.task.kind in {Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED}
        match signed.conclusion.outcome:
            case ReviewOutcome.CLARIFY if not is_compared:
                act = _act(person, "CLARIFY", now, self._facts(held, signed))
                held.save(moves.wait_for_reply(held.task, person, now), act)
                decision_rows.say(held, signed, act, self._decisions)
            case ReviewOutcome.RETURN_TO_AUTO if not is_compared:
                act = _act(person, "RETURN_TO_AUTO", now, self._facts(held, signed))
                decision_rows.finish(held, moves.return_to_auto(held.task, person, now), signed, act, self._decisions)
            case _:
                act = _act(person, "DECIDE", now, self._facts(held, signed))
                ended = moves.submit(held.task, person, now, TaskState.DECIDED)
                decision_rows.finish(held, ended, signed, act, self._decisions)
        return _told(held.task.state, signed.conclusion.outcome)

    def _submit(self, held: Held, person: Person, signed: Signed, ruled: Ruling, to: TaskState) -> None:
        now, review = signed.decided_at, held.review
        first = FirstOpinion(
            reviewer=signed.reviewer,
            grade=signed.grade,
            claimed_at=signed.claimed_at,
            submitted_at=now,
            conclusion=signed.conclusion,
            value=decision_rows.value_of(signed.conclusion, review),
            model_unit_price=decision_rows.model_unit_price(review),
            because=ruled.because,
            guideline_version=signed.guideline_version,
        )
        before = decision_rows.first_opinion(held.connection, held.task.task_id)
        decision_rows.submit_first(held.connection, held.task.task_id, first)
        submitted = moves.submit(held.task, person, now, to)
        if before is not None and before.reviewer != signed.reviewer:  # who wrote one does not approve the next
            submitted = replace(submitted, excluded=tuple(sorted({*submitted.excluded, before.reviewer})))
        held.save(submitted, _act(person, "SUBMIT", now, {**self._facts(held, signed), "because": ruled.because}))

    # ---- a second person --------------------------------------------------------------------------------------------

    def approvals(self, person: Person) -> tuple[Approval, ...]:
        """What waits for a second person and this one may approve, by due time."""
        now, person = self._clock(), as_they_are(person, self._current)
        if not may(person, Permission.APPROVE):
            return ()
        with self._store.pool.connection() as connection:
            waiting = history.pending(connection, person.regions)
            firsts = decision_rows.first_opinions(connection, [task.task_id for task in waiting])
        return tuple(
            approval_of(task, first)
            for task in waiting
            if (first := firsts.get(task.task_id)) is not None and not why_not(person, task, first, now, self._policy)
        )

    def approve(self, task_id: str, person: Person, *, version: int) -> TaskState:
        """Put one's name beside a first opinion, which then goes out."""
        now, person = self._clock(), as_they_are(person, self._current)
        with self._audited(task_id, person, "APPROVE"), self._store.locked(task_id, version=version) as held:
            first = self._pending(held, person, now)
            signed = Signed(
                conclusion=first.conclusion,
                reviewer=first.reviewer,
                grade=first.grade,
                claimed_at=first.claimed_at,
                decided_at=now,
                guideline_version=first.guideline_version,
                approver=person.username,
            )
            act = _act(person, "APPROVE", now, {**self._facts(held, signed), "author": first.reviewer})
            is_returned = first.conclusion.outcome is ReviewOutcome.RETURN_TO_AUTO
            to = TaskState.RETURNED_TO_AUTO if is_returned else TaskState.DECIDED
            return decision_rows.finish(held, moves.decide(held.task, to), signed, act, self._decisions).state

    def send_back(
        self, task_id: str, person: Person, remark: str, *, version: int, unit_price: int | None = None
    ) -> TaskState:
        """Give a first opinion back to its author with a remark; the due time stays.

        With an own opinion (`unit_price`, yuan per m²) too far from the first, it goes to a panel instead.

        Raises:
            IncompleteDecisionError: There is no remark.
        """
        if len(remark.strip()) < SHORTEST_REMARK:
            found = Violation(field="remark", message=f"请写明退回原因，不少于{SHORTEST_REMARK}个字")
            raise IncompleteDecisionError((found,))
        try:
            return self._send_back(task_id, person, remark, version, unit_price)
        except UniqueViolation:  # a supervisor gave the author another task in this very moment
            raise TaskUnavailableError("估值人刚领取了其他任务，请再退回一次", self._found(task_id)[0]) from None

    def _send_back(self, task_id: str, person: Person, remark: str, version: int, unit_price: int | None) -> TaskState:
        now, person = self._clock(), as_they_are(person, self._current)
        author = self._found(task_id)[0].reviewer
        with self._audited(task_id, person, "SEND_BACK"), self._store.pool.connection() as connection:
            # The author's row before the task's, as in their own turns: what they take meanwhile waits for this.
            there = None if author is None else presence_rows.lock(connection, author, now)
            held = self._store.lock(connection, task_id, version=version)
            first = self._pending(held, person, now)
            decision_rows.send_first_back(held.connection, task_id, person.username, now, remark)
            theirs = first.conclusion.unit_price
            if unit_price and theirs and self._are_apart(unit_price, theirs):
                act = _act(person, "DISAGREE", now, {"unit_price": unit_price, "author": first.reviewer})
                held.save(replace(held.task, state=TaskState.PANEL), act)
                self._panels.open(held, because=self._apart_text(), at=now, excluded=(person.username,))
                return held.task.state
            is_there = there is not None and presence.as_of(there, now, self._policy).is_at_work
            is_free = is_there and not history.is_busy(held.connection, first.reviewer)
            returned = moves.send_back(held.task, now, self._policy, is_free=is_free)
            return held.save(returned, _act(person, "SEND_BACK", now, {"author": first.reviewer})).state

    def _pending(self, held: Held, person: Person, now: datetime) -> FirstOpinion:
        require(person, Permission.APPROVE, held.task.region)
        first = decision_rows.first_opinion(held.connection, held.task.task_id)
        if first is None or held.task.state is not TaskState.PENDING_APPROVAL:
            raise TaskUnavailableError("该任务不在待复核状态", held.task)
        refused = why_not(person, held.task, first, now, self._policy)
        if refused:
            raise NotAllowedError(refused)
        return first

    # ---- what they share ------------------------------------------------------------------------------------------

    def _facts(self, held: Held, signed: Signed) -> dict[str, Any]:
        """What the audit keeps of a decision: figures and versions, not the words."""
        review, conclusion = held.review, signed.conclusion
        model = review.scored.valuation
        return {
            "outcome": conclusion.outcome,
            "unit_price": conclusion.unit_price,
            "guideline_version": signed.guideline_version,
            "rules_version": review.policy.version,
            "model_version": None if model is None else f"{model.model.name} {model.model.version}",
            "from": held.task.state,
        }

    def _are_apart(self, one: int, other: int) -> bool:
        return distance(one, other) > self._policy.panel_spread

    def _apart_text(self) -> str:
        return f"两人意见相差超过{self._policy.panel_spread:.0%}"

    def _found(self, task_id: str) -> tuple[Task, ReviewRequested]:
        found = self._store.find(task_id)
        if found is None:
            raise TaskUnavailableError("没有这项任务", None)
        return found

    def _audited(self, task_id: str | None, person: Person, command: str) -> AbstractContextManager[None]:
        return refusals_audited(self._store, self._clock, person, command, task_id)


def _told(state: TaskState, outcome: ReviewOutcome) -> TaskState:
    """What a reviewer hears of where their task stands: of a sample what they would hear of any other."""
    elsewhere = {
        ReviewOutcome.CLARIFY: TaskState.WAIT_REPLY,
        ReviewOutcome.RETURN_TO_AUTO: TaskState.RETURNED_TO_AUTO,
    }
    return elsewhere.get(outcome, state)


def _act(person: Person, action: str, at: datetime, details: Mapping[str, Any]) -> Act:
    return Act(actor=person.username, action=action, at=at, details=details)
