"""What people at the desk write to each other about a task. It stays at the desk: no event carries any of it (RD12)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

_WRITE: Final = "insert into task_note (task_id, author, written_at, kind, text) values (%s, %s, %s, %s, %s)"
_NOTES: Final = """
    select note_id, task_id::text, author, written_at, kind, text from task_note where task_id = %s order by note_id
"""
_COLUMNS: Final = """
    select consultation_id, task_id::text, asked_by, asked_of, question, asked_at, answer, answered_at from consultation
"""
_ASK: Final = """
    insert into consultation (task_id, asked_by, asked_of, question, asked_at) values (%s, %s, %s, %s, %s)
    returning consultation_id
"""
_FIND: Final = f"{_COLUMNS} where consultation_id = %s for update"
_OPEN_OF: Final = f"{_COLUMNS} where asked_of = %s and answer is null order by consultation_id"
_OF_TASK: Final = f"{_COLUMNS} where task_id = %s order by consultation_id"
_ANSWER: Final = "update consultation set answer = %s, answered_at = %s where consultation_id = %s"


class NoteKind(StrEnum):
    """What a note came with."""

    NOTE = "NOTE"
    TRANSFER = "TRANSFER"
    HOLD = "HOLD"
    QUESTION = "QUESTION"
    ANSWER = "ANSWER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note."""

    note_id: int
    task_id: str
    author: str
    written_at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """A colleague is asked about a task, which stays where it is."""

    consultation_id: int
    task_id: str
    asked_by: str
    asked_of: str
    question: str
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None


def write(
    connection: Connection[TupleRow], task_id: str, author: str, now: datetime, text: str, kind: NoteKind
) -> None:
    """Add a note."""
    connection.execute(_WRITE, [task_id, author, now, kind, text.replace("\x00", "\ufffd")])


def of_task(connection: Connection[TupleRow], task_id: str) -> tuple[Note, ...]:
    """All notes of a task, the oldest first."""
    with connection.cursor(row_factory=class_row(Note)) as cursor:
        return tuple(cursor.execute(_NOTES, [task_id]).fetchall())


def ask(
    connection: Connection[TupleRow], task_id: str, asked_by: str, asked_of: str, question: str, now: datetime
) -> int:
    """Add a question, and return its number."""
    row = connection.execute(_ASK, [task_id, asked_by, asked_of, question.replace("\x00", "\ufffd"), now]).fetchone()
    return 0 if row is None else int(row[0])


def find_consultation(connection: Connection[TupleRow], consultation_id: int) -> Consultation | None:
    """Lock a question and return it."""
    with connection.cursor(row_factory=class_row(Consultation)) as cursor:
        return cursor.execute(_FIND.encode(), [consultation_id]).fetchone()


def answer(connection: Connection[TupleRow], consultation_id: int, text: str, now: datetime) -> None:
    """Keep the answer to a question."""
    connection.execute(_ANSWER, [text.replace("\x00", "\ufffd"), now, consultation_id])


def consultations_for(connection: Connection[TupleRow], username: str) -> tuple[Consultation, ...]:
    """The questions that wait for somebody's answer, the oldest first."""
    with connection.cursor(row_factory=class_row(Consultation)) as cursor:
        return tuple(cursor.execute(_OPEN_OF.encode(), [username]).fetchall())


def consultations_of(connection: Connection[TupleRow], task_id: str) -> tuple[Consultation, ...]:
    """All questions about a task, the oldest first."""
    with connection.cursor(row_factory=class_row(Consultation)) as cursor:
        return tuple(cursor.execute(_OF_TASK.encode(), [task_id]).fetchall())
