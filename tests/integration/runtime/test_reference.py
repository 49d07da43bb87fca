"""Reference topics are read whole before work begins and followed afterwards, between batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from infra.kafka.security import client_conf
from schemas.catalogue import COMMUNITIES, COVERAGE, Topic
from schemas.codec import Codec
from schemas.events import Community
from schemas.registry import CatalogueRegistry
from streams.runtime.reference import ReferenceReader, ReferenceSource
from streams.runtime.stage import Change

pytestmark = pytest.mark.kafka

CODEC = Codec(CatalogueRegistry())


class View:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.rows: dict[str, object] = {}
        self.applied: list[int] = []

    def apply(self, changes: Sequence[Change]) -> None:
        self.applied.append(len(changes))
        for change in changes:
            if change.event is None:
                self.rows.pop(change.key, None)
            else:
                self.rows[change.key] = change.event


@pytest.fixture
def communities(topics) -> Topic:
    return topics.like(COMMUNITIES)


@pytest.fixture
def write(bootstrap) -> Iterator[Callable[..., None]]:
    """`write(topic, {key: name | None | bytes})`, confirmed when it returns."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1})

    def write(topic: Topic, rows: dict[str, str | bytes | None], timestamp_ms: int = 0) -> None:
        for key, name in rows.items():
            value = CODEC.encode(community(key, name)) if isinstance(name, str) else name
            producer.produce(topic.named(), value, key.encode(), timestamp=timestamp_ms)
        assert producer.flush(30) == 0

    yield write
    producer.flush(5)


def community(key: str, name: str) -> Community:
    return Community(community_id=key, name=name, province="北京市", city="北京市", district="朝阳区")


@pytest.fixture
def reader(bootstrap) -> Iterator[Callable[..., ReferenceReader]]:
    """Starts readers and stops them at the end."""
    started: list[ReferenceReader] = []

    def start(*sources: ReferenceSource, **options: int) -> ReferenceReader:
        reader = ReferenceReader(sources, connection=client_conf(bootstrap), codec=CODEC, **options)
        reader.start()
        started.append(reader)
        return reader

    yield start
    for one in started:
        one.stop()


def follow(reader: ReferenceReader, condition: Callable[[], bool]) -> None:
    """Apply changes, as the stage does between batches, until the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        reader.apply_waiting()
        time.sleep(0.02)


def test_everything_there_at_start_is_loaded_and_later_changes_follow(communities, write, reader):
    write(communities, {f"c{number}": "一号院" for number in range(5_000)})
    view = View()
    read = reader(ReferenceSource(name="communities", view=view, topics=(communities,)), max_waiting=500)
    assert not read.is_ready
    assert read.missing() == (communities.named(),)
    read.load(deadline_s=60)
    assert read.is_ready
    assert len(view.rows) == 5_000

    before = read.version
    write(communities, {"c0": None, "c1": "二号院"})
    assert len(view.rows) == 5_000, "nothing changes under a batch"
    follow(read, lambda: len(view.rows) == 4_999)
    follow(read, lambda: view.rows["c1"].name == "二号院")
    assert read.version != before


def test_the_version_is_the_same_for_the_same_data(communities, write, reader):
    write(communities, {"a": "x", "b": "y"})
    versions = set()
    for _ in range(2):
        read = reader(ReferenceSource(name="communities", view=View(), topics=(communities,)))
        read.load(deadline_s=30)
        applied = read._states["communities"].applied
        follow(read, lambda applied=applied: len(applied) == 4)
        versions.add(read.version)
    assert len(versions) == 1


def test_an_empty_topic_is_ready_at_once(communities, reader):
    read = reader(ReferenceSource(name="communities", view=View(), topics=(communities,)))
    read.load(deadline_s=30)
    assert read.is_ready


def test_a_partition_that_ends_in_a_transaction_marker_becomes_ready(bootstrap, communities, reader):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": communities.name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(communities.named(), CODEC.encode(community("a", "x")), b"a")
    producer.commit_transaction(30)
    view = View()
    read = reader(ReferenceSource(name="communities", view=view, topics=(communities,)))
    read.load(deadline_s=30)
    assert set(view.rows) == {"a"}


def test_records_that_cannot_be_decoded_are_counted_and_skipped(communities, write, reader):
    write(communities, {"a": "x", "bad": b"no message", "b": "y"})
    view = View()
    read = reader(ReferenceSource(name="communities", view=view, topics=(communities,)))
    read.load(deadline_s=30)
    assert set(view.rows) == {"a", "b"}
    assert read.undecodable() == {communities.named(): 1}


def test_a_source_can_start_at_a_point_in_time(communities, write, reader):
    now = datetime.now(UTC)
    write(communities, {"old": "x"}, int((now - timedelta(days=2)).timestamp() * 1000))
    write(communities, {"new": "y"}, int(now.timestamp() * 1000))
    view = View()
    since = now - timedelta(days=1)
    read = reader(ReferenceSource(name="communities", view=view, topics=(communities,), since=since))
    read.load(deadline_s=30)
    assert set(view.rows) == {"new"}


def test_views_get_the_changes_of_their_own_topics(topics, communities, write, reader):
    coverage = replace(topics.like(COVERAGE, partitions=1), event=Community)
    write(communities, {"a": "x"})
    write(coverage, {"b": "y"})
    first, second = View(), View()
    read = reader(
        ReferenceSource(name="communities", view=first, topics=(communities,)),
        ReferenceSource(name="coverage", view=second, topics=(coverage,)),
    )
    read.load(deadline_s=30)
    assert (set(first.rows), set(second.rows)) == ({"a"}, {"b"})


def test_changes_are_applied_in_portions_between_batches(communities, write, reader):
    write(communities, {"a": "x"})
    view = View()
    read = reader(ReferenceSource(name="communities", view=view, topics=(communities,)))
    read.load(deadline_s=30)
    write(communities, {f"c{number}": "x" for number in range(3_000)})
    follow(read, lambda: len(view.rows) == 3_001)
    assert max(view.applied) <= 1_000


def test_without_sources_there_is_nothing_to_wait_for(reader):
    read = reader()
    read.load(deadline_s=1)
    read.apply_waiting()
    assert read.is_ready
