"""`avm model`: from a file of deals to a scorer that answers, through the store and a real broker."""

import json
from datetime import UTC, date, datetime

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.model import app
from producers.simulator.market import generate, write
from schemas.catalogue import COMMUNITIES, DEALS, MODELS_RELEASED
from schemas.codec import Codec
from schemas.codes import PropertyType
from schemas.registry import CatalogueRegistry
from streams.runtime.reference import ReferenceReader, ReferenceSource

UNTIL = date(2026, 11, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("market")
    write(generate(3, communities=60, deals=900, until=UNTIL), made)
    return made


@pytest.fixture(scope="module")
def run():
    def invoke(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.strip().splitlines()[-1])

    return invoke


@pytest.fixture(scope="module")
def trained(folder, run):
    out = folder / "out"
    given = ("--deals", folder / "deals.parquet", "--communities", folder / "communities.parquet")
    made = run("train", *given, "--until", UNTIL, "--out", out)
    return out, made["models"]


def test_training_writes_artefact_and_manifest(trained):
    out, models = trained
    assert [model["segment"] for model in models] == ["APARTMENT"]  # the other types have too few deals here
    manifest = json.loads((out / "avm-apartment.manifest.json").read_text(encoding="utf-8"))
    assert manifest["artefact_sha256"] == models[0]["sha256"]
    assert manifest["data"]["known_before"] == "2026-11-01"


@pytest.mark.kafka
def test_a_released_model_reaches_the_scorers(trained, run, bootstrap, tmp_path, monkeypatch):
    from infra.kafka.admin import wait_visible
    from infra.storage.models import ModelStore
    from streams.scoring.reference import ScoringView

    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [topic.name for topic in (COMMUNITIES, DEALS, MODELS_RELEASED)]
    there = admin.list_topics(timeout=30).topics
    wanted = [NewTopic(name, 1, 1, config={"cleanup.policy": "compact"}) for name in names if name not in there]
    for made in admin.create_topics(wanted).values() if wanted else ():
        made.result(30)
    wait_visible(admin, names)
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
    monkeypatch.setenv("AVM_STORAGE__MODELS", str(tmp_path / "models"))
    out, models = trained
    assert run("list") == {"models": []}
    before = datetime.now(UTC)
    (told,) = run("release", out)["models"]
    assert told["sha256"] == models[0]["sha256"]
    assert [model["version"] for model in run("list")["models"]] == [told["version"]]

    view = ScoringView(ModelStore(str(tmp_path / "models")))
    reader = ReferenceReader(
        [ReferenceSource(name="market", view=view, topics=(MODELS_RELEASED,))],
        connection={"bootstrap.servers": bootstrap},
        codec=Codec(CatalogueRegistry()),
    )
    reader.start()
    reader.load(deadline_s=60)
    reader.stop()
    scorer = view.scorer(PropertyType.APARTMENT)
    assert view.problems == ()
    assert scorer is not None
    assert (scorer.model.version, scorer.sha256) == (told["version"], told["sha256"])
    assert before <= datetime.now(UTC)


def test_evaluation_prints_the_figures_of_the_protocol(folder, run):
    given = ("--deals", folder / "deals.parquet", "--communities", folder / "communities.parquet")
    found = run("evaluate", *given, "--walk-forward", "month", "--from", "2026-10-01", "--setting", "area")
    figures = found["APARTMENT"]["area"]
    wanted = {"n", "mdape", "ppe5", "ppe10", "ppe20", "bias", "cod", "prd", "prb", "interval_coverage"}
    assert wanted | {"interval_width", "ece_p10", "ppe10_at", "baselines"} <= set(figures)
    assert figures["n"] > 10
    assert set(figures["baselines"]) >= {"city_mean", "community_mean_x_index", "last_price_x_index"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train", "--out", "x"), "--deals FILE"),
        (("train", "--out", "x", "--deals", "nowhere.csv"), "nowhere.csv"),
        (("evaluate", "--deals", "nowhere.csv"), "--from"),
        (("evaluate", "--deals", "nowhere.csv", "--from", "yesterday"), "nowhere.csv"),
        (("release", "no-such-folder"), "no artefact"),
    ],
)
def test_a_wrong_command_says_what_to_do(run, arguments, says):
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_too_few_deals_are_a_clear_refusal(run, folder, tmp_path):
    with pytest.raises(CommandError, match="no segment has 300 usable deals"):
        run("train", "--deals", folder / "deals.parquet", "--until", "2024-06-01", "--out", tmp_path)
