import json

import pytest
from typer.testing import CliRunner

from infra.cli import CommandError, policy
from streams.routing.policy_file import DEFAULT_POLICY


@pytest.mark.requirement("RT9")
def test_check_says_that_the_shipped_policy_is_valid():
    result = CliRunner().invoke(policy.app, ["check", str(DEFAULT_POLICY)])
    assert result.exit_code == 0
    assert result.output.startswith("policy 2026-11 is valid")


@pytest.mark.requirement("RT9")
def test_check_lists_every_fault_of_a_policy(tmp_path):
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(DEFAULT_POLICY.read_text().replace("audit_share = 0.02", "audit = 0.02"))
    error = CliRunner().invoke(policy.app, ["check", str(faulty)]).exception
    assert isinstance(error, CommandError)
    assert str(error).endswith("is refused:\n  audit_share is missing\n  audit is not known")


def test_check_says_when_there_is_no_file(tmp_path):
    error = CliRunner().invoke(policy.app, ["check", str(tmp_path / "none.toml")]).exception
    assert isinstance(error, CommandError)


def test_show_prints_one_json_object_with_every_threshold():
    shown = json.loads(CliRunner().invoke(policy.app, ["show", str(DEFAULT_POLICY), "--json"]).output)
    assert shown["version"] == "2026-11"
    assert len(shown["thresholds"]) == 9
    assert {"city", "class", "profile", "min_p10"} <= set(shown["thresholds"][0])
