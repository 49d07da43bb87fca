"""How far consumer groups are behind: records on their topics that they have not marked as done."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

_ASK_S = 2.0


class Lag:
    """Asks the broker about some groups, each with the topics it reads. One at a time; close it when done."""

    def __init__(self, conf: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> None:
        """Prepare; no group is joined."""
        self._topics = groups
        quiet = {"enable.auto.commit": False, "log_level": 0}
        self._consumers = {group: Consumer({**conf, **quiet, "group.id": group}) for group in groups}

    def total(self) -> int:
        """Records that wait, all groups together; a group that cannot be asked now counts as none."""
        waiting = 0
        for group, consumer in self._consumers.items():
            with suppress(KafkaException):
                waiting += _waiting(consumer, self._topics[group])
        return waiting

    def close(self) -> None:
        """Let go of the connections."""
        for consumer in self._consumers.values():
            consumer.close()


def _waiting(consumer: Consumer, topics: Sequence[str]) -> int:
    known = consumer.list_topics(timeout=_ASK_S).topics
    partitions = [TopicPartition(topic, part) for topic in topics if topic in known for part in known[topic].partitions]
    waiting = 0
    for done in consumer.committed(partitions, timeout=_ASK_S):
        low, high = consumer.get_watermark_offsets(TopicPartition(done.topic, done.partition), timeout=_ASK_S)
        waiting += high - max(low, done.offset if done.offset >= 0 else high)
    return waiting
