"""Who may work at the desk: local accounts, and sessions whose token is kept as a digest only."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from infra.postgres.pool import Pool

_INSERT: Final = "insert into session (token_sha256, username, expires_at) values (%s, %s, %s)"
_FIND: Final = "select username from session where token_sha256 = %s and expires_at > %s"
_DELETE: Final = "delete from session where token_sha256 = %s or expires_at <= %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person. `password_hash` is argon2's; `grade` G1 … G4 goes into every decision."""

    password_hash: str
    grade: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Who is logged in."""

    username: str
    grade: str
    name: str


class Accounts:
    """Log-in and sessions. Unknown users cost as much time as wrong passwords."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        pool: Pool,
        *,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
        session: timedelta,
    ) -> None:
        """`new_token` gives an unguessable text; `session` is how long a log-in lasts."""
        self._accounts, self._pool, self._clock = accounts, pool, clock
        self._new_token, self._session = new_token, session
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(new_token())

    def log_in(self, username: str, password: str) -> str | None:
        """Return the token of a new session, or `None` when user or password are wrong."""
        account = self._accounts.get(username)
        try:
            self._hasher.verify(account.password_hash if account else self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        if account is None:
            return None
        token = self._new_token()
        with self._pool.connection() as connection:
            connection.execute(_INSERT, [_digest(token), username, self._clock() + self._session])
        return token

    def who(self, token: str | None) -> Reviewer | None:
        """Return whose session this is; `None` when there is none, it ran out, or the account is gone."""
        if not token:
            return None
        with self._pool.connection() as connection:
            row = connection.execute(_FIND, [_digest(token), self._clock()]).fetchone()
        account = self._accounts.get(row[0]) if row else None
        if row is None or account is None:
            return None
        return Reviewer(username=row[0], grade=account.grade, name=account.name or row[0])

    def log_out(self, token: str | None) -> None:
        """End a session. Harmless when there is none."""
        with self._pool.connection() as connection:
            connection.execute(_DELETE, [_digest(token or ""), self._clock()])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
