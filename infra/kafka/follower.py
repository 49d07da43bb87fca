"""Following topics on a thread of its own, without a consumer group.

From now on, from their beginning, or from where a run before stood.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.kafka.reader import Start

log = logging.getLogger(__name__)

Partition = tuple[str, int]
Positions = Mapping[Partition, int]

_SETTINGS: Mapping[str, str | int | bool] = {
    "group.id": "group-less",  # librdkafka insists on a name; nothing is ever committed under it
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",  # a position that retention has passed: what is left is better than only the new
    "fetch.wait.max.ms": 100,
    "log_level": 3,
}
_ASK_S = 5.0  # a healthy broker answers in milliseconds; also what a stop may have to wait for
_POLL_S = 0.2
_BATCH = 1_000
_PAUSE_S = 1.0  # between attempts to reach a broker that is away


class TopicFollower:
    """Hands every message of some topics to `on_message`, in order per partition, each at least once.

    After any trouble it goes on from the last position seen, not from the end: a waiting caller's answer may have been
    written meanwhile. `on_message` runs on the follower's thread and must not raise.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        topics: Sequence[str],
        on_message: Callable[[Message], None],
        *,
        start_at: Positions | None = None,
        start: Start = Start.END,
        after_batch: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            conf: From `client_conf`.
            topics: Kafka topics, all partitions of each.
            on_message: Called for each message.
            start_at: Offsets to begin with; partitions not named begin at `start`.
            start: Where all others begin.
            after_batch: Called when the messages that arrived together were handed over; must not raise either.
        """
        self._conf = {**_SETTINGS, **conf}
        self._topics = tuple(topics)
        self._on_message, self._after_batch, self._start = on_message, after_batch, start
        self._positions: dict[Partition, int] = dict(start_at or {})
        self._positioned = threading.Event()
        self._behind: dict[Partition, int] | None = None  # ends seen at the start that are not reached yet
        self._caught_up = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-follower", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def wait_until_positioned(self, within_s: float) -> bool:
        """Wait until everything written from now on will be seen; `False` when that took longer."""
        return self._positioned.wait(within_s)

    def wait_until_caught_up(self, within_s: float) -> bool:
        """Wait until everything written before the start was handed over; `False` when that took longer."""
        return self._caught_up.wait(within_s)

    @property
    def positioned(self) -> bool:
        """Whether everything written from now on will be seen."""
        return self._positioned.is_set() and self._thread.is_alive()

    @property
    def caught_up(self) -> bool:
        """Whether everything written before the start was handed over, and what is written now will be."""
        return self._caught_up.is_set() and self._thread.is_alive()

    def positions(self) -> dict[Partition, int]:
        """The next offset of each partition; good as `start_at` of a later follower."""
        return dict(self._positions)

    def close(self) -> None:
        """Stop and let go of the broker. Harmless when called twice or before `start`."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            consumer = Consumer(self._conf)
            try:
                self._follow(consumer)
            except (KafkaException, LookupError) as error:
                log.warning("following was interrupted and will resume", extra={"cause": str(error)})
                self._closing.wait(_PAUSE_S)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        found = [partition for topic in self._topics for partition in self._partitions(consumer, topic)]
        bounds = {partition: self._bounds(consumer, partition) for partition in found}
        ends = {partition: end for partition, (_, end) in bounds.items()}
        first = 0 if self._start is Start.BEGINNING else 1
        self._positions = {**{partition: bounds[partition][first] for partition in found}, **self._positions}
        if self._behind is None:
            self._behind = {partition: end for partition, end in ends.items() if self._positions[partition] < end}
        self._note_progress()
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._positions.items()])
        self._positioned.set()
        while not self._closing.is_set():
            # consume(n) would wait out its timeout for the n-th message; the rest is taken as it lies there
            messages = consumer.consume(1, _POLL_S)
            for message in messages + (consumer.consume(_BATCH, 0) if messages else []):
                self._take(message)
            if messages and self._after_batch is not None:
                self._after_batch()
            if messages and not self._caught_up.is_set():
                self._note_progress()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        self._on_message(message)
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is not None and partition is not None and offset is not None:  # always; the stubs allow errors too
            self._positions[topic, partition] = offset + 1

    def _note_progress(self) -> None:
        self._behind = {part: end for part, end in (self._behind or {}).items() if self._positions[part] < end}
        if not self._behind:
            self._caught_up.set()

    @staticmethod
    def _partitions(consumer: Consumer, topic: str) -> list[Partition]:
        metadata = consumer.list_topics(topic, timeout=_ASK_S).topics[topic]
        if metadata.error is not None:
            raise LookupError(f"topic {topic} cannot be read: {metadata.error.str()}; see `avm topics plan`")
        return [(topic, number) for number in sorted(metadata.partitions)]

    @staticmethod
    def _bounds(consumer: Consumer, partition: Partition) -> tuple[int, int]:
        """First and next offset."""
        bounds = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=_ASK_S)
        if bounds is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - librdkafka's own code
        return int(bounds[0]), int(bounds[1])
