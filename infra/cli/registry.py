"""`avm registry`: what people established of houses: correct, tag, show, import and export."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.reference.live import live_rows, publish, records_of
from infra.reference.load import RejectsFile
from infra.reference.properties import (
    FACTS,
    Correction,
    CorrectionError,
    checked_fact,
    checked_key,
    checked_person,
    checked_source,
    checked_tag,
    corrected,
    read_corrections,
    write_records,
)
from infra.reference.rows import RejectedRow
from infra.reference.tables import UnreadableTableError
from infra.settings import Settings
from schemas.catalogue import PROPERTIES
from schemas.errors import PublishError
from schemas.events import PropertyRecord

app = typer.Typer(help="Correct, tag and show known properties.", no_args_is_help=True)
_console = Console(stderr=True)
_BATCH: Final = 2_000  # records per round trip of acks

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="COMMUNITY[|BUILDING[|UNIT[|ROOM]]], e.g. 'c-1|3幢|2单元|501'.")
]
By = Annotated[str, typer.Option("--by", help="Who establishes it: a staff number, no name.")]
Source = Annotated[str, typer.Option("--source", help="On what evidence, e.g. 不动产登记簿查询 2026-11-20.")]
For = Annotated[str | None, typer.Option("--valuation", help="The valuation it was found in.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def correct(  # noqa: PLR0917 -- typer reads options from parameters
    key: Key,
    by: By,
    source: Source,
    facts: Annotated[list[str] | None, typer.Option("--set", help=f"FACT=VALUE; facts: {', '.join(FACTS)}.")] = None,
    clear: Annotated[list[str] | None, typer.Option("--clear", help="A fact that is unknown again.")] = None,
    valuation: For = None,
    as_json: AsJson = False,
) -> None:
    """Establish facts of a community, building, unit or room. Values follow it from the next request on."""
    if not facts and not clear:
        raise CommandError("say what is to be corrected: --set FACT=VALUE or --clear FACT, each as often as needed")
    _apply(
        _checked(key, by, source, valuation, facts=facts or (), cleared=clear or ()),
        as_json=as_json,
    )


@app.command()
def tag(  # noqa: PLR0917 -- typer reads options from parameters
    key: Key,
    name: Annotated[str, typer.Argument(metavar="TAG", help="DISPUTED (争议多) or THINLY_TRADED (交易稀少).")],
    by: By,
    source: Source,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
    valuation: For = None,
    as_json: AsJson = False,
) -> None:
    """Tag a community, building, unit or room, for the people who value it."""
    tags = {"untagged": (name,)} if remove else {"tags": (name,)}
    _apply(_checked(key, by, source, valuation, **tags), as_json=as_json)


@app.command()
def show(key: Key, as_json: AsJson = False) -> None:
    """Show what stands for a key, with who established it, when, and on what evidence."""
    record = _live(settings_in_force()).get(_or_refuse(checked_key, key))
    if as_json:
        print(json.dumps({"record": None if record is None else _as_json(record)}, ensure_ascii=False))
    elif record is None:
        _console.print(f"Nothing is registered for {key}.", markup=False)
    else:
        _show(record)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX; `avm registry export` writes its columns.")],
    by: Annotated[str | None, typer.Option("--by", help="Who, where a row has no corrected_by.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Evidence, where a row has no source.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, publish nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take corrections from a file. Bad rows go to FILE.rejects.csv with line and reason, good rows are taken."""
    refused = RejectsFile(file.with_name(f"{file.name}.rejects.csv"))
    settings = Settings() if dry_run else settings_in_force()
    standing = {} if dry_run else _live(settings)
    try:
        outcomes = [
            _taken(row, line, standing) for line, row in read_corrections(file, now=utc_now(), by=by, source=source)
        ]
    except UnreadableTableError as error:
        raise CommandError(str(error)) from error
    for outcome in outcomes:
        if isinstance(outcome, RejectedRow):
            refused.add(outcome)
    records = [outcome for outcome in outcomes if isinstance(outcome, PropertyRecord)]
    if not dry_run:
        _publish(records, settings)
    saved = refused.save()
    taken, rejected = len(records), len(outcomes) - len(records)
    summary = {"taken": taken, "rejected": rejected, "rejects_file": str(saved) if saved else None, "dry_run": dry_run}
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    _console.print(f"{file.name}: {taken:,} corrections {'would be ' if dry_run else ''}taken, {rejected:,} refused.")
    if saved:
        _console.print(f"Refused rows, each with its line and reason: {saved}", markup=False)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output without it.")] = None,
) -> None:
    """Write what stands as a CSV that `avm registry import` reads."""
    records = _live(settings_in_force()).values()
    if out is None:
        write_records(records, sys.stdout)
        return
    with out.open("w", encoding="utf-8-sig", newline="") as file:  # opens in Excel
        count = write_records(records, file)
    _console.print(f"{count:,} records written to {out}.", markup=False)


