"""`avm reference alias`: names of communities that an operator gives or withdraws; the stages follow at once."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.reference.aliases import checked_alias, checked_city, read_aliases
from infra.reference.live import live_rows, publish, records_of
from infra.reference.load import RejectsFile, tombstones
from infra.reference.properties import CorrectionError
from infra.reference.rows import RejectedRow
from infra.reference.tables import UnreadableTableError
from infra.settings import Settings
from schemas.catalogue import ALIASES
from schemas.domain.aliases import alias_key
from schemas.domain.divisions import divisions
from schemas.errors import PublishError
from schemas.events import CommunityAlias

app = typer.Typer(help="List, add, import and withdraw aliases of communities.", no_args_is_help=True)
_console = Console(stderr=True)
_BATCH: Final = 2_000  # records per round trip of acks

City = Annotated[str, typer.Option("--city", help="The city the name is used in, e.g. 杭州市.")]
By = Annotated[str, typer.Option("--by", help="Who says so: a staff number, no name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_(
    community: Annotated[str | None, typer.Option("--community", help="Only those of this community's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the aliases in force, with who confirmed them and when."""
    rows = [row for row in _live(settings_in_force()).values() if community in {None, row.community_id}]
    if as_json:
        print(json.dumps({"aliases": [asdict(row) for row in rows]}, ensure_ascii=False, default=str))
        return
    table = Table("alias", "city", "community", "source", "confirmed by", "confirmed at")
    for row in rows:
        at = row.confirmed_at.astimezone().isoformat(sep=" ", timespec="seconds")
        table.add_row(row.alias, row.city, row.community_id, row.source, row.confirmed_by, at)
    _console.print(table)


@app.command()
def add(
    alias: Annotated[str, typer.Argument(help="The name as people write it.")],
    city: City,
    community: Annotated[str, typer.Option("--community", help="The id of the community it means.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Give a community another name in its city; it takes the place of what the name meant before."""
    try:
        row = checked_alias(alias, city, community, by=by, now=utc_now(), divisions=divisions())
    except CorrectionError as error:
        raise CommandError(str(error)) from None
    settings = settings_in_force()
    _publish(records_of([row], ALIASES, codec(settings), utc_now()), settings)
    _say({"added": 1}, f"{row.city}{row.alias} means community {row.community_id}.", as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with the columns alias, city, community_id.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Take aliases from a file. Bad rows go to FILE.rejects.csv with line and reason, good rows are taken."""
    refused = RejectsFile(file.with_name(f"{file.name}.rejects.csv"))
    settings, good = settings_in_force(), list[CommunityAlias]()
    try:
        for row in read_aliases(file, by=by, now=utc_now(), divisions=divisions()):
            if isinstance(row, RejectedRow):
                refused.add(row)
            else:
                good.append(row)
    except UnreadableTableError as error:
        raise CommandError(str(error)) from error
    _publish(records_of(good, ALIASES, codec(settings), utc_now()), settings)
    saved = refused.save()
    rejected = sum(count for _, count in refused.reasons())
    _say(
        {"taken": len(good), "rejected": rejected, "rejects_file": str(saved) if saved else None},
        f"{file.name}: {len(good):,} aliases taken, {rejected:,} refused{f', see {saved}' if saved else ''}.",
        as_json=as_json,
    )


@app.command()
def remove(
    alias: Annotated[str, typer.Argument(help="The name as it was learned; `avm reference alias list` shows it.")],
    city: City,
    as_json: AsJson = False,
) -> None:
    """Withdraw an alias: the next request no longer knows it."""
    settings = settings_in_force()
    try:
        key = alias_key(checked_city(city, divisions()), alias)
    except CorrectionError as error:
        raise CommandError(str(error)) from None
    if key not in _live(settings):
        raise CommandError(f"there is no alias {alias!r} in {city}; `avm reference alias list` shows them all")
    _publish(tombstones([key], ALIASES), settings)
    _say({"removed": 1}, f"{alias} is withdrawn.", as_json=as_json)


def _live(settings: Settings) -> dict[str, CommunityAlias]:
    try:
        return live_rows(kafka_conf(settings), ALIASES, CommunityAlias, codec(settings))
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _publish(records: list[Any], settings: Settings) -> None:
    try:
        for start in range(0, len(records), _BATCH):
            publish(kafka_conf(settings), records[start : start + _BATCH])
    except PublishError as error:
        raise CommandError(f"not published: {error}") from error


def _say(summary: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        _console.print(sentence, markup=False)
