"""Webhooks, one lane for each channel: a slow or dead endpoint takes nobody else's turn."""

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
from consumers.callbacks.settling import Desk, Turn
from consumers.callbacks.targets import TargetRules
from consumers.callbacks.webhook import Limits, post
from infra.postgres.pool import is_passing

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_AGAIN_S = 0.5
_DATABASE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends what is due. `open_client` makes the client of one channel; `concurrency` counts attempts of a channel."""

    desk: Desk
    open_client: Callable[[], httpx.AsyncClient]
    meters: Meters
    rules: TargetRules = field(default_factory=TargetRules)
    limits: Limits = field(default_factory=Limits)
    concurrency: int = 8

    def run(self, stop: threading.Event) -> None:
        """Send until `stop`; attempts under way are finished. A database that is away is waited for."""
        asyncio.run(self._run(stop))

    async def drain(self) -> int:
        """Send everything that is due now, and give how many attempts that took."""
        channels = await asyncio.to_thread(self.desk.webhooks)
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(self.open_client()) for _ in channels]
            lanes = zip(channels, clients, strict=True)
            return sum(await asyncio.gather(*(self._lane(channel, http, _go_on) for channel, http in lanes)))

    async def _run(self, stop: threading.Event) -> None:
        lanes: dict[str, asyncio.Task[int]] = {}
        clients: dict[str, httpx.AsyncClient] = {}
        async with AsyncExitStack() as stack:
            while not stop.is_set():
                for channel in await _patiently(lambda: asyncio.to_thread(self.desk.webhooks)) or ():
                    if channel not in clients:
                        clients[channel] = await stack.enter_async_context(self.open_client())
                    if channel not in lanes or lanes[channel].done():
                        await _outcome_of(lanes.get(channel))
                        lanes[channel] = asyncio.create_task(self._patient_lane(channel, clients[channel], stop))
                await asyncio.sleep(_LOOK_AGAIN_S)
            for lane in lanes.values():
                await lane

    async def _patient_lane(self, channel: str, http: httpx.AsyncClient, stop: threading.Event) -> int:
        return await _patiently(lambda: self._lane(channel, http, lambda: not stop.is_set())) or 0

    async def _lane(self, channel: str, http: httpx.AsyncClient, may_go_on: Callable[[], bool]) -> int:
        attempts = 0
        while may_go_on():
            turn = await asyncio.to_thread(self.desk.turn, channel, self.concurrency)
            if turn is None:
                break
            await asyncio.gather(*(self._attempt(http, turn, claimed) for claimed in turn.claimed))
            attempts += len(turn.claimed)
        return attempts

    async def _attempt(self, http: httpx.AsyncClient, turn: Turn, claimed: Claimed) -> None:
        begun = time.monotonic()
        answer = await post(
            http, turn.endpoint, claimed.delivered, at=self.desk.clock(), rules=self.rules, limits=self.limits
        )
        self.meters.seconds.observe(time.monotonic() - begun)
        self.meters.attempts.add(of=answer.outcome.value)
        extra = {"delivery_id": claimed.delivered.delivery_id, "channel": turn.endpoint.channel}
        log.info("webhook", extra=extra | {"outcome": answer.outcome.value, "fault": answer.fault})
        await asyncio.to_thread(self.desk.settle, turn, claimed, answer)


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
