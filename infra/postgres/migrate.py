"""Brings a room's tables up to date from the plain SQL files in `migrations/`.

A file is named `NNNN_<room>.sql`, or `NNNN_<room>__<what>.sql`; those of the room `shared` (offsets, outbox) go into
every room's schema. An applied file never changes: another one follows it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

FOLDER = Path(__file__).parent / "migrations"

_NAME = re.compile(r"(?P<number>\d{4})_(?P<room>[a-z_]+?)(?:__\w+)?\.sql\Z")
_SHARED = "shared"
_RECORD = """
    create table if not exists migration (
        name text primary key, sha256 text not null, applied_at timestamptz not null default now()
    )
"""


class MigrationChangedError(Exception):
    """A file that was applied before has another content now. Restore it, and put the change into a new file."""

    def __init__(self, name: str) -> None:
        super().__init__(f"migration {name} was applied with another content; restore it and add a new file instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file, read."""

    name: str
    sha256: str
    text: str


def migrations_of(room: str, folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Return what belongs to a room, in order.

    Raises:
        ValueError: A file is not named as it should be, or two have the same number.
    """
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _NAME.match(path.name)
        if parts is None:
            raise ValueError(f"{path.name} is not named NNNN_room.sql or NNNN_room__what.sql")
        if parts["number"] in found:
            raise ValueError(f"{path.name} and {found[parts['number']].name} have the same number")
        text = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        found[parts["number"]] = Migration(name=path.name, sha256=digest, text=text)
    return tuple(file for file in found.values() if _room_of(file) in {_SHARED, room})


def _room_of(file: Migration) -> str:
    parts = _NAME.match(file.name)
    return "" if parts is None else parts["room"]


def pending(files: Sequence[Migration], applied: Mapping[str, str]) -> tuple[Migration, ...]:
    """Return the files still to apply, given name and digest of those applied.

    An applied name that has no file belongs to a newer release, which may run beside this one.

    Raises:
        MigrationChangedError: An applied file has another digest.
    """
    for file in files:
        if applied.get(file.name, file.sha256) != file.sha256:
            raise MigrationChangedError(file.name)
    return tuple(file for file in files if file.name not in applied)


def migrate(dsn: str, *, room: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """Apply what is pending, each file in a transaction of its own, and return the names.

    Safe to call from several processes at once: one works, the others wait and find nothing left.

    Raises:
        MigrationChangedError: See there; nothing was applied.
        psycopg.Error: The database is away, or a file is wrong; earlier files stay applied.
    """
    files = migrations_of(room, folder)
    with psycopg.connect(dsn, autocommit=True, application_name=f"avm-{room}-migrate") as connection:
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [f"avm.migrate.{room}"])
        _enter(connection, room)
        applied: dict[str, str] = dict(connection.execute("select name, sha256 from migration").fetchall())
        waiting = pending(files, applied)
        for file in waiting:
            _apply(connection, file)
    return tuple(file.name for file in waiting)


def _enter(connection: Connection[TupleRow], room: str) -> None:
    schema = sql.Identifier(room)
    connection.execute(sql.SQL("create schema if not exists {}").format(schema))
    connection.execute(sql.SQL("set search_path to {}").format(schema))
    connection.execute(_RECORD)


def _apply(connection: Connection[TupleRow], file: Migration) -> None:
    with connection.transaction():
        connection.execute(file.text.encode())
        connection.execute("insert into migration (name, sha256) values (%s, %s)", [file.name, file.sha256])
