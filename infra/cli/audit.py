"""`avm audit`: check the audit's chains, take them out as a file, and replay a valuation from them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer
from psycopg import Connection
from psycopg.rows import TupleRow
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, settings_in_force, utc_now
from infra.postgres import audit
from infra.postgres.audit import Line
from infra.postgres.audit_check import Verdict, lines_of, verify
from infra.postgres.audit_file import export, verify_file
from infra.postgres.pool import connect
from schemas.domain.rounding import total
from schemas.ids import valuation_id as id_of

app = typer.Typer(help="Check, export and replay the audit.", no_args_is_help=True)

_ROOMS: Final = {"desk": "review_desk", "ledger": "ledger"}
_CONCLUDES: Final = frozenset({"DECIDE", "APPROVE", "PANEL_DECIDE", "CLARIFY", "RETURN_TO_AUTO"})
_STAYS: Final = frozenset({"AUDIT", "SECOND_READING", "SEEDED", "OPINION"})  # decisions of these go nowhere
_COMPARED: Final = ("outcome", "unit_price", "guideline_version")

Room = Annotated[str | None, typer.Option("--room", help="`desk` or `ledger`; both where it is left out.")]
Subject = Annotated[str | None, typer.Option("--subject", help="One chain: a valuation's id, `staff`, `gateway`, …")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ValuationId = Annotated[str, typer.Argument(metavar="VALUATION_ID", help="Its id, or CHANNEL:REQUEST-NUMBER.")]


@app.command("verify")
def verify_command(
    room: Room = None,
    subject: Subject = None,
    file: Annotated[Path | None, typer.Option("--file", help="An exported file instead of the database.")] = None,
    anchor: Annotated[
        str | None, typer.Option("--anchor", help="Hash of a seal noted elsewhere (log, export).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every line, every chain's end and every seal; exit code 1 when anything is wrong."""
    if file is not None:
        verdicts = {file.name: _of_file(file)}
    else:
        verdicts = {}
        for name in _chosen(room):
            with _room(name) as connection:
                verdicts[name] = verify(connection, subject=subject, anchor=anchor)
    if subject is not None and not any(verdict.lines or verdict.broken for verdict in verdicts.values()):
        raise CommandError(f"there is no chain of {subject!r}; give a valuation's id, `staff`, `desk` or `gateway`")
    _tell(verdicts, as_json=as_json)
    if not all(verdict.is_sound for verdict in verdicts.values()):
        raise typer.Exit(1)


@app.command("export")
def export_command(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; a manifest comes beside it.")],
    room: Annotated[str, typer.Option("--room", help="`desk` or `ledger`.")],
) -> None:
    """Seal what is open, then write all lines and seals as JSON Lines; `avm audit verify --file` checks them."""
    (name,) = _chosen(room)
    with _room(name) as connection:
        audit.seal(connection, utc_now())
        connection.commit()
        manifest = export(connection, out, room=name, at=utc_now())
    typer.echo(json.dumps(manifest))


@app.command()
def show(valuation: ValuationId, room: Room = None, as_json: AsJson = False) -> None:
    """Show the chain of a valuation, or of any other subject."""
    subject = _subject(valuation)
    found: dict[str, tuple[Line, ...]] = {}
    for name in _chosen(room):
        with _room(name) as connection:
            found[name] = lines_of(connection, subject)
    if as_json:
        lines = {name: [asdict(line) | {"at": audit.instant(line.at)} for line in told] for name, told in found.items()}
        typer.echo(json.dumps(lines, ensure_ascii=False))
        return
    console = Console()
    for name, told in found.items():
        table = Table("#", "at", "actor", "action", "details", title=f"{name}: {subject}")
        for line in told:
            table.add_row(str(line.sequence), audit.instant(line.at), line.actor, line.action, line.details)
        console.print(table)


