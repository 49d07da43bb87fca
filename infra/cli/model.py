"""`avm model`: train, release, list and evaluate models."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, shanghai_today
from infra.cli.releases import announce_releases, keep_release
from infra.settings import Settings
from schemas.codes import ModelRole
from schemas.events import Community, Deal

if TYPE_CHECKING:
    from streams.scoring.evaluation import Setting
    from streams.scoring.training import Artefact

app = typer.Typer(help="Train, release, list and evaluate models.", no_args_is_help=True)
_console = Console(stderr=True)
_PERIOD_DAYS = {"week": 7, "month": 30}

Files = Annotated[list[Path] | None, typer.Option("--deals", help="CSV, XLSX or Parquet; may be given several times.")]
MappingFile = Annotated[Path | None, typer.Option(help="Mapping of the deals; without one, columns have our names.")]
Dictionary = Annotated[Path | None, typer.Option(help="File of communities, for their coordinates and districts.")]
DictionaryMapping = Annotated[Path | None, typer.Option(help="Mapping of the communities.")]
FromTopic = Annotated[
    bool, typer.Option("--from-topic", help="Read deals and communities from the running broker instead of files.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def train(  # noqa: PLR0917 -- typer reads options from parameters
    out: Annotated[Path, typer.Option(help="Folder for the artefacts: one for each property type with deals enough.")],
    deals: Files = None,
    mapping: MappingFile = None,
    communities: Dictionary = None,
    communities_mapping: DictionaryMapping = None,
    until: Annotated[str, typer.Option(help="Learn only from what was known before this day, YYYY-MM-DD.")] = "",
    from_topic: FromTopic = False,
    as_json: AsJson = False,
) -> None:
    """Train on closed deals. The same deals give the same bytes; nothing is released yet."""
    from streams.scoring.training import TooFewDealsError
    from streams.scoring.training import train as train_models

    known, places = _reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    before = _day(until) if until else shanghai_today()
    with _console.status(f"Training on {len(known):,} deals known before {before} …"):
        try:
            artefacts = train_models(known, until=before, communities=places)
        except TooFewDealsError as error:
            raise CommandError(str(error)) from error
    _print([_saved(artefact, out) for artefact in artefacts], as_json=as_json)


@app.command()
def release(
    folder: Annotated[Path, typer.Argument(help="What `avm model train --out` wrote.")],
    role: Annotated[ModelRole, typer.Option(help="A champion answers; a challenger waits in its shadow.")] = (
        ModelRole.CHAMPION
    ),
    by: Annotated[str, typer.Option(help="Who releases; kept with the release.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Put the artefacts of FOLDER into the model store and announce them; scorers change over between two batches."""
    artefacts = sorted(folder.glob("*.zip"))
    if not artefacts:
        raise CommandError(f"there is no artefact (*.zip) in {folder}; make one with `avm model train --out {folder}`")
    settings = settings_in_force()
    released = [keep_release(path.read_bytes(), settings, role, by=by) for path in artefacts]
    announce_releases(released, settings)
    _print(
        [
            {
                "name": r.name,
                "version": r.version,
                "segment": r.segment,
                "role": r.role,
                "uri": r.uri,
                "sha256": r.sha256,
            }
            for r in released
        ],
        as_json=as_json,
    )


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List what lies in the model store."""
    from infra.storage.models import ModelStore

    rows = [
        {
            "name": manifest["name"],
            "version": manifest["version"],
            "segment": manifest["segment"],
            "deals": manifest["data"]["deals"],
            "ppe10": manifest["calibration"]["settings"]["area"]["ppe10"],
            "sha256": manifest["artefact_sha256"],
        }
        for manifest in ModelStore(Settings().models_url).manifests()
    ]
    _print(rows, as_json=as_json)


@app.command()
def evaluate(  # noqa: PLR0917 -- typer reads options from parameters
    deals: Files = None,
    mapping: MappingFile = None,
    communities: Dictionary = None,
    communities_mapping: DictionaryMapping = None,
    walk_forward: Annotated[str, typer.Option(help="Length of a step: week or month.")] = "week",
    start: Annotated[str, typer.Option("--from", help="First day that is predicted, YYYY-MM-DD.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day that is predicted; the last deal when left out.")] = "",
    setting: Annotated[
        str, typer.Option(help="area: address and area alone; full: all attributes; both; cold.")
    ] = "both",
    from_topic: FromTopic = False,
    as_json: AsJson = False,
) -> None:
    """Train before each week, predict it, step on; compare with the deal prices and with simple rules."""
    from streams.scoring.evaluation import Setting, periods, report
    from streams.scoring.evaluation import walk_forward as walk
    from streams.scoring.training import clean

    if not start:
        raise CommandError("say where the prediction begins: --from YYYY-MM-DD")
    if walk_forward not in _PERIOD_DAYS:
        raise CommandError(f"--walk-forward is one of {', '.join(_PERIOD_DAYS)}, not {walk_forward!r}")
    settings = (Setting.AREA, Setting.FULL) if setting == "both" else (_setting(setting),)
    rows, places = _reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    last = _day(end) if end else max(deal.deal_date for deal in rows)
    spans = tuple(periods(_day(start), last, _PERIOD_DAYS[walk_forward]))
    figures: dict[str, Any] = {}
    with _console.status("Walking forward …") as status:
        for segment, of_segment in _by_segment(rows).items():
            usable, _ = clean(of_segment, until=date.max)
            forecasts = walk(
                usable,
                spans,
                settings=settings,
                communities=places,
                progress=lambda day: status.update(f"Walked forward over the period from {day} …"),
            )
            figures[segment] = {name.value: report(found) for name, found in forecasts.items() if found}
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    _print([_figures(segment, name, row) for segment, found in figures.items() for name, row in found.items()])


# ---- inside -----------------------------------------------------------------------------------------------------


def _setting(name: str) -> "Setting":
    from streams.scoring.evaluation import Setting

    try:
        return Setting(name)
    except ValueError as error:
        raise CommandError(f"--setting is one of both, {', '.join(Setting)}, not {name!r}") from error


def _by_segment(deals: Iterable[Deal]) -> dict[str, list[Deal]]:
    """Deals by segment, those segments alone that have enough to train on."""
    from streams.scoring.model import segment_of
    from streams.scoring.training import MIN_DEALS

    found: dict[str, list[Deal]] = {}
    for deal in deals:
        found.setdefault(segment_of(deal.property_type).value, []).append(deal)
    enough = {segment: rows for segment, rows in sorted(found.items()) if len(rows) >= MIN_DEALS}
    if not enough:
        counts = ", ".join(f"{segment} {len(rows)}" for segment, rows in found.items()) or "none"
        raise CommandError(f"an evaluation needs {MIN_DEALS} deals of one type; there are: {counts}")
    return enough


def _reference(
    deals: Sequence[Path] | None,
    mapping: Path | None,
    communities: Path | None,
    communities_mapping: Path | None,
    *,
    from_topic: bool,
) -> tuple[list[Deal], list[Community]]:
    from infra.reference.mapping import Target

    if from_topic == bool(deals):
        raise CommandError("give either --deals FILE (once or several times) or --from-topic")
    if from_topic:
        return _from_topics()
    known = [row for file in deals or () for row in _rows(file, mapping, Target.DEALS) if isinstance(row, Deal)]
    places = _rows(communities, communities_mapping, Target.COMMUNITIES) if communities else ()
    return known, [row for row in places if isinstance(row, Community)]


def _rows(file: Path, mapping: Path | None, target: Any) -> Iterator[object]:
    """Good rows of a file; the number of refused ones is said."""
    from infra.reference.mapping import MappingError, own_names, read_mapping
    from infra.reference.rows import RejectedRow, read_rows
    from infra.reference.tables import UnreadableTableError, columns_of

    refused = 0
    try:
        chosen = read_mapping(mapping) if mapping else own_names(target, columns_of(file))
        if chosen.target is not target:
            raise CommandError(f"{chosen.name} maps {chosen.target}, not {target}")
        for row in read_rows(file, chosen, today=shanghai_today()):
            refused += isinstance(row, RejectedRow)
            yield row
    except (MappingError, UnreadableTableError) as error:
        raise CommandError(str(error)) from error
    if refused:
        _console.print(f"{file.name}: {refused:,} rows left out; `avm reference load --dry-run` says why.")


def _from_topics() -> tuple[list[Deal], list[Community]]:
    """The deals and communities on the broker now."""
    from infra.kafka.reader import Start, TopicReader
    from schemas.catalogue import COMMUNITIES, DEALS

    settings = settings_in_force()
    decoder = codec(settings)
    live: dict[tuple[str, bytes], bytes] = {}
    with TopicReader(kafka_conf(settings), [DEALS.named(), COMMUNITIES.named()], start=Start.BEGINNING) as reader:
        for message in reader.to_end():
            place = (str(message.topic()), bytes(message.key() or b""))
            value = message.value()
            if value is None:
                live.pop(place, None)
            else:
                live[place] = bytes(value)
    of_topic = {
        topic: [(key, value) for (name, key), value in live.items() if name == topic.named()]
        for topic in (DEALS, COMMUNITIES)
    }
    deals = [decoder.decode(value, Deal) for _, value in sorted(of_topic[DEALS])]
    return deals, [decoder.decode(value, Community) for _, value in sorted(of_topic[COMMUNITIES])]


def _saved(artefact: "Artefact", out: Path) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    name = artefact.manifest["name"]
    (out / f"{name}.zip").write_bytes(artefact.content)
    manifest = {**artefact.manifest, "artefact_sha256": artefact.sha256}
    (out / f"{name}.manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    settings = artefact.manifest["calibration"]["settings"]
    return {
        "name": name,
        "version": artefact.manifest["version"],
        "segment": artefact.segment,
        "deals": artefact.manifest["data"]["deals"],
        "mdape": settings["area"]["mdape"],
        "ppe10": settings["area"]["ppe10"],
        "file": str(out / f"{name}.zip"),
        "sha256": artefact.sha256,
    }


def _figures(segment: str, setting: str, report: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("n", "mdape", "ppe5", "ppe10", "ppe20", "bias", "cod", "prd", "prb", "interval_coverage", "ece_p10")
    best = report["baselines"]["community_mean_x_index"]["ppe10"]
    return {
        "segment": segment,
        "setting": setting,
        **{name: report[name] for name in shown},
        "ppe10 at 90 %": report["ppe10_at"]["0.90"],
        "community mean x index": best,
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no day; write it as YYYY-MM-DD") from error


def _print(rows: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    if as_json:
        print(json.dumps({"models": list(rows)}, ensure_ascii=False, default=str))
        return
    if not rows:
        _console.print("There is none yet.")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    _console.print(table)
