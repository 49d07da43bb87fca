"""The desk's Kafka side on a real broker and a real database: a review in, one decision out, whatever happens."""

import random
from datetime import UTC, datetime

import pytest

from consumers.ledger import loop as ledger
from consumers.ledger.queries import LedgerQueries
from consumers.review_desk import loop
from consumers.review_desk.queue import moves, notes
from consumers.review_desk.queue.intake import take_in
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import TaskState
from infra.kafka.producer import Record
from infra.kafka.security import client_conf
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import DECISIONS, REVIEWS, WITHDRAWALS, WORK_ORDER_PROGRESS, WORK_ORDERS
from schemas.codes import WorkOrderState
from schemas.events import Decided, WorkOrderProgressed
from tests.fakes import valuations as made
from tests.fakes.desk import POLICY, person
from tests.fakes.loops import Unconfirmed, eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC, record_of
from tests.unit.consumers.review_desk.test_orders import raised

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

LIN = person("lin")
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
def work_orders(topics):
    return topics.like(WORK_ORDERS)


@pytest.fixture
def order_progress(topics):
    return topics.like(WORK_ORDER_PROGRESS)


@pytest.fixture
def store(postgres):
    migrate(postgres, room=loop.ROOM)
    with open_pool(postgres, room=loop.ROOM) as pool:
        yield TaskStore(pool, CODEC, randomness=random.Random(1))


@pytest.fixture
def a_desk(postgres, bootstrap, topics, reviews, work_orders, order_progress):
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
            withdrawals=topics.like(WITHDRAWALS),
            work_orders=work_orders,
            order_progress=order_progress,
            dead_letters=graves,
        )
    )


def decide(store, decisions) -> None:
    """A reviewer takes the task and decides, as far as Kafka sees it."""
    now = datetime.now(UTC)
    with store.locked(made.review().valuation_id) as held:
        held.save(moves.claim(held.task, LIN, now, POLICY), Act(actor="lin", action="CLAIM", at=now))
        decided = moves.submit(held.task, LIN, now, TaskState.DECIDED)
        act = Act(actor="lin", action="DECIDED", at=now, details={"note": _NOTE})
        notes.write(held.connection, held.task.task_id, "lin", now, _NOTE, notes.NoteKind.NOTE)
        held.save(decided, act)
        held.publish(decisions, made.decided(review=held.review), act)


@pytest.mark.requirement("OP4", "RD5", "RD12")
def test_a_review_becomes_one_task_and_its_decision_continues_the_trace(
    a_desk, bootstrap, publisher, reviews, decisions, store
):
    record = record_of(reviews, made.review())
    with running(a_desk(publisher)):
        publisher.publish([record, record])
        eventually(lambda: store.find(made.review().valuation_id))
        decide(store, decisions)
        publisher.publish([record])  # redelivered after the decision
        eventually(lambda: everything_on(bootstrap, decisions.name))
    (message,) = everything_on(bootstrap, decisions.name)
    headers = dict(message.headers())
    assert (headers["ce_type"], headers["traceparent"][3:35]) == (b"cn.housevaluation.Decided", b"a" * 32)
    assert message.key().decode() == made.review().valuation_id
    assert CODEC.decode(message.value(), Decided).review == made.review()
    assert _NOTE.encode() not in message.value()
    assert store.find(made.review().valuation_id)[0].state is TaskState.DECIDED


@pytest.mark.requirement("DI1")
def test_a_work_order_is_taken_in_once_and_its_channel_hears_so(
    a_desk, bootstrap, publisher, work_orders, order_progress, store
):
    order = raised(raised_at=datetime.now(UTC))
    record = Record(topic=work_orders.named(), key=order.work_order_id.encode(), value=CODEC.encode(order))
    with running(a_desk(publisher)):
        publisher.publish([record, record])
        eventually(lambda: everything_on(bootstrap, order_progress.name))
    (message,) = everything_on(bootstrap, order_progress.name)
    told = CODEC.decode(message.value(), WorkOrderProgressed)
    assert (told.work_order_id, told.state, told.number) == (order.work_order_id, WorkOrderState.RAISED, 1)


def test_a_decision_sent_twice_is_one_line_in_the_ledger(a_desk, postgres, bootstrap, publisher, decisions, store):
    migrate(postgres, room=ledger.ROOM)
    twice = Unconfirmed(publisher)
    with store.pool.connection() as connection:
        take_in(connection, store, POLICY, made.review(), CODEC.encode(made.review()), None)
    decide(store, decisions)
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
