"""`avm sources`: the registry of sources and their licences: list, put, revoke, and check what lies on the topics."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, shanghai_today, utc_now
from infra.reference.live import live_rows, publish, records_of
from infra.reference.sources import COLUMNS, SourcesError, licence_of, read_sources, refuse_revoked, revoked
from infra.reference.tables import UnreadableTableError
from infra.settings import Settings
from schemas.catalogue import COMMUNITIES, DEALS, DELIVERIES, RENTS, SOURCES, Topic
from schemas.codes import SourceKind, SourceUse
from schemas.domain.deliveries import state_of
from schemas.domain.knowledge import known_from
from schemas.errors import PublishError
from schemas.events import Community, Deal, Rent, SourceDelivery, SourceLicence
from streams.scoring.arrivals import Arrivals
from streams.scoring.licences import NAMELESS, Licences

app = typer.Typer(
    help="Register sources of data, their licences, and what may be done with them.", no_args_is_help=True
)
_console = Console(stderr=True)
_WRONG: Final = 2  # exit code of `check` when something may not be used, or is stale

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="The name its rows carry as their source.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the registered sources: who licenses them, for what, until when, and how their last delivery went."""
    settings = settings_in_force()
    deliveries = _live(DELIVERIES, SourceDelivery, settings)
    rows = [_shown(row, deliveries.get(row.source)) for row in _live(SOURCES, SourceLicence, settings).values()]
    if as_json:
        print(json.dumps({"sources": rows}, ensure_ascii=False, default=str))
        return
    if not rows:
        _console.print("No source is registered: no model may be trained and nothing serves as a comparable.")
        return
    columns = ("source", "kind", "holder", "reference", "allowed_uses", "valid_until", "state", "breaker")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(", ".join(row[c]) if c == "allowed_uses" else str(row[c] or "") for c in columns))
    _console.print(table)


