import json

import polars as pl
import pytest
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.evaluate import app
from infra.cli.evaluate import pairs as command
from streams.enrichment.pairs import training
from streams.enrichment.pairs.training import Recipe

_QUICK = {"folds": 3, "forests": 1, "trees": 20, "rate": 0.2}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The command's own recipe takes minutes: here it is the same with few trees."""
    monkeypatch.setattr(training, "Recipe", lambda **given: Recipe(**{**_QUICK, **given}))


def a_file(path, numbers):
    rows = [
        (f"银杏路{n}号翠湖花园{n}幢", *candidate)
        for n in numbers
        for candidate in ((f"银杏路{n}号翠湖花园{n}号楼", "2"), (f"银杏路{n}号翠湖花园(南门)", "1"), ("海棠街9号", "0"))
    ]
    pl.DataFrame(rows, schema=["address_a", "address_b", "label"], orient="row").write_parquet(path)
    return str(path)


def run(*options):
    result = CliRunner().invoke(app, ["pairs", *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def evaluate(*options):
    return json.loads(run(*options, "--json"))


def test_one_file_is_split_by_address_and_says_so(tmp_path):
    found = evaluate("--train", a_file(tmp_path / "pairs.parquet", range(100)))
    aside = sum(command.is_kept_aside(f"银杏路{n}号翠湖花园{n}幢") for n in range(100))
    assert found["n"] == 3 * aside
    assert set(found["f1"]) == {"none", "partial", "exact"}
    assert found["accuracy"] > 0.9
    assert "one in five" in found["split"]


def test_the_same_file_twice_is_split_like_one(tmp_path):
    path = a_file(tmp_path / "pairs.parquet", range(60))
    assert evaluate("--train", path)["n"] == evaluate("--train", path, "--test", path)["n"]


def test_addresses_of_the_test_file_are_counted_and_not_learned_from(tmp_path):
    train, test = a_file(tmp_path / "train.parquet", range(60)), a_file(tmp_path / "test.parquet", range(50, 70))
    found = evaluate("--train", train, "--test", test)
    assert found["n"] == 60
    assert found["left_out_of_training"] == 10


def test_a_kept_model_scores_as_it_did(tmp_path):
    train, test = a_file(tmp_path / "train.parquet", range(60)), a_file(tmp_path / "test.parquet", range(60, 80))
    first = evaluate("--train", train, "--test", test, "--out", str(tmp_path / "models"))
    (kept,) = (tmp_path / "models").glob("pairs-*.zip")
    again = evaluate("--artefact", str(kept), "--test", test)
    assert again["model"] == first["model"] in kept.name
    assert again["confusion"] == first["confusion"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give --train FILE"),
        (["--artefact", "model.zip"], "give --test FILE"),
        (["--train", "absent.parquet"], "absent.parquet cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_one_line(options, says):
    with pytest.raises(CommandError, match=says):
        run(*options)


def test_the_figures_are_shown_to_a_person_too(tmp_path):
    assert "macro-F1" in run("--train", a_file(tmp_path / "pairs.parquet", range(60)))


def test_it_says_who_cut_the_addresses(tmp_path):
    assert evaluate("--train", a_file(tmp_path / "pairs.parquet", range(60)), "--rules")["cut_by"] == "rules"


def test_a_file_of_labelled_addresses_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "labelled.txt").touch()
    path = a_file(tmp_path / "pairs.parquet", range(60))
    with pytest.raises(CommandError, match="is neither"):
        run("--train", path, "--labelled", str(tmp_path / "labelled.txt"))


def test_a_file_that_is_no_tagger_is_named(tmp_path):
    (tmp_path / "tagger.zip").write_bytes(b"no zip")
    path = a_file(tmp_path / "pairs.parquet", range(60))
    with pytest.raises(CommandError, match="cannot be read"):
        run("--train", path, "--tagger", str(tmp_path / "tagger.zip"))
