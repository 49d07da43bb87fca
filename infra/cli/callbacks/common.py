"""What every command of `avm callbacks` does: open the room, read days and spans, and print."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import psycopg
import typer
from psycopg import Connection
from psycopg.rows import TupleRow
from rich.console import Console
from rich.table import Table

from consumers.callbacks.loop import ROOM
from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect
from schemas.catalogue import BANK_ANSWERS
from schemas.domain import channels
from schemas.domain.worktime import SHANGHAI

_SPANS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_PATIENTLY: Final = "set statement_timeout = '10min'"  # one command may put a whole day's deliveries in line again

OfChannel = Annotated[str | None, typer.Option("--channel", help="Only this channel.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@contextmanager
def room() -> Iterator[Connection[TupleRow]]:
    """A connection of the callbacks' room with its tables in place; commits at the end. Raises `CommandError`."""
    dsn = settings_in_force().postgres.dsn.get_secret_value()
    try:
        migrate(dsn, room=ROOM)
        with connect(dsn, room=ROOM) as connection:
            connection.execute(_PATIENTLY)
            yield connection
    except psycopg.OperationalError as error:
        raise CommandError(f"the database is away ({type(error).__name__}); AVM_POSTGRES__DSN names it") from error


def bank_channel(code: str) -> str:
    """The channel's own code, of it or an older name. Raises `CommandError`."""
    found = channels.find(code)
    if found is None or found.code not in BANK_ANSWERS:
        raise CommandError(f"{code!r} is no channel of a bank system; there are {', '.join(BANK_ANSWERS)}")
    return found.code


def day_of(text: str, option: str) -> date:
    """A day as YYYY-MM-DD. Raises `CommandError`."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} {text!r} is no day; write YYYY-MM-DD, e.g. 2026-03-02") from error


def span(text: str, option: str) -> timedelta:
    """A span such as 30m, 12h, 3d. Raises `CommandError`."""
    number, unit = text[:-1], text[-1:]
    if not number.isdigit() or unit not in _SPANS:
        raise CommandError(f"{option} {text!r} is no span; write e.g. 30m, 12h or 3d")
    return int(number) * _SPANS[unit]


def instant_of(text: str | None) -> datetime | None:
    """An instant, or so long ago; without a zone it is Shanghai's. Raises `CommandError`."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return utc_now() - span(text, "--since")
    return (instant if instant.tzinfo else instant.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def tell(
    whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None, *, as_json: bool, nothing: str = ""
) -> None:
    """Print `whole` as JSON, or the rows as a table; without rows (`None`) `whole` on one line."""
    if as_json:
        print(json.dumps(whole, ensure_ascii=False, default=_text))
        return
    if rows is None:
        print(", ".join(f"{name}: {_text(value)}" for name, value in whole.items()))
        return
    if not rows:
        print(nothing)
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_text(cell) for cell in row.values()))
    Console(width=200).print(table)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)
