"""`avm outage`: what met no usable model, what waits for one, and the end of an outage of the scorer."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.cli.policy_office import events_on
from infra.cli.releases import announce_releases
from schemas.catalogue import DECISIONS, DEGRADED, MODELS_RELEASED
from schemas.codes import ADDRESS_SEGMENT, ModelRole
from schemas.events import Decided, Degraded, ModelReleased
from streams.routing.comparison import aftermath

app = typer.Typer(help="See what waits for a model, compare, and end an outage.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show what people took and what waits, and people's values beside the model's where it has spoken since."""
    settings = settings_in_force()
    found = aftermath(events_on(settings, DEGRADED, Degraded), events_on(settings, DECISIONS, Decided))
    if as_json:
        rows = [asdict(one) | {"deviation": one.deviation} for one in found.comparisons]
        print(json.dumps(asdict(found) | {"comparisons": rows}, ensure_ascii=False))
        return
    print(f"with people: {found.with_people}; parked: {found.parked}; valued after recovery: {found.resumed}")
    table = Table("valuation", "person, yuan/m²", "model, yuan/m²", "deviation", "model")
    for one in found.comparisons:
        prices = (f"{one.manual_unit_price:,}", f"{one.model_unit_price:,}")
        table.add_row(one.valuation_id, *prices, f"{one.deviation:+.1%}", one.model)
    Console().print(table)


@app.command()
def end(
    by: Annotated[str, typer.Option("--by", help="Who ends it: a staff number, no name.")],
    as_json: AsJson = False,
) -> None:
    """Announce the models in charge anew: what was parked goes through scoring again, what people valued beside it.

    For an outage of the scorer itself; the release of a new model ends one by itself.
    """
    settings, now = settings_in_force(), utc_now()
    latest = {one.name: one for one in events_on(settings, MODELS_RELEASED, ModelReleased)}
    in_charge = _in_charge(latest.values())
    champions = [replace(one, released_at=now, reason=f"announced anew by {by} after an outage") for one in in_charge]
    if not champions:
        raise CommandError("no model was ever released; `avm model release` announces one and ends the outage")
    announce_releases(champions, settings)
    told = [{"name": one.name, "version": one.version} for one in champions]
    print(json.dumps({"announced": told}) if as_json else f"announced anew: {', '.join(one['name'] for one in told)}")


def _in_charge(released: Iterable[ModelReleased]) -> tuple[ModelReleased, ...]:
    """The champion of each segment of houses: to announce one it had before would put that in charge again."""
    houses = (one for one in released if one.role is ModelRole.CHAMPION and one.segment != ADDRESS_SEGMENT)
    return tuple({one.segment: one for one in sorted(houses, key=lambda one: one.released_at)}.values())
