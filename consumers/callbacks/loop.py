"""The process that brings everything back to the bank: reads, tells topics, posts webhooks, reconciles."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import httpx

from consumers.callbacks.days import KeepFile, Reconciler
from consumers.callbacks.intake import Intake
from consumers.callbacks.meters import Meters
from consumers.callbacks.retention import KEEP_FOR, Retention
from consumers.callbacks.sending import Sender
from consumers.callbacks.settling import Desk
from consumers.callbacks.targets import TargetRules
from consumers.callbacks.upkeep import Upkeep
from consumers.callbacks.voice import Voice
from consumers.callbacks.webhook import Limits
from infra.postgres import pool
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest
from infra.postgres.outbox import Publishes, Relay
from infra.postgres.together import run_together
from schemas.catalogue import (
    BANK_ANSWERS,
    BATCHES,
    DEAD_LETTERS,
    NOTICES,
    RECEIPTS,
    REPORTS,
    RESULTS,
    REVOCATIONS,
    WORK_ORDER_PROGRESS,
    Topic,
)
from schemas.codec import Codec

ROOM: Final = "callbacks"
TOPICS: Final = (RESULTS, REPORTS, REVOCATIONS, NOTICES, WORK_ORDER_PROGRESS, BATCHES, RECEIPTS)
_CONNECTIONS: Final = 8
_GATHER_MS: Final = 30  # a customer may be waiting behind the bank's system


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How webhooks are sent. `open_client`: the client of one channel."""

    open_client: Callable[[], httpx.AsyncClient]
    rules: TargetRules = field(default_factory=TargetRules)
    limits: Limits = field(default_factory=Limits)
    concurrency: int = 64


def run(  # noqa: PLR0913 - what a process is made of
    *,
    dsn: str,
    kafka: Mapping[str, Any],
    publisher: Publishes,
    codec: Codec,
    clock: Callable[[], datetime],
    stop: threading.Event,
    webhooks: Webhooks,
    keep_file: KeepFile,
    keep_for: timedelta = KEEP_FOR,
    meters: Meters | None = None,
    topics: Sequence[Topic] = TOPICS,
    answers: Mapping[str, Topic] = BANK_ANSWERS,
    receipts: Topic = RECEIPTS,
    dead_letters: str = DEAD_LETTERS.name,
    release: str = "",
    randomness: random.Random | None = None,
) -> None:
    """Run until `stop`, with the tables in place (`infra.postgres.migrate.migrate(dsn, room=ROOM)`).

    Args:
        dsn: The database.
        kafka: From `infra.kafka.security.client_conf`.
        publisher: Sends deliveries and dead letters.
        codec: Of the registry in use.
        clock: The instant now, in UTC.
        stop: Ends it, once the attempts under way are over.
        webhooks: How they are sent.
        keep_file: Takes the files of the daily reconciliation.
        keep_for: How long deliveries and receipts are kept.
        meters: What is counted.
        topics: What to read.
        answers: Channel -> its own topic.
        receipts: Where receipts of notices go that a webhook took; one of `topics`.
        dead_letters: Topic for records that cannot be used.
        release: Of this program, told in dead letters.
        randomness: Draws pauses and span ids.

    Raises:
        Exception: What ended it. The process should end, and be started again.
    """
    counted = meters or Meters()
    draws = randomness or random.Random()  # noqa: S311 - pauses and span ids are no secrets
    voice = Voice(codec=codec, randomness=draws, topics=answers, receipts=receipts)
    with pool.open_pool(dsn, room=ROOM, size=_CONNECTIONS) as connections:
        ingest = Ingest(
            name=ROOM,
            topics=topics,
            kafka=kafka,
            pool=connections,
            codec=codec,
            apply=Intake(voice=voice, clock=clock, randomness=draws, meters=counted),
            publisher=publisher,
            burial=Burial(topic=dead_letters, stage=ROOM, release=release),
            clock=clock,
            each_second=Upkeep(voice=voice, randomness=draws, meters=counted),
            gather_ms=_GATHER_MS,
        )
        relay = Relay(connect=partial(pool.connect, dsn, room=ROOM, autocommit=True), publisher=publisher, clock=clock)
        sender = Sender(
            desk=Desk(pool=connections, clock=clock, randomness=draws, voice=voice),
            open_client=webhooks.open_client,
            meters=counted,
            rules=webhooks.rules,
            limits=webhooks.limits,
            concurrency=webhooks.concurrency,
        )
        reconciler = Reconciler(pool=connections, clock=clock, keep_file=keep_file, meters=counted)
        retention = Retention(pool=connections, clock=clock, keep_for=keep_for)
        run_together(stop, ingest.run, relay.run, sender.run, reconciler.run, retention.run)
