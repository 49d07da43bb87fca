"""What a compacted topic holds now, and writing to it: for the commands that change single rows of reference data."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

E = TypeVar("E")

_SOURCE = "infra/reference"


def live_rows(conf: Mapping[str, Any], topic: Topic, kind: type[E], codec: Codec) -> dict[str, E]:
    """The rows on a compacted topic, by key. Raises `LookupError` where there is no such topic."""
    alive: dict[str, bytes] = {}
    with TopicReader(conf, [topic.named()], start=Start.BEGINNING) as reader:
        for message in reader.to_end():
            key, value = (message.key() or b"").decode("utf-8", errors="replace"), message.value()
            if value is None:
                alive.pop(key, None)
            else:
                alive[key] = bytes(value)
    return {key: codec.decode(value, kind) for key, value in sorted(alive.items())}


def records_of(rows: Iterable[object], topic: Topic, codec: Codec, now: datetime) -> list[Record]:
    """The records of rows whose key is a field of theirs."""
    return [_record(row, topic, codec, now) for row in rows]


def publish(conf: Mapping[str, Any], records: Sequence[Record]) -> None:
    """Write records, and return when all are acknowledged. Raises `PublishError`."""
    with closing(Publisher(conf, on_fatal=lambda _why: None)) as publisher:
        publisher.publish(list(records))


def _record(row: object, topic: Topic, codec: Codec, now: datetime) -> Record:
    key, kind = str(getattr(row, topic.key)), event_type(row)
    headers = event_headers(event_id=event_id(key, kind, 0), event_type=kind, source=_SOURCE, at=now, traceparent=None)
    return Record(topic=topic.named(), key=key.encode(), value=codec.encode(row), headers=headers)
