"""The publisher against the real broker, and against librdkafka's own where ours cannot be made to fail."""

import asyncio
import threading

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.kafka.producer import Publisher, Record, UnpublishableError
from infra.kafka.security import client_conf
from schemas.catalogue import MAX_MESSAGE_BYTES
from schemas.errors import PublishError

pytestmark = pytest.mark.kafka


def read(bootstrap, topic, count, partitions=4):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found = []
    while len(found) < count:
        messages = consumer.consume(count - len(found), timeout=20)
        assert messages, f"{len(found)} of {count} messages came"
        found += messages
    consumer.close()
    return found


@pytest.fixture
def publisher(bootstrap):
    fatal = []
    publisher = Publisher({"bootstrap.servers": bootstrap}, on_fatal=fatal.append)
    yield publisher
    publisher.close()
    assert fatal == []


def murmur2(data: bytes) -> int:
    """Kafka's `Utils.murmur2`, written after the Java source, as the reference."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_the_reference_agrees_with_java():
    # from org.apache.kafka.common.utils.UtilsTest
    expected = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for data, signed in expected.items():
        assert murmur2(data) == signed & 0xFFFFFFFF


def test_a_hundred_keys_land_where_java_clients_put_them(publisher, bootstrap, topics):
    topic = topics("murmur", partitions=12)
    keys = [f"valuation-{number}-估值".encode() for number in range(100)]
    publisher.publish([Record(topic=topic, key=key, value=b"v") for key in keys])
    found = {message.key(): message.partition() for message in read(bootstrap, topic, 100, partitions=12)}
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % 12 for key in keys}


def test_published_means_readable_with_key_value_and_headers_in_order(publisher, bootstrap, topics):
    topic = topics(partitions=1)
    headers = (("ce_id", b"1"), ("ce_id", b"2"))
    publisher.publish([Record(topic=topic, key=b"k", value=b"%d" % n, headers=headers) for n in range(1000)])
    publisher.publish([Record(topic=topic, key=b"k", value=None)])
    messages = read(bootstrap, topic, 1001, partitions=1)
    assert [message.value() for message in messages] == [*(b"%d" % n for n in range(1000)), None]
    assert messages[0].key() == b"k"
    assert messages[0].headers() == list(headers)


async def test_many_batches_at_once_wake_the_loop_once_each(publisher, bootstrap, topics):
    topic = topics()
    batches = [[Record(topic=topic, key=b"%d" % n, value=b"v") for n in range(200)] for _ in range(10)]
    loop, wakes = asyncio.get_running_loop(), []
    original = loop.call_soon_threadsafe

    def counted(*arguments, **context):
        wakes.append(threading.current_thread().name)
        return original(*arguments, **context)

    loop.call_soon_threadsafe = counted
    try:
        await asyncio.gather(*(publisher.publish_async(batch) for batch in batches))
    finally:
        loop.call_soon_threadsafe = original
    assert wakes.count("publisher-acks") == 10
    assert len(read(bootstrap, topic, 2000)) == 2000


async def test_a_full_local_queue_waits_instead_of_failing(bootstrap, topics):
    topic = topics()
    publisher = Publisher(
        {"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 10}, on_fatal=lambda _reason: None
    )
    await publisher.publish_async([Record(topic=topic, key=b"k", value=b"v") for _ in range(500)])
    publisher.publish([Record(topic=topic, key=b"k", value=b"v") for _ in range(500)])
    publisher.close()
    assert len(read(bootstrap, topic, 1000)) == 1000


async def test_nothing_of_a_batch_is_sent_when_one_record_never_can_be(publisher, bootstrap, topics):
    topic = topics(partitions=1)
    good = Record(topic=topic, key=b"k", value=b"v")
    fat = Record(topic=topic, key=b"k", value=b"x" * MAX_MESSAGE_BYTES)
    with pytest.raises(UnpublishableError) as raised:
        await publisher.publish_async([good, fat])
    assert raised.value.index == 1
    await publisher.publish_async([Record(topic=topic, key=b"k", value=b"after")])
    assert [message.value() for message in read(bootstrap, topic, 1, partitions=1)] == [b"after"]


def test_the_largest_record_the_check_lets_pass_is_taken_by_the_broker(publisher, topics):
    import os

    topic = topics(config={"max.message.bytes": str(MAX_MESSAGE_BYTES)})
    headers = [(f"h{n}", b"v" * 20) for n in range(12)]
    overhead = 256 + 1 + sum(len(name) + 20 + 10 for name, _ in headers)
    noise = os.urandom(MAX_MESSAGE_BYTES - overhead)  # does not compress
    publisher.publish([Record(topic=topic, key=b"k", value=noise, headers=headers)])


async def test_a_record_without_a_topic_is_a_publish_error(bootstrap):
    publisher = Publisher({"bootstrap.servers": bootstrap, "delivery.timeout.ms": 3000}, on_fatal=lambda _reason: None)
    with pytest.raises(PublishError):
        await publisher.publish_async([Record(topic="no-such-topic", key=b"k", value=b"v")])
    publisher.close()


def test_a_broker_that_never_answers_is_a_publish_error():
    publisher = Publisher(
        {"bootstrap.servers": "127.0.0.1:1", "delivery.timeout.ms": 500}, on_fatal=lambda _reason: None
    )
    with pytest.raises(PublishError):
        publisher.publish([Record(topic="t", key=b"k", value=b"v")])
    publisher.close()


async def test_an_empty_batch_is_published_at_once(publisher):
    await publisher.publish_async([])
    publisher.publish([])


def test_a_refused_login_is_fatal_though_no_call_ever_raises(bootstrap):
    told = threading.Event()
    login = {"sasl_username": "scoring", "sasl_password": "wrong"}
    publisher = Publisher(client_conf(bootstrap, **login), on_fatal=lambda _reason: told.set())
    assert told.wait(30), "the broker refuses SASL on this listener, and nobody was told"
    publisher.close(within_s=0.1)


def test_closing_gives_up_what_the_broker_does_not_take_and_says_so():
    publisher = Publisher({"bootstrap.servers": "127.0.0.1:1"}, on_fatal=lambda _reason: None)
    outcome = []

    def publish():
        try:
            publisher.publish([Record(topic="t", key=b"k", value=b"v")])
        except PublishError as error:
            outcome.append(error)

    waiting = threading.Thread(target=publish)
    waiting.start()
    while not len(publisher._producer):
        threading.Event().wait(0.01)
    publisher.close(within_s=0.1)
    publisher.close()
    waiting.join(30)
    assert len(outcome) == 1
    with pytest.raises(PublishError):
        publisher.publish([Record(topic="t", key=b"k", value=b"v")])
