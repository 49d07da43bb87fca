"""Automatic assignment, and the sweep that lets rows say what time has done already. One pass each second.

Any number of desk processes may run it: one holds the lock of a pass, the others skip theirs.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, presence, presence_rows, queue_rows
from consumers.review_desk.queue.assignment import Candidate, Floor, barred, choose, not_yet
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.queue.settling import ACTOR, settle
from consumers.review_desk.queue.turn import subject_of
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import Task
from infra.postgres import audit
from infra.postgres.audit import Act

log = logging.getLogger(__name__)

_MOST_OF_A_QUEUE: Final = 50  # tasks looked at in a pass; the next one is a second away
_LOCK: Final = "select pg_try_advisory_xact_lock(hashtextextended(current_schema || '.dispatch', 0))"
_LOADS: Final = """
    select reviewer, count(*) from task where state in ('ON_HOLD', 'WAIT_SURVEY', 'PENDING_APPROVAL')
    and reviewer is not null group by reviewer
"""


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What one pass knows. Whoever is given something leaves `idle`."""

    now: datetime
    opened: Opened
    floor: Floor
    idle: dict[str, Candidate]

    def without(self, candidate: Candidate) -> None:
        """Go on without somebody."""
        del self.idle[candidate.person.username]
        self.floor = Floor.of({one.person.main_queue for one in self.idle.values()}, self.floor.paused)


class Dispatcher:
    """One pass after the other. Each task moved is a transaction of its own."""

    def __init__(
        self,
        store: TaskStore,
        people: Callable[[], Iterable[Person]],
        *,
        policy: DeskPolicy,
        why_not_ready: Callable[[Person], str | None],
    ) -> None:
        self._store, self._people, self._policy, self._why_not_ready = store, people, policy, why_not_ready

    def run_once(self, now: datetime) -> int:
        """Sweep, then offer what waits to those who are ready. Returns the number of offers made."""
        with self._store.pool.connection() as guard:
            row = guard.execute(_LOCK).fetchone()
            if row is None or not row[0]:
                return 0
            self._sweep(now)
            return self._offer_all(now)

    def _sweep(self, now: datetime) -> None:
        with self._store.pool.connection() as connection:
            lapsed = queue_rows.lapsed(connection, now)
            here = presence_rows.stored(connection)
        for task_id, username in lapsed:
            self._settle(task_id, username, now)
        for one in here:
            if presence.as_of(one, now, self._policy) is not one:
                self._mark_lost(one.username, now)

    def _settle(self, task_id: str, username: str | None, now: datetime) -> None:
        """Let one row catch up. One that cannot is logged, and keeps neither the others nor the offers waiting."""
        try:
            with self._store.pool.connection() as connection:
                if username is not None:
                    presence_rows.lock(connection, username, now)
                settle(connection, self._store, task_id, now, self._policy)
        except Exception:
            log.exception("a task could not be settled; it is tried again", extra={"task_id": task_id})

    def _mark_lost(self, username: str, now: datetime) -> None:
        with self._store.pool.connection() as connection:
            stored = presence_rows.lock(connection, username, now)
            lost = presence.as_of(stored, now, self._policy)
            if lost is stored:
                return
            presence_rows.put(connection, lost)
            details = {"from": str(stored.state), "to": str(lost.state), "reason": lost.reason}
            audit.append(connection, subject_of(username), Act(actor=ACTOR, action="PRESENCE", at=now, details=details))

    def _offer_all(self, now: datetime) -> int:
        with self._store.pool.connection() as connection:
            ready = {
                one.username: one.idle_since
                for one in presence_rows.everybody(connection, now, self._policy)
                if one.state is PresenceState.READY
            }
            if not ready:
                return 0
            floor = presence_rows.floor(connection, now, self._policy)
            tasks = queue_rows.waiting(connection, now, floor, _MOST_OF_A_QUEUE)
            loads = {str(username): int(count) for username, count in connection.execute(_LOADS)}
        if not tasks:
            return 0
        idle = {
            person.username: Candidate.of(person, ready[person.username], loads.get(person.username, 0))
            for person in self._people()
            if person.username in ready
        }
        this = _Pass(now=now, opened=Opened.at(now, self._policy), floor=floor, idle=idle)
        return sum(self._offer(task, this) for task in tasks if this.idle)

    def _offer(self, task: Task, this: _Pass) -> bool:
        chosen = self._chosen(task, this)
        if chosen is None or not self._offered(task, chosen.person, this.now):
            return False
        this.without(chosen)
        return True

    def _chosen(self, task: Task, this: _Pass) -> Candidate | None:
        """Who gets it. Asked only of them: whether something has to be read first, since they became ready."""
        while True:
            able = (one for one in this.idle.values() if self._may_have(task, one, this))
            chosen = choose(task, able, self._policy)
            if chosen is None or self._why_not_ready(chosen.person) is None:
                return chosen
            this.without(chosen)

    def _may_have(self, task: Task, one: Candidate, this: _Pass) -> bool:
        return (
            not_yet(task, one.person, one.reach, this.opened, this.floor) is None
            and barred(task, one.person, this.now, self._policy) is None
        )

    def _offered(self, task: Task, person: Person, now: datetime) -> bool:
        """Offer, unless person or task have moved on since the pass looked."""
        with self._store.pool.connection() as connection:
            presence_rows.lock(connection, person.username, now)
            there = presence_rows.find(connection, person.username, now, self._policy)
            held = self._store.lock(connection, task.task_id)
            is_ready = there.state is PresenceState.READY
            if not is_ready or held.task.version != task.version or not moves.is_free(held.task, now):
                return False
            act = Act(actor=ACTOR, action="OFFER", at=now, details={"to": person.username})
            held.save(moves.offer(held.task, person, now, self._policy), act)
            return True
