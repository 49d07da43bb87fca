"""`avm callbacks deliveries` and `resend`: what was delivered, how it stands, and sending it again."""

from typing import Annotated, Final

import typer

from consumers.callbacks import resending
from consumers.callbacks.deliveries import State
from consumers.callbacks.resending import Selection
from infra.cli import CommandError
from infra.cli.callbacks.common import AsJson, OfChannel, bank_channel, instant_of, room, tell
from infra.cli.connections import utc_now

app = typer.Typer(help="What was delivered, and how it stands.", no_args_is_help=True)

_LISTED: Final = 50


@app.command("list")
def deliveries_list(  # noqa: PLR0917 - typer reads options from parameters
    channel: OfChannel = None,
    valuation: Annotated[
        str | None, typer.Option("--valuation", help="Only about this valuation, order or job.")
    ] = None,
    parked: Annotated[bool, typer.Option("--parked", help="Only those that were given up.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Only those that are not acknowledged yet.")] = False,
    since: Annotated[str | None, typer.Option(help="Made since then: 30m, 12h, 3d, or an instant.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = _LISTED,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest last."""
    if parked and open_:
        raise CommandError("give --parked or --open, not both: a delivery is one of them at most")
    status = State.PARKED if parked else State.OPEN if open_ else None
    selection = Selection(
        channel=channel and bank_channel(channel), subject_id=valuation, status=status, since=instant_of(since)
    )
    with room() as connection:
        rows = resending.found(connection, selection, limit=limit)
    shown = ("delivery_id", "channel", "kind", "status", "attempts", "last_fault", "delivered_at")
    tell({"deliveries": rows}, [{name: row[name] for name in shown} for row in rows], as_json=as_json, nothing="None.")


@app.command("show")
def deliveries_show(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY_ID", help="Its id: `webhook-id`, `delivery_id`.")],
    as_json: AsJson = False,
) -> None:
    """Show one delivery with its receipts. Its body is not shown: `avm callbacks export` has it."""
    with room() as connection:
        rows = resending.found(connection, Selection(delivery_id=delivery))
        if not rows:
            raise CommandError(f"there is no delivery {delivery}; `avm callbacks deliveries list` names them")
        told = rows[0] | {"receipts": resending.receipts_of(connection, delivery)}
    tell(told, [{"field": name, "value": value} for name, value in told.items()], as_json=as_json)


def resend(
    delivery: Annotated[str | None, typer.Option("--delivery", help="One delivery.")] = None,
    valuation: Annotated[str | None, typer.Option("--valuation", help="All about a valuation, order or job.")] = None,
    parked: Annotated[bool, typer.Option("--parked", help="All that were given up.")] = False,
    channel: Annotated[
        str | None, typer.Option("--channel", help="All of a channel, with --since or --parked.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Made since then: 30m, 12h, 3d, or an instant.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send again, under the same ids: a system that has a delivery already stores nothing twice."""
    if sum((delivery is not None, valuation is not None, parked or channel is not None)) != 1:
        raise CommandError("say what: --delivery ID, --valuation ID, --parked [--channel C] or --channel C --since 12h")
    if channel is not None and not parked and since is None:
        raise CommandError("--channel alone would send everything the channel ever got: add --since, or --parked")
    selection = Selection(
        delivery_id=delivery,
        subject_id=valuation,
        channel=channel and bank_channel(channel),
        status=State.PARKED if parked else None,
        since=instant_of(since),
    )
    with room() as connection:
        ids = [row["delivery_id"] for row in resending.found(connection, selection)]
        if not ids and (delivery or valuation):
            raise CommandError(
                f"there is nothing of {delivery or valuation}; `avm callbacks deliveries list` names what is"
            )
        sent = resending.send_again(connection, ids, utc_now())
    tell({"in_line": sent}, None, as_json=as_json)
