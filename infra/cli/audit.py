"""`avm audit`: check the audit's chains, take them out as a file, and replay a valuation from them."""

import json
from collections.abc import Iterator, Mapping, Sequence
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
from schemas.events import Resulted
from schemas.ids import valuation_id as id_of

app = typer.Typer(help="Check, export and replay the audit.", no_args_is_help=True)

_ROOMS: Final = {"desk": "review_desk", "ledger": "ledger"}
_CONCLUDES: Final = frozenset({"DECIDE", "APPROVE", "PANEL_DECIDE", "CLARIFY", "RETURN_TO_AUTO"})
_STAYS: Final = frozenset({"SECOND_READING", "SEEDED", "OPINION"})  # decisions of these go nowhere
_ASKS_AGAIN: Final = frozenset({"CLARIFY", "RETURN_TO_AUTO"})  # nor do these of a sampled automatic answer
_SAMPLE: Final = "AUDIT"
_SENT, _DECIDED = "PUBLISHED", "Decided"
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
    if anchor is not None and subject is not None:
        raise CommandError("--anchor is about the seals of a whole room: leave out --subject, or --anchor")
    if anchor is not None and file is None and room is None:
        raise CommandError("--anchor is a seal of one room: say which by --room desk or --room ledger")
    if file is not None:
        verdicts = {file.name: _of_file(file, anchor)}
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
        in_ledger = lines_of(connection, subject)
        connection.rollback()
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
        *_of_events(at_desk, in_ledger),
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


def _of_events(at_desk: Sequence[Line], in_ledger: Sequence[Line]) -> Iterator[str]:
    """What does not fit between what people concluded, the events that went out, and those the ledger read.

    Events are known by the digests of their bytes: desk and ledger number them each in its own way.
    """
    details = [json.loads(line.details) | {"action": line.action} for line in at_desk]
    sent = {one["sha256"]: one for one in details if one["action"] == _SENT and one["event"] == _DECIDED}
    moves = {_move(one) for one in sent.values()}
    yield from (
        f"{one['action']}: the desk's chain has no event of it"
        for one in details
        if _goes_out(one) and _move(one) not in moves
    )
    told = [json.loads(line.details) | {"action": line.action} for line in in_ledger]
    read = {one["sha256"] for one in told if "sha256" in one}
    decided = {one["event_id"] for one in told if one["action"] == _DECIDED}
    yield from (
        f"Decided: the ledger has not read the bytes that the desk sent as {one['event_id']}"
        for digest, one in sent.items()
        if digest not in read
    )
    yield from (
        f"Decided: the bytes that the ledger read as {event_id} are none that the desk sent"
        for one in told
        if (event_id := one.get("event_id", one.get("again"))) in decided and one["sha256"] not in sent
    )


def _move(details: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Which state of which task a line is about."""
    return details.get("task_id"), details.get("version")


def _goes_out(details: Mapping[str, Any]) -> bool:
    """Whether a line is a conclusion of which there is an event."""
    is_of_nobody = details.get("kind") == _SAMPLE and details.get("outcome") in _ASKS_AGAIN
    return details["action"] in _CONCLUDES and details.get("kind") not in _STAYS and not is_of_nobody


def _of_decision(lines: Sequence[Line], decided: Mapping[str, Any] | None, result: Resulted | None) -> Iterator[str]:
    """What does not fit between the desk's chain, the decision that went out last, and the answer it led to."""
    details = [json.loads(line.details) | {"action": line.action} for line in lines]
    concluded = [one for one in details if _goes_out(one)]
    if decided is None or not concluded:
        return  # `_of_events` has told
    for name in _COMPARED:
        if name in concluded[-1] and concluded[-1][name] != decided.get(name):
            said = f"the desk's chain says {concluded[-1][name]!r}, published is {decided.get(name)!r}"
            yield f"Decided.{name}: {said}"
    answers = [one for one in concluded if one.get("kind") != _SAMPLE]  # a sample's decision is no answer
    price = answers[-1].get("unit_price") if answers else None
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


def _of_file(path: Path, anchor: str | None) -> Verdict:
    try:
        return verify_file(path, anchor=anchor)
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
