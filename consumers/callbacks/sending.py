"""Webhooks, one lane for each channel: a slow or dead endpoint takes nobody else's turn.

A lane keeps as many attempts under way as it may: whatever has ended is settled together, and its place filled again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import psycopg

from consumers.callbacks.deliveries import Claimed
from consumers.callbacks.meters import Meters
from consumers.callbacks.resolving import Resolver
from consumers.callbacks.settling import Attempt, Desk, Turn
from consumers.callbacks.targets import TargetRules
from consumers.callbacks.webhook import Limits, post
from infra.postgres.pool import is_passing

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_AGAIN_S = 0.5
_DATABASE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What one channel's attempts share, and nobody else's."""

    channel: str
    http: httpx.AsyncClient
    resolver: Resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends what is due. `open_client` makes the client of one channel; `concurrency` counts its attempts under way."""

    desk: Desk
    open_client: Callable[[], httpx.AsyncClient]
    meters: Meters
    rules: TargetRules = field(default_factory=TargetRules)
    limits: Limits = field(default_factory=Limits)
    concurrency: int = 64

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`; attempts under way are finished. A database that is away is waited for."""
        asyncio.run(self._run(stop))

    async def drain(self) -> int:
        """Send everything that is due now, and give how many attempts that took."""
        channels = await asyncio.to_thread(self.desk.webhooks)
        async with AsyncExitStack() as stack:
            lines = [await self._line(channel, stack) for channel in channels]
            return sum(await asyncio.gather(*(self._lane(line, _go_on) for line in lines)))

    async def _run(self, stop: threading.Event) -> None:
        lanes: dict[str, asyncio.Task[int]] = {}
        lines: dict[str, _Line] = {}
        async with AsyncExitStack() as stack:
            while not stop.is_set():
                for channel in await _patiently(lambda: asyncio.to_thread(self.desk.webhooks)) or ():
                    if channel not in lines:
                        lines[channel] = await self._line(channel, stack)
                    if channel not in lanes or lanes[channel].done():
                        await _outcome_of(lanes.get(channel))
                        lanes[channel] = asyncio.create_task(self._patient_lane(lines[channel], stop))
                await asyncio.sleep(_LOOK_AGAIN_S)
            for lane in lanes.values():
                await lane

    async def _line(self, channel: str, stack: AsyncExitStack) -> _Line:
        http = await stack.enter_async_context(self.open_client())
        return _Line(channel=channel, http=http, resolver=stack.enter_context(Resolver()))

    async def _patient_lane(self, line: _Line, stop: threading.Event) -> int:
        return await _patiently(lambda: self._lane(line, lambda: not stop.is_set())) or 0

    async def _lane(self, line: _Line, may_go_on: Callable[[], bool]) -> int:
        attempts, under_way = 0, set[asyncio.Task[Attempt]]()
        try:
            while True:
                if may_go_on():
                    begun = await self._begin(line, self.concurrency - len(under_way))
                    attempts += len(begun)
                    under_way |= begun
                if not under_way:
                    return attempts
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.to_thread(self.desk.settle, line.channel, [task.result() for task in done])
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _begin(self, line: _Line, most: int) -> set[asyncio.Task[Attempt]]:
        turn = await asyncio.to_thread(self.desk.turn, line.channel, most)
        if turn is None:
            return set()
        return {asyncio.create_task(self._attempt(line, turn, claimed)) for claimed in turn.claimed}

    async def _attempt(self, line: _Line, turn: Turn, claimed: Claimed) -> Attempt:
        begun = time.monotonic()
        answer = await post(
            line.http,
            line.resolver,
            turn.endpoint,
            claimed.delivered,
            at=self.desk.clock(),
            rules=self.rules,
            limits=self.limits,
        )
        self.meters.seconds.observe(time.monotonic() - begun)
        self.meters.attempts.add(of=answer.outcome.value)
        extra = {"delivery_id": claimed.delivered.delivery_id, "channel": line.channel}
        log.info("webhook", extra=extra | {"outcome": answer.outcome.value, "fault": answer.fault})
        return Attempt(claimed=claimed, answer=answer, is_trial=turn.is_trial)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T | None:
    """What `work` gives; `None`, after a moment, while the database is away. Leases then run out by themselves."""
    try:
        return await work()
    except psycopg.Error as error:
        if not is_passing(error):
            raise
        log.warning("webhooks wait for the database", extra={"error": type(error).__name__})
        await asyncio.sleep(_DATABASE_AGAIN_S)
        return None


def _go_on() -> bool:
    return True


async def _outcome_of(lane: "asyncio.Task[int] | None") -> None:
    """Raise what a lane raised: the process must not go on with half of its work."""
    if lane is not None:
        await lane
