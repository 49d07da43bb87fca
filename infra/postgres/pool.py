"""Connections to PostgreSQL. A room's tables live in a PostgreSQL schema of the room's own name."""

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

Pool = ConnectionPool[Connection[TupleRow]]

_CONNECT_WITHIN_S = 3
_WAIT_FOR_CONNECTION_S = 5.0
# The pool tries again with doubling pauses, minutes long after a long outage. Given up early, the next caller, who
# comes within seconds, makes it try at once.
_GIVE_UP_RECONNECTING_S = 3.0
_STATEMENT_MS = 30_000  # nothing of ours takes a second; a forgotten lock must not hold a partition for ever
_IDLE_IN_TRANSACTION_MS = 60_000

# SQLSTATE classes which pass by themselves: connection lost, resources short, operator intervention, rolled back by a
# deadlock or by a lock that was not free. Everything else would fail again with the same input.
_PASSING = frozenset({"08", "53", "57", "40", "55"})


def options_of(room: str) -> str:
    """Return the libpq options of a room's connections."""
    return (
        f"-c search_path={room} -c timezone=UTC -c statement_timeout={_STATEMENT_MS} "
        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}"
    )


def connect(dsn: str, *, room: str, autocommit: bool = False) -> Connection[TupleRow]:
    """Open one connection of a room.

    Raises:
        psycopg.OperationalError: The database is away.
    """
    return psycopg.connect(
        dsn,
        options=options_of(room),
        application_name=f"avm-{room}",
        connect_timeout=_CONNECT_WITHIN_S,
        autocommit=autocommit,
    )


def open_pool(dsn: str, *, room: str, size: int = 4) -> Pool:
    """Open a pool of a room's connections, also while the database is away: it connects when it can.

    A connection handed out has just answered, so a restarted database costs a reader nothing. Close it when done.
    """
    pool = ConnectionPool(
        dsn,
        kwargs={
            "options": options_of(room),
            "application_name": f"avm-{room}",
            "connect_timeout": _CONNECT_WITHIN_S,
        },
        min_size=1,
        max_size=size,
        timeout=_WAIT_FOR_CONNECTION_S,
        reconnect_timeout=_GIVE_UP_RECONNECTING_S,
        check=ConnectionPool.check_connection,
        name=room,
        open=False,
    )
    pool.open()
    return pool


def is_passing(error: BaseException) -> bool:
    """Tell whether an error of the database may be gone at the next try with the same input."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in _PASSING
