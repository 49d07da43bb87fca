"""The end of an instance in good order: it says so, takes nothing new, and lets what is in hand come to its end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

RETRY_AFTER_S = 1  # another instance is there already


class Drain:
    """What is in hand, and whether the end was announced. Of one event loop."""

    def __init__(self) -> None:
        self._announced = asyncio.Event()
        self._nothing_in_hand = asyncio.Event()
        self._nothing_in_hand.set()
        self._in_hand = 0

    @property
    def is_announced(self) -> bool:
        """Whether nothing new is taken any more."""
        return self._announced.is_set()

    @property
    def in_hand(self) -> int:
        """Requests whose answers are not sent to their end; a stream of events counts until it is closed."""
        return self._in_hand

    def announce(self) -> None:
        """Take nothing new from now on. A second time changes nothing."""
        self._announced.set()

    async def announced(self) -> None:
        """Wait for the announcement."""
        await self._announced.wait()

    async def finished(self, *, within_s: float) -> bool:
        """Wait until nothing is in hand; `False` when there still is after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._nothing_in_hand.wait()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def holding(self) -> Iterator[None]:
        """One request is in hand."""
        self._in_hand += 1
        self._nothing_in_hand.clear()
        try:
            yield
        finally:
            self._in_hand -= 1
            if self._in_hand == 0:
                self._nothing_in_hand.set()
