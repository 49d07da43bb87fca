"""`avm consumer NAME`: one consumer process."""

import importlib.metadata
import threading
from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.connections import codec, kafka_conf, settings_in_force, utc_now
from infra.cli.serving import serve_beside
from infra.kafka.producer import Publisher
from infra.postgres import pool
from infra.postgres.migrate import migrate

app = typer.Typer(add_completion=False)


class ConsumerName(StrEnum):
    """The consumers there are. The desk has a command of its own."""

    LEDGER = "ledger"


@app.command()
def consumer(name: Annotated[ConsumerName, typer.Argument(help="The consumer to run.")]) -> None:  # noqa: ARG001
    """Run a consumer until it is told to stop; it migrates its tables first."""
    from consumers.ledger import api, loop
    from consumers.ledger.queries import LedgerQueries

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

    with closing(pool.open_pool(dsn, room=loop.ROOM)) as connections:
        web = api.build(LedgerQueries(connections), utc_now)
        code = serve_beside(web, host=settings.ledger.host, port=settings.ledger.port, work=work)
    raise typer.Exit(code)
