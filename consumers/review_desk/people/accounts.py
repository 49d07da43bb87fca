"""Log-in and log-out: local accounts with argon2, and people an identity provider has named. All of it is audited."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.people import throttle
from consumers.review_desk.people.eligibility import REVIEWING, admitted, why_not_reviewer
from consumers.review_desk.people.sessions import Sessions, digest, today
from consumers.review_desk.people.staff import Person
from consumers.review_desk.people.staff_register import find
from consumers.review_desk.policy import DeskPolicy
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool

SUBJECT: Final = "access"
NOBODY: Final = "-"  # who acts as long as it is not known
_HASH_OF = "select password_hash from staff where username = %s and is_active"
_REHASH = "update staff set password_hash = %s where username = %s and password_hash = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody whom the settings name, so that a new desk has people who can enter. `password_hash` is argon2's."""

    person: Person
    password_hash: str


class LogInRefusedError(Exception):
    """Nobody is let in. `why` is Chinese; `wait_s`: before that many seconds nothing is heard."""

    def __init__(self, why: str, *, wait_s: int = 0) -> None:
        self.why, self.wait_s = why, wait_s
        super().__init__(why)


class Accounts:
    """Who comes in. Unknown users cost as much time as wrong passwords, and get the same answer."""

    def __init__(  # noqa: PLR0913 - what a log-in rests on
        self,
        pool: Pool,
        *,
        clock: Callable[[], datetime],
        new_token: Callable[[], str],
        policy: DeskPolicy,
        standing: Callable[[Person], Person] | None = None,
        on_leaving: Callable[[Person], object] = lambda _: None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        """Prepare.

        Args:
            pool: Of the room.
            clock: The instant now, in UTC.
            new_token: Gives an unguessable text.
            policy: How long sessions last.
            standing: What somebody of the register counts as today; default: with the roles they may use.
            on_leaving: Told of somebody who has logged out; hands back what they had.
            hasher: With the argon2 parameters to be used from now on.
        """
        self._pool, self.clock, self._on_leaving = pool, clock, on_leaving
        self.sessions = Sessions(pool, clock=clock, new_token=new_token, policy=policy, standing=standing)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(new_token())

    def log_in(self, username: str, password: str, *, address: str, former: str | None = None) -> str:
        """Return the token of a new session; `former`, the session the browser had, is ended.

        Raises:
            LogInRefusedError: User or password wrong, tried too often, or nothing this person may do at the desk.
        """
        username = username.replace("\x00", "\ufffd")  # which the database refuses
        with self._pool.connection() as connection:
            attempt = throttle.begin(connection, username, address, self.clock())
            kept = connection.execute(_HASH_OF, [username]).fetchone()
        if isinstance(attempt, timedelta):
            wait_s = math.ceil(attempt.total_seconds())
            raise LogInRefusedError(f"尝试次数过多，请在 {wait_s} 秒后再试", wait_s=wait_s)
        expected = kept[0] if kept and kept[0] else None
        if not self._fits(expected or self._nobody, password) or expected is None:
            self._failed(username, address, attempt, is_known=kept is not None)
        return self._admit(username, "local", address, former, attempt=attempt, password=password, kept=expected)

    def admit(self, username: str, *, address: str, former: str | None = None) -> str:
        """Open a session for somebody an identity provider has named; `LogInRefusedError` as above."""
        return self._admit(username, "oidc", address, former)

    def who(self, token: str | None, *, is_act: bool = True) -> Person | None:
        """Return whose session this is; see `Sessions.who`."""
        return self.sessions.who(token, is_act=is_act)

    def log_out(self, token: str | None) -> None:
        """End a session; who has no other any more leaves the desk. Harmless when there is none."""
        person = self.who(token, is_act=False)
        with self._pool.connection() as connection:
            username = self.sessions.end(connection, token)
            if username is not None:
                self._audit(connection, username, "LOGGED_OUT", {})
        if person is not None and not self.sessions.is_open(person.username):
            self._on_leaving(person)

    def refused(self, actor: str, details: dict[str, Any]) -> None:
        """Audit that somebody who is logged in may not do something, in a transaction of its own."""
        with self._pool.connection() as connection:
            self._audit(connection, actor, "REFUSED", details)

    def turned_away(self, details: dict[str, Any]) -> None:
        """Audit that somebody was not let in whom nobody knows, in a transaction of its own."""
        with self._pool.connection() as connection:
            self._audit(connection, NOBODY, "LOG_IN_REFUSED", details)

    def _admit(  # noqa: PLR0913 - what a log-in leaves behind
        self,
        username: str,
        method: str,
        address: str,
        former: str | None,
        *,
        attempt: throttle.Attempt | None = None,
        password: str = "",
        kept: str | None = None,
    ) -> str:
        with self._pool.connection() as connection:
            person = find(connection, username)
            why = "没有登记为本复核台人员，请联系管理员" if person is None else self._objection(person)
            if why is None:
                self.sessions.end(connection, former)
                token = self.sessions.open(connection, username)
                self._audit(connection, username, "LOGGED_IN", {"method": method, "address": address})
                if attempt is not None:
                    throttle.succeeded(connection, attempt, self.clock())
                if kept is not None and self._hasher.check_needs_rehash(kept):
                    connection.execute(_REHASH, [self._hasher.hash(password), username, kept])
                return token
            actor = NOBODY if person is None else username
            named = {} if person is not None else {"named_sha256": digest(username)}
            details = {"why": why, "method": method, "address": address, **named}
            self._audit(connection, actor, "LOG_IN_REFUSED", details)
        raise LogInRefusedError(why)

    def _objection(self, person: Person) -> str | None:
        on = today(self.clock())
        if admitted(person, on).roles:
            return None
        if not person.is_active:
            return "该人员已停用"
        return why_not_reviewer(person, on) if person.has(*REVIEWING) else "尚未分配任何岗位，请联系管理员"

    def _failed(self, username: str, address: str, attempt: throttle.Attempt, *, is_known: bool) -> None:
        wait_s = math.ceil(attempt.wait.total_seconds())
        named = {} if is_known else {"named_sha256": digest(username)}  # it may be a password in the wrong field
        details = {"address": address, "wait_s": wait_s, **named}
        with self._pool.connection() as connection:
            self._audit(connection, username if is_known else NOBODY, "LOG_IN_FAILED", details)
        hint = f"；请在 {wait_s} 秒后再试" if wait_s else ""
        raise LogInRefusedError(f"用户名或密码不正确{hint}", wait_s=wait_s)

    def _fits(self, expected: str, password: str) -> bool:
        try:
            return self._hasher.verify(expected, password)
        except (VerificationError, InvalidHashError):
            return False

    def _audit(self, connection: Connection[TupleRow], actor: str, action: str, details: dict[str, Any]) -> None:
        audit.append(connection, SUBJECT, Act(actor=actor, action=action, at=self.clock(), details=details))
