"""A consumer that writes one row for each record and, when told, dies by SIGKILL between the effect and the commit.

Run as a program: `counting_consumer.py DSN BOOTSTRAP TOPIC DIE_AT`. It ends by itself when everything is read.
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime

from infra.kafka.security import client_conf
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest
from infra.postgres.pool import open_pool
from schemas.catalogue import REVIEWS
from tests.fakes.valuations import CODEC

ALL_READ = "select count(*) from ingest_offset where topic = %s and caught_up_at = %s"


class Silent:
    """Nothing of this test is a dead letter."""

    def publish(self, records) -> None:
        raise AssertionError(records)


def main(dsn: str, bootstrap: str, topic: str, die_at: int) -> None:
    written, stop = 0, threading.Event()

    def count(connection, batch) -> None:
        nonlocal written
        rows = [(received.partition, received.offset) for received in batch]
        with connection.cursor() as cursor:
            cursor.executemany("insert into effect (part, record) values (%s, %s)", rows)
        written += len(batch)
        if written >= die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def end_when_all_is_read(connection, now) -> None:
        (caught_up,) = connection.execute(ALL_READ, [topic, now]).fetchone()
        if 0 < len(ingest.owned) == caught_up:
            stop.set()

    with open_pool(dsn, room="counting") as pool:
        ingest = Ingest(
            name="counting",
            topics=[replace(REVIEWS, name=topic)],
            # a killed member blocks its group until its session ends
            kafka=client_conf(bootstrap) | {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
            pool=pool,
            codec=CODEC,
            apply=count,
            publisher=Silent(),
            burial=Burial(topic="none", stage="counting"),
            clock=lambda: datetime.now(UTC),
            each_second=end_when_all_is_read,
            max_batch=40,
        )
        ingest.run(stop)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
