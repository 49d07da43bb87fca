"""The desk's Kafka side on a real broker and a real database: a review in, one decision out, whatever happens."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from consumers.ledger import loop as ledger
from consumers.ledger.queries import LedgerQueries
from consumers.review_desk import loop
from consumers.review_desk.postgres import PostgresReviewTasks
from consumers.review_desk.task import Conclusion, DeskPolicy, decided_event
from infra.kafka.security import client_conf
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import DECISIONS, REVIEWS
from schemas.codes import ReviewOutcome
from schemas.events import Decided
from tests.fakes import valuations as made
from tests.fakes.loops import Unconfirmed, eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC, record_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

_NOTE = "内部备注：三例修正后均值，依据充分"


@pytest.fixture
def publisher(bootstrap):
    with publishing(bootstrap) as publisher:
        yield publisher


@pytest.fixture
def reviews(topics):
    return topics.like(REVIEWS)


@pytest.fixture
def decisions(topics):
    return topics.like(DECISIONS)


@pytest.fixture
def tasks(postgres, decisions):
    migrate(postgres, room=loop.ROOM)
    with open_pool(postgres, room=loop.ROOM) as pool:
        yield PostgresReviewTasks(pool, CODEC, randomness=random.Random(1), decisions=decisions)


@pytest.fixture
def a_desk(postgres, bootstrap, topics, reviews):
    """Makes the loop of a desk that sends through a publisher."""
    graves = topics("dead-letters")
    return lambda publisher: (
        lambda stop: loop.run(
            dsn=postgres,
            kafka=client_conf(bootstrap),
            publisher=publisher,
            codec=CODEC,
            clock=lambda: datetime.now(UTC),
            stop=stop,
            reviews=reviews,
            dead_letters=graves,
        )
    )


def decide(tasks) -> None:
    now = datetime.now(UTC)
    task = tasks.claim_next("lin", now=now, lease_until=now + timedelta(minutes=5))
    _, review = tasks.find(task.valuation_id)
    conclusion = Conclusion(outcome=ReviewOutcome.VALUE, unit_price=41_500, rationale=_NOTE)
    decided = decided_event(
        review,
        conclusion,
        reviewer="lin",
        grade="G2",
        claimed_at=now,
        decided_at=now,
        policy=DeskPolicy(),
    )
    tasks.decide(decided, conclusion, version=task.version)


@pytest.mark.requirement("OP4", "RD12")
def test_a_review_becomes_one_task_and_its_decision_continues_the_trace(
    a_desk, bootstrap, publisher, reviews, decisions, tasks
):
    record = record_of(reviews, made.review())
    with running(a_desk(publisher)):
        publisher.publish([record, record])
        eventually(lambda: tasks.open_tasks(now=datetime.now(UTC)))
        decide(tasks)
        publisher.publish([record])  # redelivered after the decision
        eventually(lambda: everything_on(bootstrap, decisions.name))
    (message,) = everything_on(bootstrap, decisions.name)
    headers = dict(message.headers())
    assert (headers["ce_type"], headers["traceparent"][3:35]) == (b"cn.housevaluation.Decided", b"a" * 32)
    assert message.key().decode() == made.review().valuation_id
    assert CODEC.decode(message.value(), Decided).review == made.review()
    assert _NOTE.encode() not in message.value()
    assert tasks.open_tasks(now=datetime.now(UTC)) == ()


def test_a_decision_sent_twice_is_one_line_in_the_ledger(a_desk, postgres, bootstrap, publisher, decisions, tasks):
    migrate(postgres, room=ledger.ROOM)
    twice = Unconfirmed(publisher)
    tasks.open(made.review())
    decide(tasks)
    with running(a_desk(twice)):
        eventually(lambda: twice.calls == 2)
    assert len(everything_on(bootstrap, decisions.name)) == 2
    with (
        open_pool(postgres, room=ledger.ROOM) as pool,
        running(
            lambda stop: ledger.run(
                dsn=postgres,
                kafka=client_conf(bootstrap),
                publisher=publisher,
                codec=CODEC,
                clock=lambda: datetime.now(UTC),
                stop=stop,
                topics=[decisions],
                dead_letters="none",
            )
        ),
    ):
        queries = LedgerQueries(pool)
        eventually(lambda: _read(pool, decisions.name) == 2)
        (line,) = queries.timeline(made.review().valuation_id)
        assert (line.kind, line.stage) == ("Decided", "desk")


def _read(pool, topic: str) -> int:
    with pool.connection() as connection:
        query = "select coalesce(sum(next_offset), 0) from ingest_offset where topic = %s"
        return int(connection.execute(query, [topic]).fetchone()[0])
