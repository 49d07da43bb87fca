"""Passing a task on and asking about it, inside a person's turn. Draft and notes go with it; the due time stays."""

from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue import moves, notes, presence_rows
from consumers.review_desk.queue.assignment import EXPERTS, barred
from consumers.review_desk.queue.notes import NoteKind
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.queue.turn import Turn
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskUnavailableError


def transfer(turn: Turn, task_id: str, to: Person, note: str) -> Task:
    """To a colleague, who must be somebody that may have it."""
    held = turn.own(task_id)
    why = barred(held.task, to, turn.now, turn.policy)
    if why is not None:
        raise NotAllowedError(f"不能转给该同事：{why}" if not held.task.blind else "不能转给该同事，请另选一位")
    there = presence_rows.find(turn.connection, to.username, turn.now, turn.policy)
    is_ready = there.state is PresenceState.READY
    moved = moves.transfer(held.task, turn.person, to, turn.now, turn.policy, is_ready=is_ready)
    write(turn, task_id, note, NoteKind.TRANSFER)
    return held.save(moved, turn.act("TRANSFER", {"to": to.username}))


def to_group(turn: Turn, task_id: str, group: str, note: str) -> Task:
    """To a pool of people."""
    held = turn.own(task_id)
    if not is_group(group):
        raise TaskUnavailableError("没有这个小组，请从列表中选择", held.task)
    moved = moves.to_group(held.task, turn.person, group, turn.now, turn.policy)
    write(turn, task_id, note, NoteKind.TRANSFER)
    return held.save(moved, turn.act("TO_GROUP", {"group": group}))


def consult(turn: Turn, task_id: str, colleague: Person, question: str) -> int:
    """Ask a colleague who might have the task; it stays. Returns the number of the question.

    Why a colleague may not is not said: it would tell that they had a part in the case. An opinion is one's own.
    """
    held = turn.own(task_id)
    if held.task.kind is Kind.OPINION or barred(held.task, colleague, turn.now, turn.policy) is not None:
        raise NotAllowedError("不能就本案咨询该同事，请另选一位或独立判断")
    held.note(turn.act("CONSULT", {"of": colleague.username}))
    return notes.ask(turn.connection, task_id, turn.person.username, colleague.username, question, turn.now)


def answer(turn: Turn, consultation_id: int, text: str) -> None:
    """Answer what the person was asked, once."""
    asked = notes.find_consultation(turn.connection, consultation_id)
    if asked is None or asked.asked_of != turn.person.username:
        raise NotAllowedError("该咨询不是向您提出的")
    if asked.answer is not None:
        raise TaskUnavailableError("该咨询已经答复", turn.lock(asked.task_id).task)
    notes.answer(turn.connection, consultation_id, text, turn.now)
    turn.lock(asked.task_id).note(turn.act("CONSULTED", {"by": asked.asked_by}))


def write(turn: Turn, task_id: str, text: str, kind: NoteKind) -> None:
    """Add a note of the person's."""
    notes.write(turn.connection, task_id, turn.person.username, turn.now, text, kind)


def is_group(group: str) -> bool:
    """Whether there is such a pool: the experts, or a region's queue."""
    region, slash, _ = group.partition("/")
    return group == EXPERTS or (bool(slash) and region in set(Region))
