"""The consumer loop on a real broker and a real database: nothing lost, nothing doubled, nothing stops it."""

import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg.conninfo import conninfo_to_dict

from infra.kafka.producer import Record
from infra.kafka.security import client_conf
from infra.postgres import offsets, outbox
from infra.postgres.dead_letters import Burial
from infra.postgres.ingest import Ingest, TooManyDefectsError
from infra.postgres.migrate import migrate
from infra.postgres.pool import connect, open_pool
from schemas.catalogue import REVIEWS
from tests.fakes import valuations as made
from tests.fakes.loops import Unconfirmed, eventually, everything_on, publishing, running
from tests.fakes.valuations import CODEC

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

ROOM = "counting"
_ROOT = Path(__file__).resolve().parents[3]
_CONSUMER = Path(__file__).with_name("counting_consumer.py")


@pytest.fixture
def dsn(postgres):
    migrate(postgres, room=ROOM)
    with connect(postgres, room=ROOM) as connection:
        connection.execute("create table effect (part int not null, record bigint not null)")
    return postgres


@pytest.fixture
def pool(dsn):
    with open_pool(dsn, room=ROOM) as pool:
        yield pool


@pytest.fixture
def publisher(bootstrap):
    with publishing(bootstrap) as publisher:
        yield publisher


@pytest.fixture
def reviews(topics):
    return topics.like(REVIEWS)


def reviews_of(topic, numbers) -> list[Record]:
    return [made.record_of(topic, made.review(f"n-{number}")) for number in numbers]


def note(connection, batch) -> None:
    rows = [(received.partition, received.offset) for received in batch]
    with connection.cursor() as cursor:
        cursor.executemany("insert into effect (part, record) values (%s, %s)", rows)


def an_ingest(pool, bootstrap, publisher, topic, *, apply=note, dead_letters="none") -> Ingest:
    return Ingest(
        name=f"{ROOM}.{topic.name}",
        topics=[topic],
        kafka=client_conf(bootstrap),
        pool=pool,
        codec=CODEC,
        apply=apply,
        publisher=publisher,
        burial=Burial(topic=dead_letters, stage=ROOM),
        clock=lambda: datetime.now(UTC),
    )


def effects(dsn) -> list[tuple[int, int]]:
    with connect(dsn, room=ROOM) as connection:
        return connection.execute("select part, record from effect").fetchall()


def on_topic(bootstrap, topic) -> set[tuple[int, int]]:
    return {(message.partition(), message.offset()) for message in everything_on(bootstrap, topic.name)}


@pytest.mark.requirement("DR1")
def test_a_consumer_killed_between_effect_and_commit_loses_nothing_and_doubles_nothing(
    dsn, bootstrap, publisher, reviews
):
    publisher.publish(reviews_of(reviews, range(400)))
    endings = []
    for die_at in (1, 90, 150, 10**9):
        command = [sys.executable, str(_CONSUMER), dsn, bootstrap, reviews.name, str(die_at)]
        ended = subprocess.run(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, timeout=120, check=False)
        endings.append(ended.returncode)
    assert endings == [-9, -9, -9, 0]
    written = effects(dsn)
    assert len(written) == 400
    assert set(written) == on_topic(bootstrap, reviews)


def test_offsets_at_the_broker_do_not_matter(dsn, pool, bootstrap, publisher, reviews):
    publisher.publish(reviews_of(reviews, range(50)))
    with running(an_ingest(pool, bootstrap, publisher, reviews).run):
        eventually(lambda: len(effects(dsn)) == 50)
    again = an_ingest(pool, bootstrap, publisher, reviews)
    again._kafka["group.id"] = f"another.{reviews.name}"  # a group of which the broker knows nothing
    with running(again.run):
        publisher.publish(reviews_of(reviews, ["one more"]))
        eventually(lambda: len(effects(dsn)) > 50)
    assert sorted(effects(dsn)) == sorted(on_topic(bootstrap, reviews))


