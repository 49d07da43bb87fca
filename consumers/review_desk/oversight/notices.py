"""Notices (公告): what people of the desk are told on top of their screens, until it is over or they have seen it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.regions import Region

LONGEST_NOTICE: Final = 500
_MOST_SHOWN: Final = 3
_LOOK_BACK: Final = timedelta(days=14)  # an unseen notice to somebody on leave; an older one helps nobody

_WRITE = """
    insert into notice (severity, text, written_by, written_at, shown_until, roles, regions, people)
    values (%s, %s, %s, %s, %s, %s, %s, %s) returning notice_id
"""
_SHOWN = """
    select n.notice_id, n.severity, n.text, n.written_by, n.written_at, n.shown_until, n.roles, n.regions, n.people
    from notice n
    where n.written_at > %(since)s and (n.shown_until is null or n.shown_until > %(now)s)
      and not exists (select 1 from notice_seen s where s.notice_id = n.notice_id and s.username = %(username)s)
    order by case n.severity when 'URGENT' then 0 when 'WARNING' then 1 else 2 end, n.notice_id desc
"""
_SEEN = "insert into notice_seen (notice_id, username, seen_at) values (%s, %s, %s) on conflict do nothing"


class Severity(StrEnum):
    """How loud a notice is: 通知, 提醒, 紧急."""

    INFO = "INFO"
    WARNING = "WARNING"
    URGENT = "URGENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice. Empty `roles` or `regions`: of every role, in every region. `people`: for these alone.

    `notice_id` 0: worked out when asked for and kept nowhere, so that it cannot be acknowledged.
    """

    notice_id: int = 0
    severity: Severity
    text: str
    written_by: str
    written_at: datetime
    shown_until: datetime | None = None
    roles: frozenset[Role] = frozenset()
    regions: frozenset[Region] = frozenset()
    people: frozenset[str] = frozenset()

    def is_for(self, person: Person) -> bool:
        """Whether a person is meant."""
        if self.people:
            return person.username in self.people
        of_role = not self.roles or person.has(*self.roles)
        return of_role and (not self.regions or not self.regions.isdisjoint(person.regions))


def few(found: tuple[Notice, ...], now: datetime) -> tuple[Notice, ...]:
    """The first of them and how many more there are: a page full of notices would hide the work they are about."""
    if len(found) <= _MOST_SHOWN:
        return found
    text = f"另有 {len(found) - _MOST_SHOWN} 条，知悉以上后显示"
    return (*found[:_MOST_SHOWN], Notice(severity=Severity.INFO, text=text, written_by="desk", written_at=now))


def write(connection: Connection[TupleRow], notice: Notice) -> int:
    """Keep a notice, inside a transaction of the caller's, and return its id."""
    told = (sorted(notice.roles), sorted(notice.regions), sorted(notice.people))
    values = (notice.severity, notice.text, notice.written_by, notice.written_at, notice.shown_until, *told)
    row = connection.execute(_WRITE, values).fetchone()
    return 0 if row is None else int(row[0])


def tell(connection: Connection[TupleRow], username: str, text: str, *, by: str, at: datetime) -> None:
    """Tell one person what a supervisor did to their work. Stays until they have seen it."""
    told = frozenset({username})
    write(connection, Notice(severity=Severity.WARNING, text=text, written_by=by, written_at=at, people=told))


def shown_to(connection: Connection[TupleRow], person: Person, now: datetime) -> tuple[Notice, ...]:
    """What a person has to see now: the most urgent first, then the newest."""
    values = {"since": now - _LOOK_BACK, "now": now, "username": person.username}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SHOWN, values).fetchall()
    found = (
        Notice(
            **row
            | {
                "severity": Severity(row["severity"]),
                "roles": frozenset(map(Role, row["roles"])),
                "regions": frozenset(map(Region, row["regions"])),
                "people": frozenset(row["people"]),
            }
        )
        for row in rows
    )
    return tuple(notice for notice in found if notice.is_for(person))


def seen(connection: Connection[TupleRow], notice_id: int, person: Person, at: datetime) -> None:
    """Note that a person has seen a notice. A second call changes nothing."""
    connection.execute(_SEEN, [notice_id, person.username, at])
