"""The only way records leave this house: one idempotent producer per process that says yes after the broker did."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.catalogue import MAX_MESSAGE_BYTES
from schemas.errors import PermanentError, PublishError
from schemas.headers import Header

log = logging.getLogger(__name__)

_SETTINGS: Mapping[str, str | int | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",  # what Java clients do; librdkafka's default puts 9 of 10 keys elsewhere
    "linger.ms": 0,  # batches arrive together already; lingering would only delay lone records
    "compression.type": "lz4",
    "delivery.timeout.ms": 120_000,  # how long a broker outage is ridden out before PublishError
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "log_level": 0,  # what it would log as an error comes by the error callback too
}
_POLL_S = 0.2
_SILENCE_S = 10.0
_FULL_QUEUE_PAUSE_S = 0.005
# What a batch of one record adds to its key, value and headers (61 bytes of batch header, varint lengths), rounded up.
_BATCH_OVERHEAD = 256
_HEADER_OVERHEAD = 10
# These come by the error callback alone, for ever, while every record waits for its timeout.
_REFUSALS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What goes on a topic. `key` decides the partition; `value` None deletes the key from a compacted topic."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Sequence[Header] = ()


class UnpublishableError(PermanentError):
    """A record of a batch can never be published; none of the batch was sent. `index` names it."""

    def __init__(self, index: int, why: str) -> None:
        self.index, self.why = index, why
        super().__init__(f"record {index} cannot be published: {why}")


class _Receipt:
    """Counts the broker's acks of one batch; calls `settle` once, on the polling thread, with the first error."""

    __slots__ = ("_error", "_left", "_settle")

    def __init__(self, expected: int, settle: Callable[[KafkaError | None], None]) -> None:
        self._left, self._settle = expected, settle
        self._error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        self._error = self._error or error
        self._left -= 1
        if self._left == 0:
            self._settle(self._error)


class Publisher:
    """Publishes batches and waits for every ack. Safe to use from several threads and tasks.

    Order is kept per partition within and between calls of one caller. A batch that raised PublishError may have been
    written in part: the caller must not move on, and its repeat is absorbed by ids.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        *,
        on_fatal: Callable[[str], None],
        max_record_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Connect in the background.

        Args:
            conf: From `client_conf`; keys given here win over ours.
            on_fatal: Called on the polling thread when publishing can never work again (fenced, login refused, no
                right). It should end the process.
            max_record_bytes: Largest key + value + headers, before compression.
        """
        self._on_fatal = on_fatal
        self._max_record_bytes = max_record_bytes
        self._silent_until = 0.0
        self._producer = Producer({**_SETTINGS, **conf, "error_cb": self._on_error})
        self._closing = threading.Event()
        # A thread of its own serves acks while the caller computes; poll() waits without the interpreter lock.
        self._poller = threading.Thread(target=self._poll, name="publisher-acks", daemon=True)
        self._poller.start()

    async def publish_async(self, records: Sequence[Record]) -> None:
        """Publish, and return when the broker has acknowledged every record; one wake-up of the loop per batch.

        Raises:
            UnpublishableError: A record can never be sent; nothing was sent.
            PublishError: The broker refused or did not confirm one within the delivery timeout.
        """
        check(records, self._max_record_bytes)
        if not records:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[KafkaError | None] = loop.create_future()

        def wake(error: KafkaError | None) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, error)

        receipt = _Receipt(len(records), wake)
        for record in records:
            while not self._sent(record, receipt):  # noqa: ASYNC110 - librdkafka tells nobody when it has room
                await asyncio.sleep(_FULL_QUEUE_PAUSE_S)
        _raise_for(await done)

    def publish(self, records: Sequence[Record]) -> None:
        """Publish as `publish_async` does, blocking this thread. Not from an event loop."""
        check(records, self._max_record_bytes)
        if not records:
            return
        errors: list[KafkaError | None] = []
        done = threading.Event()

        def wake(error: KafkaError | None) -> None:
            errors.append(error)
            done.set()

        receipt = _Receipt(len(records), wake)
        for record in records:
            while not self._sent(record, receipt):
                self._closing.wait(_FULL_QUEUE_PAUSE_S)
        done.wait()
        _raise_for(errors[0])

    def close(self, within_s: float = 10.0) -> None:
        """Wait at most `within_s` for records under way, give up the rest and let go of the broker.

        Whoever waits for a record that was given up gets PublishError. Harmless when called twice.
        """
        if self._closing.is_set():
            return
        self._producer.flush(within_s)
        self._producer.purge()  # close() would wait out their delivery timeout
        self._producer.flush(within_s)
        self._closing.set()
        self._poller.join()
        self._producer.close()

    def _sent(self, record: Record, receipt: _Receipt) -> bool:
        """Hand one record to librdkafka; False when its queue is full and acks must drain first."""
        try:
            self._producer.produce(
                record.topic, record.value, record.key, headers=list(record.headers), on_delivery=receipt
            )
        except BufferError:
            return False
        except (KafkaException, RuntimeError) as error:  # RuntimeError: it was closed
            raise PublishError(f"the producer refuses records: {error}") from error
        return True

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(_POLL_S)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _REFUSALS:
            log.critical("publishing ended for good", extra={"kafka_error": error.name()})
            self._on_fatal(str(error))
        elif time.monotonic() > self._silent_until:  # a broker that is away is reported ten times a second
            self._silent_until = time.monotonic() + _SILENCE_S
            log.warning("broker trouble: %s", error.name(), extra={"kafka_error": error.name()})


def check(records: Iterable[Record], max_record_bytes: int = MAX_MESSAGE_BYTES) -> None:
    """Find what would fail at `produce`, before anything is sent: else a batch would wait for what was never sent.

    Raises:
        UnpublishableError: With the index of the first bad record.
    """
    for index, record in enumerate(records):
        why = _defect(record, max_record_bytes)
        if why is not None:
            raise UnpublishableError(index, why)


def _defect(record: Record, max_record_bytes: int) -> str | None:
    for header in record.headers:
        if not (isinstance(header, tuple) and [type(part) for part in header] == [str, bytes]):
            return "a header must be a pair of text and bytes"
    size = _size(record)
    if size > max_record_bytes:
        return f"it has {size} bytes, the topic takes {max_record_bytes}"
    return None


def _size(record: Record) -> int:
    headers = sum(len(name.encode()) + len(value) + _HEADER_OVERHEAD for name, value in record.headers)
    return len(record.key) + len(record.value or b"") + headers + _BATCH_OVERHEAD


def _settle(done: asyncio.Future[KafkaError | None], error: KafkaError | None) -> None:
    if not done.done():  # cancelled: the caller left
        done.set_result(error)


def _raise_for(error: KafkaError | None) -> None:
    if error is not None:
        raise PublishError(f"the broker did not confirm a record: {error.name()}: {error.str()}")
