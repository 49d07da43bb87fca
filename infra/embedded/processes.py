"""A small supervisor for the processes of the local stack (decision 0002).

It starts named programs, writes what they print to a file each, restarts those that fail with growing pauses, knows
which are ready, and stops all of them. When it is killed itself, the kernel kills its children (see `tether`).
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Self

from infra.embedded.niceness import step_back
from infra.embedded.ports import LOOPBACK, free_port
from infra.embedded.tether import tethered

log = logging.getLogger(__name__)

HEALTH_PORT_VARIABLE = "AVM_HEALTH_PORT"
EXIT_BROKER_TROUBLE = 70  # a worker that cannot publish ends itself before its offsets move

_LOG_BYTES, _OLD_LOGS = 20_000_000, 1
_LOOK_AGAIN_S = 0.2  # while a process is not ready
_LOOK_AFTER_S = 2.0  # once it is
_PROBE_TIMEOUT_S = 2.0
_HOPELESS_AFTER = 4  # restarts without having been ready once: waiting longer will not help
_HTTP_OK = b"200"

Readiness = Callable[[], Awaitable[bool]]


class Phase(StrEnum):
    """Where a process stands."""

    WAITING = "waiting"  # not started, or pausing before a restart
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"  # by itself with exit code 0, or stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A program to keep running.

    Without `ready` it counts as ready when `GET /health` on loopback answers 200 at the port it is given in
    `AVM_HEALTH_PORT`, a fresh one at every start. A service is started again also when it ended well: whoever stopped
    it, SIGTERM from outside is how one restarts it. `niceness` (0 to 19): how far it steps back behind the others
    once it has been ready; until then everybody waits for it.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Readiness | None = None
    is_service: bool = False
    niceness: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """What is known of a process now. `pid` and `health_port` are None while it does not run."""

    name: str
    phase: Phase
    pid: int | None
    health_port: int | None
    restarts: int
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses between restarts: doubled from `first_s` to `longest_s`, forgotten after a run of `calm_s`."""

    first_s: float = 0.5
    longest_s: float = 30.0
    calm_s: float = 60.0

    def pause_s(self, failures: int) -> float:
        """Return the pause after the n-th failure in a row (from 1)."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))


class NotReadyError(RuntimeError):
    """A process did not become ready. Its log says why."""

    def __init__(self, state: ProcessState, log_path: Path) -> None:
        self.state, self.log_path = state, log_path
        super().__init__(
            f"{state.name} is {state.phase} after {state.restarts} restarts (last exit code {state.exit_code}); "
            f"the end of {log_path}:\n{_tail(log_path)}"
        )


def exists(path: Path) -> Readiness:
    """Ready when a file is there."""

    async def probe() -> bool:
        return await asyncio.to_thread(path.exists)

    return probe


def answers(port: int, path: str = "/health") -> Readiness:
    """Ready when `GET path` on loopback answers 200."""

    async def probe() -> bool:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                return await _status(port, path) == _HTTP_OK
        return False

    return probe


async def _status(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode())
        _version, status, *_ = (await reader.readuntil(b"\r\n")).split()
        return status
    finally:
        writer.close()


class _Kept:
    """One process, kept running until `stop`."""

    def __init__(self, spec: ProcessSpec, *, env: Mapping[str, str], log_path: Path, backoff: Backoff) -> None:
        self.spec, self.log_path = spec, log_path
        self.first_ready = asyncio.Event()
        self.state = ProcessState(
            name=spec.name, phase=Phase.WAITING, pid=None, health_port=None, restarts=0, exit_code=None
        )
        self._env, self._backoff = env, backoff
        self._stopping = asyncio.Event()
        self._child: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run it, again and again, until it is stopped, or ends with 0 and is no service."""
        failures = restarts = 0
        while True:
            began = time.monotonic()
            code = await self._run_once(restarts)
            if self._stopping.is_set() or (code == 0 and not self.spec.is_service):
                self.state = self._now(Phase.ENDED, restarts=restarts, exit_code=code)
                return
            failures = 1 if time.monotonic() - began > self._backoff.calm_s else failures + 1
            restarts += 1
            self.state = self._now(Phase.WAITING, restarts=restarts, exit_code=code)
            level = logging.INFO if code in {0, EXIT_BROKER_TROUBLE} else logging.WARNING
            log.log(level, "%s ended with exit code %s; restart %s", self.spec.name, code, restarts)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._backoff.pause_s(failures))

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, and kill it with all it started when it still runs after `grace_s`."""
        self._stopping.set()
        child = self._child
        if child is None or child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), grace_s)
        except TimeoutError:
            log.warning("%s did not stop in %s s and is killed", self.spec.name, grace_s)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # it leads a session of its own
            await child.wait()

    def _now(
        self,
        phase: Phase,
        *,
        pid: int | None = None,
        health_port: int | None = None,
        restarts: int,
        exit_code: int | None,
    ) -> ProcessState:
        return ProcessState(
            name=self.spec.name, phase=phase, pid=pid, health_port=health_port, restarts=restarts, exit_code=exit_code
        )

    async def _run_once(self, restarts: int) -> int:
        if self._stopping.is_set():
            return 0
        port = free_port()
        self._child = child = await asyncio.create_subprocess_exec(
            *tethered(self.spec.argv, on_parent_death=signal.SIGKILL),  # SIGTERM waits for a broker that may be gone
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self._env, **self.spec.env, HEALTH_PORT_VARIABLE: str(port)},
            start_new_session=True,  # Ctrl-C belongs to the supervisor, which stops all in order
        )
        last = self.state.exit_code
        self.state = self._now(Phase.STARTING, pid=child.pid, health_port=port, restarts=restarts, exit_code=last)
        watching = asyncio.create_task(self._watch(self.spec.ready or answers(port)))
        try:
            await self._write_log(child)
            return await child.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, ready: Readiness) -> None:
        is_back = self.spec.niceness == 0
        while True:
            phase = Phase.READY if await ready() else Phase.STARTING
            was = self.state
            self.state = self._now(
                phase, pid=was.pid, health_port=was.health_port, restarts=was.restarts, exit_code=was.exit_code
            )
            if phase is Phase.READY:
                self.first_ready.set()
                is_back = is_back or was.pid is None or step_back(was.pid, self.spec.niceness)
            await asyncio.sleep(_LOOK_AFTER_S if phase is Phase.READY else _LOOK_AGAIN_S)

    async def _write_log(self, child: asyncio.subprocess.Process) -> None:
        """Copy what it prints to its log file, each line with its name before it, until it closes its output."""
        if child.stdout is None:
            raise RuntimeError("the child was started without a pipe")
        file = RotatingFileHandler(self.log_path, maxBytes=_LOG_BYTES, backupCount=_OLD_LOGS, encoding="utf-8")
        rest = b""
        try:
            while chunk := await child.stdout.read(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    file.emit(self._line(line))
            if rest:
                file.emit(self._line(rest))
        finally:
            file.close()

    def _line(self, line: bytes) -> logging.LogRecord:
        return logging.makeLogRecord({"msg": f"{self.spec.name} | {line.decode(errors='replace')}"})


class Supervisor:
    """Keeps processes running. Use it on the main thread's loop: children end with the thread that started them."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        logs: Path,
        env: Mapping[str, str],
        backoff: Backoff | None = None,
        grace_s: float = 15.0,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            specs: In the order of their start; names are unique.
            logs: Folder of `NAME.log` files, made when missing.
            env: Whole environment of every process; a spec's own variables win.
            backoff: Pauses between restarts.
            grace_s: How long a process may take to stop before it is killed.
        """
        if len({spec.name for spec in specs}) != len(specs):
            raise ValueError(f"process names must differ: {[spec.name for spec in specs]}")
        self._logs, self._grace_s = logs, grace_s
        logs.mkdir(parents=True, exist_ok=True)
        self._kept = [
            _Kept(spec, env=env, log_path=logs / f"{spec.name}.log", backoff=backoff or Backoff()) for spec in specs
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def states(self) -> tuple[ProcessState, ...]:
        """Return what is known of each process now, in the order of the specs."""
        return tuple(kept.state for kept in self._kept)

    def log_path(self, name: str) -> Path:
        """Return the file with what the process printed."""
        return self._logs / f"{name}.log"

    async def start(self) -> None:
        """Start all. Does not wait for readiness."""
        self._tasks = [asyncio.create_task(kept.keep(), name=kept.spec.name) for kept in self._kept]

    async def wait_ready(self, within_s: float) -> None:
        """Return when every process has been ready once.

        Raises:
            NotReadyError: One was not within `within_s`, ended, or failed again and again.
        """
        deadline = time.monotonic() + within_s
        for kept in self._kept:
            while not kept.first_ready.is_set():
                hopeless = kept.state.restarts >= _HOPELESS_AFTER or kept.state.phase is Phase.ENDED
                if hopeless or time.monotonic() > deadline:
                    raise NotReadyError(kept.state, kept.log_path)
                with suppress(TimeoutError):
                    await asyncio.wait_for(kept.first_ready.wait(), _LOOK_AGAIN_S)

    async def wait_ended(self) -> None:
        """Return when no process runs any more."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Stop all, the last started asked first; return when none runs. Harmless when called twice."""
        await asyncio.gather(*(kept.stop(self._grace_s) for kept in reversed(self._kept)))
        await self.wait_ended()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-3000:]
    except FileNotFoundError:
        return "(nothing was printed)"
