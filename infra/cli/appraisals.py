"""`avm appraisals`: offline appraisals: load them, and see how far our values lie from them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.reference.appraisals import own_names, read_appraisals, read_mapping
from infra.reference.live import live_rows, publish, records_of
from infra.reference.load import RejectsFile
from infra.reference.mapping import MappingError
from infra.reference.rows import RejectedRow
from infra.reference.tables import UnreadableTableError, columns_of
from infra.settings import Settings
from schemas.catalogue import ALIASES, COMMUNITIES, FEEDBACK, Topic
from schemas.domain.divisions import divisions
from schemas.domain.property_key import property_key
from schemas.domain.worktime import SHANGHAI
from schemas.errors import PublishError
from schemas.events import Appraised
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.resolve import as_address, resolve
from streams.runtime.stage import Change

app = typer.Typer(help="Load offline appraisals and compare values with them.", no_args_is_help=True)
_console = Console(stderr=True)
_BATCH: Final = 2_000  # records per round trip of acks
_SHOWN: Final = 20
_WITHIN_S: Final = 60.0

Since = Annotated[str | None, typer.Option("--since", help="Reported on or after this day, e.g. 2026-01-01.")]
Until = Annotated[str | None, typer.Option("--until", help="Reported on or before this day; default: until now.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or Parquet.")],
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file; docs/examples/appraisals/office.toml is one.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Who appraised, where no column says it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, publish nothing; needs no broker.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read appraisals into `valuation.feedback`. Bad rows go to FILE.rejects.csv with line and reason.

    Addresses are resolved as those of requests are. A row sent again under its number replaces what was said before.
    """
    refused = RejectsFile(file.with_name(f"{file.name}.rejects.csv"))
    settings = Settings() if dry_run else settings_in_force()
    try:
        chosen = read_mapping(mapping) if mapping else own_names(columns_of(file), source=source)
        rows = list(read_appraisals(file, chosen, now=utc_now()))
    except (MappingError, UnreadableTableError) as error:
        raise CommandError(str(error)) from error
    for row in rows:
        if isinstance(row, RejectedRow):
            refused.add(row)
    good = [row for row in rows if isinstance(row, Appraised)]
    if not dry_run:
        good = _resolved(good, settings)
        _publish(good, settings)
    saved = refused.save()
    summary = {
        "loaded": len(good),
        "rejected": len(rows) - len(good),
        "unresolved": None if dry_run else sum(_is_unresolved(row) for row in good),
        "rejects_file": str(saved) if saved else None,
        "dry_run": dry_run,
    }
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    verb = "would be loaded" if dry_run else "loaded"
    _console.print(f"{file.name}: {len(good):,} appraisals {verb}, {summary['rejected']:,} refused.", markup=False)
    if summary["unresolved"]:
        _console.print(f"{summary['unresolved']:,} name an address that the dictionary does not resolve to a building.")
    if saved:
        _console.print(f"Refused rows, each with its line and reason: {saved}", markup=False)


