"""How often somebody may try to log in. Counted in the database, so that all processes of the desk count together.

An attempt counts as failed before the password is looked at, and is taken back when it was right: a hundred attempts
at once gain nothing over a hundred in a row.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

_LOOK = "select failures, last_at, free_again from log_in_failure where key = %s for update"
_MAKE = """
    insert into log_in_failure (key, failures, last_at, free_again) values (%s, 0, %s, %s) on conflict (key) do nothing
"""
_COUNT = "update log_in_failure set (failures, last_at, free_again) = (%s, %s, %s) where key = %s"
_TAKE_BACK = """
    update log_in_failure set (failures, free_again) = (greatest(failures - 1, 0), least(free_again, %s)) where key = %s
"""
_FORGET = "delete from log_in_failure where key = %s"
_SWEEP = "delete from log_in_failure where last_at < %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """`free` failures cost nothing; each one more doubles the wait, from `first` up to `longest`; `quiet` forgets."""

    free: int
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=15)
    quiet: timedelta = timedelta(hours=1)

    def wait_after(self, failures: int) -> timedelta:
        """How long nobody may try again after so many failures in a row."""
        beyond = failures - self.free
        if beyond <= 0:
            return timedelta(0)
        doublings: int = min(beyond - 1, 20)  # more would only grow the number
        return min(self.longest, self.first * (1 << doublings))


PER_USER: Final = Throttle(free=5)
PER_ADDRESS: Final = Throttle(free=60)  # a whole branch may stand behind one address
# Ways to the provider that led to no log-in: they guess nothing, but each costs rows and requests.
AWAY: Final = Throttle(free=120, longest=timedelta(minutes=1), quiet=timedelta(minutes=15))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that counts as failed until it is known better. `wait` follows if it was."""

    user_key: str
    address_key: str
    wait: timedelta


def begin(connection: Connection[TupleRow], username: str, address: str, now: datetime) -> Attempt | timedelta:
    """Count an attempt, inside a transaction of the caller's; or return how long to wait before the next is heard."""
    keys = (_user_key(username), f"address:{address}")
    limits = dict(zip(keys, (PER_USER, PER_ADDRESS), strict=True))
    counts = {key: _failures(connection, key, limits[key], now) for key in keys}
    held = max(free_again for _, free_again in counts.values()) - now
    if held > timedelta(0):
        return held
    waits = [_count(connection, key, counts[key][0] + 1, limits[key], now) for key in keys]
    return Attempt(user_key=keys[0], address_key=keys[1], wait=max(waits))


def succeeded(connection: Connection[TupleRow], attempt: Attempt, now: datetime) -> None:
    """Forget the user's failures. The address keeps those of others: one good account must not buy free guesses."""
    connection.execute(_FORGET, [attempt.user_key])
    connection.execute(_TAKE_BACK, [now, attempt.address_key])
    connection.execute(_SWEEP, [now - PER_USER.quiet - PER_USER.longest])


def away(connection: Connection[TupleRow], address: str, now: datetime) -> timedelta:
    """Count a way to the identity provider, inside a transaction of the caller's; or return how long to wait first."""
    key = _away_key(address)
    failures, free_again = _failures(connection, key, AWAY, now)
    if free_again > now:
        return free_again - now
    _count(connection, key, failures + 1, AWAY, now)
    return timedelta(0)


def came_back(connection: Connection[TupleRow], address: str, now: datetime) -> None:
    """Take back one such way: it led to a log-in."""
    connection.execute(_TAKE_BACK, [now, _away_key(address)])
    connection.execute(_SWEEP, [now - PER_USER.quiet - PER_USER.longest])


def _failures(connection: Connection[TupleRow], key: str, limit: Throttle, now: datetime) -> tuple[int, datetime]:
    connection.execute(_MAKE, [key, now, now])
    failures, last_at, free_again = connection.execute(_LOOK, [key]).fetchone() or (0, now, now)
    if last_at < now - limit.quiet:
        failures = 0
    # While failures are free nobody waits: somebody who was a moment later and came to the row first set a later time.
    return failures, free_again if limit.wait_after(failures) else now


def _count(connection: Connection[TupleRow], key: str, failures: int, limit: Throttle, now: datetime) -> timedelta:
    wait = limit.wait_after(failures)
    connection.execute(_COUNT, [failures, now, now + wait, key])
    return wait


def _away_key(address: str) -> str:
    return f"away:{address}"


def _user_key(username: str) -> str:
    """A digest: what is typed as user name may be a password, and of any length."""
    return f"user:{hashlib.sha256(username.encode('utf-8', 'surrogatepass')).hexdigest()}"
