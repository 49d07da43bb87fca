"""Group-less reading on the real broker."""

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader

pytestmark = pytest.mark.kafka


@pytest.fixture
def publisher(bootstrap):
    publisher = Publisher({"bootstrap.servers": bootstrap}, on_fatal=lambda _reason: None)
    yield publisher
    publisher.close()


def numbered(topic, numbers):
    return [Record(topic=topic, key=b"%d" % number, value=b"v%d" % number) for number in numbers]


def reader(bootstrap, *topics, start=Start.BEGINNING):
    return TopicReader({"bootstrap.servers": bootstrap}, topics, start=start)


def next_messages(reading, count):
    found = []
    for _ in range(300):
        found += reading.poll(0.1)
        if len(found) >= count:
            return found
    pytest.fail(f"{len(found)} of {count} messages came in 30 s")


def test_topics_are_read_whole_and_then_followed(publisher, bootstrap, topics):
    first, second = topics(), topics(partitions=1)
    publisher.publish(numbered(first, range(500)) + numbered(second, range(5)))
    with reader(bootstrap, first, second) as reading:
        assert not reading.reached_end
        found = list(reading.to_end(60))
        assert reading.reached_end
        assert {(m.topic(), m.key()) for m in found} == {
            *((first, b"%d" % n) for n in range(500)),
            *((second, b"%d" % n) for n in range(5)),
        }
        assert sum(reading.end_offsets.values()) == 505
        publisher.publish(numbered(first, [500]))
        assert [m.value() for m in next_messages(reading, 1)] == [b"v500"]


def test_an_empty_topic_is_at_its_end_at_once(bootstrap, topics):
    with reader(bootstrap, topics()) as reading:
        assert reading.reached_end
        assert list(reading.to_end()) == []


def test_a_reader_from_the_end_sees_all_that_comes_later_and_nothing_before(publisher, bootstrap, topics):
    topic = topics()
    publisher.publish(numbered(topic, range(100)))
    with reader(bootstrap, topic, start=Start.END) as reading:
        assert reading.reached_end
        publisher.publish(numbered(topic, range(100, 200)))
        assert {m.key() for m in next_messages(reading, 100)} == {b"%d" % n for n in range(100, 200)}


def test_the_end_is_reached_behind_the_mark_of_a_transaction(bootstrap, topics):
    topic = topics(partitions=1)
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"v", b"k")
    producer.commit_transaction(30)  # its mark takes the last offset, which no reader ever sees
    deadline = time.monotonic() + 30
    while True:  # the broker writes the mark a moment after it answered
        with reader(bootstrap, topic) as reading:
            if reading.end_offsets == {(topic, 0): 2}:
                assert [m.value() for m in reading.to_end(60)] == [b"v"]
                return
        assert time.monotonic() < deadline, "the mark of the transaction did not appear"


def test_tombstones_are_messages_without_a_value(publisher, bootstrap, topics):
    topic = topics(partitions=1, config={"cleanup.policy": "compact"})
    publisher.publish([Record(topic=topic, key=b"k", value=None)])
    with reader(bootstrap, topic) as reading:
        assert [m.value() for m in reading.to_end(60)] == [None]


def test_a_missing_topic_is_an_error_and_not_created(bootstrap):
    with pytest.raises(LookupError, match="no-such-topic cannot be read"):
        reader(bootstrap, "no-such-topic")
    assert "no-such-topic" not in AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics


def test_two_readers_read_the_same_topic_independently(publisher, bootstrap, topics):
    topic = topics()
    publisher.publish(numbered(topic, range(50)))
    with reader(bootstrap, topic) as one, reader(bootstrap, topic) as other:
        assert len(list(one.to_end(60))) == len(list(other.to_end(60))) == 50