@app.command()
def rate(
    since: Since = None,
    until: Until = None,
    term_first: Annotated[str | None, typer.Option(help="First day of the contract's term.")] = None,
    term_last: Annotated[str | None, typer.Option(help="Last day of the contract's term.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the share of values within 10 % of offline appraisals, by city, type and model; propose segments to hold."""
    term = {"term_first": term_first, "term_last": term_last}
    found = _ask("rate", _days(since, until) | {name: day for name, day in term.items() if day})
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("city", "type", "model", "answered by", "n", "within 10 %", "95 % interval", "MdAPE", "")
    whole = [("all", "", "", "model", found["automatic"]), ("all", "", "", "people", found["manual"])]
    for one in found["segments"]:
        by = "model" if one["is_automatic"] else "people"
        whole.append((one["city"] or "-", one["property_type"], one["model"] or "-", by, one["rate"]))
    for *names, figures in whole:
        table.add_row(*names, *_figures(figures))
    _console.print(table)
    for reason, count in found["excluded"].items():
        _console.print(f"not counted: {count:,} × {reason}", markup=False)
    for one in found["unmatched"][:_SHOWN]:
        _console.print(f"unmatched: {one['number'] or one['appraisal_id']}: {one['reason']}", markup=False)
    if len(found["unmatched"]) > _SHOWN:
        _console.print(f"… and {len(found['unmatched']) - _SHOWN:,} more unmatched; --json lists all")


@app.command()
def cases(
    since: Since = None,
    until: Until = None,
    index: Annotated[
        Path | None, typer.Option(help="CSV city,on_date,log_level: adds the index-adjusted deviation.")
    ] = None,
) -> None:
    """Print every value beside the figure that came later, as one JSON object."""
    found = _ask("cases", _days(since, until))
    if index is not None:
        levels = _levels(index)
        found["cases"] = [one | {"deviation_adjusted": _adjusted(one, levels)} for one in found["cases"]]
    print(json.dumps(found, ensure_ascii=False))


@app.command()
def monitor(until: Until = None, as_json: AsJson = False) -> None:
    """Show rolling accuracy, bias and interval coverage of every segment."""
    found = _ask("monitor", _days(None, until))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("city", "type", "model", "against", "weeks", "n", "MdAPE", "within 10 %", "bias", "COD", "lag d", "")
    for one in found["segments"]:
        alarms = [name for name in ("bias", "coverage") if one[name]["is_alarm"]]
        for window in one["windows"]:
            names = (one["city"] or "-", one["property_type"], one["model"] or "-", one["reference"])
            shares = [_percent(window[name]) for name in ("mdape", "ppe10", "bias")]
            rest = ["-" if window[name] is None else f"{window[name]:.1f}" for name in ("cod", "lag_days")]
            alarm = f"alarm: {', '.join(alarms)}" if alarms else ""
            table.add_row(*names, str(window["weeks"]), f"{window['n']:,}", *shares, *rest, alarm)
    _console.print(table)


@app.command("loan-stages")
def loan_stages(since: Since = None, until: Until = None, as_json: AsJson = False) -> None:
    """Show units that were valued before a loan and in it, and how far the two values lie apart."""
    found = _ask("loan-stages", _days(since, until))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("before the loan", "in the loan", "days", "drift", "model before", "model after")
    for pair in found["pairs"][:_SHOWN]:
        days = (date.fromisoformat(pair["in_loan_on"]) - date.fromisoformat(pair["pre_loan_on"])).days
        models = (pair["pre_loan_model"] or "-", pair["in_loan_model"] or "-")
        table.add_row(pair["pre_loan_id"], pair["in_loan_id"], str(days), _percent(pair["drift"]), *models)
    _console.print(table)
    _console.print(f"{found['n']:,} pairs, median drift {_percent(found['median_drift'])}")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Write decisions and appraisals as rows for training: judgements, never comparables; `source` tells them apart."""
    rows = _ask("training-rows", _days(None, until))["rows"]
    from consumers.ledger.training_rows import COLUMNS

    with out.open("w", encoding="utf-8-sig", newline="") as file:  # opens in Excel
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    blind = sum(row["is_blind"] for row in rows)
    if as_json:
        print(json.dumps({"rows": len(rows), "blind": blind, "file": str(out)}, ensure_ascii=False))
    else:
        _console.print(f"{len(rows):,} rows written to {out}, {blind:,} of them blind.", markup=False)


# ---- loading ------------------------------------------------------------------------------------------------------


def with_keys(rows: Sequence[Appraised], view: EnrichmentView) -> list[Appraised]:
    """The rows with the house that their address means, where neither a valuation nor a key names it."""
    return [
        replace(row, property_key=_key_of(row.address, view))
        if row.address and not row.valuation_id and not row.property_key
        else row
        for row in rows
    ]


def _key_of(address: str, view: EnrichmentView) -> str | None:
    found = as_address(address, resolve(address, view.communities, view.divisions))
    if found.community_id is None:
        return None
    return property_key(found.community_id, found.building, found.unit, found.room)


def _resolved(rows: Sequence[Appraised], settings: Settings) -> list[Appraised]:
    if all(row.valuation_id or row.property_key for row in rows):
        return list(rows)
    view = EnrichmentView(divisions())
    for topic in (COMMUNITIES, ALIASES):
        view.apply([Change(topic=topic, key=key, event=event) for key, event in _live(settings, topic).items()])
    return with_keys(rows, view)


def _live(settings: Settings, topic: Topic) -> Mapping[str, Any]:
    try:
        return live_rows(kafka_conf(settings), topic, topic.event or object, codec(settings))
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _is_unresolved(row: Appraised) -> bool:
    return not row.valuation_id and (row.property_key or "").count("|") == 0


def _publish(rows: Sequence[Appraised], settings: Settings) -> None:
    conf, encoder = kafka_conf(settings), codec(settings)
    try:
        for start in range(0, len(rows), _BATCH):
            publish(conf, records_of(rows[start : start + _BATCH], FEEDBACK, encoder, utc_now()))
    except PublishError as error:
        raise CommandError(f"not loaded: {error}; load the file again") from error


# ---- asking -------------------------------------------------------------------------------------------------------


def _ask(page: str, values: Mapping[str, str]) -> dict[str, Any]:
    ledger_url = settings_in_force().gateway.ledger_url
    if not ledger_url:
        raise CommandError("the ledger's address is not known: run `avm up`, or set AVM_GATEWAY__LEDGER_URL")
    try:
        response = httpx.get(f"{ledger_url}/appraisals/{page}", params=values, timeout=_WITHIN_S, trust_env=False)
    except httpx.HTTPError as error:
        raise CommandError(f"the ledger at {ledger_url} does not answer: {error}") from error
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        raise CommandError(f"the ledger does not take this: {response.json().get('detail')}")
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def _days(since: str | None, until: str | None) -> dict[str, str]:
    """Whole days of the bank as instants; the last one included."""
    window = {}
    if since is not None:
        window["since"] = _midnight(since, "--since").isoformat()
    if until is not None:
        day = _midnight(until, "--until")
        window["until"] = day.replace(hour=23, minute=59, second=59, microsecond=999_999).isoformat()
    return window


def _midnight(day: str, option: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI)
    except ValueError as error:
        raise CommandError(f"{option} needs a day like 2026-01-31, not {day!r}") from error


# ---- showing ------------------------------------------------------------------------------------------------------


def _figures(rate: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    low, high = rate["interval"]
    says = "hold proposed" if rate["hold_proposed"] else "alarm" if rate["is_alarm"] else ""
    share = _percent(rate["share"]) if rate["is_enough"] else f"{rate['within']} of {rate['n']}"
    interval = f"{_percent(low)} – {_percent(high)}" if rate["is_enough"] else "-"
    return f"{rate['n']:,}", share, interval, _percent(rate["mdape"]), says


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _levels(path: Path) -> dict[str, list[tuple[date, float]]]:
    """City → its index, by day."""
    found: dict[str, list[tuple[date, float]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                try:
                    point = date.fromisoformat(row["on_date"]), float(row["log_level"])
                    found.setdefault(row["city"], []).append(point)
                except (KeyError, ValueError, TypeError) as error:
                    raise CommandError(
                        f"{path.name}, line {line}: needs city, on_date (2026-01-31) and log_level; {error!r}"
                    ) from error
    except (OSError, UnicodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    return {city: sorted(points) for city, points in found.items()}


def _adjusted(case: Mapping[str, Any], levels: Mapping[str, list[tuple[date, float]]]) -> float | None:
    """The deviation with the appraisal moved to the value date; `None` where the index does not reach both days."""
    from consumers.ledger.deviation import index_adjusted

    points = levels.get(case["city"] or "", [])
    then, now = (_level(points, date.fromisoformat(case[name])) for name in ("on_date", "value_date"))
    if case["value"] is None or then is None or now is None:
        return None
    return index_adjusted(case["value"], case["reference"], now - then)


def _level(points: Sequence[tuple[date, float]], day: date) -> float | None:
    """The newest level of a day or before it."""
    return next((level for on_date, level in reversed(points) if on_date <= day), None)
