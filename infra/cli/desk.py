"""`avm desk`: the manual-valuation desk."""

import importlib.metadata
import random
import secrets
import threading
from contextlib import closing

import typer

from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.cli.serving import serve_beside
from infra.kafka.producer import Publisher
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
    dsn, kafka = settings.postgres.dsn.get_secret_value(), kafka_conf(settings)
    migrate(dsn, room=loop.ROOM)

    def work(stop: threading.Event) -> None:
        with closing(Publisher(kafka, on_fatal=lambda _: stop.set())) as publisher:
            loop.run(
                dsn=dsn,
                kafka=kafka,
                publisher=publisher,
                codec=codec(settings),
                clock=utc_now,
                stop=stop,
                release=importlib.metadata.version("house-valuation"),
            )

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
        code = serve_beside(web, host=settings.desk.host, port=settings.desk.port, work=work)
    raise typer.Exit(code)
