"""Who may have which task, in which order, and who of several gets it (requirements 4.1, 4.4; RD2, RD3, RT4, GV6).

`may_have` is the rule; `queue_rows` puts the same question to the database for all tasks at once.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, Self

from consumers.review_desk.oversight.pauses import is_paused
from consumers.review_desk.people.eligibility import why_no_task
from consumers.review_desk.people.staff import Family, Grade, Person, families_of
from consumers.review_desk.policy import Assignment, DeskPolicy
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.regions import NEIGHBOURS, Region
from consumers.review_desk.task import Kind, Task
from schemas.domain.worktime import shanghai_date

# One point of priority counts like this much time to the due time. Routing gives 0 to 799 points (stage, channel, lane,
# money at risk), so no task waits behind one that is due more than seven hours after it.
POINT: Final = timedelta(seconds=30)

EXPERTS: Final = "EXPERTS"
_SENIOR: Final = frozenset({Grade.G3, Grade.G4})


class Circle(IntEnum):
    """How far out somebody stands from a task; the outer ones get it later."""

    MAIN = 0
    BACKUP = 1
    NEIGHBOUR = 2
    EXPERT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The queues a person serves, by how near they are: main skill, further skills, neighbouring regions.

    Who has no queue in the register is a generalist, and a back-up everywhere.
    """

    main: frozenset[str]
    backup: frozenset[str]
    neighbour: frozenset[str]
    is_generalist: bool
    is_expert: bool
    does_disputes: bool

    @property
    def groups(self) -> frozenset[str]:
        """The pools a task can be given to that this person belongs to."""
        own = self.main | self.backup
        return own | {EXPERTS} if self.is_expert else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who is ready, since `idle_since` without a task. `open_tasks`: how many they have on hold or waiting."""

    person: Person
    reach: Reach
    idle_since: datetime
    open_tasks: int = 0

    @classmethod
    def of(cls, person: Person, idle_since: datetime, open_tasks: int = 0) -> Self:
        """With their reach, which is worked out once for all tasks."""
        return cls(person=person, reach=reach_of(person), idle_since=idle_since, open_tasks=open_tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The desk at this moment: queues of which a main-skill person is free, and what is paused."""

    served: frozenset[str] = field(default_factory=frozenset)
    paused: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, main_queues: Iterable[str], paused: frozenset[str] = frozenset()) -> Self:
        """With people free whose main queues these are; a type without a class is everybody's main queue."""
        return cls(served=frozenset(_with_unclassed({queue for queue in main_queues if queue})), paused=paused)


NOBODY_FREE: Final = Floor()


def rank_at(task: Task) -> datetime:
    """The place of a task in the order: a lower one goes first. The task table keeps it as a generated column.

    It does not move while the task waits, and later tasks come behind it in the end, so each gets its turn.
    """
    return task.due_at - task.priority * POINT


def reach_of(person: Person) -> Reach:
    """Return what a person's skills let them serve. A type without a class is served by everybody of the region."""
    main = _with_unclassed({person.main_queue} if person.main_queue else set())
    skilled = {code for code, grade in person.skills.items() if grade >= 1 and "/" in code}
    backup = _with_unclassed(skilled) - main
    return Reach(
        main=frozenset(main),
        backup=frozenset(backup),
        neighbour=frozenset({_neighbour(queue) for queue in main | backup} - main - backup),
        is_generalist=not main | backup,
        is_expert=person.grade is Grade.G4,
        does_disputes=person.skills.get(Family.DISPUTE, 0) >= 1,
    )


def circle(task: Task, reach: Reach) -> Circle | None:
    """Return how far the person stands from the task; `None`: they never serve such tasks."""
    if task.kind is Kind.DISPUTE and reach.does_disputes:
        return Circle.MAIN
    if task.queue in reach.main:
        return Circle.BACKUP if task.kind is Kind.DISPUTE else Circle.MAIN
    if task.queue in reach.backup or reach.is_generalist:
        return Circle.BACKUP
    if task.queue in reach.neighbour:
        return Circle.NEIGHBOUR
    return Circle.EXPERT if reach.is_expert else None


