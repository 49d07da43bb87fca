"""From rows to the compacted `reference.*` topics, and how much lies on them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from infra.kafka.producer import Record
from infra.kafka.reader import Start, TopicReader
from infra.reference.breaker import too_many_refused
from infra.reference.mapping import Target
from infra.reference.rows import Event, RejectedRow, natural_key
from schemas.catalogue import COMMUNITIES, COVERAGE, DEALS, RENTS, Topic
from schemas.codec import Codec
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

TOPIC_OF: Mapping[Target, Topic] = {
    Target.COMMUNITIES: COMMUNITIES,
    Target.DEALS: DEALS,
    Target.COVERAGE: COVERAGE,
    Target.RENTS: RENTS,
}
_BATCH = 2_000  # records per round trip of acks: about 1 MB
_SOURCE = "infra/reference"


class Publishes(Protocol):
    """The part of `infra.kafka.producer.Publisher` that loading needs."""

    def publish(self, records: Sequence[Record]) -> None:
        """Publish, and return when every record is acknowledged."""
        ...


class BadDeliveryError(ValueError):
    """So many rows were refused that the file is broken; its rest is not loaded. `loaded` rows are published."""

    def __init__(self, fault: str, *, loaded: int, rejected: int) -> None:
        self.fault, self.loaded, self.rejected = fault, loaded, rejected
        super().__init__(
            f"{fault}: the export or its mapping is broken, see the rejects file. {loaded:,} good rows were loaded "
            "before that; what was loaded earlier stays"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file. `removed` counts coverage rows that the new table no longer has.

    `sources` are those of the good rows.
    """

    loaded: int
    rejected: int
    removed: int = 0
    sources: frozenset[str] = frozenset()


def load(  # noqa: PLR0913 - what a load is made of
    rows: Iterable[Event | RejectedRow],
    *,
    publisher: Publishes | None,
    codec: Codec,
    topic: Topic,
    now: datetime,
    on_rejected: Callable[[RejectedRow], None],
    on_progress: Callable[[int], None],
) -> Loaded:
    """Publish the good rows, hand the others to `on_rejected`. Without a publisher it only counts.

    Loading a file again writes the same keys: harmless, and the way to repeat a load that broke off.

    Raises:
        BadDeliveryError: Too large a share of the rows is refused; seen before each batch is published.
        PublishError: The broker did not confirm a batch; what came before it is loaded.
    """
    loaded = rejected = 0
    sources: set[str] = set()
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        good = [row for row in batch if not isinstance(row, RejectedRow)]
        for row in batch:
            if isinstance(row, RejectedRow):
                on_rejected(row)
        fault = too_many_refused(loaded + len(good), rejected + len(batch) - len(good))
        if publisher is not None and fault is not None:
            raise BadDeliveryError(fault, loaded=loaded, rejected=rejected + len(batch) - len(good))
        if publisher is not None and good:
            publisher.publish([record(row, topic, codec, now) for row in good])
        sources.update(row.source for row in good)
        loaded += len(good)
        rejected += len(batch) - len(good)
        on_progress(len(batch))
    return Loaded(loaded=loaded, rejected=rejected, sources=frozenset(sources))


def record(event: Event, topic: Topic, codec: Codec, now: datetime) -> Record:
    """The record of one row, keyed naturally."""
    key, kind = natural_key(event), event_type(event)
    headers = event_headers(event_id=event_id(key, kind, 0), event_type=kind, source=_SOURCE, at=now, traceparent=None)
    return Record(topic=topic.named(), key=key.encode(), value=codec.encode(event), headers=headers)


def tombstones(keys: Iterable[str], topic: Topic) -> list[Record]:
    """Records that delete keys from a compacted topic."""
    return [Record(topic=topic.named(), key=key.encode(), value=None) for key in keys]


def live_keys(conf: Mapping[str, Any], topic: Topic) -> frozenset[str]:
    """The keys that a compacted topic holds now. Raises LookupError where there is no such topic."""
    alive: set[str] = set()
    with TopicReader(conf, [topic.named()], start=Start.BEGINNING) as reader:
        for message in reader.to_end():
            key = (message.key() or b"").decode("utf-8", errors="replace")
            if message.value() is None:
                alive.discard(key)
            else:
                alive.add(key)
    return frozenset(alive)


class RejectsFile:
    """A CSV beside the input with every refused row; made when the first one comes. Opens in Excel (UTF-8 with BOM)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[RejectedRow] = []

    def add(self, row: RejectedRow) -> None:
        """Remember a refused row."""
        self._rows.append(row)

    def save(self) -> Path | None:
        """Write the file; `None` when nothing was refused (an old file of that name goes away)."""
        if not self._rows:
            self.path.unlink(missing_ok=True)
            return None
        with self.path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("line", "column", "value", "reason"))
            writer.writerows((row.line, row.column, row.value, row.reason) for row in self._rows)
        return self.path

    def reasons(self) -> Iterator[tuple[str, int]]:
        """How often each reason came, the commonest first; figures in a reason make it its own."""
        counts: dict[str, int] = {}
        for row in self._rows:
            what = f"{row.column}: {row.reason}"
            counts[what] = counts.get(what, 0) + 1
        yield from sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
