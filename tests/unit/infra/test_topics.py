import json

from typer.testing import CliRunner

from infra.cli.topics import app
from schemas.catalogue import TOPICS


def test_the_catalogue_is_exported_for_strimzi(monkeypatch):
    monkeypatch.delenv("AVM_KAFKA__BOOTSTRAP", raising=False)
    done = CliRunner().invoke(app, ["export", "--format", "strimzi", "--cluster", "bank"])
    items = json.loads(done.stdout)["items"]
    assert [item["metadata"]["name"] for item in items] == [name for topic in TOPICS for name in topic.names]
    assert {item["kind"] for item in items} == {"KafkaTopic"}
    assert {item["metadata"]["labels"]["strimzi.io/cluster"] for item in items} == {"bank"}
    assert {item["spec"]["replicas"] for item in items} == {3}


def test_without_a_broker_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("AVM_STATE", str(tmp_path))
    monkeypatch.delenv("AVM_KAFKA__BOOTSTRAP", raising=False)
    done = CliRunner().invoke(app, ["plan"])
    assert done.exit_code == 1
    assert "AVM_KAFKA__BOOTSTRAP" in str(done.exception)
    assert "avm up" in str(done.exception)
