"""The desk's Kafka side: review requests into the queue, decisions out of it, and an end to what is withdrawn."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.orders.orders import OrderVoice, take_in
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.intake import insert_tasks
from consumers.review_desk.store import TaskStore
from infra.postgres import pool
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest, Received
from infra.postgres.outbox import Publishes, Relay
from infra.postgres.together import run_together
from schemas.catalogue import DEAD_LETTERS, REVIEWS, WITHDRAWALS, WORK_ORDER_PROGRESS, WORK_ORDERS, Topic
from schemas.codec import Codec
from schemas.events import WorkOrderRaised

ROOM: Final = "review_desk"
_CONSUMER: Final = "desk"


def run(  # noqa: PLR0913 - what a process is made of
    *,
    dsn: str,
    kafka: Mapping[str, Any],
    publisher: Publishes,
    codec: Codec,
    clock: Callable[[], datetime],
    stop: threading.Event,
    policy: DeskPolicy | None = None,
    reviews: Topic = REVIEWS,
    withdrawals: Topic = WITHDRAWALS,
    work_orders: Topic = WORK_ORDERS,
    order_progress: Topic = WORK_ORDER_PROGRESS,
    dead_letters: str = DEAD_LETTERS.name,
    release: str = "",
) -> None:
    """Run until `stop`, with the tables in place (`infra.postgres.migrate.migrate(dsn, room=ROOM)`).

    Automatic assignment is not here: it goes with the pages, whose people it serves (`app.py`).

    Args:
        dsn: The database.
        kafka: From `infra.kafka.security.client_conf`.
        publisher: Sends decisions and dead letters.
        codec: Of the registry in use.
        clock: The instant now, in UTC.
        stop: Ends it, within about a second.
        policy: Times and limits of the desk.
        reviews: Where review requests come from.
        withdrawals: Where it is told what channels have withdrawn.
        work_orders: Where work orders come from.
        order_progress: Where it is told what became of them.
        dead_letters: Topic for records that cannot be used.
        release: Of this program, told in dead letters.

    Raises:
        Exception: What ended it. The process should end, and be started again.
    """
    with pool.open_pool(dsn, room=ROOM, size=2) as connections:
        randomness = random.SystemRandom()
        store = TaskStore(connections, codec, randomness=randomness)
        voice = OrderVoice(codec=codec, randomness=randomness, topic=order_progress)
        about_tasks = insert_tasks(store, policy or DeskPolicy())

        def apply(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
            about_tasks(connection, [one for one in batch if not isinstance(one.event, WorkOrderRaised)])
            for one in batch:
                if isinstance(one.event, WorkOrderRaised):
                    take_in(connection, one.event, voice, clock())

        ingest = Ingest(
            name=_CONSUMER,
            topics=[reviews, withdrawals, work_orders],
            kafka=kafka,
            pool=connections,
            codec=codec,
            apply=apply,
            publisher=publisher,
            burial=Burial(topic=dead_letters, stage=_CONSUMER, release=release),
            clock=clock,
        )
        relay = Relay(connect=partial(pool.connect, dsn, room=ROOM, autocommit=True), publisher=publisher, clock=clock)
        run_together(stop, ingest.run, relay.run)
