"""docker-compose.yml has the parts of the local stack, and is a Compose file."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from schemas.codes import Lane

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
STAGES = ("intake", "enrichment", "scoring", "routing", "reporting")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def check_against_the_schema(path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_valid_by_the_compose_schema():
    outcome = check_against_the_schema(COMPOSE)
    assert outcome.returncode == 0, outcome.stdout


def test_the_schema_check_sees_a_mistake(tmp_path):
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(
        COMPOSE.read_text(encoding="utf-8").replace("restart: unless-stopped", "restarts: always"), encoding="utf-8"
    )
    assert check_against_the_schema(broken).returncode == 1


def test_every_stage_runs_on_both_lanes(services):
    commands = [service.get("command") for service in services.values()]
    for stage in STAGES:
        for lane in Lane:
            assert ["worker", stage, "--lane", lane.value] in commands
    assert ["worker", "settle"] in commands


def test_every_file_it_mounts_exists(services):
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_ports_are_bound_to_loopback(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
