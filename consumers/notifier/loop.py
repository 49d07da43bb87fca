"""The notifier's process: from events to notices, and back from receipts."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.notifier import templates
from consumers.notifier.causes import causes
from consumers.notifier.notices import Limits, Notices
from infra.postgres import pool
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest, Received
from infra.postgres.outbox import Publishes, Relay
from infra.postgres.together import run_together
from schemas.catalogue import (
    BATCHES,
    DEAD_LETTERS,
    NOTICES,
    RECEIPTS,
    RESULTS,
    REVIEW_CLOCKS,
    REVOCATIONS,
    VALUES_MOVED,
    Topic,
)
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.events import Receipted

ROOM: Final = "notifier"
# Rows of a batch are told of with their job, so that lane is not even read.
TOPICS: Final = (
    replace(RESULTS, lanes=(Lane.ONLINE,)),
    REVIEW_CLOCKS,
    REVOCATIONS,
    BATCHES,
    VALUES_MOVED,
    RECEIPTS,
)


def run(  # noqa: PLR0913 - what a process is made of
    *,
    dsn: str,
    kafka: Mapping[str, Any],
    publisher: Publishes,
    codec: Codec,
    clock: Callable[[], datetime],
    stop: threading.Event,
    topics: Sequence[Topic] = TOPICS,
    notices: Topic = NOTICES,
    dead_letters: str = DEAD_LETTERS.name,
    limits: Limits | None = None,
    release: str = "",
) -> None:
    """Run until `stop`, with the tables in place (`infra.postgres.migrate.migrate(dsn, room=ROOM)`).

    Args:
        dsn: The database.
        kafka: From `infra.kafka.security.client_conf`.
        publisher: Sends notices and dead letters.
        codec: Of the registry in use.
        clock: The instant now, in UTC.
        stop: Ends it, within about a second.
        topics: What to read.
        notices: Where notices go.
        dead_letters: Topic for records that cannot be used.
        limits: How many notices, and how long a receipt may take.
        release: Of this program, told in dead letters.

    Raises:
        Exception: What ended it. The process should end, and be started again.
    """
    randomness = random.Random()  # noqa: S311 - span ids are not secrets
    in_force = limits or Limits()
    telling = Notices(templates.shipped(), codec, randomness=randomness, limits=in_force, topic=notices)

    def apply(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
        now = clock()
        receipts = [received.event for received in batch if isinstance(received.event, Receipted)]
        telling.acknowledge(connection, receipts)
        news = (received.event for received in batch if received.appended_at >= now - in_force.news_for)
        telling.tell(connection, (cause for event in news for cause in causes(event)), now)

    with pool.open_pool(dsn, room=ROOM, size=2) as connections:
        ingest = Ingest(
            name=ROOM,
            topics=topics,
            kafka=kafka,
            pool=connections,
            codec=codec,
            apply=apply,
            publisher=publisher,
            burial=Burial(topic=dead_letters, stage=ROOM, release=release),
            clock=clock,
            each_second=telling.each_second,
        )
        relay = Relay(connect=partial(pool.connect, dsn, room=ROOM, autocommit=True), publisher=publisher, clock=clock)
        run_together(stop, ingest.run, relay.run)
