"""`avm desk`: the manual-valuation desk. Its people: `avm desk-staff`."""

import random
import secrets
import uuid
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import typer

from infra.cli.connections import codec, settings_in_force, utc_now
from infra.cli.serving import consuming, serve_beside
from infra.postgres import pool
from infra.postgres.migrate import migrate
from infra.settings import DeskAccount, DeskSettings, OidcSettings

if TYPE_CHECKING:
    from consumers.review_desk.people.accounts import Account
    from consumers.review_desk.people.oidc import Provider

app = typer.Typer(add_completion=False)


@app.command()
def desk() -> None:
    """Run the desk until it is told to stop; it migrates its tables first."""
    from consumers.review_desk import loop
    from consumers.review_desk.app import build
    from consumers.review_desk.policy import DeskPolicy

    settings = settings_in_force()
    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=loop.ROOM)
    policy = DeskPolicy(duty_pool=settings.desk.duty_pool)

    with closing(pool.open_pool(dsn, room=loop.ROOM, size=8)) as connections:
        web = build(
            pool=connections,
            codec=codec(settings),
            accounts=accounts_of(settings.desk),
            clock=utc_now,
            new_token=secrets.token_urlsafe,
            new_id=uuid.uuid4,
            randomness=random.Random(),
            policy=policy,
            provider=provider_of(settings.desk.oidc),
            secure_cookie=settings.desk.secure_cookie,
            sampling_seed=settings.desk.sampling_seed.get_secret_value(),
        )
        work = consuming(settings, partial(loop.run, policy=policy))
        code = serve_beside(web, host=settings.desk.host, port=settings.desk.port, work=work)
    raise typer.Exit(code)


def accounts_of(settings: DeskSettings) -> "tuple[Account, ...]":
    """Return the people whom the settings name.

    Raises:
        ValueError: A grade or a role is none; the message names the user.
    """
    return tuple(_account(user, given) for user, given in settings.accounts.items())


def _account(user: str, given: DeskAccount | tuple[str, str]) -> "Account":
    from consumers.review_desk.people.accounts import Account
    from consumers.review_desk.people.staff import Grade, Person, Role

    entry = given if isinstance(given, DeskAccount) else DeskAccount(password_hash=given[0], grade=given[1])
    try:
        person = Person(
            username=user,
            name=entry.name or user,
            grade=Grade(entry.grade),
            roles=frozenset(map(Role, entry.roles)),
            skills=entry.skills,
            hired_on=entry.hired_on,
            certified_until=entry.certified_until,
        )
    except ValueError as error:
        raise ValueError(f"AVM_DESK__ACCOUNTS, user {user!r}: {error}") from None
    return Account(person=person, password_hash=entry.password_hash)


def provider_of(settings: OidcSettings) -> "Provider | None":
    """Return the identity provider of the settings, if they name one."""
    from consumers.review_desk.people.oidc import Provider

    if not settings.discovery_url:
        return None
    return Provider(
        discovery_url=settings.discovery_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        redirect_url=settings.redirect_url,
        claim=settings.claim,
    )
