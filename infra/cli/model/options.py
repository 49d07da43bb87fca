"""What the commands of `avm model` share: the options that name deals, reading them, and showing rows."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, shanghai_today
from schemas.events import Community, Deal

console = Console(stderr=True)

Files = Annotated[list[Path] | None, typer.Option("--deals", help="CSV, XLSX or Parquet; may be given several times.")]
MappingFile = Annotated[Path | None, typer.Option(help="Mapping of the deals; without one, columns have our names.")]
Dictionary = Annotated[Path | None, typer.Option(help="File of communities, for their coordinates and districts.")]
DictionaryMapping = Annotated[Path | None, typer.Option(help="Mapping of the communities.")]
FromTopic = Annotated[
    bool, typer.Option("--from-topic", help="Read deals and communities from the running broker instead of files.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def reference(
    deals: Sequence[Path] | None,
    mapping: Path | None,
    communities: Path | None,
    communities_mapping: Path | None,
    *,
    from_topic: bool,
) -> tuple[list[Deal], list[Community]]:
    """The deals and communities of the files given, or of the running broker. Raises `CommandError`."""
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
        console.print(f"{file.name}: {refused:,} rows left out; `avm reference load --dry-run` says why.")


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


def by_segment(deals: Iterable[Deal]) -> dict[str, list[Deal]]:
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


def day(text: str) -> date:
    """A day written as YYYY-MM-DD. Raises `CommandError`."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no day; write it as YYYY-MM-DD") from error


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """Print rows as a table, or as one JSON object."""
    if as_json:
        print(json.dumps({"models": list(rows)}, ensure_ascii=False, default=str))
        return
    if not rows:
        console.print("There is none yet.")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)
