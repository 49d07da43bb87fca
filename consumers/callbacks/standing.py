"""How the deliveries stand, by channel: for metrics and for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import meters
from infra.postgres.pool import Pool

_OPEN: Final = """
    select channel, count(*), extract(epoch from %s - min(delivered_at)) from delivery
    where status = 'OPEN' group by channel
"""
_PARKED: Final = "select channel, count(*) from delivery where status = 'PARKED' group by channel"
_BREAKERS: Final = "select channel, (opened_until is not null)::int from endpoint where mode = 'WEBHOOK'"


def standing(connection: Connection[TupleRow], now: datetime) -> Mapping[str, Mapping[str, float]]:
    """Metric name -> channel -> number."""
    waiting = connection.execute(_OPEN, [now]).fetchall()
    return {
        meters.OPEN: {channel: float(count) for channel, count, _ in waiting},
        meters.OLDEST: {channel: max(0.0, float(age)) for channel, _, age in waiting},
        meters.PARKED_NOW: {channel: float(count) for channel, count in connection.execute(_PARKED).fetchall()},
        meters.BREAKERS: {channel: float(is_open) for channel, is_open in connection.execute(_BREAKERS).fetchall()},
    }


def standing_now(pool: Pool, now: datetime) -> Mapping[str, Mapping[str, float]]:
    """The same over a pool; nothing while the database is away, which is told by its own metrics."""
    try:
        with pool.connection() as connection:
            return standing(connection, now)
    except psycopg.OperationalError:
        return {}
