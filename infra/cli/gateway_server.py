"""Serving the gateway's application on its sockets, and ending in good order."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from producers.gateway.access.tls import Tls, private_config
from producers.gateway.drain import Drain


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Seconds. `notice_s`: how long an instance goes on saying that it ends, until those who send to it know it.

    `limit_s`: how long what is in hand may take; callers who wait for a result get it, or 202, within 10 s.
    """

    notice_s: float = 2.0
    limit_s: float = 15.0


@dataclass(slots=True, kw_only=True)
class Servers:
    """The listeners of one instance: the open one, and the private one where there is one."""

    drain: Drain
    ending: Ending
    _running: list[tuple[uvicorn.Server, socket.socket]] = field(default_factory=list)

    def add(self, app: object, listening: socket.socket) -> None:
        """Serve on an open socket."""
        self._add(uvicorn.Config(app, **self._options()), listening)  # type: ignore[arg-type]  # any ASGI application

    def add_private(self, app: object, listening: socket.socket, tls: Tls) -> None:
        """Serve on a socket where only clients with a certificate come in. The open one looks after the lifespan."""
        self._add(private_config(app, tls, lifespan="off", **self._options()), listening)  # type: ignore[arg-type]

    def stop(self) -> None:
        """End at once: nothing can be promised any more, and streams would go on for minutes. On the event loop."""
        self.drain.announce()
        for server, _ in self._running:
            server.should_exit = True

    async def serve(self) -> None:
        """Serve until the end is announced; then until nothing is in hand, within the limit."""
        async with asyncio.TaskGroup() as group:
            announced = group.create_task(self._stop_when_drained())
            served = [group.create_task(server.serve(sockets=[at])) for server, at in self._running]
            await asyncio.wait(served)
            announced.cancel()

    async def _stop_when_drained(self) -> None:
        await self.drain.announced()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(self.ending.notice_s))
            group.create_task(self.drain.finished(within_s=self.ending.limit_s))
        self.stop()

    def _add(self, config: uvicorn.Config, listening: socket.socket) -> None:
        self._running.append((_Server(config), listening))

    def _options(self) -> dict[str, object]:
        within = max(1, round(self.ending.limit_s))
        return {"log_config": None, "access_log": False, "server_header": False, "timeout_graceful_shutdown": within}


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises them again after its end, which would cut off ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See the base class."""
        yield


@contextmanager
def ended_by_signals(servers: Servers) -> Iterator[None]:
    """SIGTERM and Ctrl-C let what is in hand finish, a second one does not; only a main thread may listen to them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def end() -> None:
        if servers.drain.is_announced:
            servers.stop()
        servers.drain.announce()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


_SIGNALS: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(512)
    return listening
