"""`avm model train`: artefacts from closed deals."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import CommandError
from infra.cli.connections import shanghai_today
from infra.cli.model.options import (
    AsJson,
    Dictionary,
    DictionaryMapping,
    Files,
    FromTopic,
    MappingFile,
    console,
    day,
    reference,
    show,
)

if TYPE_CHECKING:
    from streams.scoring.training import Artefact


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

    known, places = reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    before = day(until) if until else shanghai_today()
    with console.status(f"Training on {len(known):,} deals known before {before} …"):
        try:
            artefacts = train_models(known, until=before, communities=places)
        except TooFewDealsError as error:
            raise CommandError(str(error)) from error
    show([_saved(artefact, out) for artefact in artefacts], as_json=as_json)


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
