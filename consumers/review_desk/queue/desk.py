"""What people do with tasks: be there, get one, keep it, put it aside, pass it on. Deciding: `decisions.py`."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from consumers.review_desk.deciding.case import masked
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.eligibility import why_no_task
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import claiming, moves, notes, passing_on, presence, presence_rows, queue_rows
from consumers.review_desk.queue.afresh import as_they_are
from consumers.review_desk.queue.dispatch import Dispatcher
from consumers.review_desk.queue.drafts import storable
from consumers.review_desk.queue.notes import Consultation, Note, NoteKind
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.queue.presence import Presence, PresenceState
from consumers.review_desk.queue.turn import Turn, subject_of, turn_of
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import IncompleteCommandError, NotAllowedError, Task, TaskState
from infra.postgres import audit
from schemas.domain.worktime import shanghai_date

_MOST_SHOWN: Final = 500
_DUE_SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MyWork:
    """What a person has before them. `due_soon`: of that, what is due within an hour."""

    presence: Presence
    offered: Task | None
    working: Task | None
    held: tuple[Task, ...]
    due_soon: tuple[Task, ...]
    consultations: tuple[Consultation, ...]


class Desk:
    """Tasks and people. Each method is one transaction.

    Refusals: `TaskUnavailableError` for what the state of things forbids, `IncompleteCommandError` for what the person
    has still to say or do, `NotAllowedError` for what they may not do, which is audited.
    """

    def __init__(
        self,
        store: TaskStore,
        people: Callable[[], Iterable[Person]],
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        why_not_ready: Callable[[Person], str | None] = lambda _: None,
        current: Callable[[str], Person | None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            store: The tasks.
            people: Everybody in the register, for automatic assignment and transfers.
            policy: Times and limits.
            clock: The instant now, in UTC.
            why_not_ready: Says in Chinese what somebody has to do before they get tasks (bulletins to be read).
            current: Somebody as they count at this moment, for who asks may be as they were hours ago; without it,
                they count as they come.
        """
        self.store, self.policy, self.clock = store, policy, clock
        self._people, self._why_not_ready, self._current = people, why_not_ready, current
        self._dispatcher = Dispatcher(store, people, policy=policy, why_not_ready=why_not_ready)

    # ---- looking ----------------------------------------------------------------------------------------------------

    def my_work(self, person: Person) -> MyWork:
        """Return what the person has in hand, and how they stand."""
        now = self.clock()
        with self.store.pool.connection() as connection:
            here = presence_rows.find(connection, person.username, now, self.policy)
            mine = queue_rows.in_hand(connection, person.username, now)
            asked = notes.consultations_for(connection, person.username)
        return MyWork(
            presence=here,
            offered=next((task for task in mine if task.state is TaskState.OFFERED), None),
            working=next((task for task in mine if task.state is TaskState.WORKING), None),
            held=tuple(task for task in mine if task.state is TaskState.ON_HOLD),
            due_soon=tuple(task for task in mine if task.due_at <= now + _DUE_SOON),
            consultations=asked,
        )

    def pool(self, person: Person) -> tuple[Task, ...]:
        """Return what the person may take now, in the order of the queue (公共池)."""
        now = self.clock()
        if why_no_task(person, shanghai_date(now)) is not None:
            return ()
        with self.store.pool.connection() as connection:
            floor = presence_rows.floor(connection, now, self.policy)
            asked = queue_rows.question(person, Opened.at(now, self.policy), self.policy, floor)
            free = queue_rows.pool(connection, asked, _MOST_SHOWN)
        return tuple(moves.as_of(task, now) for task in free)

    def waiting(self, person: Person) -> tuple[Task, ...]:
        """Return all open tasks of the person's regions in their order, for supervisors.

        Who could be given one sees them as reviewers do, so that no sample is known before it is valued.
        """
        now = self.clock()
        with self.store.pool.connection() as connection:
            found = queue_rows.open_tasks(connection, person, _MOST_SHOWN)
        settled = tuple(moves.as_of(task, now) for task in found)
        return tuple(map(masked, settled)) if may(person, Permission.WORK) else settled

    def presences(self) -> tuple[Presence, ...]:
        """Return everybody who was ever at the desk, as they are now."""
        with self.store.pool.connection() as connection:
            return presence_rows.everybody(connection, self.clock(), self.policy)

    # ---- being there ------------------------------------------------------------------------------------------------

    # `by_themselves` false: a supervisor does it, which is no sign that the person is there.

    def ready(self, person: Person, *, by_themselves: bool = True) -> Presence:
        """Be given tasks from now on. Refused to whoever may have none, and before mandatory bulletins are read."""
        with self._getting(person, by_themselves=by_themselves) as turn:
            turn.require_ready()
            claiming.require_eligible(turn)
            return self._become(turn, PresenceState.READY)

    def take_break(self, person: Person, reason: str, *, by_themselves: bool = True) -> Presence:
        """Be given nothing; an offer goes back, and what is in work stays."""
        said = _said(reason, "请填写暂离原因")
        with self._turn(person, by_themselves=by_themselves) as turn:
            _hand_back(turn, TaskState.OFFERED)
            return self._become(turn, PresenceState.BREAK, said)

    def wrap_up(self, person: Person) -> Presence:
        """Be offered nothing for `policy.wrap_up`, to finish what the last task needs; then be ready by itself."""
        with self._turn(person) as turn:
            _hand_back(turn, TaskState.OFFERED)
            return self._become(turn, PresenceState.WRAP_UP)

    def leave(self, person: Person, *, by_themselves: bool = True) -> Presence:
        """Go: what is offered, in work and on hold goes back to the queue, with its drafts."""
        with self._turn(person, by_themselves=by_themselves) as turn:
            _hand_back(turn, TaskState.OFFERED, TaskState.WORKING, TaskState.ON_HOLD)
            return self._become(turn, PresenceState.OFFLINE)

    def heartbeat(
        self, person: Person, task_id: str | None = None, draft: Mapping[str, Any] | None = None
    ) -> Task | None:
        """Show a sign of life, and keep the draft of the task in work. No version moves: nothing was decided.

        Returns the task as it is now. Raises `TaskUnavailableError` where the person has lost it, and
        `IncompleteCommandError` for a draft that cannot be kept, which is a sign of life all the same.
        """
        try:
            typed = None if draft is None else storable(draft)
        except IncompleteCommandError:
            self.heartbeat(person, task_id)
            raise
        with self._turn(person) as turn:
            queue_rows.keep(turn.connection, person.username, turn.now, self.policy)
            if task_id is None:
                return None
            held = turn.own(task_id)
            if typed is not None:
                queue_rows.keep_draft(turn.connection, task_id, Jsonb(typed))
            return held.task

    # ---- getting one ------------------------------------------------------------------------------------------------

    def claim_next(self, person: Person) -> Task | None:
        """Take the next task, straight to work: the one in hand or on offer, else the first of the queue.

        Whoever takes a task is ready, whatever they were before.
        """
        with self._getting(person) as turn:
            if turn.is_at_work:
                return claiming.claim_next(turn)
        self.ready(person)
        with self._getting(person) as turn:
            return claiming.claim_next(turn)

    def claim(self, task_id: str, person: Person) -> Task:
        """Take this task from the pool. The one in work already is given again; another one in work is a refusal."""
        with self._getting(person, task_id) as turn:
            if turn.is_at_work:
                return claiming.claim(turn, task_id)
        self.ready(person)
        with self._getting(person, task_id) as turn:
            return claiming.claim(turn, task_id)

    def accept(self, task_id: str, person: Person) -> Task:
        """Take what is offered."""
        with self._getting(person, task_id) as turn:
            return claiming.accept(turn, task_id)

    def refuse(self, task_id: str, person: Person, reason: str) -> Presence:
        """Give an offer back. The third missed in a row is a break."""
        with self._turn(person, task_id) as turn:
            turn.move(task_id, "REFUSE", lambda task: moves.refuse(task, person, turn.now), {"reason": reason.strip()})
            counted = presence.missed(replace(turn.presence, seen_at=turn.now), turn.now, self.policy)
            presence_rows.put(turn.connection, counted)
            return counted

    # ---- keeping it, putting it aside -------------------------------------------------------------------------------

    def renew(self, task_id: str, person: Person) -> Task:
        """Extend the lease, once."""
        with self._turn(person, task_id) as turn:
            return turn.move(task_id, "RENEW", lambda task: moves.renew(task, person, turn.now, self.policy))

    def release(self, task_id: str, person: Person) -> Task:
        """Give the task back, with its draft."""
        with self._turn(person, task_id) as turn:
            return turn.move(task_id, "RELEASE", lambda task: moves.release(task, person, turn.now))

    def hold(self, task_id: str, person: Person, reason: str, until: datetime) -> Task:
        """Put the task aside; the clock runs on. The reason becomes a note."""
        said = _said(reason, "请填写挂起原因")
        with self._turn(person, task_id) as turn:
            on_hold = len(turn.in_hand(TaskState.ON_HOLD))
            held = turn.move(
                task_id,
                "HOLD",
                lambda task: moves.hold(task, person, turn.now, self.policy, until=until, already_held=on_hold),
                {"until": until.isoformat()},
            )
            passing_on.write(turn, task_id, said, NoteKind.HOLD)
            return held

    def resume(self, task_id: str, person: Person) -> Task:
        """Go on with a task on hold."""
        with self._getting(person, task_id) as turn:
            turn.require_free_hands()
            held = turn.lock(task_id)
            resumed = moves.resume(held.task, turn.person, turn.now, self.policy)
            turn.require_able(held.task)
            return held.save(resumed, turn.act("RESUME"))

    # ---- passing it on, and asking ----------------------------------------------------------------------------------

    def transfer(self, task_id: str, person: Person, to: str, note: str) -> Task:
        """Pass the task on to a colleague, with draft and notes. A fourth time a supervisor decides."""
        said, colleague = _said(note, "请填写转交说明"), self._colleague(to, person)
        with self._turn(person, task_id, beside=colleague.username) as turn:
            return passing_on.transfer(turn, task_id, colleague, said)

    def to_group(self, task_id: str, person: Person, group: str, note: str) -> Task:
        """Pass the task on to a pool: `EXPERTS`, or a queue (`YANGTZE_DELTA/RESIDENTIAL`). Counts as a transfer."""
        said = _said(note, "请填写转交说明")
        with self._turn(person, task_id) as turn:
            return passing_on.to_group(turn, task_id, group, said)

    def consult(self, task_id: str, person: Person, colleague: str, question: str) -> int:
        """Ask a colleague about the task in work, which stays where it is. Returns the number of the question."""
        said, asked = _said(question, "请填写要咨询的问题"), self._colleague(colleague, person)
        with self._turn(person, task_id) as turn:
            return passing_on.consult(turn, task_id, asked, said)

    def answer_consultation(self, consultation_id: int, person: Person, text: str) -> None:
        """Answer a colleague's question, once."""
        said = _said(text, "请填写答复")
        with self._turn(person) as turn:
            passing_on.answer(turn, consultation_id, said)

    def consultations(self, task_id: str) -> tuple[Consultation, ...]:
        """Return the questions about a task, with their answers."""
        with self.store.pool.connection() as connection:
            return notes.consultations_of(connection, task_id)

    def notes(self, task_id: str, person: Person) -> tuple[Note, ...]:
        """Return the notes of a task, the oldest first. Refused outside the person's regions."""
        with self._turn(person, task_id) as turn:
            if turn.lock(task_id).task.region not in person.regions:
                raise NotAllowedError("该案件不属于您负责的区域")
            return notes.of_task(turn.connection, task_id)

    def add_note(self, task_id: str, person: Person, text: str) -> None:
        """Write a note to the task in work."""
        said = _said(text, "请填写备注内容")
        with self._turn(person, task_id) as turn:
            turn.own(task_id).note(turn.act("NOTE"))
            passing_on.write(turn, task_id, said, NoteKind.NOTE)

    # ---- by itself --------------------------------------------------------------------------------------------------

    def dispatch(self, now: datetime) -> int:
        """Make one pass of automatic assignment and sweeping; returns the number of offers. See `dispatch.py`."""
        return self._dispatcher.run_once(now)

    # ---- what the commands are made of ------------------------------------------------------------------------------

    def _turn(
        self, person: Person, task_id: str | None = None, *, by_themselves: bool = True, beside: str = ""
    ) -> AbstractContextManager[Turn]:
        return turn_of(
            person, self.store, self.policy, self.clock(), task_id, by_themselves=by_themselves, beside=beside
        )

    def _getting(
        self, person: Person, task_id: str | None = None, *, by_themselves: bool = True
    ) -> AbstractContextManager[Turn]:
        """A turn of somebody who wants a task: as they are now, and with what they have to do before."""
        who = as_they_are(person, self._current)
        return turn_of(
            who,
            self.store,
            self.policy,
            self.clock(),
            task_id,
            by_themselves=by_themselves,
            to_do_first=self._why_not_ready(who),
        )

    def _become(self, turn: Turn, state: PresenceState, reason: str = "") -> Presence:
        before = presence.as_of(turn.presence, turn.now, self.policy)
        turned = presence.turned(before, state, turn.now, reason).serving(turn.person.main_queue)
        after = replace(turned, seen_at=turn.seen_at)
        presence_rows.put(turn.connection, after)
        said = turn.act("PRESENCE", {"from": str(before.state), "to": str(state), "reason": reason})
        audit.append(turn.connection, subject_of(turn.person.username), said)
        return after

    def _colleague(self, username: str, person: Person) -> Person:
        found = next((one for one in self._people() if one.username == username and one.is_active), None)
        if found is None or found.username == person.username:
            raise IncompleteCommandError("请选择一位同事")
        return found


def _hand_back(turn: Turn, *states: TaskState) -> None:
    for task in turn.in_hand(*states):
        turn.move(task.task_id, "HAND_BACK", moves.free)


def _said(text: str, otherwise: str) -> str:
    said = text.strip()
    if not said:
        raise IncompleteCommandError(otherwise)
    return said
