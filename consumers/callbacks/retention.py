"""What was kept long enough is deleted: deliveries nobody waits for, and receipts."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from infra.postgres.pool import Pool, is_passing

log = logging.getLogger(__name__)

KEEP_FOR: Final = timedelta(days=400)
_EVERY: Final = timedelta(days=1)
_AT_ONCE: Final = 5_000  # of one transaction
_DELIVERIES: Final = """
    delete from delivery where delivery_id in (
        select delivery_id from delivery where delivered_at < %s and status not in ('HELD', 'OPEN')
        order by delivered_at limit %s
    )
"""
_RECEIPTS: Final = """
    delete from receipt where ctid in (select ctid from receipt where seen_at < %s order by seen_at limit %s)
"""


def prune(connection: Connection[TupleRow], before: datetime) -> int:
    """Delete the oldest deliveries made, and receipts seen, before an instant; gives how many, 0 when all are gone."""
    gone = (connection.execute(statement, [before, _AT_ONCE]).rowcount for statement in (_DELIVERIES, _RECEIPTS))
    return sum(gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Looks once a day, and when the process starts."""

    pool: Pool
    clock: Callable[[], datetime]
    keep_for: timedelta = KEEP_FOR

    def run(self, stop: threading.Event) -> None:
        """Delete until `stop`. A database that is away is waited for until the next day."""
        while not stop.is_set():
            try:
                self._prune(stop)
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                log.warning("retention waits for the database", extra={"error": type(error).__name__})
            stop.wait(_EVERY.total_seconds())

    def _prune(self, stop: threading.Event) -> None:
        gone, some = 0, 1
        while some and not stop.is_set():
            with self.pool.connection() as connection:
                some = prune(connection, self.clock() - self.keep_for)
            gone += some
        if gone:
            log.info("deliveries and receipts deleted", extra={"rows": gone})
