"""The register of the people at the desk. Every change is audited; one that takes rights away ends their sessions."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import refusals_kept
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool

SUBJECT: Final = "staff"
_NAMES: Final = tuple(field.name for field in fields(Person))
_OF_RIGHTS: Final = (
    "roles",
    "regions",
    "grade",
    "employer",
    "site",
    "hired_on",
    "certified_until",
    "conflicts",
    "is_active",
)  # what a session rests on
COLUMNS: Final = ", ".join(f"staff.{name}" for name in _NAMES)

_PEOPLE = f"select {COLUMNS} from staff order by username"
_FIND = f"select {COLUMNS} from staff where username = %s"
_PUT = f"""
    insert into staff ({", ".join(_NAMES)}) values ({", ".join(f"%({name})s" for name in _NAMES)})
    on conflict (username) do update
    set ({", ".join(_NAMES)}) = ({", ".join(f"excluded.{name}" for name in _NAMES)})
"""
_SIGNS_WITH: Final = "select signing_no from signing_given where username = %s"
_GIVE: Final = "insert into signing_given (signing_no, username) values (%s, %s) on conflict do nothing"
_NEXT_SIGNING_NO: Final = "select next_signing_no()"
_KEEP_OUT = "select 1 from staff where username = %s for update"
_SET_HASH = "update staff set password_hash = %s where username = %s"
_END_SESSIONS = "delete from session where username = %s"


class StaffRegister:
    """People in PostgreSQL. Conflicts of interest are kept by supervisors too, all else by administrators."""

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime]) -> None:
        """Prepare; `clock` gives the instant now, in UTC."""
        self._pool, self._clock = pool, clock

    def person(self, username: str) -> Person | None:
        """Return somebody as the register has them, active or not."""
        with self._pool.connection() as connection:
            return find(connection, username)

    def people(self) -> tuple[Person, ...]:
        """Return everybody, by user name, those retired too."""
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return tuple(person_of(row) for row in cursor.execute(_PEOPLE.encode()).fetchall())

    def put(self, person: Person, by: Person | str, *, password_hash: str | None = None) -> None:
        """Keep somebody as given, new or not. `by` is the name of a program where nobody is logged in.

        Raises:
            NotAllowedError: `by` may not change that; audited.
        """
        self.put_all((person,), by, password_hashes={} if password_hash is None else {person.username: password_hash})

    def put_all(
        self, people: Iterable[Person], by: Person | str, *, password_hashes: Mapping[str, str] | None = None
    ) -> None:
        """Keep several in one transaction, so all or none. Raises as `put` does."""
        given = tuple(people)
        actor = by.username if isinstance(by, Person) else by
        names = (person.username for person in given)
        with self._refusals_audited(actor, *names), self._pool.connection() as connection:
            for person in given:
                self._put_checked(connection, _lock(connection, person.username), person, by)
            for username, digest in (password_hashes or {}).items():
                self._set_hash(connection, username, digest, actor)

    def put_if_absent(self, person: Person, *, password_hash: str) -> bool:
        """Keep somebody whom the settings name, unless they are known; return whether they were new."""
        with self._pool.connection() as connection:
            if _lock(connection, person.username) is not None:
                return False
            self._put(connection, None, person, "settings")
            self._set_hash(connection, person.username, password_hash, "settings")
        return True

    def set_conflicts(self, username: str, communities: frozenset[str], by: Person) -> None:
        """Say which communities somebody may not value.

        Raises:
            NotAllowedError: `by` may not; audited.
            LookupError: Nobody has that user name.
        """
        self._amend(username, by, lambda person: replace(person, conflicts=communities))

    def retire(self, username: str, by: Person | str) -> None:
        """Take somebody's access away, everywhere and at once. Raises as `set_conflicts` does."""
        self._amend(username, by, lambda person: replace(person, is_active=False))

    def _amend(self, username: str, by: Person | str, change: Callable[[Person], Person]) -> None:
        """Change one thing of somebody as they are under the lock, so that no change made meanwhile is undone."""
        actor = by.username if isinstance(by, Person) else by
        with self._refusals_audited(actor, username), self._pool.connection() as connection:
            before = _lock(connection, username)
            if before is None:
                raise LookupError(f"没有用户名为 {username} 的人员")
            self._put_checked(connection, before, change(before), by)

    def _put_checked(
        self, connection: Connection[TupleRow], before: Person | None, person: Person, by: Person | str
    ) -> None:
        if isinstance(by, Person):
            require(by, _needed(before, person))
            _spare_themselves(before, person, by)
        self._put(connection, before, person, by.username if isinstance(by, Person) else by)

    def _put(self, connection: Connection[TupleRow], before: Person | None, person: Person, actor: str) -> None:
        person = replace(person, signing_no=_signing_no(connection, person))
        changed = changes(before, person)
        if not changed:
            return
        connection.execute(_PUT.encode(), _values(person))
        action = "STAFF_ADDED" if before is None else "STAFF_CHANGED"
        details = {"username": person.username, "changed": changed}
        audit.append(connection, SUBJECT, Act(actor=actor, action=action, at=self._clock(), details=details))
        if before is not None and any(name in changed for name in _OF_RIGHTS):
            connection.execute(_END_SESSIONS, [person.username])

    def _set_hash(self, connection: Connection[TupleRow], username: str, digest: str, actor: str) -> None:
        connection.execute(_SET_HASH, [digest, username])
        connection.execute(_END_SESSIONS, [username])
        act = Act(actor=actor, action="PASSWORD_SET", at=self._clock(), details={"username": username})
        audit.append(connection, SUBJECT, act)

    def _refusals_audited(self, actor: str, *usernames: str) -> AbstractContextManager[None]:
        details = {"usernames": list(usernames)}
        return refusals_kept(self._pool, self._clock, actor, details, lambda: SUBJECT)


