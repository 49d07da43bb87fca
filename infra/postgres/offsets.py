"""The offsets of a consumer, kept beside its effects. Every function runs inside the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

Partition = tuple[str, int]

# A new owner gets a new epoch. The order keeps two owners who claim at once from waiting for each other in a circle.
_CLAIM = """
    insert into ingest_offset as o (consumer, topic, part, next_offset, epoch)
    select %(consumer)s, topic, part, 0, 1 from unnest(%(topics)s::text[], %(parts)s::int[]) as n (topic, part)
    order by topic, part
    on conflict (consumer, topic, part) do update set epoch = o.epoch + 1
    returning topic, part, next_offset, epoch
"""
_ADVANCE = """
    update ingest_offset o set next_offset = n.next_offset
    from unnest(%(topics)s::text[], %(parts)s::int[], %(from)s::bigint[], %(epochs)s::bigint[], %(next)s::bigint[])
        as n (topic, part, from_offset, epoch, next_offset)
    where o.consumer = %(consumer)s and o.topic = n.topic and o.part = n.part
        and o.next_offset = n.from_offset and o.epoch = n.epoch
    returning o.topic, o.part
"""
_STANDING = "select topic, part, next_offset, epoch from ingest_offset where consumer = %s"
_CAUGHT_UP = """
    update ingest_offset o set caught_up_at = %(at)s
    from unnest(%(topics)s::text[], %(parts)s::int[], %(epochs)s::bigint[]) as n (topic, part, epoch)
    where o.consumer = %(consumer)s and o.topic = n.topic and o.part = n.part and o.epoch = n.epoch
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands in the database, and under whose epoch."""

    next_offset: int
    epoch: int


def claim(
    connection: Connection[TupleRow], consumer: str, partitions: Iterable[Partition]
) -> dict[Partition, Position]:
    """Become the owner of partitions; whoever owned them before can no longer advance."""
    topics, parts = _columns(partitions)
    rows = connection.execute(_CLAIM, {"consumer": consumer, "topics": topics, "parts": parts}).fetchall()
    return {(topic, part): Position(next_offset, epoch) for topic, part, next_offset, epoch in rows}


def advance(
    connection: Connection[TupleRow], consumer: str, moves: Mapping[Partition, tuple[Position, int]]
) -> frozenset[Partition]:
    """Move partitions from their position to a next offset, and return those that are still ours.

    Done first in a transaction: the rows stay locked until its end, so nobody else writes effects for them meanwhile.
    """
    topics, parts = _columns(moves)
    values = {
        "consumer": consumer,
        "topics": topics,
        "parts": parts,
        "from": [position.next_offset for position, _ in moves.values()],
        "epochs": [position.epoch for position, _ in moves.values()],
        "next": [following for _, following in moves.values()],
    }
    return frozenset((topic, part) for topic, part in connection.execute(_ADVANCE, values).fetchall())


def standing(connection: Connection[TupleRow], consumer: str) -> dict[Partition, Position]:
    """Return every partition of a consumer as the database has it."""
    rows = connection.execute(_STANDING, [consumer]).fetchall()
    return {(topic, part): Position(next_offset, epoch) for topic, part, next_offset, epoch in rows}


def mark_caught_up(
    connection: Connection[TupleRow], consumer: str, owned: Mapping[Partition, Position], at: datetime
) -> None:
    """Note that everything which was on these partitions at `at` has been applied."""
    topics, parts = _columns(owned)
    epochs = [position.epoch for position in owned.values()]
    connection.execute(_CAUGHT_UP, {"consumer": consumer, "topics": topics, "parts": parts, "epochs": epochs, "at": at})


def _columns(partitions: Iterable[Partition]) -> tuple[list[str], list[int]]:
    pairs = list(partitions)
    return [topic for topic, _ in pairs], [part for _, part in pairs]
