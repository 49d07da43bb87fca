"""What instances of the gateway know together, in PostgreSQL. Every method blocks its thread."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from infra.postgres.audit import Act, append, seal
from infra.postgres.pool import Pool
from producers.gateway.access.quotas import Asking, Use
from producers.gateway.access.signatures import TOLERANCE

ROOM: Final = "gateway"
WITHIN_S: Final = 1.0  # a request waits no longer for a connection; then this instance goes on by itself

_TAKE_NONCE = """
    insert into nonce (owner, nonce, expires_at) values (%(owner)s, %(nonce)s, %(expires_at)s)
    on conflict do nothing
    returning 1
"""

# The rows stay locked until the valuation is counted, so instances that count at the same moment count one after the
# other; in one order, so that two never wait for each other in a circle.
_WINDOWS = """
    insert into quota_window as w (channel, subject, per, starts_at)
    select * from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) order by 1, 2, 3, 4
    on conflict (channel, subject, per, starts_at) do update set counted = w.counted
    returning channel, subject, per, counted
"""
_COUNTED_BEFORE = "select from quota_counted where valuation_id = %s and counted_at > %s"
_COUNT = """
    with counted as (
        insert into quota_counted (valuation_id, counted_at) values (%s, %s)
        on conflict (valuation_id) do update set counted_at = excluded.counted_at
    )
    update quota_window w set counted = counted + 1
    from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) as u (channel, subject, per, starts_at)
    where (w.channel, w.subject, w.per, w.starts_at) = (u.channel, u.subject, u.per, u.starts_at)
"""

# A nonce goes no earlier than the timestamp signed with it is refused everywhere: instances' clocks differ a little.
_FORGET = """
    with old_nonces as (delete from nonce where expires_at < %(now)s - %(tolerance)s),
         old_counts as (delete from quota_counted where counted_at < %(now)s - interval '2 days')
    delete from quota_window where starts_at < %(now)s - interval '2 days'
"""

_LIFT = """
    update block set lifted_by = %(by)s, lifted_at = %(at)s, lifted_reason = %(reason)s
    where what = %(what)s and lifted_at is null
"""
_BLOCK = """
    insert into block (what, reason, blocked_by, blocked_at) values (%(what)s, %(reason)s, %(by)s, %(at)s)
"""
_ENTRIES = "select what, reason, blocked_by, blocked_at, lifted_by, lifted_at, lifted_reason from block"
_REPLACED = "由新的登记取代"
AUDIT_SUBJECT: Final = "block-list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One entry of the block list; `lifted_…` are `None` while it holds."""

    what: str
    reason: str
    blocked_by: str
    blocked_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None
    lifted_reason: str | None = None


class PostgresAccess:
    """The tables of migration 0034. Every method is one transaction, and raises `psycopg.Error` while it is away.

    `prepare` brings the tables up to date; called at the first use, which may be long after the start. Twice is no
    harm. `within_s`: how many seconds a method waits for a connection.
    """

    def __init__(self, pool: Pool, prepare: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        self._pool, self._prepare, self._within_s = pool, prepare, within_s
        self._is_prepared = False

    def take_nonce(self, owner: str, nonce: str, *, expires_at: datetime) -> bool:
        """Remember a nonce; `False` when it is remembered already."""
        with self._connection() as connection:
            wanted = {"owner": owner, "nonce": nonce, "expires_at": expires_at}
            return connection.execute(_TAKE_NONCE, wanted).fetchone() is not None

    def admit(self, asked: Asking) -> tuple[Use, ...]:
        """Count a valuation, unless a quota is used up: those that are. A repeat within 24 h is not counted again."""
        by_key = {(use.channel, use.subject, str(use.quota.per)): use for use in asked.uses}
        columns = [list(column) for column in zip(*by_key, strict=True)]
        columns.append([use.starts_at for use in by_key.values()])
        with self._connection() as connection:
            counted = {(c, s, per): n for c, s, per, n in connection.execute(_WINDOWS, columns)}
            before = connection.execute(_COUNTED_BEFORE, [asked.valuation_id, asked.repeats_since])
            if before.fetchone() is not None:
                return ()
            full = tuple(use for key, use in by_key.items() if counted[key] >= use.quota.count)
            if not full:
                connection.execute(_COUNT, [asked.valuation_id, asked.at, *columns])
            return full

    def forget(self, now: datetime) -> None:
        """Drop what nobody asks for any more."""
        with self._connection() as connection:
            connection.execute(_FORGET, {"now": now, "tolerance": TOLERANCE})

    def block(self, what: str, *, reason: str, by: str, at: datetime) -> None:
        """Put something on the block list. A second time replaces the entry that holds; both stay in the history."""
        with self._connection() as connection:
            entry = {"what": what, "reason": reason, "by": by, "at": at}
            connection.execute(_LIFT, {**entry, "reason": _REPLACED})
            connection.execute(_BLOCK, entry)
            _audit(connection, "BLOCK", entry)

    def unblock(self, what: str, *, reason: str, by: str, at: datetime) -> bool:
        """Take something off the block list; `False` when it was not on it."""
        with self._connection() as connection:
            entry = {"what": what, "reason": reason, "by": by, "at": at}
            is_lifted = connection.execute(_LIFT, entry).rowcount > 0
            if is_lifted:
                _audit(connection, "UNBLOCK", entry)
            return is_lifted

    def blocked(self) -> tuple[Blocked, ...]:
        """The entries that hold, newest first."""
        return self._entries(f"{_ENTRIES} where lifted_at is null order by id desc")

    def history(self) -> tuple[Blocked, ...]:
        """Every entry there ever was, newest first."""
        return self._entries(f"{_ENTRIES} order by id desc")

    def _entries(self, query: LiteralString) -> tuple[Blocked, ...]:
        with self._connection() as connection, connection.cursor(row_factory=class_row(Blocked)) as cursor:
            return tuple(cursor.execute(query).fetchall())

    @contextmanager
    def _connection(self) -> Iterator[Connection[TupleRow]]:
        with self._pool.connection(timeout=self._within_s) as connection:
            if not self._is_prepared:  # the database is there: the pool has just asked it
                self._prepare()
                self._is_prepared = True
            yield connection


def _audit(connection: Connection[TupleRow], action: str, entry: Mapping[str, Any]) -> None:
    """Chain an act, and seal it at once: there are a few a month."""
    details = {"what": entry["what"], "reason": entry["reason"]}
    append(connection, AUDIT_SUBJECT, Act(actor=entry["by"], action=action, at=entry["at"], details=details))
    seal(connection, entry["at"])
