"""`avm access`: the gateway's block list, and new secrets for those who may come in."""

import getpass
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from infra.cli import CommandError
from infra.cli.connections import settings_in_force, utc_now
from infra.cli.gateway_access import pool_of, store_of
from producers.gateway.access import blocks
from producers.gateway.access.caller import hashed
from producers.gateway.access.postgres import PostgresAccess
from producers.gateway.access.tls import certificate_fingerprint
from schemas.domain import channels

app = typer.Typer(add_completion=False, no_args_is_help=True)

_WITHIN_S = 15.0  # a person waits longer than a request does
_SECRET_BYTES = 32  # as random as the sha256 that is kept of it is long

_Channel = Annotated[str, typer.Argument(help="Code of the channel, e.g. NET_BANK.")]
_Subject = Annotated[str, typer.Option(help="Only this customer: the token the channel gave us.")]
_Credential = Annotated[str, typer.Option(help="Only this credential, as the audit names it after the channel and /.")]
_Reason = Annotated[str, typer.Option(help="Why; whoever looks at the list later will read this.")]
_By = Annotated[str, typer.Option(help="Your staff number; default: your login.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def block(
    channel: _Channel, *, reason: _Reason, by: _By = "", subject: _Subject = "", credential: _Credential = ""
) -> None:
    """Let a channel, one of its customers or one of its credentials in no more; on every instance within 5 s."""
    what = _what(channel, subject, credential)
    with _store() as store:
        store.block(what, reason=_said(reason), by=by or getpass.getuser(), at=utc_now())
    typer.echo(f"blocked: {what}")


@app.command()
def unblock(
    channel: _Channel, *, reason: _Reason, by: _By = "", subject: _Subject = "", credential: _Credential = ""
) -> None:
    """Take something off the block list; its entry stays in the history."""
    what = _what(channel, subject, credential)
    with _store() as store:
        if not store.unblock(what, reason=_said(reason), by=by or getpass.getuser(), at=utc_now()):
            raise CommandError(f"{what} is not blocked; `avm access blocked` lists what is")
    typer.echo(f"let in again: {what}")


@app.command()
def blocked(
    as_json: _AsJson = False,
    *,
    history: Annotated[bool, typer.Option("--history", help="Also what is let in again, and who let it in.")] = False,
) -> None:
    """Show the block list."""
    with _store() as store:
        entries = store.history() if history else store.blocked()
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, default=str))
        return
    for entry in entries:
        typer.echo(f"{entry.blocked_at:%Y-%m-%d %H:%M}  {entry.blocked_by:<12} {entry.what}  {entry.reason}")
        if entry.lifted_at is not None:
            typer.echo(f"    until {entry.lifted_at:%Y-%m-%d %H:%M}  {entry.lifted_by}  {entry.lifted_reason}")
    if not entries:
        typer.echo("Nothing was ever blocked." if history else "Nothing is blocked.")


@app.command()
def secret() -> None:
    """Make a secret (API key, signing secret or client secret): what is handed over, and the hash the settings keep."""
    made = secrets.token_urlsafe(_SECRET_BYTES)
    typer.echo(json.dumps({"secret": made, "sha256": hashed(made)}))


@app.command()
def fingerprint(certificate: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="PEM file.")]) -> None:
    """Show the fingerprint by which a client certificate is registered."""
    try:
        typer.echo(certificate_fingerprint(certificate.read_text(encoding="ascii")))
    except (ValueError, UnicodeError) as error:
        raise CommandError(f"{certificate} holds no PEM certificate: {error}") from None


def _said(reason: str) -> str:
    if not reason.strip():
        raise CommandError("--reason is empty; say why, in a few words")
    return reason.strip()


def _what(channel: str, subject: str, credential: str) -> str:
    if subject and credential:
        raise CommandError("name a customer or a credential, not both")
    found = channels.find(channel)
    if found is None:
        raise CommandError(str(channels.UnknownChannelCodeError(channel)))
    if subject:
        return blocks.of_subject(found.code, subject)
    if credential:
        return blocks.of_credential(f"{found.code}/{credential.removeprefix(f'{found.code}/')}")
    return blocks.of_channel(found.code)


@contextmanager
def _store() -> Iterator[PostgresAccess]:
    settings = settings_in_force()
    pool = pool_of(settings)
    if pool is None:
        raise CommandError("the block list is in PostgreSQL: set AVM_POSTGRES__DSN")
    try:
        yield store_of(settings, pool, within_s=_WITHIN_S)
    except psycopg.OperationalError as error:
        raise CommandError(f"the database is away: {error}") from error
    finally:
        pool.close()
