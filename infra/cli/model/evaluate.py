"""`avm model evaluate`: train before each period, predict it, step on."""

import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import CommandError
from infra.cli.model.options import (
    AsJson,
    Dictionary,
    DictionaryMapping,
    Files,
    FromTopic,
    MappingFile,
    by_segment,
    console,
    day,
    reference,
    show,
)

if TYPE_CHECKING:
    from streams.scoring.evaluation import Setting

_PERIOD_DAYS = {"week": 7, "month": 30}


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
    rows, places = reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    last = day(end) if end else max(deal.deal_date for deal in rows)
    spans = tuple(periods(day(start), last, _PERIOD_DAYS[walk_forward]))
    figures: dict[str, Any] = {}
    with console.status("Walking forward …") as status:
        for segment, of_segment in by_segment(rows).items():
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
    show([_figures(segment, name, row) for segment, found in figures.items() for name, row in found.items()])


def _setting(name: str) -> "Setting":
    from streams.scoring.evaluation import Setting

    try:
        return Setting(name)
    except ValueError as error:
        raise CommandError(f"--setting is one of both, {', '.join(Setting)}, not {name!r}") from error


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
