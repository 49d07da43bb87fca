"""`avm desk`: the manual-valuation desk."""

import random
import secrets
from contextlib import closing

import typer

from infra.cli.connections import codec, settings_in_force, utc_now
from infra.cli.serving import consuming, serve_beside
from infra.postgres import pool
from infra.postgres.migrate import migrate

app = typer.Typer(add_completion=False)


@app.command()
def desk() -> None:
    """Run the desk until it is told to stop; it migrates its tables first."""
    from consumers.review_desk import loop
    from consumers.review_desk.accounts import Account
    from consumers.review_desk.app import build

    settings = settings_in_force()
    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=loop.ROOM)

    with closing(pool.open_pool(dsn, room=loop.ROOM, size=8)) as connections:
        web = build(
            pool=connections,
            codec=codec(settings),
            accounts={
                user: Account(password_hash=digest, grade=grade)
                for user, (digest, grade) in settings.desk.accounts.items()
            },
            clock=utc_now,
            new_token=secrets.token_urlsafe,
            randomness=random.Random(),
            secure_cookie=settings.desk.secure_cookie,
        )
        code = serve_beside(web, host=settings.desk.host, port=settings.desk.port, work=consuming(settings, loop.run))
    raise typer.Exit(code)