@pytest.mark.requirement("IN2")
def test_what_cannot_be_decoded_becomes_a_dead_letter_and_its_neighbours_are_unharmed(
    dsn, pool, bootstrap, publisher, topics, reviews
):
    graves = topics("dead-letters")
    good = reviews_of(reviews, range(6))
    publisher.publish(good[:3])
    publisher.publish([replace(good[0], value=b"\x00\x00\x00\x00\x63rubbish"), replace(good[1], value=b"no avro")])
    publisher.publish([replace(good[2], value=None), *good[3:]])
    with running(an_ingest(pool, bootstrap, publisher, reviews, dead_letters=graves).run):
        eventually(lambda: len(effects(dsn)) == 6)
        eventually(lambda: len(everything_on(bootstrap, graves)) == 3)
    classes = sorted(dict(message.headers())["dlq.class"] for message in everything_on(bootstrap, graves))
    assert classes == [b"exhausted", b"undecodable", b"undecodable"]


def test_a_record_whose_effect_raises_is_isolated(dsn, pool, bootstrap, publisher, topics, reviews):
    graves = topics("dead-letters")
    poison = made.review("poison").valuation_id

    def fragile(connection, batch) -> None:
        note(connection, batch)
        if any(received.event.valuation_id == poison for received in batch):
            raise ZeroDivisionError

    publisher.publish(reviews_of(reviews, [*range(20), "poison", *range(20, 40)]) + reviews_of(reviews, []))
    publisher.publish([made.record_of(reviews, made.review("poison"))])
    with running(an_ingest(pool, bootstrap, publisher, reviews, apply=fragile, dead_letters=graves).run):
        eventually(lambda: len(effects(dsn)) == 41)
    (grave,) = everything_on(bootstrap, graves)
    headers = dict(grave.headers())
    assert (headers["dlq.class"], headers["ce_type"]) == (b"defect", b"cn.housevaluation.ReviewRequested")
    assert grave.value() == CODEC.encode(made.review("poison"))


def test_a_consumer_that_can_apply_nothing_ends_instead_of_burying_everything(
    dsn, pool, bootstrap, publisher, topics, reviews
):
    def broken(connection, batch) -> None:
        raise ZeroDivisionError

    graves = topics("dead-letters")
    publisher.publish(reviews_of(reviews, range(60)))
    with pytest.raises(TooManyDefectsError):
        an_ingest(pool, bootstrap, publisher, reviews, apply=broken, dead_letters=graves).run(threading.Event())
    assert len(everything_on(bootstrap, graves)) < 20


