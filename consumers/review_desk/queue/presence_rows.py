"""Presences in PostgreSQL. A command of somebody's begins by locking their row, so that one is done after the other."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import presence
from consumers.review_desk.queue.assignment import Floor
from consumers.review_desk.queue.presence import Presence, PresenceState

_NAMES: Final = tuple(field.name for field in fields(Presence))
_COLUMNS: Final = ", ".join(f"p.{name}" for name in _NAMES)
_HAND: Final = """
    (select max(t.state) from task t where t.reviewer = p.username and t.state in ('OFFERED', 'WORKING')
     and t.lease_until > %(now)s) as hand
"""  # the greater word is the greater thing
_LOCK: Final = f"select {_COLUMNS} from presence p where username = %(username)s for update"
_SEEN: Final = f"""
    update presence p set seen_at = %(now)s
    from (select username, seen_at from presence where username = %(username)s for update) as before
    where p.username = before.username
    returning {_COLUMNS.replace("p.seen_at", "before.seen_at")}
"""
_FIND: Final = f"select {_COLUMNS}, {_HAND} from presence p where username = %(username)s"
_ALL: Final = f"select {_COLUMNS}, {_HAND} from presence p order by username"
_STORED: Final = f"select {_COLUMNS} from presence p where p.state <> 'OFFLINE'"
_ADD: Final = f"""
    insert into presence ({", ".join(_NAMES)}) values ({", ".join(f"%({name})s" for name in _NAMES)})
    on conflict (username) do nothing
"""
_PUT: Final = f"""
    update presence set ({", ".join(_NAMES)}) = ({", ".join(f"%({name})s" for name in _NAMES)})
    where username = %(username)s
"""
_FLOOR: Final = """
    select array(select queue from queue_pause), array(
        select distinct p.main_queue from presence p
        where p.state in ('READY', 'WRAP_UP') and p.seen_at > %(seen_after)s and p.main_queue <> ''
        and not exists (
            select from task t where t.reviewer = p.username and t.state in ('OFFERED', 'WORKING')
            and t.lease_until > %(now)s
        )
    )
"""


def lock(connection: Connection[TupleRow], username: str, now: datetime) -> Presence:
    """Lock somebody's row to the end of the transaction, and return it; it is made where there is none."""
    values = {"username": username}
    found = _rows(connection, _LOCK, values)
    if not found:
        connection.execute(_ADD.encode(), _values(presence.newcomer(username, now)))
        found = _rows(connection, _LOCK, values)
    return _presence(found[0])


def put(connection: Connection[TupleRow], what: Presence) -> None:
    """Keep a presence. OFFERED and WORKING, which the tasks tell, are kept as READY."""
    told_by_tasks = what.state in {PresenceState.OFFERED, PresenceState.WORKING}
    connection.execute(_PUT.encode(), _values(replace(what, state=PresenceState.READY) if told_by_tasks else what))


def seen(connection: Connection[TupleRow], username: str, now: datetime) -> Presence:
    """Lock somebody's row and keep a sign of life; returns what the row said before."""
    values = {"username": username, "now": now}
    found = _rows(connection, _SEEN, values)
    return _presence(found[0]) if found else lock(connection, username, now)


def find(connection: Connection[TupleRow], username: str, now: datetime, policy: DeskPolicy) -> Presence:
    """Somebody's presence at this instant, with what they have in hand."""
    found = _rows(connection, _FIND, {"username": username, "now": now})
    return _shown(found[0], now, policy) if found else presence.newcomer(username, now)


def everybody(connection: Connection[TupleRow], now: datetime, policy: DeskPolicy) -> tuple[Presence, ...]:
    """All who were ever seen, as they are at this instant, with what they have in hand; by user name."""
    return tuple(_shown(row, now, policy) for row in _rows(connection, _ALL, {"now": now}))


def stored(connection: Connection[TupleRow]) -> tuple[Presence, ...]:
    """Those whose row says that they are here, whatever has become of them since."""
    return tuple(_presence(row) for row in _rows(connection, _STORED, {}))


def floor(connection: Connection[TupleRow], now: datetime, policy: DeskPolicy) -> Floor:
    """Which queues have a main-skill person free at this instant, and which are paused."""
    row = connection.execute(_FLOOR, {"now": now, "seen_after": now - policy.silent}).fetchone()
    paused, served = row or ((), ())
    return Floor.of(served, frozenset(paused))


def _shown(row: Mapping[str, Any], now: datetime, policy: DeskPolicy) -> Presence:
    stored = presence.as_of(_presence(row), now, policy)
    if row["hand"] is None or not stored.is_at_work:
        return stored
    return replace(stored, state=PresenceState(row["hand"]))


def _presence(row: Mapping[str, Any]) -> Presence:
    return Presence(**{name: row[name] for name in _NAMES} | {"state": PresenceState(row["state"])})


def _values(what: Presence) -> dict[str, Any]:
    return {name: getattr(what, name) for name in _NAMES}


def _rows(connection: Connection[TupleRow], query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
