"""`avm reference`: load communities, deals and coverage, see what is loaded, and look after aliases."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.cli.aliases import app as alias_app
from infra.reference.mapping import FileMapping, MappingError, Target, own_names, read_mapping
from infra.reference.tables import UnreadableTableError, columns_of, count_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.reference.deliveries import Rows
    from infra.reference.load import Loaded

app = typer.Typer(help="Load communities, deals and coverage.", no_args_is_help=True)
app.add_typer(alias_app, name="alias")
_console = Console(stderr=True)
_SHOWN_REASONS = 8


@app.command()
def load(  # noqa: PLR0917 -- typer reads options from parameters
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="Mapping file; docs/examples/ has some.")] = None,
    topic: Annotated[Target | None, typer.Option(help="What the file holds, when no mapping says so.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go; default: FILE.rejects.csv.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, publish nothing; needs no broker.")] = False,
    try_anyway: Annotated[
        bool, typer.Option("--try-anyway", help="Load although bad deliveries made the source rest.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read FILE into its `reference.*` topic. Bad rows go to a file with line and reason, good rows are loaded.

    Without a mapping the columns must be named as our fields. A coverage file is taken whole or not at all.
    """
    from infra.cli.connections import NothingRunsError
    from infra.reference.breaker import DeliveryRefusedError
    from infra.reference.coverage import CoverageFileError
    from infra.reference.load import BadDeliveryError, RejectsFile
    from schemas.errors import PublishError

    refused = RejectsFile(rejects or file.with_name(f"{file.name}.rejects.csv"))
    try:
        chosen = _mapping(file, mapping, topic)
        loaded = _loaded(file, chosen, refused, dry_run=dry_run, try_anyway=try_anyway)
    except BadDeliveryError as error:
        refused.save()
        _fail(str(error), as_json=as_json)
    except LookupError as error:
        _fail(f"{error}; `avm topics apply` creates it", as_json=as_json)
    except (
        MappingError, UnreadableTableError, CoverageFileError, DeliveryRefusedError, NothingRunsError, PublishError,
    ) as error:  # fmt: skip
        _fail(str(error), as_json=as_json)
    unlicensed = () if dry_run else tuple(_unlicensed(loaded, chosen.target))
    saved = refused.save()
    summary: dict[str, Any] = {
        "file": file.name,
        "target": chosen.target.value,
        "loaded": loaded.loaded,
        "rejected": loaded.rejected,
        "removed": loaded.removed,
        "rejects_file": str(saved) if saved else None,
        "dry_run": dry_run,
        "unlicensed": unlicensed,
    }
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    verb = "would be loaded" if dry_run else "loaded"
    _console.print(f"{file.name}: {loaded.loaded:,} {chosen.target} {verb}, {loaded.rejected:,} refused.")
    if loaded.removed:
        _console.print(f"{loaded.removed:,} rows of the former table were removed.")
    for line in unlicensed:
        _console.print(f"Loaded, but not used yet: {line}", markup=False)
    for reason, count in list(refused.reasons())[:_SHOWN_REASONS]:
        _console.print(f"  {count:>7,} × {reason}", markup=False)
    if saved:
        _console.print(f"Refused rows, each with its line and reason: {saved}", markup=False)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Count what lies on each reference topic."""
    from infra.cli.connections import NothingRunsError, kafka_conf, settings_in_force
    from infra.reference.load import TOPIC_OF, live_keys
    from schemas.catalogue import ALIASES, PROPERTIES, SOURCES

    try:
        conf = kafka_conf(settings_in_force())
        topics = (*TOPIC_OF.values(), ALIASES, PROPERTIES, SOURCES)
        counts = {topic.name: len(live_keys(conf, topic)) for topic in topics}
    except (NothingRunsError, LookupError) as error:
        _fail(str(error), as_json=as_json)
    if as_json:
        print(json.dumps(counts))
        return
    table = Table("topic", "rows")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    _console.print(table)


def _mapping(file: Path, mapping: Path | None, topic: Target | None) -> FileMapping:
    if mapping is not None:
        chosen = read_mapping(mapping)
        if topic is not None and topic is not chosen.target:
            raise MappingError(mapping.name, [f"it is for {chosen.target}, not for {topic}"])
        return chosen
    if topic is None:
        raise UnreadableTableError(
            "say what the file holds: --mapping FILE.toml, or --topic when columns have our names"
        )
    return own_names(topic, columns_of(file))


def _loaded(file: Path, mapping: FileMapping, refused: Any, *, dry_run: bool, try_anyway: bool) -> "Loaded":
    from infra.cli.connections import shanghai_today
    from infra.reference.coverage import read_coverage
    from infra.reference.rows import read_rows

    if mapping.target is Target.COVERAGE:
        rows: Rows = read_coverage(file, mapping, today=shanghai_today())
    else:
        rows = read_rows(file, mapping, today=shanghai_today())
    with _progress() as progress:
        task = progress.add_task(f"{mapping.target}", total=count_lines(file))

        def moved(by: int) -> None:
            progress.advance(task, by)

        if dry_run:
            return _counted(rows, mapping.target, refused, moved)
        return _published(rows, mapping, refused, moved, try_anyway=try_anyway)


def _counted(rows: "Rows", target: Target, refused: Any, moved: Any) -> "Loaded":
    from infra.cli.connections import codec, utc_now
    from infra.reference.load import TOPIC_OF, load
    from infra.settings import Settings

    return load(
        rows,
        publisher=None,
        codec=codec(Settings()),
        topic=TOPIC_OF[target],
        now=utc_now(),
        on_rejected=refused.add,
        on_progress=moved,
    )


def _published(rows: "Rows", mapping: FileMapping, refused: Any, moved: Any, *, try_anyway: bool) -> "Loaded":
    from dataclasses import replace

    from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
    from infra.kafka.producer import Publisher
    from infra.reference.deliveries import delivered, source_of
    from infra.reference.load import TOPIC_OF, live_keys, load, tombstones
    from infra.reference.rows import RejectedRow, natural_key

    target, topic = mapping.target, TOPIC_OF[mapping.target]
    settings = settings_in_force()
    conf, encoder = kafka_conf(settings), codec(settings)
    # The table of coverage is the operator's own, taken whole or not at all: nobody delivers it.
    source, rows = ("", rows) if target is Target.COVERAGE else source_of(rows, mapping)
    with closing(Publisher(conf, on_fatal=_give_up)) as publisher:
        # A coverage file is the whole table: what it no longer names ends with it.
        before = live_keys(conf, topic) if target is Target.COVERAGE else frozenset()
        loaded = delivered(
            source,
            lambda: load(
                rows,
                publisher=publisher,
                codec=encoder,
                topic=topic,
                now=utc_now(),
                on_rejected=refused.add,
                on_progress=moved,
            ),
            conf=conf,
            codec=encoder,
            clock=utc_now,
            try_anyway=try_anyway,
        )
        kept = {natural_key(row) for row in rows if not isinstance(row, RejectedRow)} if before else set()
        gone = before - kept
        publisher.publish(tombstones(sorted(gone), topic))
        return replace(loaded, removed=len(gone))


def _unlicensed(loaded: "Loaded", target: Target) -> "Iterator[str]":
    """What the rows just loaded may not be used for, one line for each source."""
    from infra.cli.connections import settings_in_force, shanghai_today
    from infra.cli.licences import registered
    from schemas.codes import SourceUse
    from streams.scoring.licences import NAMELESS

    uses = {
        Target.DEALS: (SourceUse.TRAINING, SourceUse.COMPARABLES),
        Target.RENTS: (SourceUse.COMPARABLES,),
        Target.COMMUNITIES: (SourceUse.DICTIONARY,),
    }
    licences, today = registered(settings_in_force()), shanghai_today()
    for source in sorted(loaded.sources):
        refused = {
            use: why for use in uses.get(target, ()) if (why := licences.why_not(source, use, today)) is not None
        }
        if refused:
            said = "; ".join(dict.fromkeys(refused.values()))
            yield f"source {source or NAMELESS} for {', '.join(refused)}: {said}"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=_console
    )


def _give_up(why: str) -> None:
    _console.print(f"Publishing ended: {why}", markup=False)


def _fail(message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False))
    else:
        _console.print(f"[red]Not loaded.[/red] {message}")
    raise typer.Exit(1)
