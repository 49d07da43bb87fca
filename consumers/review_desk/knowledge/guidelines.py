"""指引与公告: versioned guidelines with search, and bulletins that have to be read (requirements RD13).

Every change of a guideline makes a new version of the whole set; a decision keeps the version that was in force.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.knowledge import bulletins
from consumers.review_desk.knowledge.bulletins import Bulletin
from consumers.review_desk.knowledge.full_text import contains, excerpt, query, terms
from consumers.review_desk.knowledge.guideline_set import (
    Guideline,
    GuidelineDraft,
    GuidelineError,
    as_of,
    check,
    check_words,
    first_set,
    for_task,
    in_force,
    next_version,
)
from consumers.review_desk.people.access import Permission
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Person
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Task
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool

SUBJECT: Final = "guidelines"

_COLUMNS: Final = tuple(field.name for field in fields(Guideline))
_SELECT: Final = f"select {', '.join(_COLUMNS)} from guideline"
_FOUND: Final = f"{_SELECT} where words @@ %s::tsquery"
_PUT: Final = f"""
    insert into guideline ({", ".join(_COLUMNS)}, words) values ({", ".join(["%s"] * len(_COLUMNS))},
    array_to_tsvector(%s)) on conflict do nothing
"""
_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended(current_schema || '.guideline', 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: a guideline of the set in force or a bulletin, and the place in its text."""

    title: str
    excerpt: str
    guideline: Guideline | None = None
    bulletin: Bulletin | None = None