def find(connection: Connection[TupleRow], username: str) -> Person | None:
    """Return somebody, inside a transaction of the caller's."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_FIND.encode(), [username]).fetchone()
    return None if row is None else person_of(row)


def person_of(row: Mapping[str, Any]) -> Person:
    """Return the person of a row that has their columns."""
    values = {name: row[name] for name in _NAMES}
    return Person(
        **values
        | {
            "grade": Grade(row["grade"]),
            "roles": frozenset(map(Role, row["roles"])),
            "regions": frozenset(map(Region, row["regions"])),
            "skills": MappingProxyType(dict(row["skills"])),
            "conflicts": frozenset(row["conflicts"]),
        }
    )


def changes(before: Person | None, after: Person) -> dict[str, Any]:
    """Return what differs: field → [before, after], JSON-ready."""
    old = {} if before is None else _plain(before)
    return {name: [old.get(name), value] for name, value in _plain(after).items() if old.get(name) != value}


def _needed(before: Person | None, after: Person) -> Permission:
    changed = changes(before, after)
    return Permission.EDIT_CONFLICTS if before is not None and set(changed) <= {"conflicts"} else Permission.EDIT_STAFF


def _spare_themselves(before: Person | None, after: Person, by: Person) -> None:
    """Nobody changes their own rights, and so the last administrator cannot lock the door from outside."""
    if after.username != by.username or before is None:
        return
    if not set(changes(before, after)).isdisjoint({*_OF_RIGHTS, "skills"}):
        raise NotAllowedError("不能修改本人的权限、证书、技能与回避关系")


def _signing_no(connection: Connection[TupleRow], person: Person) -> str:
    """What a person signs with: what they were ever given, else as given now, else the next one.

    It stands on reports in the place of a name, so nobody's is ever changed, and none is given to another, whoever
    holds it today.

    Raises:
        NotAllowedError: Another number is wanted for somebody who has one, or one that is another's.
    """
    row = connection.execute(_SIGNS_WITH, [person.username]).fetchone()
    if row is not None:
        if person.signing_no not in {"", row[0]}:
            raise NotAllowedError(f"签字编号 {row[0]} 已编定，报告以此签署，不得更改为 {person.signing_no}")
        return str(row[0])
    given = person.signing_no or _next_signing_no(connection)
    if connection.execute(_GIVE, [given, person.username]).rowcount == 0:
        raise NotAllowedError(f"签字编号 {given} 已属他人或曾属他人，请另给一个，或留空由系统编号")
    return given


def _next_signing_no(connection: Connection[TupleRow]) -> str:
    row = connection.execute(_NEXT_SIGNING_NO).fetchone()
    return "" if row is None else str(row[0])


def _lock(connection: Connection[TupleRow], username: str) -> Person | None:
    connection.execute(_KEEP_OUT, [username])
    return find(connection, username)


def _values(person: Person) -> dict[str, Any]:
    values = {name: getattr(person, name) for name in _NAMES}
    plain = _plain(person)
    return (
        values | {name: plain[name] for name in ("roles", "regions", "conflicts")} | {"skills": Jsonb(plain["skills"])}
    )


def _plain(person: Person) -> dict[str, Any]:
    values = {name: getattr(person, name) for name in _NAMES}
    return values | {
        "roles": sorted(map(str, person.roles)),
        "regions": sorted(map(str, person.regions)),
        "skills": dict(person.skills),
        "conflicts": sorted(person.conflicts),
        "hired_on": person.hired_on.isoformat(),
        "certified_until": None if person.certified_until is None else person.certified_until.isoformat(),
        "grade": str(person.grade),
    }
