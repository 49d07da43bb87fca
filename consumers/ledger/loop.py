"""The ledger's process: every event of a valuation into PostgreSQL, and out of it what only the ledger can know.

That are late answers, reminders and time-outs of questions, disputes, answers to commands, and deviations from
appraisals.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.breaches import BreachWatch
from consumers.ledger.clarifications import ClarificationClock
from consumers.ledger.command_desk import CommandDesk
from consumers.ledger.disputes import DisputeDesk
from consumers.ledger.late import LatePolicy, LateWatch
from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import LedgerWriter
from consumers.ledger.reusable import ReuseWatch
from consumers.ledger.revocations import RevocationWatch
from infra.postgres import audit, pool
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest, Tick
from infra.postgres.outbox import Publishes, Relay
from infra.postgres.together import run_together
from schemas.catalogue import (
    ACCEPTED,
    AUDIT,
    BREACHES,
    CLARIFICATIONS,
    DEAD_LETTERS,
    DECISIONS,
    DISPUTES,
    DISPUTES_OPENED,
    ENRICHED,
    FEEDBACK,
    PROPERTIES,
    REPORTS,
    REQUESTS,
    RESULTS,
    REUSABLE,
    REVIEW_CLOCKS,
    REVIEW_PROGRESS,
    REVIEWS,
    REVOCATIONS,
    SCORED,
    WITHDRAWALS,
    WORK_ORDER_PROGRESS,
    WORK_ORDERS,
    Topic,
)
from schemas.codec import Codec
from schemas.domain.clarification import ClarificationPolicy
from schemas.errors import TransientError

log = logging.getLogger(__name__)

ROOM: Final = "ledger"
TOPICS: Final = (
    REQUESTS,
    ACCEPTED,
    CLARIFICATIONS,
    ENRICHED,
    SCORED,
    REVIEWS,
    REVIEW_PROGRESS,
    REVIEW_CLOCKS,
    DECISIONS,
    RESULTS,
    REPORTS,
    DISPUTES,
    DISPUTES_OPENED,
    PROPERTIES,
    FEEDBACK,
    AUDIT,
    REVOCATIONS,
    WORK_ORDERS,
    WORK_ORDER_PROGRESS,
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
    requests: Topic = REQUESTS,
    accepted: Topic = ACCEPTED,
    results: Topic = RESULTS,
    scored: Topic = SCORED,
    clarifications: Topic = CLARIFICATIONS,
    disputes_opened: Topic = DISPUTES_OPENED,
    withdrawals: Topic = WITHDRAWALS,
    reusable: Topic = REUSABLE,
    breaches: Topic = BREACHES,
    revocations: Topic = REVOCATIONS,
    dead_letters: str = DEAD_LETTERS.name,
    late: LatePolicy | None = None,
    clarification: ClarificationPolicy | None = None,
    release: str = "",
    randomness: random.Random | None = None,
) -> None:
    """Run until `stop`, with the tables in place (`infra.postgres.migrate.migrate(dsn, room=ROOM)`).

    Args:
        dsn: The database.
        kafka: From `infra.kafka.security.client_conf`.
        publisher: Sends late answers, reminders, time-outs, breaches and dead letters.
        codec: Of the registry in use.
        clock: The instant now, in UTC.
        stop: Ends it, within about a second.
        topics: What to read.
        requests: Where commands come from; one of `topics`.
        accepted: Where a valuation goes on that people shall have; one of `topics`.
        results: Where late answers and reminders go; one of `topics`.
        scored: Where the cases of disputes come from; one of `topics`.
        clarifications: Where time-outs of questions go; one of `topics`.
        disputes_opened: Where disputes go that people have to decide; one of `topics`.
        withdrawals: Where it is told which valuations, or askings, answer nobody any more.
        reusable: Where it is told which answers may be issued again.
        breaches: Where deviations beyond the promise are told.
        revocations: Where it is told which reports no longer count; one of `topics`.
        dead_letters: Topic for records that cannot be used.
        late: When to speak of lateness; default as contracted.
        clarification: How long a question stays open that does not say so itself, and when to remind.
        release: Of this program, told in dead letters.
        randomness: Makes span ids.

    Raises:
        Exception: What ended it. The process should end, and be started again.
    """
    policy = late or LatePolicy()
    voice = Voice(codec=codec, randomness=randomness or random.Random())  # noqa: S311 - span ids are not secrets
    watch = LateWatch(consumer=ROOM, results=results, policy=policy, voice=voice)
    clock_of_questions = ClarificationClock(consumer=ROOM, results=results, clarifications=clarifications, voice=voice)
    disputes = DisputeDesk(consumer=ROOM, results=results, disputes_opened=disputes_opened, voice=voice, scored=scored)
    commands = CommandDesk(
        consumer=ROOM,
        voice=voice,
        requests=requests,
        accepted=accepted,
        results=results,
        clarifications=clarifications,
        withdrawals=withdrawals,
    )
    reuse = ReuseWatch(
        consumer=ROOM,
        voice=voice,
        results=results,
        disputes_opened=disputes_opened,
        revocations=revocations,
        reusable=reusable,
    )
    breach_watch = BreachWatch(breaches=breaches, voice=voice)
    revocation_watch = RevocationWatch(revocations=revocations, voice=voice)

    def each_second(connection: Connection[TupleRow], now: datetime) -> None:
        for look in (watch, clock_of_questions, disputes, commands, reuse, breach_watch, revocation_watch):
            _look(look, connection, now)
        audit.seal_when_due(connection, now)

    with pool.open_pool(dsn, room=ROOM) as connections:
        ingest = Ingest(
            name=ROOM,
            topics=topics,
            kafka=kafka,
            pool=connections,
            codec=codec,
            apply=LedgerWriter(answer_within=policy.answer_within, clarification=clarification),
            publisher=publisher,
            burial=Burial(topic=dead_letters, stage=ROOM, release=release),
            clock=clock,
            each_second=each_second,
        )
        relay = Relay(connect=partial(pool.connect, dsn, room=ROOM, autocommit=True), publisher=publisher, clock=clock)
        run_together(stop, ingest.run, relay.run)


def _look(look: Tick, connection: Connection[TupleRow], now: datetime) -> None:
    """Let one of the watches look. While the registry is away it says nothing and looks again in a second."""
    try:
        with connection.transaction():
            look(connection, now)
    except TransientError as error:
        log.warning("the ledger cannot speak yet", extra={"error": type(error).__name__})
