"""`avm index`: vintages published to a real broker and read back."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.index import app
from infra.reference.mapping import Target, own_names
from infra.reference.rows import read_rows
from infra.storage.packing import unpacked
from producers.simulator.market import generate, write
from schemas.catalogue import INDEX
from schemas.events import Community, Deal
from streams.scoring.model import pack, unpack
from streams.scoring.training import train

UNTIL = date(2026, 11, 1)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One model under two versions: a month apart, and the later one's index revised by a percent."""
    folder = tmp_path_factory.mktemp("market")
    made = generate(3, communities=60, deals=420, until=UNTIL)
    _, homes, closed, *_ = write(made, folder)
    deals, communities = (
        [row for row in read_rows(path, own_names(target, table.columns), today=UNTIL) if isinstance(row, kind)]
        for path, target, table, kind in (
            (closed, Target.DEALS, made.deals, Deal),
            (homes, Target.COMMUNITIES, made.communities, Community),
        )
    )
    (artefact,) = train(deals, until=UNTIL, communities=communities)
    model = unpack(artefact.content)
    with unpacked(artefact.content) as members:
        spread = bytes(members["spread.cbm"])
    index = replace(model.layer.index, levels=model.layer.index.levels * 1.01)
    later = replace(
        model,
        manifest={**model.manifest, "version": f"{UNTIL + timedelta(days=30):%Y%m%d}-revised0"},
        layer=replace(model.layer, index=index),
    )
    paths = [folder / "first.zip", folder / "later.zip"]
    for path, content in zip(paths, (artefact.content, pack(later, spread)), strict=True):
        path.write_bytes(content)
    return model, later, paths


@pytest.fixture
def run(bootstrap, monkeypatch):
    from infra.kafka.admin import wait_visible

    admin = AdminClient({"bootstrap.servers": bootstrap})
    if INDEX.named() not in admin.list_topics(timeout=30).topics:
        for made in admin.create_topics([NewTopic(INDEX.named(), 1, 1, config={"cleanup.policy": "compact"})]).values():
            made.result(30)
        wait_visible(admin, [INDEX.named()])
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)

    def invoke(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.strip().splitlines()[-1])

    return invoke


@pytest.mark.kafka
@pytest.mark.requirement("VM2")
def test_vintages_are_published_once_kept_and_found_by_day(models, run):
    first, later, paths = models
    (told,) = run("publish", "--model", paths[0])["published"]
    assert told["vintage"] == first.version
    assert told["points"] > 50
    before = run("show", "--vintage", first.version)
    (again,) = run("publish", "--model", paths[0])["published"]
    assert again["points"] == 0
    (newer,) = run("publish", "--model", paths[1])["published"]
    assert newer["points"] > 50
    assert run("show", "--vintage", first.version)["points"] == before["points"]
    assert before["points"][0]["level"] == 100.0
    assert run("show")["vintage"] == later.version
    assert run("show", "--on", UNTIL)["vintage"] == first.version
    assert run("show", "--on", UNTIL + timedelta(days=30))["vintage"] == later.version
    assert run("show", "--on", UNTIL)["vintages"] == [first.version, later.version]
    with pytest.raises(
        CommandError, match=f"no vintage of APARTMENT was in force on .*; the oldest is {first.version}"
    ):
        run("show", "--on", UNTIL - timedelta(days=1))
    with pytest.raises(CommandError, match=r"APARTMENT\|无此市 has no vintage"):
        run("show", "--city", "无此市")


@pytest.mark.kafka
def test_what_to_publish_must_be_said(run):
    with pytest.raises(CommandError, match="give either --model ZIP"):
        run("publish")
