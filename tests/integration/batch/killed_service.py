"""The batch service's work in a process of its own, for a test that kills it.

Arguments: bootstrap, DSN, spool, and the topics' names as JSON.
"""

import json
import random
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from infra.kafka.producer import Publisher
from infra.kafka.security import client_conf
from infra.postgres.pool import open_pool
from producers.batch import loop
from producers.batch.pace import Limits
from producers.batch.voice import Outgoing
from schemas.catalogue import BATCHES, REPORTS, REQUESTS, RESULTS
from tests.fakes.answers import CODEC


def main(bootstrap: str, dsn: str, spool: str, names: str) -> None:
    named = json.loads(names)
    requests, results, reports, batches = (
        replace(topic, name=named[topic.name]) for topic in (REQUESTS, RESULTS, REPORTS, BATCHES)
    )
    # A killed member comes back as itself, and is given up soon once it does not.
    kafka = {**client_conf(bootstrap), "group.instance.id": "the one", "session.timeout.ms": 6_000}
    with (
        closing(open_pool(dsn, room=loop.ROOM, size=6)) as connections,
        closing(Publisher(client_conf(bootstrap), on_fatal=sys.exit)) as publisher,
    ):
        service = loop.Service.made(
            connections=connections,
            codec=CODEC,
            clock=lambda: datetime.now(UTC),
            today=lambda: date(2026, 3, 2),
            spool=Path(spool),
            randomness=random.Random(),
            topics=Outgoing(requests=requests, batches=batches),
        )
        loop.run(
            service,
            dsn=dsn,
            kafka=kafka,
            publisher=publisher,
            codec=CODEC,
            stop=threading.Event(),
            me="the one",
            lag=lambda: 0,
            limits=Limits(chunk=10, least=20, most=40),
            answers=(results, reports),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
