"""What an instance remembers, together with the others while the database is there, else by itself.

While it is away, a replay at another instance is not noticed and quotas are counted per instance: requests go on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

import psycopg

from producers.gateway.access.postgres import PostgresAccess
from producers.gateway.access.quotas import Asking, LocalCounts, Use

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_TRY_AGAIN_S: Final = 5.0  # a database that is away is not asked for every request
_BLOCKS_FRESH_S: Final = 5.0  # a block works on every instance within this time
_FORGET_EVERY_S: Final = 600.0
_NEVER: Final = float("-inf")
_SWEPT_EVERY: Final = timedelta(minutes=1)
MOST_NONCES: Final = 1_000_000  # 100 signed requests a second for the ten minutes of a nonce come to 60,000


@dataclass(slots=True)
class LocalNonces:
    """Nonces of this instance, until a minute after they expire at the most."""

    _expiries: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _swept_at: datetime | None = None

    @property
    def held(self) -> int:
        """How many there are."""
        return len(self._expiries)

    def take(self, owner: str, nonce: str, *, expires_at: datetime, now: datetime) -> bool:
        """Remember a nonce; `False` when it is remembered already, and when no more can be."""
        if self._swept_at is None or now - self._swept_at >= _SWEPT_EVERY:
            self._swept_at = now
            self._expiries = {key: until for key, until in self._expiries.items() if until >= now}
        if (owner, nonce) in self._expiries or len(self._expiries) >= MOST_NONCES:
            return False
        self._expiries[owner, nonce] = expires_at
        return True


@dataclass(slots=True, kw_only=True)
class Memory:
    """Of one event loop. `store` `None`: an instance without a database. Seconds are a monotonic clock's.

    `within_s`: how long a request waits for the database; then it goes on, and its thread ends by the database's own.
    """

    store: PostgresAccess | None
    monotonic_s: Callable[[], float]
    within_s: float = 2.0
    nonces: LocalNonces = field(default_factory=LocalNonces)
    counts: LocalCounts = field(default_factory=LocalCounts)
    _away_until_s: float = _NEVER
    _blocked: frozenset[str] = frozenset()
    _blocks_read_at_s: float = _NEVER
    _forgot_at_s: float = _NEVER
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take_nonce(self, owner: str, nonce: str, *, expires_at: datetime, now: datetime) -> bool:
        """Whether a nonce comes for the first time; it is remembered until it expires."""
        if not self.nonces.take(owner, nonce, expires_at=expires_at, now=now):
            return False
        is_new = await self._asked(lambda store: store.take_nonce(owner, nonce, expires_at=expires_at))
        await self._forget(now)
        return is_new is not False

    async def admit(self, asked: Asking) -> tuple[Use, ...]:
        """Count a valuation, unless a quota is used up: those that are."""
        if not asked.uses:
            return ()
        alone = self.counts.admit(asked)
        together = await self._asked(lambda store: store.admit(asked))
        await self._forget(asked.at)
        return alone if together is None else together

    async def blocked(self) -> frozenset[str]:
        """The block list as it was at most seconds ago; while the database is away, as it was last.

        An instance that has not read it yet knows of nobody: it lets in, and says so in the log.
        """
        async with self._turn:
            now_s = self.monotonic_s()
            if now_s - self._blocks_read_at_s >= _BLOCKS_FRESH_S:
                found = await self._asked(lambda store: store.blocked())
                if found is not None:
                    self._blocked = frozenset(entry.what for entry in found)
                    self._blocks_read_at_s = now_s
        return self._blocked

    async def _forget(self, now: datetime) -> None:
        now_s = self.monotonic_s()
        if now_s - self._forgot_at_s >= _FORGET_EVERY_S:
            self._forgot_at_s = now_s
            await self._asked(lambda store: store.forget(now))

    async def _asked(self, question: Callable[[PostgresAccess], _Answer]) -> _Answer | None:
        """What the database says; `None` while it is away."""
        if self.store is None or self.monotonic_s() < self._away_until_s:
            return None
        try:
            async with asyncio.timeout(self.within_s):
                return await asyncio.to_thread(question, self.store)
        except (psycopg.Error, TimeoutError) as error:
            self._away_until_s = self.monotonic_s() + _TRY_AGAIN_S
            log.warning("the gateway counts by itself", extra={"cause": type(error).__name__})
            if self._blocks_read_at_s == _NEVER:
                log.warning("the block list has not been read since the start: nobody is kept out")
            return None
