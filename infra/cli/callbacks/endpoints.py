"""`avm callbacks endpoints`: how each channel's system is reached."""

import secrets as randomness
from datetime import datetime
from typing import Annotated, Any

import typer
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import endpoints as register
from consumers.callbacks.endpoints import Endpoint, Mode
from consumers.callbacks.signing import SECRET_BYTES, Secret, SecretError, active, key_of, rotated, secret_of
from consumers.callbacks.targets import ForbiddenTargetError, TargetRules, check_url, networks_of
from infra.cli import CommandError
from infra.cli.callbacks.common import AsJson, bank_channel, room, span, tell
from infra.cli.connections import settings_in_force, utc_now

app = typer.Typer(help="How each channel's system is reached.", no_args_is_help=True)

ChannelCode = Annotated[str, typer.Argument(metavar="CHANNEL", help="Code of the channel, e.g. CREDIT_MGMT.")]


@app.command("list")
def endpoints_list(as_json: AsJson = False) -> None:
    """List the registered endpoints. A channel without one has its topic alone, and nobody has to acknowledge."""
    with room() as connection:
        rows = [_endpoint_row(one, utc_now()) for one in register.endpoints(connection)]
    tell({"endpoints": rows}, rows, as_json=as_json, nothing="No endpoint is registered.")


@app.command("put")
def endpoints_put(
    channel: ChannelCode,
    url: Annotated[str, typer.Option(help="Where its webhook goes, https://…; for mode WEBHOOK.")] = "",
    mode: Annotated[
        Mode | None, typer.Option(help="Who acknowledges; WEBHOOK where a URL is given, else named here.")
    ] = None,
    secret: Annotated[str, typer.Option(help="whsec_…; left out, the one in force stays, or one is made.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register or replace an endpoint. Its secret is printed here and nowhere else."""
    code, chosen = bank_channel(channel), mode or (Mode.WEBHOOK if url else None)
    if chosen is None:
        raise CommandError("give --url https://…, or --mode TOPIC_WITH_RECEIPT or TOPIC")
    if (chosen is Mode.WEBHOOK) != bool(url):
        raise CommandError("--url belongs to mode WEBHOOK, and WEBHOOK needs one")
    if chosen is Mode.WEBHOOK:
        _checked_url(url)
    with room() as connection:
        now, known = utc_now(), register.endpoint_of(connection, code, lock=True)
        kept = known.secrets if known is not None and not secret else ()
        secrets = kept or (Secret(secret=_checked_secret(secret) if secret else _new_secret()),)
        endpoint = Endpoint(
            channel=code, mode=chosen, changed_at=now, url=url, secrets=secrets if chosen is Mode.WEBHOOK else ()
        )
        register.put(connection, endpoint, now)
    told = _endpoint_row(endpoint, now)
    if endpoint.secrets and not kept:
        told["secret"] = endpoint.secrets[0].secret
    tell(told, [told], as_json=as_json)


@app.command("remove")
def endpoints_remove(channel: ChannelCode, as_json: AsJson = False) -> None:
    """Leave a channel its topic alone; what it has not acknowledged is awaited no longer."""
    code = bank_channel(channel)
    with room() as connection:
        _registered(connection, code)
        released = register.remove(connection, code)
    tell({"channel": code, "no_longer_awaited": released}, None, as_json=as_json)


@app.command("rotate-secret")
def endpoints_rotate(
    channel: ChannelCode,
    overlap: Annotated[
        str, typer.Option(help="How long the old secret signs beside the new one: 30m, 24h, 7d.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a new secret. Until the overlap is over every webhook has both signatures."""
    code, beside = bank_channel(channel), span(overlap, "--overlap")
    with room() as connection:
        now, endpoint = utc_now(), _registered(connection, code, lock=True)
        if endpoint.mode is not Mode.WEBHOOK:
            raise CommandError(f"{code} has no webhook, so it has no secret; register one by `endpoints put --url`")
        new = _new_secret()
        secrets = rotated(endpoint.secrets, new, now=now, old_until=now + beside)
        register.put(
            connection,
            Endpoint(channel=code, mode=endpoint.mode, changed_at=now, url=endpoint.url, secrets=secrets),
            now,
        )
    told = {"channel": code, "secret": new, "old_until": (now + beside).isoformat()}
    tell(told, None, as_json=as_json)


def _registered(connection: Connection[TupleRow], code: str, *, lock: bool = False) -> Endpoint:
    endpoint = register.endpoint_of(connection, code, lock=lock)
    if endpoint is None:
        raise CommandError(f"{code} has no endpoint; `avm callbacks endpoints list` shows those there are")
    return endpoint


def _checked_url(url: str) -> None:
    callbacks = settings_in_force().callbacks
    try:
        check_url(url, TargetRules(networks=networks_of(callbacks.networks), allow_http=callbacks.allow_http))
    except ForbiddenTargetError as error:
        raise CommandError(str(error)) from error


def _checked_secret(secret: str) -> str:
    try:
        key_of(secret)
    except SecretError as error:
        raise CommandError(str(error)) from error
    return secret


def _new_secret() -> str:
    return secret_of(randomness.token_bytes(SECRET_BYTES))


def _endpoint_row(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    """Without secrets: how many sign."""
    resting = endpoint.breaker.opened_until
    return {
        "channel": endpoint.channel,
        "mode": endpoint.mode.value,
        "url": endpoint.url,
        "secrets": len(active(endpoint.secrets, now)),
        "changed_at": endpoint.changed_at,
        "left_alone_until": resting,
    }