def barred(  # noqa: PLR0911 - one return for each thing that may speak against it
    task: Task, person: Person, now: datetime, policy: DeskPolicy
) -> str | None:
    """Say in Chinese why this person may never have this task as things are; `None`: nothing speaks against it."""
    not_eligible = why_no_task(person, shanghai_date(now))
    if not_eligible is not None:
        return not_eligible
    if task.region not in person.regions:
        return "该案件不属于您负责的区域"
    conflict = conflict_in(task.communities, person)
    if conflict is not None:
        return conflict
    if person.username in task.excluded:
        return "您曾经办或复核该笔估值，须由他人处理"
    if task.kind is Kind.OPINION and person.grade not in _SENIOR:
        return "合议意见须由高级估值师或专家填写"
    highest = highest_value(person, policy)
    if highest is not None and task.model_value is not None and task.model_value > highest:
        return "该案件金额超出您的级别可以受理的范围"
    return None


def conflict_in(communities: Iterable[str], person: Person) -> str | None:
    """Say in Chinese that a person has an interest in one of these communities; `None`: in none."""
    return None if person.conflicts.isdisjoint(communities) else "您与该小区存在利益关系，须回避"


def may_have(task: Task, person: Person, now: datetime, policy: DeskPolicy, floor: Floor = NOBODY_FREE) -> str | None:
    """Say in Chinese why this person may not be given this task now; `None`: they may. Whether it is free: `moves`."""
    return barred(task, person, now, policy) or not_yet(task, person, reach_of(person), Opened.at(now, policy), floor)


def not_yet(task: Task, person: Person, reach: Reach, opened: Opened, floor: Floor) -> str | None:
    """Say in Chinese why a task that is not barred still is for others; `None`: it is not."""
    if is_paused(task.queue, floor.paused):
        return "该队列已由班长暂停派单"
    if task.preferred == person.username:
        return None
    if task.preferred is not None and (task.preferred_until is None or task.preferred_until > opened.now):
        return "该任务暂留给指定人员"
    if task.group is not None:
        return None if task.group in reach.groups else "该任务已转给专门小组"
    is_open = task.kind is Kind.OPINION or _is_open(task, reach, opened, floor)
    return None if is_open else "该任务不在您的技能范围内，或目前优先派给主技能人员"


def _is_open(task: Task, reach: Reach, opened: Opened, floor: Floor) -> bool:
    found = circle(task, reach)
    if reach.is_expert and (task.queued_at <= opened.experts or task.due_at <= opened.experts_due):
        return True
    if found is Circle.BACKUP:
        return task.queued_at <= opened.backup or task.queue not in floor.served
    return found is Circle.MAIN or (found is Circle.NEIGHBOUR and task.queued_at <= opened.neighbour)


def highest_value(person: Person, policy: DeskPolicy) -> int | None:
    """The model value, in yuan, up to which a grade takes cases; `None`: any.

    What somebody who may approve them can sign: G1 and G2 work under G3. Above an expert's ceiling a panel decides.
    """
    return None if person.grade in _SENIOR else policy.ceilings[Grade.G3].value


def choose(task: Task, candidates: Iterable[Candidate], policy: DeskPolicy) -> Candidate | None:
    """Return who of those that may have a task gets it; `None`: there are none.

    Whoever the task is kept for comes first, then the inner circle, then what the queue's policy says.
    """
    how = policy.assignment.get(task.queue, Assignment.LONGEST_IDLE)
    return min(candidates, key=lambda candidate: _standing(task, candidate, how), default=None)


def skill(task: Task, person: Person) -> int:
    """How well a person's skills fit a task: of its queue, and of each family of its reasons."""
    return person.skills.get(task.queue, 0) + sum(person.skills.get(family, 0) for family in families_of(task.reasons))


def _standing(task: Task, candidate: Candidate, how: Assignment) -> tuple[bool, int, int, datetime, str]:
    found = circle(task, candidate.reach)
    measure = {
        Assignment.LONGEST_IDLE: 0,
        Assignment.LEAST_LOAD: candidate.open_tasks,
        Assignment.BEST_SKILL: -skill(task, candidate.person),
    }[how]
    return (
        candidate.person.username != task.preferred,
        len(Circle) if found is None else found,
        measure,
        candidate.idle_since,
        candidate.person.username,
    )


def _with_unclassed(queues: Collection[str]) -> set[str]:
    return set(queues) | {f"{queue.partition('/')[0]}/" for queue in queues}


def _neighbour(queue: str) -> str:
    region, _, property_class = queue.partition("/")
    return f"{NEIGHBOURS[Region(region)]}/{property_class}"
