"""`avm model release` and `list`: what lies in the model store and who is in charge."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli import CommandError
from infra.cli.connections import settings_in_force
from infra.cli.model.options import AsJson, show
from infra.cli.releases import announce_releases, keep_release
from infra.settings import Settings
from schemas.codes import ModelRole


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
    show(
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
    show(rows, as_json=as_json)
