"""The days of each channel in the database: read for a file, and kept once the file was made."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.callbacks.meters import Meters
from consumers.callbacks.reconciliation import Entry, as_csv, manifest
from infra.postgres.pool import Pool, is_passing
from schemas.catalogue import BANK_ANSWERS
from schemas.codes import DeliveryKind
from schemas.domain.worktime import SHANGHAI

log = logging.getLogger(__name__)

AFTER_MIDNIGHT: Final = timedelta(minutes=10)  # what was made before midnight is committed by then
_LOOK_EVERY_S: Final = 60.0
_ENTRIES: Final = """
    select delivery_id::text, kind, subject_id, business_ref, is_final, value, sha256, status, acknowledged_at
    from delivery where channel = %s and occurred_at >= %s and occurred_at < %s and status <> 'HELD' order by sequence
"""
_KEEP: Final = """
    insert into reconciliation (channel, day, manifest, made_at)
    select %(channel)s, %(day)s, %(manifest)s, %(now)s where %(count)s = (
        select count(*) from delivery
        where channel = %(channel)s and occurred_at >= %(from)s and occurred_at < %(to)s and status <> 'HELD'
    ) on conflict (channel, day) do nothing
"""
_AGAIN: Final = "delete from reconciliation where channel = %s and day = %s"
_FIRST: Final = "select min(occurred_at) from delivery"
_MADE: Final = "select channel, day from reconciliation where day >= %s"
_LOOKED_BACK: Final = timedelta(
    days=31
)  # what comes later than that is in no file, and in `reconcile --day` all the same

KeepFile = Callable[[str, bytes], None]
"""Given a name (`2026-03-02/CREDIT_MGMT.csv`) and content; writing the same again is the same as once."""


def bounds(day: date) -> tuple[datetime, datetime]:
    """The first instant of a day in Shanghai, and of the day after, in UTC."""
    start = datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
    return start, start + timedelta(days=1)


def entries_of(connection: Connection[TupleRow], channel: str, day: date) -> tuple[Entry, ...]:
    """What was told to a channel of what happened on a day, in the order in which it was told."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_ENTRIES, [channel, *bounds(day)]).fetchall()
    return tuple(Entry(**(row | {"kind": DeliveryKind(row["kind"])})) for row in rows)


def last_complete_day(now: datetime) -> date:
    """The latest day of Shanghai that is over, with nothing of it still on the way into the table."""
    return (now.astimezone(SHANGHAI) - AFTER_MIDNIGHT).date() - timedelta(days=1)


def make_again(connection: Connection[TupleRow], told: Iterable[tuple[str, datetime]], now: datetime) -> None:
    """Channels and instants of what is told now: files of days that were over already have to be made again."""
    last = last_complete_day(now)
    days = {(channel, at.astimezone(SHANGHAI).date()) for channel, at in told}
    if over := sorted(one for one in days if one[1] <= last):
        with connection.cursor() as cursor:
            cursor.executemany(_AGAIN, over)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Makes each channel's files after midnight, and again where something of a day was told later."""

    pool: Pool
    clock: Callable[[], datetime]
    keep_file: KeepFile
    meters: Meters

    def run(self, stop: threading.Event) -> None:
        """Look every minute until `stop`. A database or file store that is away is waited for."""
        while not stop.is_set():
            try:
                self.make_due()
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                log.warning("reconciliation waits for the database", extra={"error": type(error).__name__})
            except OSError as error:
                log.critical("reconciliation cannot write its files", extra={"error": type(error).__name__})
            stop.wait(_LOOK_EVERY_S)

    def make_due(self) -> Sequence[Mapping[str, Any]]:
        """Make what is missing up to the last complete day, and give the manifests."""
        return [self._make(channel, day) for channel, day in self._missing()]

    def _missing(self) -> Sequence[tuple[str, date]]:
        last = last_complete_day(self.clock())
        with self.pool.connection() as connection:
            first = _day_of(connection.execute(_FIRST).fetchone())
            if first is None:
                return ()
            start = max(first, last - _LOOKED_BACK)
            made = {(channel, day) for channel, day in connection.execute(_MADE, [start]).fetchall()}
        days = (start + timedelta(days=number) for number in range((last - start).days + 1))
        return [(channel, day) for day in days for channel in BANK_ANSWERS if (channel, day) not in made]

    def _make(self, channel: str, day: date) -> Mapping[str, Any]:
        with self.pool.connection() as connection:
            entries = entries_of(connection, channel, day)
        summary = manifest(channel, day, entries)
        for name, content in files_of(channel, day, entries).items():
            self.keep_file(name, content)
        with self.pool.connection() as connection:
            given = {"channel": channel, "day": day, "manifest": Jsonb(summary), "now": self.clock()}
            start, end = bounds(day)
            connection.execute(_KEEP, {**given, "count": len(entries), "from": start, "to": end})
        self.meters.reconciled.add()
        log.info("reconciliation", extra={"channel": channel, "day": day.isoformat(), "deliveries": len(entries)})
        return summary


def files_of(channel: str, day: date, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Name -> content of a channel's day: the lines, and the manifest that sums them up."""
    summary = json.dumps(manifest(channel, day, entries), ensure_ascii=False, indent=1) + "\n"
    stem = f"{day.isoformat()}/{channel}"
    return {f"{stem}.csv": as_csv(entries).encode(), f"{stem}.json": summary.encode()}


def _day_of(row: TupleRow | None) -> date | None:
    return None if row is None or row[0] is None else row[0].astimezone(SHANGHAI).date()
