"""The local system around processes of this test: what `avm up` and `avm demo` stand on."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from infra.cli.up import catalogue_topics, running_system
from infra.embedded.identity import Identity
from infra.embedded.processes import Phase, ProcessSpec
from infra.kafka.admin import require
from infra.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

REPORTING = """
import http.server, os, pathlib
from infra.settings import Settings
pathlib.Path(os.environ["AVM_STATE"], "seen.json").write_text(Settings().model_dump_json())
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["AVM_HEALTH_PORT"])), Health).serve_forever()
"""


def one_process(settings):
    from infra.cli.up import environment

    return (ProcessSpec(name="gateway", argv=(sys.executable, "-c", REPORTING), env=environment(settings)),)


def avm(state, *arguments):
    command = [sys.executable, "-m", "infra.cli", *arguments]
    env = {**os.environ, "AVM_STATE": str(state)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.mark.requirement("OP9")
async def test_a_system_runs_is_found_by_other_commands_and_resumes_with_its_addresses(tmp_path):
    settings = Settings(state=tmp_path / "state")
    async with running_system(settings, one_process) as system:
        await system.supervisor.wait_ready(60)
        seen = json.loads((settings.state / "seen.json").read_text())
        assert seen["kafka"]["bootstrap"] == system.settings.kafka.bootstrap
        assert seen["gateway"]["port"] == system.settings.gateway.port
        require(AdminClient({"bootstrap.servers": system.settings.kafka.bootstrap}), catalogue_topics(system.settings))
        psycopg.connect(system.settings.postgres.dsn.get_secret_value()).close()

        planned = avm(settings.state, "topics", "plan", "--json")
        assert (planned.returncode, json.loads(planned.stdout)) == (
            0,
            {"missing": [], "wrong_partitions": [], "changed": []},
        )
        refused = avm(settings.state, "up")
        assert refused.returncode == 1
        assert f"in use by process {os.getpid()}" in refused.stderr
        assert f"runs as process {os.getpid()}" in avm(settings.state, "doctor", "--json").stdout
        pages, keys = system.pages, system.api_keys
        child = Identity.of(system.supervisor.states()[0].pid)
    assert not child.alive()

    async with running_system(settings, one_process) as again:
        assert (again.pages, again.api_keys) == (pages, keys)
        await again.supervisor.wait_ready(60)
        assert again.supervisor.states()[0].phase is Phase.READY
