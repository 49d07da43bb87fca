"""Records into PostgreSQL: effects and offsets in one transaction, so that each record counts exactly once.

The database is the only memory of how far we are; offsets committed at the broker are for lag monitoring alone.
A record that cannot be used becomes a dead letter. A database that is away is waited for, while the consumer keeps its
membership by polling with all partitions paused.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition
from psycopg import Connection
from psycopg.rows import TupleRow

from infra.postgres import offsets
from infra.postgres.dead_letters import Burial, dead_letter, headers_of
from infra.postgres.offsets import Partition, Position
from infra.postgres.outbox import Publishes
from infra.postgres.pool import Pool, is_passing
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.errors import PermanentError, TransientError
from schemas.headers import Header

log = logging.getLogger(__name__)

_SETTINGS: Mapping[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",
    "fetch.min.bytes": 1_000_000,  # as good as never: what arrives within the wait comes together
    "queued.max.messages.kbytes": 65_536,  # what is fetched ahead lies in our memory
    "log_level": 3,
}
_POLL_S = 0.1
_DATABASE_AGAIN_S = 0.5
_TICK_S = 1.0
_ENDS_WITHIN_S = 1.0  # one round trip to each leader; a slower broker makes us wait a second, no worse
_DECODE_ATTEMPTS = 5  # a registry that lags behind its writers catches up within seconds
_MOST_DEFECTS_IN_A_ROW = 20  # so many mean that we are broken, not the records


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One decoded record. `appended_at` is the broker's stamp; `value` the bytes that `event` was made of."""

    topic: Topic
    lane: Lane | None
    partition: int
    offset: int
    appended_at: datetime
    event: Any
    headers: Sequence[Header]
    value: bytes


class Effects(Protocol):
    """What a consumer does with records, inside the given transaction.

    Must bear being called twice with the same records, and may not look at anything outside. Raising anything but an
    error of an absent database isolates the culprit, which becomes a dead letter.
    """

    def __call__(self, connection: Connection[TupleRow], batch: Sequence[Received], /) -> None:
        """Write the effects of `batch`, which is never empty and in order per partition."""
        ...


Tick = Callable[[Connection[TupleRow], datetime], None]


class TooManyDefectsError(Exception):
    """Record after record could not be applied: the program or its tables are wrong. The process must end."""


@dataclass(slots=True)
class _Claim:
    """A partition we own. Records are tied to the claim they came under, so that a re-assignment disowns them."""

    position: Position


@dataclass(frozen=True, slots=True)
class _Held:
    """A record not yet applied, and the claim it came under (`None`: none yet)."""

    message: Message
    partition: Partition
    offset: int
    claim: _Claim | None


