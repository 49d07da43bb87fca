"""公告: what the people of a region, or all, are told. A mandatory one has to be read before work begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.knowledge.full_text import terms
from consumers.review_desk.people.staff import Person
from consumers.review_desk.regions import Region

_PUT: Final = """
    insert into bulletin (bulletin_id, title, text, mandatory, regions, published_at, published_by, words)
    values (%s, %s, %s, %s, %s, %s, %s, array_to_tsvector(%s))
"""
_OF_PERSON: Final = """
    select b.bulletin_id::text, b.title, b.text, b.mandatory, b.regions, b.published_at, b.published_by, r.read_at
    from bulletin b left join bulletin_read r on r.bulletin_id = b.bulletin_id and r.username = %(username)s
    where b.withdrawn_at is null and (b.regions = '{}' or b.regions && %(regions)s)
"""
_UNREAD: Final = f"{_OF_PERSON} and b.mandatory and r.read_at is null order by b.published_at"
_ALL: Final = f"{_OF_PERSON} order by b.published_at desc"
_FOUND: Final = f"{_OF_PERSON} and b.words @@ %(wanted)s::tsquery order by b.published_at desc"
_READ: Final = """
    insert into bulletin_read (bulletin_id, username, read_at)
    select bulletin_id, %s, %s from bulletin where bulletin_id = %s and withdrawn_at is null
    on conflict do nothing returning true
"""
_WITHDRAW: Final = (
    "update bulletin set withdrawn_at = %s where bulletin_id = %s and withdrawn_at is null returning true"
)
_READERS: Final = "select username, read_at from bulletin_read where bulletin_id = %s order by read_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """One bulletin, as one person has it: `read_at` is when they confirmed it (已阅). Empty `regions`: all."""

    bulletin_id: str
    title: str
    text: str
    mandatory: bool
    regions: tuple[Region, ...]
    published_at: datetime
    published_by: str
    read_at: datetime | None = None


_NAMES: Final = tuple(field.name for field in fields(Bulletin))


def put(connection: Connection[TupleRow], bulletin: Bulletin) -> None:
    """Keep a new bulletin."""
    words = terms(f"{bulletin.title} {bulletin.text}")
    named = [getattr(bulletin, name) for name in _NAMES if name not in {"regions", "read_at"}]
    number, title, text, mandatory, at, by = named
    connection.execute(_PUT, [number, title, text, mandatory, list(bulletin.regions), at, by, words])


def shown_to(connection: Connection[TupleRow], person: Person) -> tuple[Bulletin, ...]:
    """All that a person is to know, the latest first."""
    return _rows(connection, _ALL, person)


def unread(connection: Connection[TupleRow], person: Person) -> tuple[Bulletin, ...]:
    """The mandatory ones a person has not confirmed, the oldest first."""
    return _rows(connection, _UNREAD, person)


def found(connection: Connection[TupleRow], person: Person, wanted: str) -> tuple[Bulletin, ...]:
    """Those with all terms of a `tsquery`, the latest first."""
    return _rows(connection, _FOUND, person, wanted=wanted)


def confirm(connection: Connection[TupleRow], bulletin_id: str, username: str, at: datetime) -> bool:
    """Note that somebody has read one; whether that is new."""
    return connection.execute(_READ, [username, at, bulletin_id]).fetchone() is not None


def withdraw(connection: Connection[TupleRow], bulletin_id: str, at: datetime) -> bool:
    """Take one back; whether it was there."""
    return connection.execute(_WITHDRAW, [at, bulletin_id]).fetchone() is not None


def readers(connection: Connection[TupleRow], bulletin_id: str) -> Sequence[tuple[str, datetime]]:
    """Who has confirmed it, and when, the first first."""
    return [(row[0], row[1]) for row in connection.execute(_READERS, [bulletin_id])]


def _rows(connection: Connection[TupleRow], query: str, person: Person, **more: Any) -> tuple[Bulletin, ...]:
    values: Mapping[str, Any] = {"username": person.username, "regions": [*map(str, person.regions)], **more}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return tuple(Bulletin(**row | {"regions": tuple(map(Region, row["regions"]))}) for row in rows)
