"""Reading topics whole, without a consumer group: nothing is committed and no rebalance can interrupt.

For compacted reference topics (from the beginning, then follow) and for followers of results (from now on).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_SETTINGS: Mapping[str, str | int | bool] = {
    "group.id": "group-less",  # librdkafka insists on a name; nothing is ever committed under it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,  # the end of a compacted partition may lie behind a hole that no record fills
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
    "log_level": 0,  # a broker that is away is fetched from again by itself; what we must know comes by messages
}
_TIMEOUT_S = 30.0
_BATCH = 10_000
_LOOK_AGAIN_S = 0.05
_NO_LEADER_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})

Partition = tuple[str, int]


class Start(StrEnum):
    """Where a reader begins."""

    BEGINNING = "beginning"
    END = "end"


class TopicReader:
    """Reads every partition of some topics. For one thread.

    `end_offsets` are those seen when it was made; `reached_end` turns true, for good, once everything before them has
    been returned. A topic that gets new partitions is noticed by the next reader only: counts are fixed here.
    """

    def __init__(self, conf: Mapping[str, Any], topics: Sequence[str], *, start: Start) -> None:
        """Find the partitions and begin fetching.

        Args:
            conf: From `client_conf`.
            topics: Kafka topics.
            start: BEGINNING: everything there is; END: only what is written from now on.

        Raises:
            LookupError: A topic does not exist.
            KafkaException: The broker is away.
        """
        self._consumer = Consumer({**_SETTINGS, **conf})
        try:
            bounds = {partition: self._bounds(partition) for partition in self._partitions(topics)}
        except BaseException:
            self._consumer.close()
            raise
        self.end_offsets: dict[Partition, int] = {partition: end for partition, (_, end) in bounds.items()}
        self._behind = {part for part, (low, end) in bounds.items() if low < end and start is Start.BEGINNING}
        first = 0 if start is Start.BEGINNING else 1
        self._consumer.assign([TopicPartition(*partition, bounds[partition][first]) for partition in bounds])

    @property
    def reached_end(self) -> bool:
        """Whether everything up to `end_offsets` has been returned."""
        return not self._behind

    def poll(self, timeout_s: float, at_most: int = _BATCH) -> list[Message]:
        """Return the messages that are there, waiting up to `timeout_s` while there are none; may be empty.

        Raises:
            KafkaException: The broker refuses to let us read.
        """
        found = self._consumer.consume(1, timeout_s)
        if found:  # consume(n) would wait out its timeout for the n-th message; the rest is taken as it lies there
            found += self._consumer.consume(at_most - 1, 0) if at_most > 1 else []
        return [message for message in found if self._kept(message)]

    def to_end(self, within_s: float = 600.0) -> Iterator[Message]:
        """Yield every message before `end_offsets`, and a few after them that came along.

        Raises:
            TimeoutError: The end was not reached within `within_s`.
        """
        deadline = time.monotonic() + within_s
        while not self.reached_end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._behind)} partitions were not read to their end in {within_s:.0f} s")
            yield from self.poll(0.2)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _partitions(self, topics: Sequence[str]) -> Iterator[Partition]:
        for topic in topics:
            metadata = self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
            if metadata.error is not None:
                raise LookupError(f"topic {topic} cannot be read: {metadata.error.str()}; see `avm topics plan`")
            yield from ((topic, number) for number in sorted(metadata.partitions))

    def _bounds(self, partition: Partition) -> tuple[int, int]:
        """First and next offset; a topic that was just made or is moving has no leader for a moment."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                bounds = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_AGAIN_S)
                continue
            if bounds is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - librdkafka's own code
            return int(bounds[0]), int(bounds[1])

    def _kept(self, message: Message) -> bool:
        """Note how far a partition is read; False for an end mark."""
        error = message.error()
        partition: Any = (message.topic(), message.partition())
        if error is None:
            if (message.offset() or 0) + 1 >= self.end_offsets[partition]:
                self._behind.discard(partition)
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own code
            self._behind.discard(partition)
            return False
        raise KafkaException(error)
