"""`avm index`: publish the price index of a model as a vintage, and read vintages back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.settings import Settings
from schemas.catalogue import INDEX, MODELS_RELEASED
from schemas.codes import ADDRESS_SEGMENT, ModelRole, PropertyType
from schemas.errors import PermanentError
from schemas.events import IndexPoint, ModelReleased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.kafka.producer import Record
    from streams.scoring.model import Model
    from streams.scoring.vintages import Vintages

app = typer.Typer(help="Publish and show vintages of the price index.", no_args_is_help=True)
_console = Console(stderr=True)
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def publish(
    model: Annotated[list[Path] | None, typer.Option(help="Artefact (*.zip); may be given several times.")] = None,
    from_topic: Annotated[bool, typer.Option("--from-topic", help="Those of the models that are in charge.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Publish the index inside a model as a vintage. One that is published already stays as it is."""
    from infra.reference.live import publish as write
    from streams.scoring.vintages import points_of

    if from_topic == bool(model):
        raise CommandError("give either --model ZIP (once or several times) or --from-topic")
    settings = settings_in_force()
    known = _published(settings)
    told = []
    for one in _models(model or [], settings):
        fresh = [point for point in points_of(one) if point.vintage not in known.of(point.segment)]
        write(kafka_conf(settings), [*_records(fresh, settings)])
        cities = sorted({point.segment.partition("|")[2] for point in fresh})
        told.append({"segment": one.segment, "vintage": one.version, "points": len(fresh), "cities": cities})
    if as_json:
        print(json.dumps({"published": told}, ensure_ascii=False))
        return
    for row in told:
        said = f"{row['points']:,} points" if row["points"] else "published before, left as it is"
        _console.print(f"{row['segment']} vintage {row['vintage']}: {said}", markup=False)


@app.command()
def show(
    city: Annotated[str, typer.Option(help="City; all cities together when left out.")] = "",
    segment: Annotated[PropertyType, typer.Option(help="Property type.")] = PropertyType.APARTMENT,
    vintage: Annotated[str, typer.Option(help="A vintage by name, i.e. the version of its model.")] = "",
    on: Annotated[str, typer.Option("--on", help="The vintage that was in force that day, YYYY-MM-DD.")] = "",
    as_json: _AsJson = False,
) -> None:
    """Show a curve of the index: 100 on its first day. The newest vintage when none is named."""
    from streams.scoring.vintages import Curve, UnknownVintageError, segment_key

    known, key = _published(settings_in_force()), segment_key(segment, city)
    if vintage and on:
        raise CommandError("give --vintage or --on, not both")
    try:
        curve: Curve = known.curve(key, vintage or _in_force(known, key, on))
    except UnknownVintageError as error:
        raise CommandError(f"{error}; publish one with `avm index publish`") from error
    rows: list[dict[str, Any]] = [
        {"date": point.on_date.isoformat(), "level": round(100 * _factor(point, curve.points[0]), 2)}
        for point in curve.points
    ]
    others = known.of(key)
    if as_json:
        told = {"segment": key, "vintage": curve.vintage, "vintages": others, "points": rows}
        print(json.dumps(told, ensure_ascii=False))
        return
    table = Table("date", "level", title=f"{key} {curve.vintage} ({len(others)} vintages)")
    for row in rows:
        table.add_row(row["date"], f"{row['level']:.2f}")
    _console.print(table)


def _in_force(known: "Vintages", key: str, on: str) -> str:
    from infra.cli.model.options import day

    if not on:
        return max(known.of(key), default="")
    found = known.as_of(key, day(on))
    if found is None:
        oldest = min(known.of(key), default="none at all")
        raise CommandError(f"no vintage of {key} was in force on {on}; the oldest is {oldest}")
    return found


def _factor(point: IndexPoint, first: IndexPoint) -> float:
    from math import exp

    return exp(point.log_level - first.log_level)


def _published(settings: Settings) -> "Vintages":
    from infra.reference.live import live_rows
    from streams.scoring.vintages import Vintages

    try:
        return Vintages(live_rows(kafka_conf(settings), INDEX, IndexPoint, codec(settings)).values())
    except LookupError as error:
        raise CommandError(f"{error}; `avm topics apply` creates it") from error


def _models(files: list[Path], settings: Settings) -> "Iterator[Model]":
    from infra.storage.models import ModelStore
    from streams.scoring.model import unpack

    try:
        for path in files:
            yield unpack(path.read_bytes())
        if not files:
            store = ModelStore(settings.models_url)
            for release in _in_charge(settings):
                yield unpack(store.fetch(release.uri, release.sha256))
    except (PermanentError, OSError) as error:
        raise CommandError(f"not published: {error}") from error


def _in_charge(settings: Settings) -> list[ModelReleased]:
    from infra.reference.live import live_rows

    released = live_rows(kafka_conf(settings), MODELS_RELEASED, ModelReleased, codec(settings)).values()
    found = [row for row in released if row.role is ModelRole.CHAMPION and row.segment != ADDRESS_SEGMENT]
    if not found:
        raise CommandError("no model is in charge; release one with `avm model release`, or name files with --model")
    return found


def _records(points: list[IndexPoint], settings: Settings) -> "Iterator[Record]":
    from infra.kafka.producer import Record
    from schemas.headers import event_headers, event_type
    from schemas.ids import event_id
    from streams.scoring.vintages import point_key

    encoder, now = codec(settings), utc_now()
    for point in points:
        key, kind = point_key(point), event_type(point)
        headers = event_headers(
            event_id=event_id(key, kind, 0), event_type=kind, source="price-index", at=now, traceparent=None
        )
        yield Record(topic=INDEX.named(), key=key.encode(), value=encoder.encode(point), headers=headers)
