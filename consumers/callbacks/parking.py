"""Giving up: deliveries that were tried for long enough become dead letters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

_PARK: Final = """
    update delivery set status = 'PARKED', due_at = null, leased_until = null, awaits_endpoint = false
    where status = 'OPEN' and give_up_at <= %(now)s and (leased_until is null or leased_until <= %(now)s)
    returning delivery_id::text, channel, kind, subject_id, attempts, last_fault
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A delivery that was just given up."""

    delivery_id: str
    channel: str
    kind: str
    subject_id: str
    attempts: int
    last_fault: str | None


def park(connection: Connection[TupleRow], now: datetime) -> tuple[Parked, ...]:
    """Give up what was tried for long enough; it no longer holds back what came after it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(Parked(**row) for row in cursor.execute(_PARK, {"now": now}).fetchall())
