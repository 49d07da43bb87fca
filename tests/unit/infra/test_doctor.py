import json
import os
import sys

from infra.cli.doctor import Verdict, disk, examine, packages, python, stack, writable
from infra.embedded.lock import locked


def test_another_python_is_missing_python_3_11():
    assert python((3, 11)).verdict is Verdict.OK
    assert python((3, 12)).verdict is Verdict.MISSING


def test_a_missing_package_is_named_with_what_to_do():
    found = packages(("json", "no_such_package"))
    assert (found.verdict, found.found, found.mend) == (Verdict.MISSING, "without no_such_package", "run `make setup`")


def test_a_full_disk_is_a_warning(tmp_path):
    assert disk(tmp_path / "not" / "yet").verdict is Verdict.OK
    assert disk(tmp_path, needed=10**18).verdict is Verdict.WARN


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    found = writable(tmp_path / "file" / "state")
    assert found.verdict is Verdict.MISSING
    assert "AVM_STATE" in found.mend


def test_a_running_stack_is_named_by_its_process(tmp_path):
    assert stack(tmp_path).found == "none runs here"
    with locked(tmp_path):
        assert stack(tmp_path).found == f"runs as process {os.getpid()}"


def test_a_broker_left_behind_is_reported_with_its_pid(tmp_path):
    from dataclasses import asdict

    from infra.embedded.identity import Identity

    (tmp_path / "kafka").mkdir()
    gone = {"pid": 2**22 + 1, "started": 1.0}
    state = {"port": 1, "controller_port": 2, "broker": asdict(Identity.own()), "owner": gone}
    (tmp_path / "kafka" / "broker.json").write_text(json.dumps(state))
    found = stack(tmp_path)
    assert found.verdict is Verdict.WARN
    assert f"kill {os.getpid()}" in found.mend


def test_no_jars_and_no_way_to_fetch_them_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nothing listens there
    found = {finding.what: finding for finding in examine(tmp_path / "state", tmp_path / "cache")}
    assert found["Kafka"].verdict is Verdict.MISSING
    assert "mirror" in found["Kafka"].mend
    assert found["Python"].found.endswith(f"({sys.executable})")
