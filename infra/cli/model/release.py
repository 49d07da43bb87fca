"""`avm model release`, `list` and `history`: what lies in the model store, who is in charge, and how it came there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import CommandError
from infra.cli.connections import NothingRunsError, settings_in_force, shanghai_today, utc_now
from infra.cli.model import workflow
from infra.cli.model.options import AsJson, console, show
from infra.cli.releases import keep_release, licensed
from infra.settings import Settings
from schemas.codes import ModelRole
from schemas.events import ModelReleased

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cli.model.workflow import Line

Folder = Annotated[Path, typer.Argument(help="What `avm model train --out` wrote.")]


def release(
    folder: Folder,
    by: Annotated[str, typer.Option(help="Who releases; kept with the release.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; kept with the release.")] = "released without a trial",
    second: Annotated[str, typer.Option(help="Another person who agrees; needed where another model stands.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put the models of FOLDER in charge at once; scorers change over between two batches.

    For the first model of a segment. A model that is to follow another one goes by `challenge`, `canary`, `promote`.
    """
    from infra.cli.model.standing import line_of, write

    artefacts = artefacts_in(folder)
    settings = settings_in_force()
    word, moves = workflow.Word(by=by, at=utc_now(), reason=reason), []
    for new in kept(artefacts, settings, ModelRole.CHAMPION, by=word.by):
        line = line_of(new.segment, settings)
        moves.append(workflow.release(line, new, word, second=second))
        if line.champion is not None and line.champion.sha256 != new.sha256:
            console.print(
                f"{new.segment}: {new.version} takes the place of {line.champion.version} without a trial; "
                "`avm model challenge` is the reviewed way, `avm model rollback` the way back.",
                markup=False,
            )
    write(moves, settings)
    show([announced(one) for move in moves for one in move.announced], as_json=as_json)


def artefacts_in(folder: Path) -> list[bytes]:
    """The artefacts of a folder. Raises `CommandError` where there is none."""
    found = sorted(folder.glob("*.zip"))
    if not found:
        raise CommandError(f"there is no artefact (*.zip) in {folder}; make one with `avm model train --out {folder}`")
    return [path.read_bytes() for path in found]


def kept(artefacts: list[bytes], settings: Settings, role: ModelRole, *, by: str) -> list[ModelReleased]:
    """Artefacts checked by their licences and put into the store. Raises `CommandError`."""
    from infra.cli.licences import registered

    checked = licensed(registered(settings), shanghai_today())
    return [keep_release(content, settings, role, by=by, checked=checked) for content in artefacts]


def announced(new: ModelReleased) -> dict[str, Any]:
    """What is shown of a release."""
    return {
        "name": new.name,
        "version": new.version,
        "segment": new.segment,
        "role": new.role,
        "share": new.share,
        "uri": new.uri,
        "sha256": new.sha256,
    }


def list_models(as_json: AsJson = False) -> None:
    """List what lies in the model store; who is champion, who challenger, and of which share."""
    from infra.storage.models import ModelStore

    standing = _standing()
    rows = [
        {
            "name": manifest["name"],
            "version": manifest["version"],
            "segment": manifest["segment"],
            "deals": manifest["data"]["deals"],
            "ppe10": manifest["calibration"]["settings"]["area"]["ppe10"],
            **standing.get(manifest["artefact_sha256"], {"role": "", "share": 0.0, "since": ""}),
            "sha256": manifest["artefact_sha256"],
        }
        for manifest in ModelStore(Settings().models_url).manifests()
        if "calibration" in manifest  # the store holds the tagger of addresses, too
    ]
    show(rows, as_json=as_json)


def history(
    segment: Annotated[str, typer.Option(help="Property type the models value.")] = "APARTMENT",
    as_json: AsJson = False,
) -> None:
    """Show every step of a segment's models, oldest first: who, when, why, on which figures."""
    from infra.cli.model.standing import line_of

    steps = line_of(segment, settings_in_force()).steps
    rows = [
        {
            "at": step.at.isoformat(timespec="seconds"),
            "step": step.step,
            "version": step.release.version,
            "share": step.release.share,
            "by": step.by,
            "reason": step.reason,
            "former": step.former.version if step.former else "",
            **({"figures": step.figures} if as_json else {}),
        }
        for step in steps
    ]
    show(rows, as_json=as_json)


def _standing() -> dict[str, dict[str, Any]]:
    """Role, share and since when, by sha256; nothing where no broker runs."""
    from infra.cli.model.standing import lines

    try:
        found: Sequence[Line] = lines(settings_in_force())
    except NothingRunsError:
        return {}
    return {
        one.sha256: {"role": one.role, "share": one.share, "since": one.released_at.isoformat(timespec="seconds")}
        for line in found
        for one in (line.challenger, line.champion)
        if one is not None
    }
