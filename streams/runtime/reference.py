"""Reference data: compacted topics read whole, without a group, by every instance of a stage.

A thread of its own reads and decodes; the stage's thread applies the changes between batches, so that a view needs no
lock and one batch sees one version. No offsets are committed and no rebalance touches it.
"""

import hashlib
import logging
import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message, TopicPartition

from schemas.catalogue import Topic
from schemas.errors import PermanentError, TransientError
from streams.runtime.outbound import Codec
from streams.runtime.stage import Change, ReferenceView

log = logging.getLogger(__name__)

_POLL_S: Final = 0.2
_CHUNK: Final = 1_000  # records per consume: one lock and one queue entry for many
_ASK_S: Final = 10.0  # patience for offsets of one partition
_PER_GAP: Final = 5_000  # changes applied between two batches: about 5-10 ms, so a bulk load does not stall requests

Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSource:
    """A view and the topics that fill it. `since` starts there instead of at the beginning (topics not compacted)."""

    name: str
    view: ReferenceView
    topics: tuple[Topic, ...]
    since: datetime | None = None


@dataclass(slots=True, kw_only=True)
class _Chunk:
    """Changes read together, and how far each partition then is."""

    source: ReferenceSource
    changes: list[Change]
    reached: dict[Place, int]


@dataclass(slots=True, kw_only=True)
class _State:
    """What is known of one source; counts are written by the reading thread, `applied` by the stage's."""

    wanted: dict[Place, int] = field(default_factory=dict)  # next offset that must be reached to be ready
    applied: dict[Place, int] = field(default_factory=dict)
    undecodable: Tally[str] = field(default_factory=Tally)
    changes: int = 0


