"""Processes named so that a reused pid is never mistaken for one of ours, and ended by that name."""

import os
import signal
from dataclasses import dataclass
from typing import Self

import psutil

# create_time() is boot time plus ticks, and the boot time moves a little when the clock is corrected.
_SAME_START_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process by pid and start time (seconds since the epoch)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name the running process `pid`; raises psutil.NoSuchProcess when it is gone."""
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    @classmethod
    def own(cls) -> Self:
        """Name this process."""
        return cls.of(os.getpid())

    def process(self) -> psutil.Process | None:
        """Return the process while it runs, None when it ended or its pid belongs to another one now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def alive(self) -> bool:
        """Tell whether exactly this process still runs."""
        return self.process() is not None

    def end(self, *, grace_s: float, gently: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop with `gently`, and kill it when it still runs after `grace_s`. Harmless when it is gone."""
        process = self.process()
        if process is None:
            return
        try:
            process.send_signal(gently)
            process.wait(grace_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(grace_s)
        except psutil.NoSuchProcess:
            return
