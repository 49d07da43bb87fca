"""The heart of a worker: take what has arrived, settle it, publish, and only then acknowledge.

One batch is in flight. While the broker confirms it the next one fills, so a lone message waits for nobody and under
load batches grow by themselves; there is no timer. Order within a partition is kept by construction.
"""

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from infra.kafka.producer import Record
from infra.telemetry.tracing import Tracing
from streams.runtime.guard import Guard, Settled
from streams.runtime.meters import Meters
from streams.runtime.outbound import Codec, Outbound
from streams.runtime.stage import RawMessage
from streams.runtime.window import Window

log = logging.getLogger(__name__)

M = TypeVar("M", bound=RawMessage)
M_contra = TypeVar("M_contra", bound=RawMessage, contravariant=True)


class TooManyDefectsError(Exception):
    """A run of messages failed one after the other: the stage is broken, not the messages. Look at its dead letters."""


class Offsets(Protocol[M_contra]):
    """The consumer's side of a message's life."""

    def is_current(self, message: M_contra, /) -> bool:
        """Whether its partition is still ours in the generation in which it was fetched."""
        ...

    def acknowledge(self, message: M_contra, /) -> None:
        """Let its offset be committed: every record that follows from it is confirmed."""
        ...

    def release(self, message: M_contra, /) -> None:
        """Neither handle nor commit it, but stop waiting for it: its new owner reads it again."""
        ...


class Publishes(Protocol):
    """The part of `infra.kafka.producer.Publisher` that is needed here."""

    async def publish_async(self, records: Sequence[Record], /) -> None:
        """Return when the broker has confirmed all; raises `PublishError` when it will not."""
        ...


class Reference(Protocol):
    """Reference data between batches."""

    def apply_waiting(self) -> None:
        """Apply the changes that have been read meanwhile."""
        ...


class StageLoop(Generic[M]):
    """Runs one stage over one window. `run` ends only by cancellation or by a reason to end the process."""

    def __init__(  # noqa: PLR0913 -- its parts, keyword-only, wired in one place
        self,
        *,
        window: Window[M],
        guard: Guard[Any],
        offsets: Offsets[M],
        publisher: Publishes,
        codec: Codec,
        tracing: Tracing,
        reference: Reference,
        meters: Meters,
        clock: Callable[[], datetime],
        source: str,
        group: str,
        max_record_bytes: int,
        max_defects_in_a_row: int | None = None,
    ) -> None:
        self._window, self._guard, self._offsets, self._publisher = window, guard, offsets, publisher
        self._codec, self._tracing, self._reference, self._meters = codec, tracing, reference, meters
        self._clock, self._source, self._group = clock, source, group
        self._max_record_bytes, self._max_defects = max_record_bytes, max_defects_in_a_row

    async def run(self) -> None:
        """Work for ever. Raises `PublishError` or `TooManyDefectsError`; then the process must end at once."""
        while True:
            await self._window.arrived()
            self._reference.apply_waiting()
            await self.turn()
            self._meters.tick()

    async def turn(self) -> None:
        """Handle one batch of what waits, if anything does."""
        batch = self._current(self._window.take())
        if not batch:
            return
        self._meters.began(batch)
        with self._tracing.batch(batch[0].topic, self._group, [message.headers for message in batch]) as trace:
            outbound = Outbound(
                codec=self._codec,
                source=self._source,
                clock=self._clock,
                max_bytes=self._max_record_bytes,
                trace=trace,
            )
            started = perf_counter()
            settled = await self._guard.settle(batch, outbound.encode)
            handled = perf_counter()
            if settled.records:
                await self._publisher.publish_async(settled.records)
            else:
                await asyncio.sleep(0)  # a batch of silences must not starve timers and heartbeats
            published = perf_counter()
        for message in batch:
            self._offsets.acknowledge(message)
        self._meters.ended(batch, settled, handle_s=handled - started, publish_s=published - handled)
        self._report(settled)
        self._check_defects()

    def _current(self, batch: Sequence[M]) -> Sequence[M]:
        if all(map(self._offsets.is_current, batch)):
            return batch
        current = []
        for message in batch:
            if self._offsets.is_current(message):
                current.append(message)
            else:
                self._offsets.release(message)
                self._meters.stale.add()
        return current

    def _report(self, settled: Settled) -> None:
        if settled.dead:
            log.warning("dead letters", extra={"source": self._source, "classes": dict(Tally(settled.dead))})

    def _check_defects(self) -> None:
        row = self._guard.defects_in_a_row
        if self._max_defects is not None and row >= self._max_defects:
            raise TooManyDefectsError(
                f"{row} messages in a row made {self._source} raise; they are in the dead letters"
            )
