"""The batch service's work beside its pages: answers in, requests out, events told."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from infra.postgres import pool
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest
from infra.postgres.outbox import Publishes, Relay
from infra.postgres.pool import Pool
from infra.postgres.together import run_together
from producers.batch.delivering import Delivering
from producers.batch.gathering import Gathering
from producers.batch.jobs import Jobs
from producers.batch.opening import Opening
from producers.batch.pace import Limits, OnlineWatch
from producers.batch.sending import Sender
from producers.batch.voice import Outgoing, Voice
from schemas.catalogue import DEAD_LETTERS, REPORTS, RESULTS, Topic
from schemas.codec import Codec

ROOM: Final = "batch"
ANSWERS: Final = (RESULTS, REPORTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What pages and work share."""

    jobs: Jobs
    opening: Opening
    delivering: Delivering
    voice: Voice
    pool: Pool
    clock: Callable[[], datetime]

    @classmethod
    def made(  # noqa: PLR0913 - the wiring of a process, written once
        cls,
        *,
        connections: Pool,
        codec: Codec,
        clock: Callable[[], datetime],
        today: Callable[[], date],
        spool: Path,
        randomness: random.Random,
        topics: Outgoing,
    ) -> "Service":
        """Put it together. `spool`: a folder of this process alone; `today`: the day in Shanghai."""
        voice = Voice(codec=codec, randomness=randomness, topics=topics)
        return cls(
            jobs=Jobs(connections, voice, clock),
            opening=Opening(pool=connections, codec=codec, voice=voice, clock=clock, today=today),
            delivering=Delivering(pool=connections, voice=voice, clock=clock, spool=spool),
            voice=voice,
            pool=connections,
            clock=clock,
        )


def run(  # noqa: PLR0913 - what a process is made of
    service: Service,
    *,
    dsn: str,
    kafka: Mapping[str, Any],
    publisher: Publishes,
    codec: Codec,
    stop: threading.Event,
    me: str,
    lag: Callable[[], int],
    limits: Limits,
    answers: Sequence[Topic] = ANSWERS,
    dead_letters: str = DEAD_LETTERS.name,
    release: str = "",
) -> None:
    """Run until `stop`, with the tables in place (`infra.postgres.migrate.migrate(dsn, room=ROOM)`).

    Args:
        service: What the pages use too.
        dsn: The database.
        kafka: From `infra.kafka.security.client_conf`.
        publisher: Sends requests, progress and dead letters.
        codec: Of the registry in use.
        stop: Ends it, within about a second.
        me: This instance, by a name that a restart keeps.
        lag: How many records of the online lane wait.
        limits: Of the pace.
        answers: What to read.
        dead_letters: Topic for records that cannot be used.
        release: Of this program, told in dead letters.

    Raises:
        Exception: What ended it. The process should end, and be started again.
    """
    watch = OnlineWatch(time.monotonic)
    ingest = Ingest(
        name=ROOM,
        topics=answers,
        kafka=kafka,
        pool=service.pool,
        codec=codec,
        apply=Gathering(service.voice, watch, service.clock),
        publisher=publisher,
        burial=Burial(topic=dead_letters, stage=ROOM, release=release),
        clock=service.clock,
    )
    files = ThreadPoolExecutor(max_workers=1, thread_name_prefix="files")
    sender = Sender(
        pool=service.pool,
        voice=service.voice,
        publisher=publisher,
        delivering=service.delivering,
        watch=watch,
        lag=lag,
        clock=service.clock,
        monotonic_s=time.monotonic,
        me=me,
        limits=limits,
        beside=files,
    )
    connect = partial(pool.connect, dsn, room=ROOM, autocommit=True)
    relay = Relay(connect=connect, publisher=publisher, clock=service.clock)
    try:
        run_together(stop, ingest.run, relay.run, sender.run)
    finally:
        files.shutdown(wait=False, cancel_futures=True)  # a file half written is none, and written anew
