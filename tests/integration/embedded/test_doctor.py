"""The doctor on a machine where the embedded parts do run."""

import json

import pytest
from typer.testing import CliRunner

from infra.cli.doctor import app


@pytest.mark.kafka
@pytest.mark.requirement("OP9")
def test_the_doctor_finds_this_machine_fit_and_says_so_as_one_object(kafka, monkeypatch, tmp_path):
    monkeypatch.setenv("AVM_STATE", str(tmp_path))
    done = CliRunner().invoke(app, ["--json"])
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["healthy"]) == (0, True)
    assert {finding["what"] for finding in answer["findings"]} >= {
        "Python",
        "Java",
        "Kafka",
        "PostgreSQL",
        "Chinese fonts",
    }
