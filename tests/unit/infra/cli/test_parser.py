import json
from dataclasses import asdict

import polars as pl
import pytest
from typer.testing import CliRunner

from infra.cli import CommandError, parser
from infra.cli.evaluate import app as evaluate
from infra.cli.releases import keep_release
from infra.settings import Settings
from infra.storage.models import ModelStore
from infra.storage.packing import as_json, packed
from schemas.codes import ModelRole
from streams.enrichment.tagging import training
from streams.enrichment.tagging.training import Recipe

_QUICK = Recipe(width=16, rate=1e-2, dropout=0.0, pretraining_epochs=1, teacher_epochs=3, student_epochs=3, students=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The command's own recipe takes minutes: here it is the same, small."""
    monkeypatch.setattr(training, "Recipe", lambda **given: Recipe(**{**asdict(_QUICK), **given}))


def rows(count, split, first=0):
    made = []
    for number in range(first, first + count):
        name, house = "翠锦碧华丽金银云"[number % 8], str(number + 1)
        tokens = ["杭", "州", "市", name, "湖", "路", house, "号"]
        labels = ["B-city", "I-city", "I-city", "B-road", "I-road", "I-road", "B-roadno", "I-roadno"]
        made.append((split, json.dumps(tokens), json.dumps(labels)))
    return made


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame(
        [*rows(60, "train"), *rows(10, "dev", 60)], schema=["split", "tokens", "labels"], orient="row"
    ).write_parquet(path)
    return str(path)


def run(app, *options):
    result = CliRunner().invoke(app, options)
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.mark.requirement("AD1")
def test_a_tagger_is_trained_evaluated_and_shown(tmp_path, labelled):
    made = json.loads(run(parser.app, "train", "--labelled", labelled, "--out", str(tmp_path / "out"), "--json"))
    scored = json.loads(run(evaluate, "parsing", "--labelled", labelled, "--artefact", made["file"], "--json"))
    shown = json.loads(run(parser.app, "show", "杭州市翠湖路13號", "--artefact", made["file"], "--json"))

    assert made["addresses"] == 60
    assert (scored["n"], scored["tagger"], scored["trained_here"]) == (10, made["version"], False)
    assert {"span_f1", "span_f1_by_group", "all_right", "us_per_address"} <= set(scored)
    assert shown["addresses"][0]["address"] == "杭州市翠湖路13号"
    assert "".join(piece["text"] for piece in shown["addresses"][0]["pieces"]) == "杭州市翠湖路13号"


def test_a_trained_tagger_is_kept_in_the_model_store_under_its_own_name(tmp_path, labelled):
    run(parser.app, "train", "--labelled", labelled, "--out", str(tmp_path))
    content = (tmp_path / "address-tagger.zip").read_bytes()
    settings = Settings(state=tmp_path / "state")

    released = keep_release(content, settings, ModelRole.CHAMPION, by="lin", checked=parser.usable)

    assert (released.name, released.segment, released.role) == ("address-tagger", "ADDRESS", ModelRole.CHAMPION)
    assert ModelStore(settings.models_url).fetch(released.uri, released.sha256) == content


def test_a_valuation_model_is_not_released_as_a_tagger(tmp_path):
    other = packed({"manifest.json": as_json({"name": "avm-apartment", "format": 1})})

    with pytest.raises(CommandError, match="name avm-apartment, this release needs address-tagger"):
        keep_release(other, Settings(state=tmp_path), ModelRole.CHAMPION, by="lin", checked=parser.usable)


def test_without_a_tagger_it_learns_from_the_other_splits_and_says_so(labelled):
    result = CliRunner().invoke(evaluate, ["parsing", "--labelled", labelled, "--json"])

    assert json.loads(result.stdout)["trained_here"] is True
    assert "learning from the 60 rows of the other splits" in " ".join(result.stderr.split())


def test_a_file_with_nothing_to_learn_from_asks_for_a_tagger(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame(rows(5, "test"), schema=["split", "tokens", "labels"], orient="row").write_parquet(path)

    with pytest.raises(CommandError, match="nothing to learn from: name a trained tagger with --artefact"):
        run(evaluate, "parsing", "--labelled", str(path), "--split", "test")


def test_a_split_that_is_not_there_is_an_error_that_names_those_that_are(labelled):
    with pytest.raises(CommandError, match="no row of split test; the splits are: dev, train"):
        run(evaluate, "parsing", "--labelled", labelled, "--split", "test")


def test_a_file_that_is_no_tagger_is_an_error(tmp_path, labelled):
    other = tmp_path / "tagger.zip"
    other.write_bytes(b"x")

    with pytest.raises(CommandError, match="is no usable tagger"):
        run(evaluate, "parsing", "--labelled", labelled, "--artefact", str(other))


def test_releasing_a_folder_without_a_tagger_says_how_to_make_one(tmp_path):
    with pytest.raises(CommandError, match="avm parser train --out"):
        run(parser.app, "release", str(tmp_path))