@contextmanager
def database_away(dsn, postgres_server):
    """Nobody gets in, and those inside are thrown out; the server itself serves the other tests."""
    name = conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(postgres_server.dsn, autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            yield
        finally:
            admin.execute(f"alter database {name} allow_connections true")


@pytest.mark.requirement("DR1")
def test_a_database_that_goes_away_is_waited_for(dsn, pool, bootstrap, publisher, reviews, postgres_server):
    publisher.publish(reviews_of(reviews, range(30)))
    ingest = an_ingest(pool, bootstrap, publisher, reviews)
    with running(ingest.run):
        eventually(lambda: len(effects(dsn)) == 30)
        with database_away(dsn, postgres_server):
            publisher.publish(reviews_of(reviews, range(30, 60)))
            eventually(lambda: ingest.database_away)
        eventually(lambda: len(effects(dsn)) == 60)
        eventually(lambda: not ingest.database_away)
    assert set(effects(dsn)) == on_topic(bootstrap, reviews)


def test_a_consumer_that_starts_while_the_database_is_away_begins_when_it_is_back(
    dsn, pool, bootstrap, publisher, reviews, postgres_server
):
    publisher.publish(reviews_of(reviews, range(30)))
    ingest = an_ingest(pool, bootstrap, publisher, reviews)
    with running(ingest.run):
        with database_away(dsn, postgres_server):
            eventually(lambda: ingest.database_away)
        eventually(lambda: len(effects(dsn)) == 30)
    assert set(effects(dsn)) == on_topic(bootstrap, reviews)


class CommitAnswerLost:
    """A pool whose connection breaks once, after the server has committed and before the client hears of it."""

    def __init__(self, pool) -> None:
        self._pool, self.effects, self.lost = pool, 0, False

    @contextmanager
    def connection(self):
        before = self.effects
        with self._pool.connection() as connection:
            yield connection
        if self.effects > before and not self.lost:
            self.lost = True
            raise psycopg.OperationalError("server closed the connection unexpectedly")


def test_a_commit_whose_answer_was_lost_is_not_repeated_and_the_partition_goes_on(
    dsn, pool, bootstrap, publisher, reviews
):
    breaking = CommitAnswerLost(pool)

    def counted(connection, batch) -> None:
        note(connection, batch)
        breaking.effects += len(batch)

    publisher.publish(reviews_of(reviews, range(30)))
    with running(an_ingest(breaking, bootstrap, publisher, reviews, apply=counted).run):
        eventually(lambda: breaking.lost)
        publisher.publish(reviews_of(reviews, range(30, 60)))
        eventually(lambda: len(effects(dsn)) >= 60)
    assert sorted(effects(dsn)) == sorted(on_topic(bootstrap, reviews))


def test_an_old_owner_that_has_not_noticed_writes_nothing(dsn, pool, bootstrap, publisher, reviews):
    ingest = an_ingest(pool, bootstrap, publisher, reviews)
    with running(ingest.run):
        eventually(lambda: len(ingest.owned) == 4)
        with pool.connection() as connection:
            offsets.claim(connection, ingest._name, [(reviews.name, part) for part in range(4)])
        publisher.publish(reviews_of(reviews, range(20)))
        eventually(lambda: not ingest.owned)
        assert effects(dsn) == []


def caught_up(dsn, topic) -> list[bool]:
    """Of each partition, whether everything on it was found to be read."""
    with connect(dsn, room=ROOM) as connection:
        query = "select caught_up_at is not null from ingest_offset where topic = %s order by part"
        return [row[0] for row in connection.execute(query, [topic.name]).fetchall()]


def test_a_partition_on_which_everything_has_expired_counts_as_read(dsn, pool, bootstrap, publisher, reviews):
    publisher.publish(reviews_of(reviews, range(40)))
    assert {part for part, _ in on_topic(bootstrap, reviews)} == {0, 1, 2, 3}
    expired = [TopicPartition(reviews.name, part, OFFSET_END) for part in range(4)]
    admin = AdminClient(client_conf(bootstrap))
    for outcome in admin.delete_records(expired).values():
        outcome.result(30)
    with running(an_ingest(pool, bootstrap, publisher, reviews).run):
        eventually(lambda: caught_up(dsn, reviews) == [True] * 4)
        assert effects(dsn) == []
        publisher.publish(reviews_of(reviews, ["one more"]))
        eventually(lambda: len(effects(dsn)) == 1)


# ---- the outbox ---------------------------------------------------------------------------------------------------


def test_the_relay_sends_in_order_and_marks_what_was_acknowledged(dsn, bootstrap, publisher, topics):
    topic = topics("outbox", partitions=1)
    records = [Record(topic=topic, key=b"k", value=str(n).encode(), headers=[("ce_id", b"x")]) for n in range(700)]
    relay = outbox.Relay(
        connect=lambda: connect(dsn, room=ROOM, autocommit=True), publisher=publisher, clock=lambda: datetime.now(UTC)
    )
    with running(relay.run), connect(dsn, room=ROOM) as connection:
        outbox.write(connection, records)
        connection.commit()
        eventually(lambda: len(everything_on(bootstrap, topic)) == 700)
        eventually(lambda: connection.execute("select count(*) from outbox where sent_at is null").fetchone() == (0,))
    assert [message.value() for message in everything_on(bootstrap, topic)] == [record.value for record in records]


def test_what_a_transaction_takes_back_is_not_sent(dsn, bootstrap, publisher, topics):
    topic = topics("outbox", partitions=1)
    with connect(dsn, room=ROOM, autocommit=True) as connection:
        with connection.transaction(force_rollback=True):
            outbox.write(connection, [Record(topic=topic, key=b"k", value=b"never")])
        relay = outbox.Relay(connect=lambda: connection, publisher=publisher, clock=lambda: datetime.now(UTC))
        assert relay.send_waiting(connection) == 0


def test_a_relay_that_dies_before_its_mark_sends_again_with_the_same_id(dsn, bootstrap, publisher, topics):
    topic = topics("outbox", partitions=1)
    twice = Unconfirmed(publisher)
    relay = outbox.Relay(
        connect=lambda: connect(dsn, room=ROOM, autocommit=True), publisher=twice, clock=lambda: datetime.now(UTC)
    )
    with running(relay.run), connect(dsn, room=ROOM) as connection:
        outbox.write(connection, [Record(topic=topic, key=b"k", value=b"once", headers=[("ce_id", b"id-1")])])
        connection.commit()
        eventually(lambda: twice.calls == 2)
    assert [dict(message.headers()) for message in everything_on(bootstrap, topic)] == [{"ce_id": b"id-1"}] * 2