class Ingest:
    """The loop of one consumer, for one thread. Its name is the consumer group and the key of its offsets."""

    def __init__(  # noqa: PLR0913 - the wiring of a process, written once per consumer
        self,
        *,
        name: str,
        topics: Sequence[Topic],
        kafka: Mapping[str, Any],
        pool: Pool,
        codec: Codec,
        apply: Effects,
        publisher: Publishes,
        burial: Burial,
        clock: Callable[[], datetime],
        each_second: Tick | None = None,
        max_batch: int = 500,
        gather_ms: int = 100,
    ) -> None:
        """Prepare; nothing happens before `run`.

        Args:
            name: Consumer group `valuation-<name>`, and `consumer` in the table of offsets.
            topics: What to read, every lane of it.
            kafka: From `infra.kafka.security.client_conf`.
            pool: Of the room whose schema has the tables.
            codec: Decodes the records.
            apply: The effects.
            publisher: Sends dead letters.
            burial: Where they go.
            clock: Gives the instant that `each_second` gets.
            each_second: Called about once a second in a transaction of its own; also while records keep coming.
            max_batch: Records in one transaction at most.
            gather_ms: How long a record may wait for those behind it; a fetch for each would cost the broker more than
                all that is fetched.
        """
        self._name, self._pool, self._codec, self._apply = name, pool, codec, apply
        self._publisher, self._burial, self._clock = publisher, burial, clock
        self._each_second, self._max_batch = each_second, max_batch
        self._sources = {topic.named(lane): (topic, lane) for topic in topics for lane in topic.lanes or (None,)}
        self._kafka = {
            **_SETTINGS,
            "fetch.wait.max.ms": gather_ms,
            **kafka,
            "group.id": f"valuation-{name}",
        }
        self._claims: dict[Partition, _Claim] = {}
        self._unclaimed: set[Partition] = set()
        self._held: list[_Held] = []
        self._buried: set[int] = set()
        self._defects = 0
        self._tick_due = 0.0
        self.database_away = False

    @property
    def owned(self) -> frozenset[Partition]:
        """Partitions read at this moment."""
        return frozenset(self._claims)

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`.

        Raises:
            PublishError: A dead letter was not confirmed; its record stays unread. The process must end.
            TooManyDefectsError: See there.
            KafkaException: The broker refuses us for good.
        """
        consumer = Consumer(self._kafka)
        try:
            consumer.subscribe(
                list(self._sources), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            while not stop.is_set():
                self._take(consumer, _POLL_S)
                try:
                    self._apply_held(consumer)
                    self._tick(consumer)
                    if self._unclaimed:
                        self._reconcile(consumer)
                        consumer.resume(consumer.assignment())
                except Exception as error:  # looked at once more: only an absent database is waited for
                    if not is_passing(error):
                        raise
                    self._wait_for_database(consumer, stop)
        finally:
            consumer.close()

    # ---- consuming ------------------------------------------------------------------------------------------------

    def _take(self, consumer: Consumer, wait_s: float) -> None:
        """Hold what has arrived. `consume(n, t)` would wait the whole `t` for the n-th record, hence two calls."""
        first = consumer.poll(wait_s)
        if first is None:
            return
        for message in (first, *consumer.consume(self._max_batch - 1, 0)):
            error = message.error()
            if error is None:
                partition: Partition = (str(message.topic()), int(message.partition() or 0))
                held = _Held(message, partition, int(message.offset() or 0), self._claims.get(partition))
                self._held.append(held)
            elif error.fatal() or error.code() in _REFUSALS:
                raise KafkaException(error)
            else:
                log.warning("broker trouble", extra={"kafka_error": error.name()})

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        wanted = [(part.topic, part.partition) for part in partitions]
        try:
            self._claim(wanted)
        except Exception as error:  # the database is away: own nothing, read nothing, claim when it is back
            if not is_passing(error):
                raise
            self._unclaimed.update(wanted)
            consumer.incremental_assign(partitions)
            consumer.pause(partitions)
            return
        consumer.incremental_assign([self._start_of(partition) for partition in wanted])
        if self.database_away:
            consumer.pause(partitions)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for part in partitions:
            self._claims.pop((part.topic, part.partition), None)
            self._unclaimed.discard((part.topic, part.partition))

    def _claim(self, partitions: Sequence[Partition]) -> None:
        with self._pool.connection() as connection:
            positions = offsets.claim(connection, self._name, partitions)
        self._claims |= {partition: _Claim(position) for partition, position in positions.items()}

    def _start_of(self, partition: Partition) -> TopicPartition:
        return TopicPartition(*partition, self._claims[partition].position.next_offset)

    # ---- applying -------------------------------------------------------------------------------------------------

    def _apply_held(self, consumer: Consumer) -> None:
        """Apply everything held. When it raises, what was not applied is still held."""
        ours = [held for held in self._held if self._is_ours(held)]
        readable = self._decoded(ours)
        try:
            self._commit(ours, readable)
        except Exception as error:  # any defect of `apply`; the transaction took it back whole
            if is_passing(error):
                raise
            self._isolate(ours, readable)
        self._held.clear()
        self._buried.clear()
        self._report(consumer, ours)

    def _is_ours(self, held: _Held) -> bool:
        claim = self._claims.get(held.partition)
        return claim is not None and claim is held.claim and held.offset >= claim.position.next_offset

    def _decoded(self, held: Sequence[_Held]) -> dict[int, Received]:
        """Return what can be read, by its index. The rest becomes dead letters before any offset moves."""
        readable: dict[int, Received] = {}
        for index, one in enumerate(held):
            try:
                readable[index] = self._decode(one)
            except PermanentError as error:
                self._bury(one, "undecodable", error)
            except TransientError as error:
                self._bury(one, "exhausted", error)
        return readable

    def _decode(self, held: _Held) -> Received:
        topic, lane = self._sources[held.partition[0]]
        value = held.message.value()
        if topic.event is None:
            raise TypeError(f"topic {topic.name} carries no event")
        return Received(
            topic=topic,
            lane=lane,
            partition=held.partition[1],
            offset=held.offset,
            appended_at=_appended_at(held.message),
            event=self._patiently_decoded(value, topic.event),
            headers=headers_of(held.message),
            value=value or b"",
        )

    def _patiently_decoded(self, value: bytes | None, expected: type) -> object:
        for attempt in range(1, _DECODE_ATTEMPTS):
            with suppress(TransientError):
                return self._codec.decode(value, expected)
            time.sleep(0.1 * attempt)  # one second in all, far below the limit after which the group gives us up
        return self._codec.decode(value, expected)

    def _commit(self, held: Sequence[_Held], readable: Mapping[int, Received]) -> None:
        """Effects and offsets of these records in one transaction. Partitions that got a newer owner are left out."""
        moves = {one.partition: (self._claims[one.partition].position, one.offset + 1) for one in held}
        if not moves:
            return
        with self._pool.connection() as connection:
            still_ours = offsets.advance(connection, self._name, moves)
            batch = [received for index, received in readable.items() if held[index].partition in still_ours]
            if batch:
                self._apply(connection, batch)
        for partition, (position, following) in moves.items():
            if partition in still_ours:
                self._claims[partition].position = Position(following, position.epoch)
            else:
                log.warning("a newer owner has the partition", extra={"topic": partition[0], "partition": partition[1]})
                del self._claims[partition]

    def _isolate(self, held: Sequence[_Held], readable: Mapping[int, Received]) -> None:
        """Apply one by one; the record that makes `apply` raise becomes a dead letter and is passed over."""
        for index, one in enumerate(held):
            if not self._is_ours(one):
                continue
            alone = {0: readable[index]} if index in readable else {}
            try:
                self._commit([one], alone)
                self._defects = 0
            except Exception as error:  # any defect
                if is_passing(error):
                    raise
                self._defects += 1
                log.exception("a record could not be applied", extra={"topic": one.partition[0], "offset": one.offset})
                if self._defects >= _MOST_DEFECTS_IN_A_ROW:
                    raise TooManyDefectsError(f"{self._defects} records in a row could not be applied") from error
                self._bury(one, "defect", error)
                self._commit([one], {})

    def _bury(self, held: _Held, kind: str, error: Exception) -> None:
        """Send a dead letter, once: what is held while the database is away is looked at again."""
        if id(held.message) in self._buried:
            return
        extra = {"topic": held.partition[0], "partition": held.partition[1], "offset": held.offset, "class": kind}
        log.warning("dead letter", extra=extra)
        record = dead_letter(held.message, kind=kind, error=error, at=self._clock(), burial=self._burial)
        self._publisher.publish([record])
        self._buried.add(id(held.message))

    def _report(self, consumer: Consumer, held: Sequence[_Held]) -> None:
        """Tell the broker how far we are; only lag monitoring reads it, so a failure is no news."""
        partitions = {one.partition for one in held} & self._claims.keys()
        if partitions:
            with suppress(KafkaException):
                consumer.commit(offsets=[self._start_of(partition) for partition in partitions], asynchronous=True)

    # ---- the database away ----------------------------------------------------------------------------------------

    def _wait_for_database(self, consumer: Consumer, stop: threading.Event) -> None:
        """Pause everything, keep polling for the membership's sake, and go on where the database says."""
        log.warning("waiting for the database", extra={"consumer": self._name})
        self.database_away = True
        consumer.pause(consumer.assignment())
        while not stop.is_set():
            again_at = time.monotonic() + _DATABASE_AGAIN_S
            while time.monotonic() < again_at:
                self._take(consumer, _POLL_S)  # a record that was under way is held, not lost
            try:
                self._reconcile(consumer)
            except Exception as error:  # still away
                if not is_passing(error):
                    raise
                continue
            self.database_away = False
            consumer.resume(consumer.assignment())
            log.info("the database is back", extra={"consumer": self._name})
            return

    def _reconcile(self, consumer: Consumer) -> None:
        """Read back where we are: a commit whose answer was lost may have happened or not."""
        with self._pool.connection() as connection:
            known = offsets.standing(connection, self._name)
        for partition, claim in list(self._claims.items()):
            if (found := known.get(partition)) is None or found.epoch != claim.position.epoch:
                del self._claims[partition]
            else:
                claim.position = found
        if self._unclaimed:
            self._claim(sorted(self._unclaimed))
            for partition in sorted(self._unclaimed):
                consumer.seek(self._start_of(partition))
            self._unclaimed.clear()

    # ---- once a second --------------------------------------------------------------------------------------------

    def _tick(self, consumer: Consumer) -> None:
        if time.monotonic() < self._tick_due:
            return
        self._tick_due = time.monotonic() + _TICK_S
        now = self._clock()
        caught_up = self._at_end(consumer)
        with self._pool.connection() as connection:
            if caught_up:
                offsets.mark_caught_up(connection, self._name, caught_up, now)
            if self._each_second is not None:
                self._each_second(connection, now)

    def _at_end(self, consumer: Consumer) -> dict[Partition, Position]:
        """Return the partitions on which nothing waits, by what the broker says now.

        What the latest fetch said would be as old as the fetch, and of any age while the broker is silent: a clock
        that trusted it would speak of requests whose answers wait there unread. What lay before our position and has
        expired will never come, so a partition that begins at its end has nothing waiting wherever we stand.
        """
        ends = _offsets(consumer, self._claims, OFFSET_END)
        positions = {partition: self._claims[partition].position for partition in ends}
        behind = [partition for partition, end in ends.items() if end > positions[partition].next_offset]
        begins = _offsets(consumer, behind, OFFSET_BEGINNING)
        waiting = {partition for partition in behind if begins.get(partition, 0) < ends[partition]}
        return {partition: position for partition, position in positions.items() if partition not in waiting}


_REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
    }
)


def _offsets(consumer: Consumer, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
    """The first or next offsets of partitions, as their leaders say now; without those that do not answer in time."""
    if not partitions:
        return {}
    asked = [TopicPartition(*partition, which) for partition in partitions]
    try:
        answers = consumer.offsets_for_times(asked, timeout=_ENDS_WITHIN_S)
    except KafkaException:  # silent or moving: then we do not know
        return {}
    return {
        (answer.topic, answer.partition): answer.offset
        for answer in answers
        if answer.error is None and answer.offset >= 0
    }


def _appended_at(message: Message) -> datetime:
    return datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
