"""`avm model train`: artefacts from closed deals."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, shanghai_today
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
from schemas.events import Deal

if TYPE_CHECKING:
    from streams.scoring.licences import Licences
    from streams.scoring.training import Artefact

LicencesFile = Annotated[
    Path | None, typer.Option(help="Licences of the sources, as for `avm sources put`; --from-topic knows its own.")
]

Without = Annotated[list[str] | None, typer.Option(help="A source whose deals are left out; as often as needed.")]


def train(  # noqa: PLR0917 -- typer reads options from parameters
    out: Annotated[Path, typer.Option(help="Folder for the artefacts: one for each property type with deals enough.")],
    deals: Files = None,
    mapping: MappingFile = None,
    communities: Dictionary = None,
    communities_mapping: DictionaryMapping = None,
    until: Annotated[str, typer.Option(help="Learn only from what was known before this day, YYYY-MM-DD.")] = "",
    from_topic: FromTopic = False,
    licences: LicencesFile = None,
    without: Without = None,
    as_json: AsJson = False,
) -> None:
    """Train on closed deals. The same deals give the same bytes; nothing is released yet."""
    from streams.scoring.fitting import TooFewDealsError
    from streams.scoring.training import train as train_models

    known, places = reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    known = [deal for deal in known if deal.source not in (without or ())]
    before = day(until) if until else shanghai_today()
    terms = _terms(known, licences, from_topic=from_topic)
    with console.status(f"Training on {len(known):,} deals known before {before} …"):
        try:
            artefacts = train_models(known, until=before, communities=places, licences=terms)
        except TooFewDealsError as error:
            raise CommandError(str(error)) from error
    show([_saved(artefact, out) for artefact in artefacts], as_json=as_json)


def _terms(deals: Sequence[Deal], file: Path | None, *, from_topic: bool) -> "Licences":
    """The licences to go by; all sources of the deals may be learned from. Raises `CommandError` where one may not.

    Files without a registry beside them are for trying out: they are learned from, and their model serves nowhere
    until its sources are registered, because a scorer asks again.
    """
    from infra.cli.licences import of_file, registered
    from streams.scoring.licences import UNREGISTERED, UnlicensedSourcesError, refuse_unlicensed

    if file is None and not from_topic:
        console.print("Licences of the sources are not checked here (--licences FILE does); a scorer will check them.")
        return UNREGISTERED
    licences = registered(settings_in_force()) if file is None else of_file(file)
    try:
        refuse_unlicensed(deals, licences, shanghai_today())
    except UnlicensedSourcesError as error:
        raise CommandError(f"not trained: {error}. Or leave a source out with --without SOURCE") from error
    return licences


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
