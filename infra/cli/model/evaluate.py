"""`avm model evaluate`: train before each span, predict it, step on; figures as a table, JSON and a report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.connections import shanghai_today
from infra.cli.model.options import (
    AsJson,
    Dictionary,
    DictionaryMapping,
    Files,
    FromTopic,
    MappingFile,
    by_segment,
    console,
    reference,
    show,
)
from infra.cli.model.walking import From, Lag, SettingName, Step, To, first_day, settings_of, spans_of, walked
from schemas.events import Deal

if TYPE_CHECKING:
    from streams.scoring.evaluation import Forecast

_MANY_REPEATED = 0.01  # share of deals that stand there twice, from which the figures are doubtful


def evaluate(  # noqa: PLR0917 -- typer reads options from parameters
    deals: Files = None,
    mapping: MappingFile = None,
    communities: Dictionary = None,
    communities_mapping: DictionaryMapping = None,
    walk_forward: Step = "week",
    start: From = "",
    end: To = "",
    lag: Lag = 0,
    setting: SettingName = "both",
    from_topic: FromTopic = False,
    html: Annotated[Path | None, typer.Option(help="Write a report to this file as well.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train before each step, predict it, step on; compare with the deal prices and with simple rules.

    With one property type and one setting the JSON object is the figures themselves; several settings stand under
    their names, several types under theirs around them. docs/evaluation.md says what each figure means.
    """
    first_day(walk_forward, start)
    settings = settings_of(setting)
    rows, places = reference(deals, mapping, communities, communities_mapping, from_topic=from_topic)
    spans = spans_of(walk_forward, start, end, rows)
    forecasts = walked(rows, places, spans, settings, lag_days=lag)
    of_segment = by_segment(rows)
    walk = {
        "step": walk_forward,
        "from": spans[0][0].isoformat(),
        "before": spans[-1][1].isoformat(),
        "lag_days": lag,
        "reference": "deal",
    }
    figures = {
        segment: {
            setting.value: _figures(
                found, of_segment[segment], {"segment": segment, "setting": setting.value, "walk_forward": walk}
            )
            for setting, found in by_setting.items()
        }
        for segment, by_setting in forecasts.items()
    }
    if html:
        from infra.cli.model.evaluation_report import page

        html.write_text(page(figures, files=[file.name for file in deals or ()], on=shanghai_today()), encoding="utf-8")
        console.print(f"Report written to {html}.")
    if as_json:
        print(json.dumps(flattened(figures, one_setting=len(settings) == 1), ensure_ascii=False))
        return
    show([_row(row) for by_setting in figures.values() for row in by_setting.values()])


def flattened(figures: Mapping[str, Mapping[str, Any]], *, one_setting: bool) -> Mapping[str, Any]:
    """Figures by segment and setting, without the levels that hold one thing only."""
    by_segment = {
        segment: next(iter(by_setting.values())) if one_setting else by_setting
        for segment, by_setting in figures.items()
    }
    return next(iter(by_segment.values())) if len(by_segment) == 1 else by_segment


def _figures(forecasts: "Sequence[Forecast]", deals: Sequence[Deal], about: Mapping[str, Any]) -> dict[str, Any]:
    from streams.scoring.figures import report
    from streams.scoring.leaks import repeated

    figures, twice = report(forecasts), repeated(deals)
    doubts = ["REPEATED_DEALS"] if twice > _MANY_REPEATED * len(deals) else []
    return {**figures, "warnings": [*figures["warnings"], *doubts], "repeated_deals": twice, **about}


def _row(figures: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("n", "mdape", "ppe5", "ppe10", "ppe20", "bias", "cod", "prd", "prb", "interval_coverage", "ece_p10")
    return {
        "segment": figures["segment"],
        "setting": figures["setting"],
        **{name: figures[name] for name in shown},
        "ppe10 at 90 %": figures["ppe10_at"]["90"],
        "plain CatBoost": figures["baselines"]["plain_catboost"]["ppe10"],
        "doubts": " ".join(figures["warnings"]),
    }
