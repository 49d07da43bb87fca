"""Panels in PostgreSQL, each statement inside the transaction of its caller."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row, dict_row

from consumers.review_desk.deciding.opinions import Opinion
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import Task
from schemas.codes import ReviewOutcome

_OPEN = "insert into panel (task_id, opened_at, because) values (%s, %s, %s)"
_STANDING: Final = "select because, chair from panel where task_id = %s"
_OPINIONS = """
    select d.task_id, d.reviewer, d.grade, d.outcome, d.unit_price, d.decided_at, d.confirmed_community_id,
        d.comparable_ids
    from decision d
    join task t on t.task_id = d.task_id
    where t.origin = %s and t.kind = 'OPINION' order by d.decided_at, d.task_id
"""
# Whoever has spoken gets no second seat. No version moves: others at work on theirs are not disturbed.
_EXCLUDE = """
    update task set excluded = array_append(excluded, %s)
    where origin = %s and kind = 'OPINION' and state not in ('DECIDED', 'CANCELLED')
"""
_SEATS = "where t.origin = %(origin)s and t.kind = 'OPINION' order by t.task_id for update"
_NAME_CHAIR = "update panel set chair = %s where task_id = %s"
_SPREAD = "update panel set spread = %s where task_id = %s"
_CLOSE = "update panel set spread = %s, chair = %s, rationale = %s, closed_at = %s where task_id = %s"
_OF_PERSON = """
    where t.state = 'PANEL' and (
        exists (
            select from task o join decision d on d.task_id = o.task_id
            where o.origin = t.task_id and o.kind = 'OPINION' and d.reviewer = %(username)s)
        or exists (select from panel p where p.task_id = t.task_id and p.chair = %(username)s))
    order by t.due_at, t.task_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Why a panel was called, and who is named to sum it up; `chair` is empty where the experts who sat on it may."""

    because: str
    chair: str | None


def open_panel(connection: Connection[TupleRow], task_id: str, because: str, at: datetime) -> None:
    """Add a panel on a task."""
    connection.execute(_OPEN, [task_id, at, because])


def standing(connection: Connection[TupleRow], task_id: str) -> Standing:
    """How the panel on a task stands."""
    with connection.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(_STANDING, [task_id]).fetchone() or Standing(because="", chair=None)


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
            confirmed_community_id=row["confirmed_community_id"],
            comparable_ids=tuple(row["comparable_ids"]),
        )
        for row in rows
    )


def locked_seats(connection: Connection[TupleRow], origin_id: str) -> tuple[Task, ...]:
    """Lock all seats there ever were on a task, and return them."""
    return select_tasks(connection, _SEATS, {"origin": origin_id})


def exclude(connection: Connection[TupleRow], origin_id: str, username: str) -> None:
    """Give no other seat to somebody who has spoken."""
    connection.execute(_EXCLUDE, [username, origin_id])


def keep_spread(connection: Connection[TupleRow], task_id: str, spread: Decimal) -> None:
    """Keep how far apart the opinions of a full panel lie."""
    connection.execute(_SPREAD, [spread, task_id])


def name_chair(connection: Connection[TupleRow], task_id: str, username: str) -> None:
    """Keep who is to sum up a panel."""
    connection.execute(_NAME_CHAIR, [username, task_id])


def close(
    connection: Connection[TupleRow], task_id: str, spread: Decimal, chair: str, rationale: str, at: datetime
) -> None:
    """Keep how a panel ended."""
    connection.execute(_CLOSE, [spread, chair, rationale.replace("\x00", "\ufffd"), at, task_id])


def of_person(connection: Connection[TupleRow], username: str) -> tuple[Task, ...]:
    """The tasks of the open panels that somebody sat on or is to sum up, by due time."""
    return select_tasks(connection, _OF_PERSON, {"username": username})
