"""`avm batch-service`: jobs over HTTP for the gateway and `avm batch`, their rows onto the batch lane beside it."""

import importlib.metadata
import logging
import random
import shutil
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from infra.cli.connections import codec, kafka_conf, settings_in_force, shanghai_today, utc_now
from infra.cli.serving import serve_beside
from infra.kafka.lag import Lag
from infra.kafka.producer import Publisher
from infra.postgres import pool
from infra.postgres.migrate import migrate
from infra.settings import Settings
from schemas.catalogue import ACCEPTED, ENRICHED, REQUESTS, SCORED
from schemas.codes import Lane
from schemas.errors import PublishError

if TYPE_CHECKING:
    from producers.batch.loop import Service
    from producers.batch.pace import Limits

app = typer.Typer(add_completion=False)
log = logging.getLogger(__name__)

# What the online lane has to do; what lies behind routing, nobody waits for in a call.
_ONLINE = {"intake": REQUESTS, "enrichment": ACCEPTED, "scoring": ENRICHED, "routing": SCORED}


@app.command(name="batch-service")
def batch_service() -> None:
    """Run the batch service until it is told to stop; it migrates its tables first."""
    from producers.batch import loop
    from producers.batch.app import build
    from producers.batch.pace import Limits
    from producers.batch.voice import Outgoing

    settings = settings_in_force()
    dsn = settings.postgres.dsn.get_secret_value()
    migrate(dsn, room=loop.ROOM)
    me = settings.kafka.instance_id or socket.gethostname()
    spool = settings.state / "batch-spool" / me
    shutil.rmtree(spool, ignore_errors=True)  # of an earlier run of ours that was killed
    limits = Limits(least=min(Limits().least, settings.batch.window), most=settings.batch.window)
    with closing(pool.open_pool(dsn, room=loop.ROOM, size=8)) as connections:
        service = loop.Service.made(
            connections=connections,
            codec=codec(settings),
            clock=utc_now,
            today=shanghai_today,
            spool=spool,
            randomness=random.Random(),
            topics=Outgoing(),
        )
        working = threading.Event()

        def work(stop: threading.Event) -> None:
            working.set()
            try:
                _work(settings, service, stop, me=me, limits=limits)
            finally:
                working.clear()

        web = build(service, spool=spool, is_working=working.is_set)
        code = serve_beside(web, host=settings.batch.host, port=settings.batch.port, work=work)
    raise typer.Exit(code)


def _work(settings: Settings, service: "Service", stop: threading.Event, *, me: str, limits: "Limits") -> None:
    from producers.batch import loop

    kafka, fatal = kafka_conf(settings), list[str]()

    def give_up(why: str) -> None:
        fatal.append(why)
        stop.set()

    groups = {f"valuation-{stage}-{Lane.ONLINE}": [topic.named(Lane.ONLINE)] for stage, topic in _ONLINE.items()}
    with closing(Publisher(kafka, on_fatal=give_up)) as publisher, closing(Lag(kafka, groups)) as lag:
        loop.run(
            service,
            dsn=settings.postgres.dsn.get_secret_value(),
            kafka=kafka | _membership(settings),
            publisher=publisher,
            codec=codec(settings),
            stop=stop,
            me=me,
            lag=lag.total,
            limits=limits,
            release=importlib.metadata.version("house-valuation"),
        )
    if fatal:
        raise PublishError(fatal[0])


def _membership(settings: Settings) -> dict[str, str]:
    """Killed, it comes back as the same member of its group, and need not wait until its old self is given up."""
    name = settings.kafka.instance_id
    return {"group.instance.id": f"batch-{name}"} if name else {}
