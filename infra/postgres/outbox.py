"""The outbox: what a transaction says on Kafka is written beside its effect and sent afterwards by one relay.

A crash between the broker's acks and the mark sends again; readers absorb it by the event's id.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from infra.kafka.producer import Record, check
from infra.postgres.pool import is_passing
from schemas.errors import PublishError

log = logging.getLogger(__name__)

_BATCH = 500
_LOOK_AGAIN_S = 1.0  # the safety net below LISTEN/NOTIFY
_KEEP_SENT = timedelta(days=7)
_TIDY_EVERY = timedelta(hours=1)

_WRITE = "insert into outbox (topic, key, value, headers) values (%s, %s, %s, %s)"
_WAKE = "select pg_notify(current_schema || '_outbox', '')"
_WAITING = "select id, topic, key, value, headers from outbox where sent_at is null order by id limit %s"
_MARK = "update outbox set sent_at = %s where id = any(%s)"
_TIDY = "delete from outbox where sent_at < %s"
_LOCK = "select pg_try_advisory_lock(hashtextextended(current_schema || '.outbox', 0))"


class Publishes(Protocol):
    """The part of `infra.kafka.producer.Publisher` that is needed here."""

    def publish(self, records: Sequence[Record], /) -> None:
        """Return when the broker has acknowledged every record; raises `PublishError` when it did not."""
        ...


def write(connection: Connection[TupleRow], records: Sequence[Record]) -> None:
    """Put records into the outbox, inside the caller's transaction, and wake the relay at its commit.

    Raises:
        ValueError: A record without a value: an outbox carries events, which are never deleted.
        UnpublishableError: The broker would never take a record, so it must not get in the way of the others.
    """
    check(records)
    if not records:
        return
    rows = []
    for record in records:
        if record.value is None:
            raise ValueError(f"a record for {record.topic} has no value")
        headers = Jsonb([[name, value.decode()] for name, value in record.headers])
        rows.append((record.topic, record.key, record.value, headers))
    with connection.cursor() as cursor:
        cursor.executemany(_WRITE, rows)
        cursor.execute(_WAKE)


class Relay:
    """Sends what is in a room's outbox. Many may run; one holds the lock and works, the others stand by."""

    def __init__(
        self,
        *,
        connect: Callable[[], Connection[TupleRow]],
        publisher: Publishes,
        clock: Callable[[], datetime],
    ) -> None:
        """Prepare; nothing happens before `run`.

        Args:
            connect: Opens a connection of the room in autocommit mode; called again after the database was away.
            publisher: Sends and waits for the broker.
            clock: Gives the instant that is written as `sent_at`.
        """
        self._connect, self._publisher, self._clock = connect, publisher, clock

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop`. A database or a broker that is away is waited for."""
        while not stop.is_set():
            try:
                with self._connect() as connection:
                    self._relay(connection, stop)
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                log.warning("outbox waits for the database", extra={"error": type(error).__name__})
                stop.wait(_LOOK_AGAIN_S)

    def _relay(self, connection: Connection[TupleRow], stop: threading.Event) -> None:
        schema = connection.execute("select current_schema").fetchone()
        connection.execute(sql.SQL("listen {}").format(sql.Identifier(f"{schema[0] if schema else ''}_outbox")))
        while not stop.is_set() and not _locked(connection):
            stop.wait(_LOOK_AGAIN_S)
        tidy_at = self._clock()
        while not stop.is_set():
            try:
                sent = self.send_waiting(connection)
            except PublishError as error:
                log.warning("outbox waits for the broker", extra={"error": type(error).__name__})
                stop.wait(_LOOK_AGAIN_S)
                continue
            if self._clock() >= tidy_at:
                connection.execute(_TIDY, [self._clock() - _KEEP_SENT])
                tidy_at = self._clock() + _TIDY_EVERY
            if sent == 0:
                for _ in connection.notifies(timeout=_LOOK_AGAIN_S, stop_after=1):
                    pass

    def send_waiting(self, connection: Connection[TupleRow]) -> int:
        """Send the oldest records that wait, up to a batch, and return how many. For the holder of the lock.

        Raises:
            PublishError: The broker did not confirm; they stay unsent.
        """
        rows = connection.execute(_WAITING, [_BATCH]).fetchall()
        if not rows:
            return 0
        self._publisher.publish([_record(*row[1:]) for row in rows])
        connection.execute(_MARK, [self._clock(), [row[0] for row in rows]])
        return len(rows)


def _locked(connection: Connection[TupleRow]) -> bool:
    row = connection.execute(_LOCK).fetchone()
    return row is not None and bool(row[0])


def _record(topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, str]]) -> Record:
    return Record(topic=topic, key=key, value=value, headers=[(name, text.encode()) for name, text in headers])