@app.command()
def put(  # noqa: PLR0917 -- typer reads options from parameters
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="The name its rows carry; not with --file.")] = "",
    file: Annotated[
        Path | None, typer.Option(help=f"TOML ([[source]]), CSV or XLSX with {', '.join(COLUMNS)}.")
    ] = None,
    kind: Annotated[str, typer.Option(help=f"What it delivers: {', '.join(SourceKind)}.")] = "",
    holder: Annotated[str, typer.Option(help="Who licenses it (许可方).")] = "",
    reference: Annotated[str, typer.Option(help="The number of the contract or permission.")] = "",
    use: Annotated[list[str] | None, typer.Option(help=f"Allowed use, repeatable: {', '.join(SourceUse)}.")] = None,
    start: Annotated[str, typer.Option("--from", help="First day of validity, YYYY-MM-DD.")] = "",
    until: Annotated[str, typer.Option(help="Last day of validity; until revoked when left out.")] = "",
    fresh_days: Annotated[str, typer.Option(help="Days its newest row may be old; may be silent when left out.")] = "",
    by: Annotated[str, typer.Option(help="Who approves: a staff number.")] = "",
    second: Annotated[str, typer.Option(help="The second person who approves: another staff number.")] = "",
    reinstate: Annotated[
        bool, typer.Option("--reinstate", help="Lift a revocation; without it such are refused.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register licences, from options or from a file that is taken whole or not at all. A later one replaces."""
    if bool(source) == (file is not None):
        raise CommandError("give either SOURCE with its options, or --file FILE")
    said = {
        "source": source, "kind": kind, "holder": holder, "reference": reference, "allowed_uses": use or None,
        "valid_from": start, "valid_until": until, "fresh_within_days": fresh_days, "approved_by": by,
        "second_approver": second,
    }  # fmt: skip
    stray = [name for name, value in said.items() if value and file is not None]
    if stray:
        raise CommandError(f"the file says it all: leave out the option for {stray[0]}, or register without --file")
    try:
        rows = read_sources(file, now=utc_now()) if file is not None else (licence_of(said, now=utc_now()),)
        settings = settings_in_force()
        if not reinstate:
            refuse_revoked(rows, _live(SOURCES, SourceLicence, settings))
    except (SourcesError, UnreadableTableError) as error:
        raise CommandError(str(error)) from error
    _publish(rows, settings)
    _say(rows, f"{len(rows)} registered: {', '.join(row.source for row in rows)}.", as_json=as_json)


@app.command()
def revoke(
    source: Name,
    reason: Annotated[str, typer.Option(help="Why; kept, and named to everybody who is refused.")],
    by: Annotated[str, typer.Option(help="Who revokes: a staff number. One person is enough to stop.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a licence at once: no training, no comparables, no value of a model that learned from the source."""
    settings = settings_in_force()
    standing = _live(SOURCES, SourceLicence, settings).get(source)
    if standing is None:
        raise CommandError(f"source {source!r} is not registered; `avm sources list` shows those that are")
    try:
        row = revoked(standing, reason=reason, by=by, now=utc_now())
    except SourcesError as error:
        raise CommandError(str(error)) from error
    _publish([row], settings)
    _say([row], f"{source} is revoked; scorers follow within seconds.", as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Hold what lies on the topics against the registry. Exit code 2 when a source may not be used, or is stale."""
    settings, today = settings_in_force(), shanghai_today()
    licences = Licences(rows=_live(SOURCES, SourceLicence, settings))
    deals = _live(DEALS, Deal, settings).values()
    lettings = _live(RENTS, Rent, settings).values()
    homes = _live(COMMUNITIES, Community, settings).values()
    rows = [
        *(_checked(name, n, (SourceUse.TRAINING, SourceUse.COMPARABLES), licences) for name, n in _counts(deals)),
        *(_checked(name, n, (SourceUse.COMPARABLES,), licences) for name, n in _counts(lettings)),
        *(_checked(name, n, (SourceUse.DICTIONARY,), licences) for name, n in _counts(homes)),
    ]
    stale = _stale(deals, licences)
    if as_json:
        print(json.dumps({"on": today, "sources": rows, "stale": stale}, ensure_ascii=False, default=str))
    else:
        _show_check(rows, stale)
    if stale or any(row["refused"] for row in rows):
        raise typer.Exit(_WRONG)


# ---- inside -------------------------------------------------------------------------------------------------------


def _counts(rows: Any) -> list[tuple[str, int]]:
    return sorted(Counter(row.source for row in rows).items())


def _checked(source: str, rows: int, uses: Sequence[SourceUse], licences: Licences) -> dict[str, Any]:
    """One source of rows on the topics, and why it may not be put to the uses such rows are for."""
    today = shanghai_today()
    refused = {use.value: why for use in uses if (why := licences.why_not(source, use, today)) is not None}
    return {"source": source or NAMELESS, "rows": rows, "refused": refused}


def _stale(deals: Any, licences: Licences) -> list[dict[str, Any]]:
    today, arrivals = shanghai_today(), Arrivals()
    for deal in deals:
        arrivals.put(deal.city, deal.source, known_from(deal.deal_date, deal.known_on).toordinal())
    found = []
    for city in arrivals.cities():
        for source in arrivals.sources(city):
            newest, limit = arrivals.newest(city, source, today), licences.fresh_within_days(source)
            if newest is not None and limit is not None and (today - newest).days > limit:
                found.append({"city": city, "source": source, "newest_on": newest, "fresh_within_days": limit})
    return found


def _show_check(rows: Sequence[Mapping[str, Any]], stale: Sequence[Mapping[str, Any]]) -> None:
    table = Table("source", "rows", "may not be used for")
    for row in rows:
        table.add_row(
            row["source"], f"{row['rows']:,}", "\n".join(f"{use}: {why}" for use, why in row["refused"].items())
        )
    _console.print(table)
    for one in stale:
        _console.print(
            f"stale: {one['source']} in {one['city']}, newest row known on {one['newest_on']}, at most "
            f"{one['fresh_within_days']} days are allowed",
            markup=False,
        )


def _shown(row: SourceLicence, latest: SourceDelivery | None) -> dict[str, Any]:
    return {
        **asdict(row),
        "state": _state(row),
        "breaker": state_of(latest, utc_now()).value,
        "latest_delivery": None if latest is None else asdict(latest),
    }


def _state(row: SourceLicence) -> str:
    today = shanghai_today()
    if row.revoked_at is not None:
        return "REVOKED"
    if today < row.valid_from:
        return "NOT_YET_VALID"
    return "EXPIRED" if row.valid_until is not None and today > row.valid_until else "VALID"


def _live(topic: Topic, kind: type[Any], settings: Settings) -> dict[str, Any]:
    try:
        return live_rows(kafka_conf(settings), topic, kind, codec(settings))
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _publish(rows: Sequence[SourceLicence], settings: Settings) -> None:
    try:
        publish(kafka_conf(settings), records_of(rows, SOURCES, codec(settings), utc_now()))
    except PublishError as error:
        raise CommandError(f"not registered: {error}") from error


def _say(rows: Sequence[SourceLicence], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"sources": [asdict(row) for row in rows]}, ensure_ascii=False, default=str))
    else:
        _console.print(sentence, markup=False)