class Guidelines:
    """The desk's guidelines and bulletins. Safe to use from several threads."""

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """Nothing happens before the first call, which puts the first set where there is none."""
        self._pool, self._clock, self._new_id = pool, clock, new_id

    # ---- guidelines -------------------------------------------------------------------------------------------------

    def in_force(self) -> tuple[Guideline, ...]:
        """The set in force now, by title."""
        return in_force(self._every(), self._clock())

    def version_in_force(self) -> str:
        """The version of the set in force, kept with every decision."""
        every, now = self._every(), self._clock()
        begun = [one for one in every if one.in_force_at <= now]
        return max(begun or every, key=lambda one: one.number).version

    def for_case(self, task: Task) -> tuple[Guideline, ...]:
        """Those that concern a task by its city, property class and reasons, the most particular first."""
        return for_task(self.in_force(), task)

    def versions(self, guideline_id: str) -> tuple[Guideline, ...]:
        """Every version of one guideline, the latest first."""
        mine = [one for one in self._every() if one.guideline_id == guideline_id]
        return tuple(sorted(mine, key=lambda one: -one.number))

    def as_of(self, version: str) -> tuple[Guideline, ...]:
        """The whole set as a decision under this version had it."""
        return as_of(self._every(), version)

    def search(self, text: str, person: Person | None = None) -> tuple[Found, ...]:
        """Guidelines in force, and a person's bulletins, that say all of this; those that say it in the title first."""
        wanted = query(text)
        if not wanted:
            return ()
        current = {(one.guideline_id, one.number) for one in self.in_force()}
        with self._pool.connection() as connection:
            guidelines = _rows(connection, _FOUND, [wanted])
            told = bulletins.found(connection, person, wanted) if person else ()
        hits = [
            Found(title=one.title, excerpt=excerpt(one.text, text), guideline=one)
            for one in guidelines
            if (one.guideline_id, one.number) in current and contains(f"{one.title} {one.text}", text)
        ]
        hits += [
            Found(title=one.title, excerpt=excerpt(one.text, text), bulletin=one)
            for one in told
            if contains(f"{one.title} {one.text}", text)
        ]
        return tuple(sorted(hits, key=lambda hit: (not contains(hit.title, text), hit.title)))

    def publish(self, person: Person, draft: GuidelineDraft, *, in_force_at: datetime | None = None) -> Guideline:
        """Publish a guideline, new or changed or withdrawn, as the next version of the set, from now or from then on.

        Raises:
            GuidelineError: Something in it is missing or wrong, or it would be in force before the last version.
            NotAllowedError: This person may not.
        """
        now = self._clock()
        demand(self._pool, person, Permission.WRITE_GUIDELINES, now)
        check(draft)
        with self._pool.connection() as connection:
            connection.execute(_LOCK)
            every = self._loaded(connection)
            latest = max(every, key=lambda one: one.number)
            begins = in_force_at or max(now, latest.in_force_at)
            if begins < max(now, latest.in_force_at):
                raise GuidelineError("in_force_at", "生效时间不得早于现在，也不得早于上一版本的生效时间")
            if draft.withdrawn and draft.guideline_id not in {one.guideline_id for one in every}:
                raise GuidelineError("guideline_id", "没有这项指引，不能停用")
            made = Guideline(
                guideline_id=draft.guideline_id,
                version=next_version(latest.version, now),
                number=latest.number + 1,
                title=draft.title.strip(),
                text=draft.text.strip(),
                cities=draft.cities,
                skills=draft.skills,
                families=draft.families,
                in_force_at=begins,
                published_at=now,
                published_by=person.username,
                withdrawn=draft.withdrawn,
            )
            _put(connection, made)
            details = {"guideline_id": made.guideline_id, "version": made.version, "in_force_at": begins.isoformat()}
            action = "WITHDRAW_GUIDELINE" if made.withdrawn else "PUBLISH_GUIDELINE"
            audit.append(connection, SUBJECT, Act(actor=person.username, action=action, at=now, details=details))
        return made

    # ---- bulletins --------------------------------------------------------------------------------------------------

    def bulletins(self, person: Person) -> tuple[Bulletin, ...]:
        """All bulletins for a person, the latest first."""
        with self._pool.connection() as connection:
            return bulletins.shown_to(connection, person)

    def unread_mandatory(self, person: Person) -> tuple[Bulletin, ...]:
        """The mandatory bulletins this person has still to read, the oldest first."""
        with self._pool.connection() as connection:
            return bulletins.unread(connection, person)

    def why_not_ready(self, person: Person) -> str | None:
        """In Chinese what this person has to read before they get tasks; `None`: nothing. For `Desk`."""
        unread = self.unread_mandatory(person)
        if not unread:
            return None
        return f"请先在“指引与公告”阅读并确认必读公告：{'、'.join(f'《{one.title}》' for one in unread)}"

    def mark_read(self, bulletin_id: str, person: Person) -> None:
        """已阅. A second time changes nothing; one that is not there is no error."""
        now = self._clock()
        with suppress(ValueError), self._pool.connection() as connection:
            if bulletins.confirm(connection, str(UUID(bulletin_id)), person.username, now):
                act = Act(actor=person.username, action="READ_BULLETIN", at=now, details={"bulletin_id": bulletin_id})
                audit.append(connection, SUBJECT, act)

    def publish_bulletin(
        self, person: Person, title: str, text: str, *, mandatory: bool, regions: tuple[Region, ...] = ()
    ) -> Bulletin:
        """Tell the people of these regions, or all. Raises `GuidelineError`, `NotAllowedError`."""
        now = self._clock()
        demand(self._pool, person, Permission.WRITE_GUIDELINES, now)
        check_words(title, text)
        made = Bulletin(
            bulletin_id=str(self._new_id()),
            title=title.strip(),
            text=text.strip(),
            mandatory=mandatory,
            regions=regions,
            published_at=now,
            published_by=person.username,
        )
        details = {"bulletin_id": made.bulletin_id, "mandatory": mandatory, "regions": [*map(str, regions)]}
        with self._pool.connection() as connection:
            bulletins.put(connection, made)
            act = Act(actor=person.username, action="PUBLISH_BULLETIN", at=now, details=details)
            audit.append(connection, SUBJECT, act)
        return made

    def withdraw_bulletin(self, bulletin_id: str, person: Person) -> None:
        """Take a bulletin back; nobody has to read it any more. Raises `NotAllowedError`."""
        now = self._clock()
        demand(self._pool, person, Permission.WRITE_GUIDELINES, now)
        with suppress(ValueError), self._pool.connection() as connection:
            if bulletins.withdraw(connection, str(UUID(bulletin_id)), now):
                details = {"bulletin_id": bulletin_id}
                act = Act(actor=person.username, action="WITHDRAW_BULLETIN", at=now, details=details)
                audit.append(connection, SUBJECT, act)

    # ---- rows -------------------------------------------------------------------------------------------------------

    def _every(self) -> tuple[Guideline, ...]:
        with self._pool.connection() as connection:
            return self._loaded(connection)

    def _loaded(self, connection: Connection[TupleRow]) -> tuple[Guideline, ...]:
        every = _rows(connection, _SELECT, [])
        if every:
            return every
        for one in first_set():
            _put(connection, one)
        return _rows(connection, _SELECT, [])


def _put(connection: Connection[TupleRow], one: Guideline) -> None:
    values = [_storable(getattr(one, name)) for name in _COLUMNS]
    connection.execute(_PUT.encode(), [*values, terms(f"{one.title} {one.text}")])


def _rows(connection: Connection[TupleRow], select: str, values: list[Any]) -> tuple[Guideline, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(select.encode(), values).fetchall()
    return tuple(_guideline(row) for row in rows)


def _guideline(row: dict[str, Any]) -> Guideline:
    lists = {name: tuple(row[name]) for name in ("cities", "skills", "families")}
    return Guideline(**row | lists)


def _storable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
