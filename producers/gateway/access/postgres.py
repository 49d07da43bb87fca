"""What instances of the gateway know together, in PostgreSQL. Every method is one statement, and blocks its thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow, class_row

from infra.postgres.pool import Pool
from producers.gateway.access.quotas import REPEATED_WITHIN, Use

ROOM: Final = "gateway"
_WITHIN_S: Final = 1.0  # a request waits no longer for it; then this instance goes on by itself

_TAKE_NONCE = """
    insert into nonce (owner, nonce, expires_at) values (%(owner)s, %(nonce)s, %(expires_at)s)
    on conflict do nothing
    returning 1
"""

# The row is locked while it is changed, so instances that count at the same moment count one after the other.
_COUNT = """
    insert into quota_window as w (channel, subject, starts_at, counted)
    select %(channel)s, %(subject)s, %(starts_at)s,
           case when asked_before then '{}' else array[%(valuation_id)s::uuid] end
    from (select exists (select from quota_window
                         where channel = %(channel)s and subject = %(subject)s
                           and starts_at < %(starts_at)s and starts_at > %(repeated_since)s
                           and %(valuation_id)s::uuid = any(counted)) as asked_before) as earlier
    on conflict (channel, subject, starts_at) do update set counted =
        case when cardinality(w.counted) < %(count)s and not excluded.counted <@ w.counted
             then w.counted || excluded.counted else w.counted end
    returning %(valuation_id)s::uuid = any(counted)
           or exists (select from quota_window as before
                      where before.channel = %(channel)s and before.subject = %(subject)s
                        and before.starts_at < %(starts_at)s and before.starts_at > %(repeated_since)s
                        and %(valuation_id)s::uuid = any(before.counted))
"""

_FORGET = """
    with old_nonces as (delete from nonce where expires_at < %(now)s)
    delete from quota_window where starts_at < %(now)s - interval '2 days'
"""

_BLOCK = """
    insert into blocked (what, reason, blocked_by) values (%(what)s, %(reason)s, %(blocked_by)s)
    on conflict (what) do update set reason = excluded.reason, blocked_by = excluded.blocked_by, blocked_at = now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One entry of the block list."""

    what: str
    reason: str
    blocked_by: str
    blocked_at: datetime


class PostgresAccess:
    """The tables of migration 0034. Every method raises `psycopg.Error` while the database is away.

    `prepare` brings them up to date; called at the first use, which may be long after the start. Twice is no harm.
    """

    def __init__(self, pool: Pool, prepare: Callable[[], object]) -> None:
        self._pool, self._prepare = pool, prepare
        self._is_prepared = False

    def take_nonce(self, owner: str, nonce: str, *, expires_at: datetime) -> bool:
        """Remember a nonce; `False` when it is remembered already."""
        with self._cursor() as cursor:
            wanted = {"owner": owner, "nonce": nonce, "expires_at": expires_at}
            return cursor.execute(_TAKE_NONCE, wanted).fetchone() is not None

    def admit(self, use: Use) -> bool:
        """Count a valuation, unless its quota is used up; a repeat within 24 h is admitted and not counted again."""
        wanted = {
            "channel": use.channel,
            "subject": use.subject,
            "starts_at": use.starts_at,
            "repeated_since": use.starts_at - REPEATED_WITHIN - (use.ends_at - use.starts_at),
            "valuation_id": use.valuation_id,
            "count": use.quota.count,
        }
        with self._cursor() as cursor:
            row = cursor.execute(_COUNT, wanted).fetchone()
        return bool(row and row[0])

    def forget(self, now: datetime) -> None:
        """Drop what nobody asks for any more."""
        with self._cursor() as cursor:
            cursor.execute(_FORGET, {"now": now})

    def block(self, what: str, *, reason: str, blocked_by: str) -> None:
        """Put something on the block list; a second time changes reason and name."""
        with self._cursor() as cursor:
            cursor.execute(_BLOCK, {"what": what, "reason": reason, "blocked_by": blocked_by})

    def unblock(self, what: str) -> bool:
        """Take something off the block list; `False` when it was not on it."""
        with self._cursor() as cursor:
            return cursor.execute("delete from blocked where what = %s", [what]).rowcount > 0

    def blocked(self) -> tuple[Blocked, ...]:
        """The whole list, newest first."""
        with self._connection() as connection, connection.cursor(row_factory=class_row(Blocked)) as cursor:
            cursor.execute("select what, reason, blocked_by, blocked_at from blocked order by blocked_at desc, what")
            return tuple(cursor.fetchall())

    @contextmanager
    def _cursor(self) -> Iterator[Cursor[TupleRow]]:
        with self._connection() as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _connection(self) -> Iterator[Connection[TupleRow]]:
        with self._pool.connection(timeout=_WITHIN_S) as connection:
            if not self._is_prepared:  # the database is there: the pool has just asked it
                self._prepare()
                self._is_prepared = True
            yield connection
