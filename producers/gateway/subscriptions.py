"""A wake-up call that any number of changes ring once: a slow reader is behind by one look, never by a queue."""

import asyncio
from contextlib import suppress


class Subscription:
    """Rung from any thread, waited for on its own event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        with suppress(RuntimeError):  # the loop is closed: the reader is gone
            self._loop.call_soon_threadsafe(self._changed.set)

    async def changed(self) -> None:
        """Wait until there is something new since the last time this returned; at once when there is already."""
        await self._changed.wait()
        self._changed.clear()
