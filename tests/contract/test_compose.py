"""docker-compose.yml has the parts of the local stack, and is a Compose file."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for

from infra.cli.up import processes
from infra.settings import Settings
from schemas.codes import Lane

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
STAGES = ("intake", "enrichment", "scoring", "routing", "reporting")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def mistakes(text):
    """What the Compose schema, as carried by check-jsonschema, says against a file."""
    package = find_spec("check_jsonschema")  # found, not imported: its command line wants another click than Faust
    carried = Path(package.submodule_search_locations[0], "builtin_schemas", "vendor", "compose-spec.json")
    schema = json.loads(carried.read_text(encoding="utf-8"))
    return [error.message for error in validator_for(schema)(schema).iter_errors(yaml.safe_load(text))]


def test_it_is_valid_by_the_compose_schema():
    assert mistakes(COMPOSE.read_text(encoding="utf-8")) == []


def test_the_schema_check_sees_a_mistake():
    assert mistakes(COMPOSE.read_text(encoding="utf-8").replace("restart: unless-stopped", "restarts: always"))


def test_every_stage_runs_on_both_lanes(services):
    commands = [service.get("command") for service in services.values()]
    for stage in STAGES:
        for lane in Lane:
            assert ["worker", stage, "--lane", lane.value] in commands
    assert ["worker", "settle"] in commands
    assert ["worker", "shadow"] in commands


def test_it_runs_every_process_of_the_local_stack(services):
    commands = {tuple(service["command"]) for service in services.values() if "command" in service}
    here = {spec.argv[3:] for spec in processes(Settings())}  # behind `python -m infra.cli`
    assert here - commands == set()


def test_every_file_it_mounts_exists(services):
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_ports_are_bound_to_loopback(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
