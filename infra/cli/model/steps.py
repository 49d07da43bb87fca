"""`avm model challenge|preview|canary|promote|approve|rollback|withdraw`: a model's way into charge, and back."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.connections import settings_in_force, shanghai_today, utc_now
from infra.cli.model import workflow
from infra.cli.model.options import AsJson, console, show
from infra.cli.model.release import Folder, announced, artefacts_in, kept
from infra.cli.model.workflow import Line, Move, Word
from infra.cli.releases import licensed, verify
from infra.settings import Settings
from schemas.codes import ModelRole
from schemas.events import ModelReleased

if TYPE_CHECKING:
    from collections.abc import Mapping

By = Annotated[str, typer.Option(help="Who asks: a staff number.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the step.")]
Segment = Annotated[str, typer.Option(help="Property type the models value.")]
Days = Annotated[int, typer.Option(min=1, help="How many days of past requests are valued again.")]
_FLAT = "APARTMENT"
_MONTH = 30


def challenge(folder: Folder, by: By, reason: Why, as_json: AsJson = False) -> None:
    """Put the models of FOLDER into the shadow of the champions: valued beside them, answering nobody."""
    artefacts = artefacts_in(folder)
    settings = settings_in_force()
    word = Word(by=by, at=utc_now(), reason=reason)
    new = kept(artefacts, settings, ModelRole.CHALLENGER, by=word.by)
    _carry_out([workflow.challenge(_line(one.segment, settings), one, word) for one in new], settings, as_json=as_json)


def preview(segment: Segment = _FLAT, days: Days = _MONTH, as_json: AsJson = False) -> None:
    """Value the requests of the last days by champion and challenger; compare both with outcomes. Changes nothing."""
    settings = settings_in_force()
    _line(segment, settings)
    _show_figures(_figures(segment, settings, days), as_json=as_json)


def canary(
    share: Annotated[float, typer.Option(help="Of the properties: 0.05 for 5 %, 0 to end the canary.")],
    by: By,
    reason: Why,
    segment: Segment = _FLAT,
    days: Days = _MONTH,
    as_json: AsJson = False,
) -> None:
    """Let the challenger answer a share of the properties. More needs another person than put it up; 0 needs nobody."""
    settings = settings_in_force()
    line, word = _line(segment, settings), Word(by=by, at=utc_now(), reason=reason)
    raised = line.challenger is not None and share > line.challenger.share
    workflow.canary(line, share, word, {})  # refuse before the long count
    figures = _figures(segment, settings, days) if raised else {}
    _carry_out([workflow.canary(line, share, word, figures)], settings, as_json=as_json)


def promote(by: By, reason: Why, segment: Segment = _FLAT, days: Days = _MONTH, as_json: AsJson = False) -> None:
    """Propose that the challenger be put in charge; keeps the figures of the preview with the proposal."""
    settings = settings_in_force()
    line, word = _line(segment, settings), Word(by=by, at=utc_now(), reason=reason)
    workflow.propose(line, word, {})
    _carry_out([workflow.propose(line, word, _figures(segment, settings, days))], settings, as_json=as_json)
    console.print("Proposed. Another person puts it in charge: `avm model approve`.", markup=False)


def approve(by: By, reason: Why, segment: Segment = _FLAT, as_json: AsJson = False) -> None:
    """Put the proposed challenger in charge: the second person's yes."""
    settings = settings_in_force()
    move = workflow.approve(_line(segment, settings), Word(by=by, at=utc_now(), reason=reason))
    _verify(move.step.release, settings)
    _carry_out([move], settings, as_json=as_json)


def rollback(
    by: By,
    reason: Why,
    segment: Segment = _FLAT,
    version: Annotated[str, typer.Option(help="A former champion; the one before this one when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put the former model back in charge, at once. One person is enough."""
    settings = settings_in_force()
    line, word = _line(segment, settings), Word(by=by, at=utc_now(), reason=reason)
    former = workflow.former_of(line, version or None)
    _verify(former, settings)
    _carry_out([workflow.rollback(line, former, word)], settings, as_json=as_json)


def withdraw(by: By, reason: Why, segment: Segment = _FLAT, as_json: AsJson = False) -> None:
    """Take the challenger out of the shadow."""
    settings = settings_in_force()
    move = workflow.withdraw(_line(segment, settings), Word(by=by, at=utc_now(), reason=reason))
    _carry_out([move], settings, as_json=as_json)


def _line(segment: str, settings: Settings) -> Line:
    from infra.cli.model.standing import line_of

    return line_of(segment, settings)


def _figures(segment: str, settings: Settings, days: int) -> dict[str, float]:
    from infra.cli.model.preview import preview as figures

    with console.status(f"Valuing the requests of {days} days by both models …"):
        return figures(segment, settings, days=days)


def _verify(release: ModelReleased, settings: Settings) -> None:
    from infra.cli.licences import registered

    verify(release, settings, licensed(registered(settings), shanghai_today()))


def _carry_out(moves: list[Move], settings: Settings, *, as_json: bool) -> None:
    from infra.cli.model.standing import write

    write(moves, settings)
    if not as_json:
        for move in moves:
            _show_figures(move.step.figures, as_json=False)
    shown = [(move.step.step, one) for move in moves for one in move.announced or (move.step.release,)]
    show([{"step": step, **announced(one)} for step, one in shown], as_json=as_json)


def _show_figures(figures: "Mapping[str, float]", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"figures": figures}, ensure_ascii=False))
    elif figures:
        show([{"figure": name, "value": f"{figure:g}"} for name, figure in figures.items()])