class ReferenceReader:
    """Keeps the views of a stage up to date. `start`, then `load`, then `apply_waiting` between batches.

    Records that cannot be decoded are counted and skipped: one bad row of a loader must not stop every valuation.
    """

    def __init__(
        self,
        sources: Sequence[ReferenceSource],
        *,
        connection: Mapping[str, Any],
        codec: Codec,
        max_waiting: int = 50_000,
    ) -> None:
        """`connection` holds confluent-kafka settings that reach the broker; `max_waiting` bounds unapplied changes."""
        self._sources, self._codec, self._max_waiting = tuple(sources), codec, max_waiting
        self._connection = dict(connection)
        self._states = {source.name: _State() for source in self._sources}
        self._by_topic = {
            name: (source, topic) for source in sources for topic in source.topics for name in topic.names
        }
        self._chunks: deque[_Chunk] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read_for_ever, name="reference", daemon=True)
        self._version: str | None = None

    def start(self) -> None:
        """Note the end offsets of now and begin to read. Does nothing without sources. Raises `KafkaException`."""
        if not self._sources:
            return
        self._consumer = Consumer(
            {
                **self._connection,
                "group.id": "reference-reader",  # the client insists on one; nothing is ever committed to it
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([self._from(place) for place in self._places()])
        self._thread.start()

    def load(self, *, deadline_s: float | None = None) -> None:
        """Apply changes until every partition has reached the end it had at `start`.

        Raises `TimeoutError` naming the topics that are not ready, and what the reading thread died of.
        """
        until = None if deadline_s is None else monotonic() + deadline_s
        while not self.is_ready:
            with self._changed:
                if not self._chunks and self._error is None:
                    self._changed.wait(_POLL_S)
            self.apply_waiting(limit=None)
            if until is not None and monotonic() > until:
                raise TimeoutError(f"reference data is not complete: {', '.join(self.missing())}")
        self._note_ready()

    def apply_waiting(self, limit: int | None = _PER_GAP) -> None:
        """Apply changes that have been read, at most about `limit`. Call from the stage's thread only."""
        if self._error is not None:
            raise self._error
        done = 0
        while self._chunks and (limit is None or done < limit):
            with self._changed:
                chunk = self._chunks.popleft()
                self._waiting -= len(chunk.changes)
                self._changed.notify_all()
            if chunk.changes:
                chunk.source.view.apply(chunk.changes)
            state = self._states[chunk.source.name]
            state.applied.update(chunk.reached)
            state.changes += len(chunk.changes)
            self._version = None
            done += len(chunk.changes)

    def stop(self) -> None:
        """End the thread and close the connection."""
        if not self._thread.is_alive():
            return
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether all views hold at least what was there at `start`."""
        return not self.missing()

    def missing(self) -> tuple[str, ...]:
        """Topics that have not been read to the end they had at `start`."""
        behind = {
            place[0]
            for state in self._states.values()
            for place, end in state.wanted.copy().items()
            if state.applied.get(place, 0) < end
        }
        return tuple(sorted(behind))

    @property
    def version(self) -> str:
        """A digest of how far every partition has been applied: equal versions mean equal reference data."""
        if self._version is None:
            offsets = sorted((place, n) for state in self._states.values() for place, n in state.applied.copy().items())
            self._version = hashlib.sha256(repr(offsets).encode()).hexdigest()[:16]
        return self._version

    def changes(self) -> dict[str, float]:
        """Changes applied per source."""
        return {name: state.changes for name, state in self._states.items()}

    def undecodable(self) -> dict[str, int]:
        """Records skipped per topic."""
        return {topic: n for state in self._states.values() for topic, n in state.undecodable.copy().items()}

    # ---- the reading thread ---------------------------------------------------------------------------------------

    def _places(self) -> list[Place]:
        known = self._consumer.list_topics(timeout=_ASK_S).topics
        return [(name, partition) for name in self._by_topic for partition in known[name].partitions]

    def _from(self, place: Place) -> TopicPartition:
        """Where to start a partition; notes where it ends now."""
        source, _ = self._by_topic[place[0]]
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=_ASK_S)
        start = TopicPartition(*place, OFFSET_BEGINNING)
        if source.since is not None:
            asked = TopicPartition(*place, int(source.since.timestamp() * 1000))
            start = self._consumer.offsets_for_times([asked], timeout=_ASK_S)[0]
        nothing_yet = high == low or start.offset in {high, OFFSET_END}
        self._states[source.name].wanted[place] = 0 if nothing_yet else high
        return start

    def _read_for_ever(self) -> None:
        try:
            while not self._stop.is_set():
                first = self._consumer.poll(_POLL_S)
                if first is not None:  # consume(n, t) would wait out t for the n-th record
                    self._take_in([first, *self._consumer.consume(_CHUNK - 1, 0)])
        except BaseException as error:  # noqa: BLE001 -- handed to the stage's thread, which ends the process
            self._error = error
            with self._changed:
                self._changed.notify_all()
        finally:
            self._consumer.close()

    def _take_in(self, messages: Sequence[Message]) -> None:
        chunks: dict[str, _Chunk] = {}
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 -- librdkafka's own code
                self._report(error)
                continue
            place = (str(message.topic()), int(message.partition() or 0))
            source, topic = self._by_topic[place[0]]
            chunk = chunks.setdefault(source.name, _Chunk(source=source, changes=[], reached={}))
            offset = int(message.offset() or 0)
            # The end of a partition may be a hole (a transaction marker, compaction): no record comes for it.
            chunk.reached[place] = offset if error is not None else offset + 1
            change = None if error is not None else self._decoded(message, source, topic)
            if change is not None:
                chunk.changes.append(change)
        for chunk in chunks.values():
            self._hand_over(chunk)

    def _decoded(self, message: Message, source: ReferenceSource, topic: Topic) -> Change | None:
        try:
            key = (message.key() or b"").decode()
            value = message.value()
            event = None if value is None else self._codec.decode(value, topic.event)
        except (PermanentError, TransientError, UnicodeDecodeError):
            self._states[source.name].undecodable[str(message.topic())] += 1
            return None
        return Change(topic=topic, key=key, event=event)

    def _hand_over(self, chunk: _Chunk) -> None:
        with self._changed:
            while self._waiting >= self._max_waiting and not self._stop.is_set():
                self._changed.wait(_POLL_S)
            self._chunks.append(chunk)
            self._waiting += len(chunk.changes)
            self._changed.notify_all()

    def _report(self, error: KafkaError) -> None:
        if error.fatal():
            raise RuntimeError(f"reference reader cannot go on: {error.name()}")
        log.warning("reference reader", extra={"error": error.name()})

    def _note_ready(self) -> None:
        for name, state in self._states.items():
            log.info("reference ready", extra={"view": name, "changes": state.changes, "version": self.version})
