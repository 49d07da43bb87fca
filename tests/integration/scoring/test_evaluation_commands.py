"""`avm model evaluate` and `avm model thresholds`: from a file of deals to figures, a report and a policy."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import CommandError, policy
from infra.cli.segments import read_report
from schemas.domain.channels import Profile
from streams.routing.policy import PropertyClass, parse
from streams.routing.policy_file import DEFAULT_POLICY

_WANTED = {
    "n", "mdape", "ppe5", "ppe10", "ppe20", "bias", "cod", "prd", "prb", "ppe10_at", "interval_coverage",
    "interval_width", "ece_p10", "baselines",
}  # fmt: skip
_ONCE = ("--walk-forward", "once", "--from", "2026-08-01")


@pytest.fixture(scope="module")
def deals(folder):
    return "--deals", folder / "deals.parquet", "--communities", folder / "communities.parquet"


@pytest.fixture(scope="module")
def evaluated(deals, run, tmp_path_factory):
    """The JSON object and the report of one evaluation in one setting."""
    html = tmp_path_factory.mktemp("report") / "report.html"
    return run("evaluate", *deals, *_ONCE, "--lag", "7", "--setting", "area", "--html", html), html


@pytest.fixture(scope="module")
def chosen(deals, run, tmp_path_factory):
    """The JSON object and the policy file of one choice."""
    out = tmp_path_factory.mktemp("policy") / "policy.toml"
    told = run("thresholds", *deals, *_ONCE, "--target", "0.6", "--out", out, "--policy-version", "2026-12")
    return told, out


def test_one_segment_and_one_setting_are_the_object_itself(evaluated):
    figures, _ = evaluated
    assert set(figures) >= _WANTED
    assert figures["n"] > 30
    assert figures["walk_forward"] == {
        "step": "once", "from": "2026-08-01", "before": "2026-11-02", "lag_days": 7, "reference": "deal",
    }  # fmt: skip
    assert set(figures["baselines"]) == {
        "city_mean", "community_mean_x_index", "last_price_x_index", "comparables", "plain_catboost",
    }  # fmt: skip


def test_the_report_says_what_the_json_says(evaluated):
    figures, html = evaluated
    text = html.read_text(encoding="utf-8")
    assert f"{100 * figures['ppe10']:.1f}%" in text
    assert "deals.parquet" in text
    assert str(html.parent) not in text


@pytest.mark.requirement("RT3")
def test_the_threshold_chosen_stands_in_a_valid_policy(chosen):
    told, out = chosen
    result = CliRunner().invoke(policy.app, ["check", str(out)])
    assert (result.exit_code, result.output.startswith("policy 2026-12 is valid")) == (0, True)
    (choice,) = [one for one in told["thresholds"] if one["property_class"] == "RESIDENTIAL"]
    assert choice["chosen"]["lower"] >= 0.6
    before, after = parse(DEFAULT_POLICY.read_bytes()), parse(out.read_bytes())
    changed = {key for key, thresholds in after.thresholds.items() if thresholds != before.thresholds[key]}
    assert changed == {(None, PropertyClass.RESIDENTIAL, profile) for profile in (Profile.STAFF, Profile.CUSTOMER)}
    assert {after.thresholds[key].min_p10 for key in changed} == {choice["min_p10"]}


@pytest.mark.requirement("VM6")
def test_the_choice_can_be_put_before_the_rule_of_admission(chosen, tmp_path: Path):
    told, _ = chosen
    report = tmp_path / "report.json"
    report.write_text(json.dumps(told), encoding="utf-8")
    found = read_report(report)
    (choice,) = told["thresholds"]
    assert {segment.property_class for segment, _ in found} == {PropertyClass.RESIDENTIAL}
    assert 0 < sum(figures.accepted for _, figures in found) <= choice["chosen"]["cases"]
    assert all(figures.deals >= figures.accepted for _, figures in found)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("evaluate", "--deals", "nowhere.csv"), "--from"),
        (("evaluate", "--deals", "nowhere.csv", "--from", "yesterday"), "'yesterday' is no day"),
        (("evaluate", "--deals", "nowhere.csv", "--from", "2026-10-01"), "nowhere.csv"),
        (("evaluate", "--from", "2026-10-01", "--walk-forward", "random"), "only ever split in the order of time"),
        (("evaluate", "--from", "2026-10-01", "--setting", "everything"), "--setting is one of"),
        (("thresholds", "--from", "2026-10-01", "--out", "policy.toml"), "--policy-version"),
    ],
)
def test_a_wrong_command_says_what_to_do(run, arguments, says):
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_days_nobody_traded_on_are_a_clear_refusal(run, deals):
    with pytest.raises(CommandError, match="nothing was predicted between 2024-01-01"):
        run("evaluate", *deals, "--from", "2024-01-01", "--to", "2024-01-05")
