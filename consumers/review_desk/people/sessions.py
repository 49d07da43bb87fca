"""Sessions: who is behind a token. Kept is a digest of the token alone, so that a copy of the table opens nothing."""

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.people.eligibility import admitted
from consumers.review_desk.people.staff import Person
from consumers.review_desk.people.staff_register import COLUMNS, person_of
from consumers.review_desk.policy import DeskPolicy
from infra.postgres.pool import Pool
from schemas.domain.worktime import SHANGHAI

_TOUCH_AFTER: Final = timedelta(minutes=1)  # a row need not be written for every request

_OPEN = "insert into session (token_sha256, username, opened_at, seen_at, expires_at) values (%s, %s, %s, %s, %s)"
_FIND = f"""
    select {COLUMNS}, session.seen_at as session_seen_at from session join staff using (username)
    where token_sha256 = %s and expires_at > %s and seen_at > %s
"""
_TOUCH = "update session set seen_at = %s where token_sha256 = %s"
_IS_OPEN = "select 1 from session where username = %s and expires_at > %s and seen_at > %s limit 1"
_END = "delete from session where token_sha256 = %s returning username"
_SWEEP = "delete from session where expires_at <= %s or seen_at <= %s"


class Sessions:
    """They end after a time in any case, sooner when nobody acts, and at once when the person's rights change."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
        policy: DeskPolicy,
        standing: Callable[[Person], Person] | None = None,
    ) -> None:
        """`new_token` gives an unguessable text; `standing` what somebody of the register counts as today."""
        self._pool, self._clock, self._new_token, self._policy = pool, clock, new_token, policy
        self._standing = standing or (lambda person: admitted(person, today(clock())))

    def open(self, connection: Connection[TupleRow], username: str) -> str:
        """Begin a session, inside a transaction of the caller's, and return its token."""
        token, now = self._new_token(), self._clock()
        connection.execute(_SWEEP, [now, now - self._policy.idle_session])
        connection.execute(_OPEN, [digest(token), username, now, now, now + self._policy.session])
        return token

    def who(self, token: str | None, *, is_act: bool = True) -> Person | None:
        """Return whose session this is, with the roles they may use today; `None`: none, over, or no role is left.

        `is_act`: a person acted, so the session is not idle; false for what a browser does by itself.
        """
        if not token:
            return None
        now, key = self._clock(), digest(token)
        with self._pool.connection() as connection:
            with connection.cursor(row_factory=dict_row) as cursor:
                row = cursor.execute(_FIND.encode(), [key, now, now - self._policy.idle_session]).fetchone()
            if row is None:
                return None
            if is_act and row["session_seen_at"] < now - _TOUCH_AFTER:
                connection.execute(_TOUCH, [now, key])
        person = self._standing(person_of(row))
        return person if person.roles else None

    def is_open(self, username: str) -> bool:
        """Whether somebody has a session, in whatever browser."""
        now = self._clock()
        with self._pool.connection() as connection:
            found = connection.execute(_IS_OPEN, [username, now, now - self._policy.idle_session]).fetchone()
        return found is not None

    def end(self, connection: Connection[TupleRow], token: str | None) -> str | None:
        """End a session, inside a transaction of the caller's; return whose it was. Harmless when there is none."""
        row = connection.execute(_END, [digest(token or "")]).fetchone()
        return None if row is None else row[0]


def today(now: datetime) -> date:
    """Return the day it is in Shanghai."""
    return now.astimezone(SHANGHAI).date()


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
