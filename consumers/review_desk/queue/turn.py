"""A person's turn: one command, one transaction, the person's row locked first and the tasks after it.

So one command of somebody's is done after the other, and two people's commands never wait for each other in a circle.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from consumers.review_desk.people.audited_refusals import refusals_kept, subject_of_task
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import presence_rows, queue_rows
from consumers.review_desk.queue.assignment import barred
from consumers.review_desk.queue.presence import Presence, as_of
from consumers.review_desk.store import Held, TaskStore
from consumers.review_desk.task import IncompleteCommandError, NotAllowedError, Task, TaskState, TaskUnavailableError
from infra.postgres.audit import Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a command works with. `presence` is as stored when the turn began; `seen_at`: their last sign of life.

    `to_do_first` (Chinese): what the person has to do before they get another task.
    """

    connection: Connection[TupleRow]
    store: TaskStore
    policy: DeskPolicy
    person: Person
    presence: Presence
    now: datetime
    seen_at: datetime
    to_do_first: str | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether the person was there, and to be given tasks, before this turn."""
        return as_of(self.presence, self.now, self.policy).is_at_work

    def act(self, action: str, details: Mapping[str, Any] | None = None) -> Act:
        """Something this person does now."""
        return Act(actor=self.person.username, action=action, at=self.now, details=details or {})

    def lock(self, task_id: str) -> Held:
        """Lock a task."""
        return self.store.lock(self.connection, task_id)

    def move(
        self, task_id: str, action: str, rule: Callable[[Task], Task], details: Mapping[str, Any] | None = None
    ) -> Task:
        """Make a task what the rule makes of it."""
        held = self.lock(task_id)
        return held.save(rule(held.task), self.act(action, details))

    def own(self, task_id: str) -> Held:
        """Lock the task that the person works on. Refused where it is not in their hands."""
        held = self.lock(task_id)
        if not held.task.worked_on_by(self.person.username, self.now):
            raise TaskUnavailableError("该任务已不在您手上：可能已超时退回，或由班长调整", held.task)
        return held

    def in_hand(self, *states: TaskState) -> tuple[Task, ...]:
        """What the person has in these states."""
        mine = queue_rows.in_hand(self.connection, self.person.username, self.now)
        return tuple(task for task in mine if task.state in states)

    def require_able(self, task: Task) -> None:
        """Refuse a task that the person may not have, as they and the task are now."""
        why = barred(task, self.person, self.now, self.policy)
        if why is not None:
            raise NotAllowedError(why)

    def require_ready(self) -> None:
        """Refuse another task before what has to be done first is done."""
        if self.to_do_first is not None:
            raise IncompleteCommandError(self.to_do_first)

    def require_free_hands(self) -> None:
        """Refuse while another task is in work."""
        for task in self.in_hand(TaskState.WORKING):
            raise TaskUnavailableError("请先完成、挂起或退回手上的任务", task)


@contextmanager
def turn_of(  # noqa: PLR0913 - what a turn consists of
    person: Person,
    store: TaskStore,
    policy: DeskPolicy,
    now: datetime,
    task_id: str | None = None,
    *,
    by_themselves: bool = True,
    beside: str = "",
    to_do_first: str | None = None,
) -> Iterator[Turn]:
    """Give the person a turn. What they may not do is audited in another transaction.

    `by_themselves`: it is a sign of life, too; false for what somebody else does in their name. `beside`: a colleague
    whom the command concerns; their row is locked too, both in the order of user names.
    """
    details = {"task_id": task_id}
    refusals = refusals_kept(
        store.pool,
        lambda: now,
        person.username,
        details,
        lambda: subject_of_task(store, task_id) or subject_of(person.username),
    )
    try:
        with refusals, store.pool.connection() as connection:
            begin = presence_rows.seen if by_themselves else presence_rows.lock
            if beside and beside < person.username:
                presence_rows.lock(connection, beside, now)
            stored = begin(connection, person.username, now)
            if beside > person.username:
                presence_rows.lock(connection, beside, now)
            yield Turn(
                connection=connection,
                store=store,
                policy=policy,
                person=person,
                presence=stored,
                now=now,
                seen_at=now if by_themselves else stored.seen_at,
                to_do_first=to_do_first,
            )
    except UniqueViolation:  # a supervisor, whose command begins with no row of the person's, was quicker
        raise TaskUnavailableError("您已有处理中的任务，请先办结或挂起", None) from None


def subject_of(username: str) -> str:
    """The subject under which the audit keeps somebody's coming and going."""
    return f"presence/{username}"
