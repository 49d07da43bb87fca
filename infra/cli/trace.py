"""`avm trace VALUATION_ID`: one valuation from its request to its report, as the ledger has it."""

import json
from datetime import datetime
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import settings_in_force
from schemas.ids import valuation_id as id_of

app = typer.Typer(add_completion=False)


@app.command()
def trace(
    valuation: Annotated[str, typer.Argument(metavar="VALUATION_ID", help="Its id, or CHANNEL:REQUEST-NUMBER.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show every event of a valuation with the time since the one before, and how long each stage took."""
    channel, colon, number = valuation.partition(":")
    wanted = id_of(channel, number) if colon else valuation
    found = _timeline(settings_in_force().gateway.ledger_url, wanted)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    console = Console()
    state = found["state"]
    received = datetime.fromisoformat(state["received_at"]).astimezone() if state["received_at"] else None
    for name, value in (
        ("valuation", wanted),
        ("channel", state["channel"]),
        ("status", state["status"] or "not answered yet"),
        ("received", received.isoformat(sep=" ", timespec="milliseconds") if received else None),
        ("trace", state["trace_id"]),
        ("tags", ", ".join(_tags(found["events"]))),
    ):
        console.print(f"{name:<9}  {value or '-'}", markup=False, highlight=False, soft_wrap=True)
    console.print(_events(found["events"]))
    console.print(_stages(found["stages"]))


def _timeline(ledger_url: str, valuation_id: str) -> dict[str, Any]:
    if not ledger_url:
        raise CommandError("the ledger's address is not known: run `avm up`, or set AVM_GATEWAY__LEDGER_URL")
    try:
        response = httpx.get(f"{ledger_url}/valuations/{valuation_id}/timeline", timeout=10.0, trust_env=False)
    except httpx.HTTPError as error:
        raise CommandError(f"the ledger at {ledger_url} does not answer: {error}") from error
    if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
        raise CommandError(f"the ledger knows no valuation {valuation_id}; give its id, or CHANNEL:REQUEST-NUMBER")
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def _tags(events: list[dict[str, Any]]) -> list[str]:
    """What the property registry said of the house when it was last resolved."""
    enriched = [event["payload"] for event in events if event["kind"] == "Enriched"]
    return enriched[-1].get("tags", []) if enriched else []


def _events(events: list[dict[str, Any]]) -> Table:
    table = Table("on its topic", "+ ms", "event", "status", "said by", "rev.")
    for column in table.columns:
        column.no_wrap = True
    before: datetime | None = None
    for event in events:
        at = datetime.fromisoformat(event["appended_at"])
        passed = "" if before is None else f"{(at - before).total_seconds() * 1000:,.0f}"
        table.add_row(
            at.astimezone().time().isoformat(timespec="milliseconds"),
            passed,
            event["kind"],
            event["status"] or "",
            event["stage"],
            str(event["revision"]),
        )
        before = at
    return table


def _stages(stages: list[dict[str, Any]]) -> Table:
    table = Table("stage", "ms")
    for stage in stages:
        table.add_row(stage["stage"], f"{stage['milliseconds']:,.1f}")
    return table
