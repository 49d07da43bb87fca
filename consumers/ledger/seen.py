"""How far the ledger has read. A clock may count no further: what it has not seen may already be answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

_SEEN_UP_TO: Final = """
    select min(coalesce(caught_up_at, '2000-01-01'::timestamptz)) from ingest_offset
    where consumer = %s and topic = any(%s)
"""


def seen_up_to(
    connection: Connection[TupleRow], consumer: str, topics: Sequence[str], now: datetime
) -> datetime | None:
    """The instant up to which everything on these Kafka topics was applied; `None` before anything was read."""
    row = connection.execute(_SEEN_UP_TO, [consumer, list(topics)]).fetchone()
    return None if row is None or row[0] is None else min(row[0], now)