# ---- inside ---------------------------------------------------------------------------------------------------------


def _checked(
    key: str,
    by: str,
    source: str,
    valuation: str | None,
    *,
    facts: Sequence[str] = (),
    cleared: Sequence[str] = (),
    tags: Sequence[str] = (),
    untagged: Sequence[str] = (),
) -> Correction:
    strange = [name for name in cleared if name not in FACTS]
    if strange:
        raise CommandError(f"there is no fact {strange[0]!r}; it is one of {', '.join(FACTS)}")
    return Correction(
        property_key=_or_refuse(checked_key, key),
        source=_or_refuse(checked_source, source),
        corrected_by=_or_refuse(checked_person, by),
        corrected_at=utc_now(),
        facts=dict(_or_refuse(_fact, one) for one in facts),
        cleared=frozenset(cleared),
        tags=frozenset(_or_refuse(checked_tag, one) for one in tags),
        untagged=frozenset(_or_refuse(checked_tag, one) for one in untagged),
        valuation_id=valuation,
    )


def _fact(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CorrectionError("--set", text, f"write FACT=VALUE, e.g. built_year=2004, not {text!r}")
    return name.strip(), checked_fact(name.strip(), value)


def _or_refuse(check: Any, text: str) -> Any:
    try:
        return check(text)
    except CorrectionError as error:
        raise CommandError(str(error)) from None


def _apply(correction: Correction, *, as_json: bool) -> None:
    """Correct what stands now. Two people who correct one key in the same second: the later one's record stands."""
    settings = settings_in_force()
    try:
        record = corrected(_live(settings).get(correction.property_key), correction)
    except CorrectionError as error:
        raise CommandError(str(error)) from None
    _publish([record], settings)
    if as_json:
        print(json.dumps({"record": _as_json(record)}, ensure_ascii=False))
    else:
        _show(record)


def _taken(
    row: Correction | RejectedRow, line: int, standing: dict[str, PropertyRecord]
) -> PropertyRecord | RejectedRow:
    """The record that a row leads to; `standing` learns it, so that a later row of the key builds on it."""
    if isinstance(row, RejectedRow):
        return row
    try:
        record = standing[row.property_key] = corrected(standing.get(row.property_key), row)
    except CorrectionError as error:
        return error.at(line)
    return record


def _live(settings: Settings) -> dict[str, PropertyRecord]:
    try:
        return live_rows(kafka_conf(settings), PROPERTIES, PropertyRecord, codec(settings))
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _publish(records: Sequence[PropertyRecord], settings: Settings) -> None:
    conf, encoder = kafka_conf(settings), codec(settings)
    try:
        for start in range(0, len(records), _BATCH):
            publish(conf, records_of(records[start : start + _BATCH], PROPERTIES, encoder, utc_now()))
    except PublishError as error:
        raise CommandError(f"not registered: {error}") from error


def _as_json(record: PropertyRecord) -> dict[str, Any]:
    said = {one.name: getattr(record, one.name) for one in fields(record)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}


def _show(record: PropertyRecord) -> None:
    table = Table("", record.property_key)
    for name in FACTS:
        value = getattr(record, name)
        if value not in (None, "UNKNOWN"):
            table.add_row(name, str(value))
    table.add_row("tags", ", ".join(record.tags) or "-")
    table.add_row("source", record.source)
    table.add_row("corrected by", record.corrected_by)
    table.add_row("corrected at", record.corrected_at.astimezone().isoformat(sep=" ", timespec="seconds"))
    _console.print(table)
