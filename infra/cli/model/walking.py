"""What the commands that walk forward share: their options, the spans they name, and the walk itself."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import CommandError
from infra.cli.model.options import by_segment, console, day
from schemas.events import Community, Deal

if TYPE_CHECKING:
    from streams.scoring.evaluation import Forecast, Setting, Span

STEPS = ("week", "month", "once")
SETTINGS = {"both": ("area", "full"), "all": ("full", "area", "parsed", "cold")}

Step = Annotated[
    str,
    typer.Option(
        help="Length of a step: week, month (of the calendar), or once: train before --from, predict the rest."
    ),
]
From = Annotated[str, typer.Option("--from", help="First day that is predicted, YYYY-MM-DD.")]
To = Annotated[str, typer.Option("--to", help="Last day that is predicted; the last deal when left out.")]
Lag = Annotated[
    int, typer.Option(min=0, help="Days until a deal is known, where the data does not say: the registration lag.")
]
SettingName = Annotated[
    str,
    typer.Option(
        help="What is told of a property. area: address and area alone; parsed: and floor and height of the building; "
        "full: all attributes; cold: as area, in communities the model never saw; both: area and full; all."
    ),
]


def spans_of(step: str, start: str, end: str, deals: Sequence[Deal]) -> "tuple[Span, ...]":
    """The spans that are predicted. Raises `CommandError`."""
    from datetime import timedelta

    from streams.scoring.evaluation import months, periods

    first = first_day(step, start)
    last = day(end) if end else max(deal.deal_date for deal in deals)
    if last < first:
        raise CommandError(f"nothing to predict: --from {first} lies after the last day, {last}")
    if step == "week":
        return tuple(periods(first, last))
    return tuple(months(first, last)) if step == "month" else ((first, last + timedelta(days=1)),)


def first_day(step: str, start: str) -> date:
    """The first day that is predicted, before any file is read. Raises `CommandError` for wrong options."""
    if not start:
        raise CommandError("say where the prediction begins: --from YYYY-MM-DD")
    if step not in STEPS:
        raise CommandError(
            f"--walk-forward is one of {', '.join(STEPS)}, not {step!r}; deals are only ever split in the order of time"
        )
    return day(start)


def settings_of(name: str) -> "tuple[Setting, ...]":
    """The settings a name stands for. Raises `CommandError`."""
    from streams.scoring.evaluation import Setting

    try:
        return tuple(Setting(one) for one in SETTINGS.get(name, (name,)))
    except ValueError as error:
        raise CommandError(f"--setting is one of {', '.join([*SETTINGS, *Setting])}, not {name!r}") from error


def walked(
    deals: Sequence[Deal],
    places: Sequence[Community],
    spans: "Sequence[Span]",
    settings: "Sequence[Setting]",
    *,
    lag_days: int,
) -> "dict[str, dict[Setting, list[Forecast]]]":
    """Forecasts by segment and setting, those alone that have any. Raises `CommandError` for none, or for a leak."""
    from streams.scoring.evaluation import walk_forward
    from streams.scoring.leaks import LeakError, refuse_leaks

    found: dict[str, dict[Setting, list[Forecast]]] = {}
    with console.status("Walking forward …") as status:
        for segment, rows in by_segment(deals).items():
            try:
                refuse_leaks(rows)
            except LeakError as error:
                raise CommandError(str(error)) from error
            of_segment = walk_forward(
                rows,
                spans,
                settings=settings,
                communities=places,
                lag_days=lag_days,
                progress=lambda day: status.update(f"Walked forward over the period from {day} …"),
            )
            found[segment] = {setting: forecasts for setting, forecasts in of_segment.items() if forecasts}
    found = {segment: by_setting for segment, by_setting in found.items() if by_setting}
    if not found:
        raise CommandError(
            f"nothing was predicted between {spans[0][0]} and {spans[-1][1]}: there are no deals in it, "
            "or too few known before it"
        )
    return found
