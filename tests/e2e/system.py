"""A system run as an operator runs it: `avm up` as a process of its own, everything else over the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psutil

from infra.embedded.stack import Connections, running_connections

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_S = 240.0
STOPPED_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 90.0
_COMMAND_WITHIN_S = 600.0  # a demonstration waits for people, who miss offers of a minute

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, *, within_s: float = ANSWERED_WITHIN_S) -> T:
    """What `look` finds, once that is neither `None` nor false."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {within_s:.0f} s"
        time.sleep(0.1)


def processes_of(state: Path) -> list[psutil.Process]:
    """Every living process, this one left out, that works in a state folder."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _works_in(process, state)]


def _works_in(process: psutil.Process, state: Path) -> bool:
    with suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.environ().get("AVM_STATE") == str(state) or str(state) in " ".join(process.cmdline())
    return False


@dataclass(frozen=True)
class Avm:
    """`avm` for one state folder, as typed in a terminal; no other setting of this machine reaches it."""

    state: Path

    @property
    def env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AVM_")}
        return {**inherited, "AVM_STATE": str(self.state), "PYTHONPATH": str(ROOT)}

    def __call__(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=_COMMAND_WITHIN_S,
            check=False,
        )

    def json(self, *arguments: object) -> dict[str, Any]:
        """Run it with `--json`; it must succeed and print one object and nothing else."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, f"avm {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return [sys.executable, "-m", "infra.cli", *map(str, arguments)]


@dataclass
class Up:
    """One `avm up --json`. What it says to people goes to the file `said`."""

    avm: Avm
    said: Path
    _process: "subprocess.Popen[str] | None" = field(default=None, init=False)

    def start(self) -> None:
        with self.said.open("w") as said:
            self._process = subprocess.Popen(
                self.avm.command("up", "--json"),
                cwd=ROOT,
                env=self.avm.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def wait_for_stack(self) -> None:
        """Return when other commands find broker and database with all topics."""

        def found() -> Connections | None:
            assert self._running.poll() is None, self.said.read_text()
            connections = running_connections(self.avm.state)
            return connections if connections and connections.pages else None

        eventually(found, "broker and database", within_s=STARTED_WITHIN_S)

    def ready(self) -> dict[str, Any]:
        """The object it prints once every process is ready."""
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        assert line, f"avm up ended before everything was ready:\n{self.said.read_text()}"
        return json.loads(line)

    def stop(self) -> int:
        """Ask it to end as a service manager does; its exit code."""
        self._running.send_signal(signal.SIGTERM)
        code = self._running.wait(STOPPED_WITHIN_S)
        assert self._running.stdout is not None
        self._running.stdout.close()
        return code

    def abandon(self) -> None:
        """Leave nothing behind, whatever happened."""
        with suppress(RuntimeError):
            self._running.kill()
            self._running.wait()
        for process in processes_of(self.avm.state):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    @property
    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise RuntimeError("avm up was not started")
        return self._process


@dataclass(frozen=True)
class Secrets:
    """What `avm up` made for this state folder alone."""

    state: Path

    @cached_property
    def _kept(self) -> Mapping[str, Mapping[str, str]]:
        return json.loads((self.state / "secrets.json").read_text())

    def api_key(self, channel: str) -> str:
        return self._kept["api_keys"][channel]

    def oauth_secret(self, channel: str) -> str:
        return self._kept["oauth_secrets"][channel]

    def password(self, user: str) -> str:
        return self._kept["passwords"][user]

    @property
    def wechat(self) -> Mapping[str, str]:
        return self._kept["wechat"]