@app.command("replay")
def replay_command(valuation: ValuationId, as_json: AsJson = False) -> None:
    """Rebuild the answer of a valuation from its chains and hold it against what was published; 1 when they differ."""
    from consumers.ledger.replayed import NothingToReplayError, replay

    subject = _subject(valuation)
    with _room("ledger") as connection:
        verdict = verify(connection, subject=subject)
        try:
            replayed = replay(connection, subject, codec(settings_in_force()))
        except NothingToReplayError as error:
            raise CommandError(f"the ledger knows no valuation {subject}; give its id, or CHANNEL:NUMBER") from error
    with _room("desk") as connection:
        at_desk = lines_of(connection, subject)
        connection.rollback()
        verdict_of_desk = verify(connection, subject=subject)
    differences = [
        *map(str, (*verdict.defects, *verdict_of_desk.defects)),
        *replayed.differences,
        *_of_decision(at_desk, replayed.decided, replayed.result),
    ]
    answer = {name: value for name, value in replayed.rebuilt.items() if value is not None}
    if as_json:
        told = {"valuation_id": subject, "steps": len(replayed.steps), "desk_steps": len(at_desk)}
        typer.echo(json.dumps(told | {"answer": answer, "differences": differences}, default=str, ensure_ascii=False))
    else:
        for step in replayed.steps:
            typer.echo(f"{audit.instant(step.at)}  {step.actor:<28} {step.action:<20} {step.fault or 'fits'}")
        typer.echo(f"rebuilt: {', '.join(f'{name} {value}' for name, value in answer.items()) or 'no answer yet'}")
        typer.echo("\n".join(differences) or "the replay gives what was published")
    if differences:
        raise typer.Exit(1)


def _of_decision(lines: tuple[Line, ...], decided: Any, result: Any) -> Iterator[str]:
    """What does not fit between the desk's chain, the decision that went out, and the answer it led to."""
    told = [json.loads(line.details) for line in lines if line.action in _CONCLUDES]
    concluded = [one for one in told if one.get("kind") not in _STAYS]
    if decided is None:
        return
    if not concluded:
        yield "Decided: the desk's chain has no such decision"
        return
    for name in _COMPARED:
        if name in concluded[-1] and concluded[-1][name] != decided.get(name):
            said = f"the desk's chain says {concluded[-1][name]!r}, published is {decided.get(name)!r}"
            yield f"Decided.{name}: {said}"
    price = concluded[-1].get("unit_price")
    if result is None or price is None or not result.human_touched:
        return
    value = total(price, result.area_m2) if result.area_m2 is not None else None
    if value is not None and result.value != value:
        yield f"value: the desk's price gives {value}, published is {result.value}"


def _tell(verdicts: dict[str, Verdict], *, as_json: bool) -> None:
    if as_json:
        told = {
            name: asdict(verdict) | {"sound": verdict.is_sound, "defects": [str(found) for found in verdict.defects]}
            for name, verdict in verdicts.items()
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for name, verdict in verdicts.items():
        typer.echo(
            f"{name}: {'sound' if verdict.is_sound else 'BROKEN'}; {verdict.lines:,} lines in {verdict.chains:,} "
            f"chains, {verdict.seals:,} seals, {verdict.unsealed:,} chains moved since the last"
        )
        if verdict.last_seal:
            typer.echo(f"  last seal {verdict.last_seal}")
        for defect in verdict.defects:
            typer.echo(f"  {defect}")
        if verdict.broken > len(verdict.defects):
            typer.echo(f"  and {verdict.broken - len(verdict.defects):,} more")


def _of_file(path: Path) -> Verdict:
    try:
        return verify_file(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error


def _chosen(room: str | None) -> tuple[str, ...]:
    if room is not None and room not in _ROOMS:
        raise CommandError(f"there is no room {room!r}; audited are {' and '.join(_ROOMS)}")
    return (room,) if room else tuple(_ROOMS)


def _subject(text: str) -> str:
    channel, colon, number = text.partition(":")
    return id_of(channel, number) if colon else text


@contextmanager
def _room(name: str) -> Iterator[Connection[TupleRow]]:
    """A connection of a room, migrated by its own process."""
    dsn = settings_in_force().postgres.dsn.get_secret_value()
    try:
        with connect(dsn, room=_ROOMS[name]) as connection:
            yield connection
    except psycopg.errors.UndefinedTable as error:
        raise CommandError(f"the {name} has no audit yet: start it once, so that it makes its tables") from error
    except psycopg.OperationalError as error:
        raise CommandError(f"the database does not answer: {error}") from error
