"""Following topics on a real broker: from the end, from a remembered place, and across interruptions."""

import threading

import pytest

from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start
from infra.kafka.security import client_conf

pytestmark = pytest.mark.kafka


class Seen:
    """Collects values and lets a test wait for a number of them."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._changed = threading.Condition()

    def __call__(self, message) -> None:
        with self._changed:
            self.values.append(message.value())
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.values) >= count, 30)
        return sorted(self.values)


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def publisher(connection):
    publisher = Publisher(connection, on_fatal=lambda _: None)
    yield publisher
    publisher.close()


def records(topic, *values):
    return [Record(topic=topic, key=value, value=value) for value in values]


def test_a_follower_sees_what_is_written_after_it_is_positioned_and_nothing_before(connection, publisher, topics):
    topic, seen = topics("follow"), Seen()
    publisher.publish(records(topic, b"before"))
    with TopicFollower(connection, [topic], seen) as follower:
        assert follower.wait_until_positioned(30)
        assert follower.wait_until_caught_up(30)
        publisher.publish(records(topic, *(b"%d" % n for n in range(20))))
        assert seen.wait_for(20) == sorted(b"%d" % n for n in range(20))
        assert follower.positioned
    assert not follower.positioned


def test_a_later_follower_goes_on_from_where_an_earlier_one_began(connection, publisher, topics):
    topic, seen = topics("follow"), Seen()
    with TopicFollower(connection, [topic], Seen()) as follower:
        assert follower.wait_until_positioned(30)
        began = follower.positions()
    publisher.publish(records(topic, b"a", b"b", b"c"))
    with TopicFollower(connection, [topic], seen, start_at=began) as follower:
        assert follower.wait_until_caught_up(30)
        assert sorted(seen.values) == [b"a", b"b", b"c"]


def test_a_topic_that_does_not_exist_leaves_the_follower_unpositioned(connection):
    with TopicFollower(connection, ["not-there"], Seen()) as follower:
        assert not follower.wait_until_positioned(1.5)
        assert not follower.positioned


def test_a_follower_from_the_beginning_sees_everything_and_says_when_what_came_together_is_through(
    connection, publisher, topics
):
    topic, seen, batches = topics("follow"), Seen(), []
    publisher.publish(records(topic, *(b"%d" % n for n in range(50))))
    follower = TopicFollower(
        connection, [topic], seen, start=Start.BEGINNING, after_batch=lambda: batches.append(len(seen.values))
    )
    with follower:
        assert follower.wait_until_caught_up(30)
        assert follower.caught_up
        assert len(seen.values) == batches[-1] == 50
        publisher.publish(records(topic, b"later"))
        seen.wait_for(51)
    assert not follower.caught_up  # nobody follows any more
