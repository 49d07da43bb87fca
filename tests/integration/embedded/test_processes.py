"""The supervisor with real child processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.embedded.identity import Identity
from infra.embedded.processes import Backoff, NotReadyError, Phase, ProcessSpec, Supervisor, exists

QUICK = Backoff(first_s=0.01, longest_s=0.05)

HEALTHY = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["AVM_HEALTH_PORT"])), Health).serve_forever()
"""

# fails the first two times it is run, told apart by a file
CRASHING_TWICE = """
import pathlib, sys, time
runs = pathlib.Path(sys.argv[1]); count = len(runs.read_text()) if runs.exists() else 0
runs.write_text("x" * (count + 1)); print("run", count + 1, flush=True)
sys.exit(70) if count < 2 else (pathlib.Path(sys.argv[2]).touch(), time.sleep(600))
"""

STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(grandchild.pid)); pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
"""


def python(name, code, *arguments, **changes):
    return ProcessSpec(name=name, argv=(sys.executable, "-c", code, *map(str, arguments)), **changes)


def supervisor(tmp_path, *specs, **changes):
    return Supervisor(specs, logs=tmp_path / "logs", env=dict(os.environ), backoff=QUICK, **changes)


def wait_until(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


async def test_a_process_is_ready_when_its_health_page_answers_and_ends_on_stop(tmp_path):
    async with supervisor(tmp_path, python("one", HEALTHY), python("two", HEALTHY)) as running:
        await running.wait_ready(30)
        states = running.states()
        assert [(state.name, state.phase, state.restarts) for state in states] == [
            ("one", Phase.READY, 0),
            ("two", Phase.READY, 0),
        ]
        assert len({state.health_port for state in states}) == 2
        children = [Identity.of(state.pid) for state in states]
    assert not any(child.alive() for child in children)
    assert {state.phase for state in running.states()} == {Phase.ENDED}


async def test_a_crashing_process_is_restarted_and_its_output_kept(tmp_path):
    ready = tmp_path / "ready"
    spec = python("shaky", CRASHING_TWICE, tmp_path / "runs", ready, ready=exists(ready))
    async with supervisor(tmp_path, spec) as running:
        await running.wait_ready(30)
        assert running.states()[0].restarts == 2
        assert running.states()[0].exit_code == 70
        assert running.log_path("shaky").read_text().splitlines() == [f"shaky | run {n}" for n in (1, 2, 3)]


async def test_a_killed_process_is_restarted(tmp_path):
    async with supervisor(tmp_path, python("one", HEALTHY)) as running:
        await running.wait_ready(30)
        first = running.states()[0].pid
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(30):
            while running.states()[0].pid in {first, None} or running.states()[0].phase is not Phase.READY:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert running.states()[0].exit_code == -signal.SIGKILL


async def test_a_process_that_never_becomes_ready_is_named_with_the_end_of_its_log(tmp_path):
    broken = python("broken", "import sys; sys.exit('no such model')")
    async with supervisor(tmp_path, python("good", HEALTHY), broken) as running:
        with pytest.raises(NotReadyError, match=r"broken is (?s:.*)last exit code 1(?s:.*)no such model"):
            await running.wait_ready(60)


async def test_a_process_that_ends_well_is_not_restarted(tmp_path):
    async with supervisor(tmp_path, python("done", "print('done')")) as running:
        await asyncio.wait_for(running.wait_ended(), 30)
        assert (running.states()[0].phase, running.states()[0].restarts) == (Phase.ENDED, 0)


async def test_a_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path):
    ready, grandchild_file = tmp_path / "ready", tmp_path / "grandchild"
    spec = python("stubborn", STUBBORN, grandchild_file, ready, ready=exists(ready))
    async with supervisor(tmp_path, spec, grace_s=0.2) as running:
        await running.wait_ready(30)
        child, grandchild = Identity.of(running.states()[0].pid), Identity.of(int(grandchild_file.read_text()))
    assert not child.alive()
    wait_until(lambda: not grandchild.alive())


async def test_two_processes_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="names must differ"):
        supervisor(tmp_path, python("one", HEALTHY), python("one", HEALTHY))


SUPERVISING = """
import asyncio, json, os, pathlib, sys
from infra.embedded.processes import ProcessSpec, Supervisor
async def main():
    specs = [ProcessSpec(name=n, argv=(sys.executable, "-c", sys.argv[2])) for n in ("one", "two")]
    async with Supervisor(specs, logs=pathlib.Path(sys.argv[1]), env=dict(os.environ)) as running:
        await running.wait_ready(60)
        print(json.dumps([state.pid for state in running.states()]), flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path):
    deaf = HEALTHY.replace(
        "import http.server, os", "import http.server, os, signal; signal.signal(15, signal.SIG_IGN)"
    )
    command = [sys.executable, "-c", SUPERVISING, tmp_path, deaf]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        children = [Identity.of(pid) for pid in json.loads(parent.stdout.readline())]
        assert all(child.alive() for child in children)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(child.alive() for child in children))


@pytest.mark.requirement("BA2")
async def test_a_process_that_is_ready_steps_back_behind_those_of_other_sessions_too(tmp_path):
    async with supervisor(tmp_path, python("batch", HEALTHY, niceness=10), python("online", HEALTHY)) as running:
        await running.wait_ready(30)
        batch, online = (state.pid for state in running.states())
        await asyncio.to_thread(wait_until, lambda: os.getpriority(os.PRIO_PROCESS, batch) == 10)
        group = Path("/proc") / str(batch) / "autogroup"
        if group.exists():
            await asyncio.to_thread(wait_until, lambda: group.read_text().rstrip().endswith("nice 10"))
        assert os.getpriority(os.PRIO_PROCESS, online) < 10
