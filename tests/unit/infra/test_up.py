import json
import sys

from pydantic import SecretStr

from infra.cli.up import environment, processes
from infra.settings import Settings

SETTINGS = Settings().model_copy(
    update={"postgres": Settings().postgres.model_copy(update={"dsn": SecretStr("dbname=x")})}
)


def test_every_stage_runs_on_both_lanes_beside_ledger_gateway_and_desk():
    commands = {spec.name: spec.argv for spec in processes(SETTINGS)}
    assert sum("worker" in argv for argv in commands.values()) == 5 * 2 + 2
    assert commands["callbacks"][3:] == ("consumer", "callbacks")
    assert commands["batch"][3:] == ("batch-service",)
    assert commands["settle"][3:] == ("worker", "settle")
    assert commands["shadow"][3:] == ("worker", "shadow")
    assert commands["scoring.batch"] == (sys.executable, "-m", "infra.cli", "worker", "scoring", "--lane", "batch")
    assert commands["ledger"][3:] == ("consumer", "ledger")
    assert commands["gateway"][3:] == ("gateway",)
    assert commands["desk"][3:] == ("desk",)


def test_a_child_process_reads_the_same_settings_from_its_environment(monkeypatch, tmp_path):
    complete = SETTINGS.model_copy(
        update={
            "state": tmp_path,
            "kafka": SETTINGS.kafka.model_copy(update={"bootstrap": "127.0.0.1:1", "partitions": 4, "replication": 1}),
            "gateway": SETTINGS.gateway.model_copy(
                update={
                    "port": 8001,
                    "public_url": "http://a",
                    "ledger_url": "http://b",
                    "api_keys": {"ab": "CREDIT_MGMT"},
                }
            ),
            "ledger": SETTINGS.ledger.model_copy(update={"port": 8002}),
            "desk": SETTINGS.desk.model_copy(update={"port": 8003}),
            "batch": SETTINGS.batch.model_copy(update={"port": 8004, "url": "http://c"}),
        }
    )
    for name, value in environment(complete).items():
        monkeypatch.setenv(name, value)
    assert Settings() == complete


def test_no_secret_is_on_a_command_line():
    words = [word for spec in processes(SETTINGS) for word in spec.argv]
    assert "dbname=x" not in json.dumps(words)


def test_the_batch_lane_steps_back_behind_the_online_lane():
    niceness = {spec.name: spec.niceness for spec in processes(SETTINGS)}
    assert niceness["scoring.online"] == niceness["gateway"] == 0
    assert 0 < niceness["scoring.batch"] == niceness["batch"] < niceness["shadow"] == niceness["reporting.batch"]
    assert niceness["reporting.online"] == 0
