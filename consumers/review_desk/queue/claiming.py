"""Getting a task, inside a person's turn: what is in hand or on offer, the first of the queue, or one of the pool."""

from consumers.review_desk.people.eligibility import why_no_task
from consumers.review_desk.queue import moves, presence, presence_rows, queue_rows
from consumers.review_desk.queue.assignment import may_have
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.queue.settling import settle
from consumers.review_desk.queue.turn import Turn
from consumers.review_desk.store import Held
from consumers.review_desk.task import NotAllowedError, Task, TaskState, TaskUnavailableError
from schemas.domain.worktime import shanghai_date


def require_eligible(turn: Turn) -> None:
    """Refuse whoever may have no task at all."""
    why = why_no_task(turn.person, shanghai_date(turn.now))
    if why is not None:
        raise NotAllowedError(why)


def claim_next(turn: Turn) -> Task | None:
    """The task in work, else the one on offer, else the first of the queue; `None` when nothing is free."""
    require_eligible(turn)
    mine = settled(turn)
    for task in mine:
        if task.state is TaskState.WORKING:
            return task
    for task in mine:
        if task.state is TaskState.OFFERED:
            return _accepted(turn, task.task_id)
    turn.require_ready()
    floor = presence_rows.floor(turn.connection, turn.now, turn.policy)
    asked = queue_rows.question(turn.person, Opened.at(turn.now, turn.policy), turn.policy, floor)
    task_id = queue_rows.next_for(turn.connection, asked)
    return None if task_id is None else _claimed(turn, turn.lock(task_id))


def claim(turn: Turn, task_id: str) -> Task:
    """This task, if it is free and open to the person; the one in work already is given again."""
    require_eligible(turn)
    settled(turn)
    held = turn.lock(task_id)
    if held.task.worked_on_by(turn.person.username, turn.now):
        return held.task
    turn.require_free_hands()
    if held.task.is_held(turn.now) and held.task.reviewer == turn.person.username:
        return _accepted(turn, task_id)
    if moves.is_free(held.task, turn.now):
        _require_open(turn, held.task)
    turn.require_ready()
    return _claimed(turn, held)


def accept(turn: Turn, task_id: str) -> Task:
    """What is offered to the person."""
    require_eligible(turn)
    turn.require_free_hands()
    settled(turn)
    return _accepted(turn, task_id)


def settled(turn: Turn) -> tuple[Task, ...]:
    """What the person has in hand. What they have lost without having noticed goes back before."""
    rows = queue_rows.named_on(turn.connection, turn.person.username)
    lost = [task for task in rows if moves.is_free(task, turn.now)]
    for task in lost:
        settle(turn.connection, turn.store, task.task_id, turn.now, turn.policy)
    return tuple(task for task in rows if task not in lost)


def _require_open(turn: Turn, task: Task) -> None:
    """Refuse a task that is free, but not for this person, or not yet."""
    turn.require_able(task)
    floor = presence_rows.floor(turn.connection, turn.now, turn.policy)
    why = may_have(moves.as_of(task, turn.now), turn.person, turn.now, turn.policy, floor)
    if why is not None:
        raise TaskUnavailableError(why, task)


def _accepted(turn: Turn, task_id: str) -> Task:
    turn.require_ready()
    held = turn.lock(task_id)
    accepted = moves.accept(held.task, turn.person, turn.now, turn.policy)
    turn.require_able(held.task)
    return _took(turn, held.save(accepted, turn.act("ACCEPT")))


def _claimed(turn: Turn, held: Held) -> Task:
    return _took(turn, held.save(moves.claim(held.task, turn.person, turn.now, turn.policy), turn.act("CLAIM")))


def _took(turn: Turn, task: Task) -> Task:
    presence_rows.put(turn.connection, presence.busy(turn.presence, turn.now).serving(turn.person.main_queue))
    return task
