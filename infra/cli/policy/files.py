"""`avm policy check|show`: a policy file, or what is in force."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.cli.connections import settings_in_force
from infra.cli.policy_office import policy_in_force, read_policy
from infra.settings import Settings
from streams.routing.policy import Policy

File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Policy file; the one workers start with when left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check(file: File = None) -> None:
    """Read a policy strictly; list all its faults. Exit code 1 when it has any."""
    policy = _read(file)
    print(f"policy {policy.version} is valid, effective from {policy.effective_from}, sha256 {policy.sha256}")


def show(
    file: File = None,
    in_force: Annotated[bool, typer.Option("--in-force", help="What running workers decide by.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the thresholds of a policy, by city, property class and profile."""
    policy = policy_in_force(settings_in_force()) if in_force else _read(file)
    rows = [
        {"city": city or "*", "class": kind.value, "profile": profile.value, **asdict(thresholds)}
        for (city, kind, profile), thresholds in policy.thresholds.items()
    ]
    if as_json:
        print(json.dumps({"version": policy.version, "sha256": policy.sha256, "thresholds": rows}, ensure_ascii=False))
        return
    table = Table(*rows[0], title=f"{policy.version}, effective from {policy.effective_from}")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console().print(table)


def _read(file: Path | None) -> Policy:
    return read_policy(file or Settings().policy)
