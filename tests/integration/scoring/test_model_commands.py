"""`avm model`: from a file of deals to artefacts and figures. What is released is shown by `test_release_workflow`."""

import json

import pytest

from infra.cli import CommandError


@pytest.mark.requirement("VM3")
def test_training_writes_artefact_and_manifest(trained):
    out, models = trained
    assert [model["segment"] for model in models] == ["APARTMENT"]  # the other types have too few deals here
    manifest = json.loads((out / "avm-apartment.manifest.json").read_text(encoding="utf-8"))
    assert manifest["artefact_sha256"] == models[0]["sha256"]
    assert manifest["data"]["known_before"] == "2026-11-01"
    (source,) = manifest["data"]["sources"]
    assert (source["source"], source["reference"]) == ("synthetic", "SYNTHETIC-3")
    assert source["deals"] == manifest["data"]["deals"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train", "--out", "x"), "--deals FILE"),
        (("train", "--out", "x", "--deals", "nowhere.csv"), "nowhere.csv"),
        (("release", "no-such-folder"), "no artefact"),
        (("challenge", "no-such-folder", "--by", "E1001", "--reason", "try"), "no artefact"),
    ],
)
def test_a_wrong_command_says_what_to_do(run, arguments, says):
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_too_few_deals_are_a_clear_refusal(run, folder, tmp_path):
    with pytest.raises(CommandError, match="no segment has 300 usable deals"):
        run("train", "--deals", folder / "deals.parquet", "--until", "2024-06-01", "--out", tmp_path)
