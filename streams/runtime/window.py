"""Messages fetched but not yet started: a queue bounded in messages and in bytes.

Single-threaded: everything happens on the event loop of the stage.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streams.runtime.stage import RawMessage

M = TypeVar("M", bound=RawMessage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of the window and of one batch.

    Bytes matter because messages differ a thousandfold: a claim check has 300 bytes, a request with long free text
    a hundred kilobytes.
    """

    window_messages: int = 4_000
    window_bytes: int = 64 * 2**20
    batch_messages: int = 500  # 500 rows of a gradient-boosted model and Avro take about 13 ms
    batch_bytes: int = 8 * 2**20


class Window(Generic[M]):
    """First in, first out. Full is a request to stop putting, not a refusal: one whole fetch may overshoot."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._waiting: deque[M] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """Bytes of the values that wait."""
        return self._bytes

    @property
    def oldest(self) -> M | None:
        """The message that comes next. May be asked from another thread (metrics)."""
        try:
            return self._waiting[0]
        except IndexError:
            return None

    @property
    def has_room(self) -> bool:
        """Whether another fetch may be put in."""
        return len(self._waiting) < self._bounds.window_messages and self._bytes < self._bounds.window_bytes

    def put(self, messages: Sequence[M]) -> None:
        """Append messages of one partition, in offset order."""
        self._waiting.extend(messages)
        self._bytes += sum(map(_size, messages))
        self._wake.set()

    def take(self) -> list[M]:
        """Remove the next batch: all that waits, within the batch's bounds, and at least one if any waits."""
        batch: list[M] = []
        left = self._bounds.batch_bytes
        while self._waiting and len(batch) < self._bounds.batch_messages:
            size = _size(self._waiting[0])
            if batch and size > left:
                break
            left -= size
            self._bytes -= size
            batch.append(self._waiting.popleft())
        if self.has_room:
            self._room.set()
        return batch

    def forget(self) -> list[M]:
        """Empty the window and return what was in it: it has not been started, its next owner reads it again."""
        forgotten = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._room.set()
        return forgotten

    def wake(self) -> None:
        """Let `arrived` return although nothing came, so that an idle stage can look at its reference data."""
        self._wake.set()

    async def arrived(self) -> None:
        """Wait for messages or for `wake`. May return with an empty window: a revocation can come in between."""
        if not self._waiting:
            await self._wake.wait()
        self._wake.clear()

    async def room(self) -> None:
        """Wait until another fetch may be put in."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()


def _size(message: RawMessage) -> int:
    value = message.value
    return len(value) if value is not None else 0
