"""`avm market`: a synthetic market to try the service with."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import print as show

from schemas.domain.worktime import SHANGHAI

app = typer.Typer(help="Generate a synthetic market, plainly marked as such.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `generate` a sub-command, though it is the only one yet."""


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder to write to; files of the same names are replaced.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = 1,
    communities: Annotated[int, typer.Option(min=50)] = 3_000,
    deals: Annotated[int, typer.Option(min=1)] = 60_000,
    until: Annotated[str, typer.Option(help="Last day of the deals, YYYY-MM-DD; today when left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write communities, deals, rents and coverage for `avm reference load`, and sources.toml for `avm sources put`."""
    from producers.simulator import market

    last_day = date.fromisoformat(until) if until else datetime.now(SHANGHAI).date()
    made = market.generate(seed, communities=communities, deals=deals, until=last_day)
    files = [str(path) for path in market.write(made, out)]
    if as_json:
        print(
            json.dumps(
                {
                    "market": "synthetic",
                    "seed": seed,
                    "until": last_day.isoformat(),
                    "communities": made.communities.height,
                    "deals": made.deals.height,
                    "rents": made.rents.height,
                    "coverage_rows": made.coverage.height,
                    "files": files,
                },
                ensure_ascii=False,
            )
        )
        return
    show(
        f"Synthetic market, seed {seed}, until {last_day}: {made.communities.height:,} communities, "
        f"{made.deals.height:,} deals, {made.rents.height:,} rents, {made.coverage.height} districts."
    )
    for file in files:
        show(f"  {file}")
