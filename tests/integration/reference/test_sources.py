"""Licences and deliveries of sources on a real broker: what an operator registers, and what a load then says."""

import json
from datetime import date, timedelta

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli import reference as reference_command
from infra.cli import sources as sources_command
from infra.cli.connections import shanghai_today
from infra.cli.licences import registered
from infra.cli.model import app as model_app
from infra.kafka.admin import wait_visible
from infra.settings import Settings
from producers.simulator.market import generate, write
from schemas.catalogue import COMMUNITIES, DEALS, DELIVERIES, RENTS, SOURCES
from schemas.codes import SourceUse

pytestmark = pytest.mark.kafka

_TOPICS = (COMMUNITIES, DEALS, RENTS, SOURCES, DELIVERIES)
_TERMS = (
    "--kind=DEALS",
    "--holder=甲数据公司",
    "--reference=HT-1",
    "--from=2020-01-01",
    "--by=E1001",
    "--second=E1002",
)
_FOR_DEALS = ("--use=TRAINING", "--use=COMPARABLES")


@pytest.fixture
def run(bootstrap, monkeypatch):
    """`run(app, *arguments) -> (exit code, JSON)`, against the catalogue's own topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=30).topics
    wanted = [
        NewTopic(topic.name, 1, 1, config={"cleanup.policy": "compact"}) for topic in _TOPICS if topic.name not in there
    ]
    for made in admin.create_topics(wanted).values() if wanted else ():
        made.result(30)
    wait_visible(admin, [topic.name for topic in _TOPICS])
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)

    def invoke(app, *arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if isinstance(result.exception, CommandError):
            raise result.exception
        return result.exit_code, json.loads(result.stdout.strip().splitlines()[-1])

    return invoke


def deals_file(path, source, *, good=1, bad=0, ago=3):
    header = "deal_id,community_id,city,deal_date,area_m2,unit_price,source\n"
    day = shanghai_today() - timedelta(days=ago)
    row = f"{source}-{{n}},c-1,北京市,{day},{{area}},50000,{source}\n"
    path.write_text(
        header
        + "".join(row.format(n=n, area=80) for n in range(good))
        + "".join(row.format(n=n, area=1) for n in range(good, good + bad)),
        encoding="utf-8",
    )
    return path


def load(run, file, *options):
    return run(reference_command.app, "load", file, "--topic", "deals", *options)


@pytest.mark.requirement("VM3", "VM7")
def test_a_source_is_registered_checked_revoked_and_renewed(run, tmp_path):
    file = deals_file(tmp_path / "deals.csv", "src-a", ago=40)
    code, said = load(run, file)
    assert (code, said["loaded"]) == (0, 1)
    (unlicensed,) = said["unlicensed"]
    assert unlicensed.startswith("source src-a for TRAINING, COMPARABLES: it is not registered; register its licence")
    run(sources_command.app, "put", "src-a", *_TERMS, *_FOR_DEALS, "--fresh-days=30")
    assert load(run, file)[1]["unlicensed"] == []

    (shown,) = [row for row in run(sources_command.app, "list")[1]["sources"] if row["source"] == "src-a"]
    assert (shown["holder"], shown["state"], shown["breaker"]) == ("甲数据公司", "VALID", "CLOSED")
    assert shown["latest_delivery"]["loaded"] == 1
    code, checked = run(sources_command.app, "check")
    assert code == 2
    assert {"source": "src-a", "rows": 1, "refused": {}} in checked["sources"]
    assert [one["city"] for one in checked["stale"] if one["source"] == "src-a"] == ["北京市"]

    run(sources_command.app, "revoke", "src-a", "--reason=合同解除", "--by=E1003")
    why = registered(Settings()).why_not("src-a", SourceUse.TRAINING, shanghai_today())
    assert "revoked" in why
    assert "合同解除" in why
    with pytest.raises(CommandError, match="already"):
        run(sources_command.app, "revoke", "src-a", "--reason=again", "--by=E1003")
    with pytest.raises(CommandError, match=r"src-a was revoked on .* by E1003 \(合同解除\).*--reinstate"):
        run(sources_command.app, "put", "src-a", *_TERMS, *_FOR_DEALS)
    assert registered(Settings()).why_not("src-a", SourceUse.TRAINING, shanghai_today()) == why
    run(sources_command.app, "put", "src-a", *_TERMS, *_FOR_DEALS, "--reinstate")
    assert registered(Settings()).why_not("src-a", SourceUse.TRAINING, shanghai_today()) is None


@pytest.mark.requirement("VM3")
def test_a_faulty_registry_changes_nothing(run, tmp_path):
    file = tmp_path / "sources.toml"
    file.write_text('[[source]]\nsource = "src-b"\nkind = "DEALS"\n', encoding="utf-8")
    with pytest.raises(CommandError, match=r"sources.toml was refused, nothing was registered.*no. 1, holder"):
        run(sources_command.app, "put", "--file", file)
    with pytest.raises(CommandError, match="second_approver: must be another person"):
        run(sources_command.app, "put", "src-b", *_TERMS[:-1], "--second=E1001", *_FOR_DEALS)
    with pytest.raises(CommandError, match="either SOURCE"):
        run(sources_command.app, "put", "src-b", "--file", file)
    with pytest.raises(CommandError, match="not registered"):
        run(sources_command.app, "revoke", "src-b", "--reason=x", "--by=E1003")
    assert "src-b" not in registered(Settings()).rows


@pytest.mark.requirement("VM7")
def test_three_broken_deliveries_trip_the_breaker_and_what_was_loaded_stays(run, tmp_path):
    from infra.reference.live import live_rows
    from schemas.codec import Codec
    from schemas.events import Deal
    from schemas.registry import CatalogueRegistry

    assert load(run, deals_file(tmp_path / "good.csv", "src-c", good=2))[0] == 0
    broken = deals_file(tmp_path / "broken.csv", "src-c", good=50, bad=200)
    for _ in range(3):
        code, said = load(run, broken)
        assert code == 1
        assert "200 of 250 rows were refused" in said["error"]
        assert (tmp_path / "broken.csv.rejects.csv").exists()
    good = deals_file(tmp_path / "good.csv", "src-c", good=3)
    code, said = load(run, good)
    assert code == 1
    assert "source src-c rests until" in said["error"]
    bootstrap = Settings().kafka.bootstrap
    held = live_rows({"bootstrap.servers": bootstrap}, DEALS, Deal, Codec(CatalogueRegistry()))
    assert sorted(key for key in held if key.startswith("src-c")) == ["src-c-0", "src-c-1"]
    code, said = load(run, good, "--try-anyway")
    assert (code, said["loaded"]) == (0, 3)
    assert load(run, good)[0] == 0  # a good one closed it


@pytest.mark.requirement("VM3")
def test_training_from_the_topic_asks_the_registry_first(run, tmp_path):
    write(generate(3, communities=60, deals=400, until=date(2026, 6, 1)), tmp_path)
    load(run, deals_file(tmp_path / "deals.csv", "src-d"))
    with pytest.raises(
        CommandError, match=r"not trained: not licensed for TRAINING: .*src-d \(1 rows\): it is not reg"
    ):
        run(model_app, "train", "--from-topic", "--out", tmp_path / "out")
    given = ("--deals", tmp_path / "deals.parquet", "--out", tmp_path / "out")
    lapsed = (tmp_path / "sources.toml").read_text(encoding="utf-8") + "valid_until = 2026-06-30\n"
    (tmp_path / "lapsed.toml").write_text(lapsed, encoding="utf-8")
    with pytest.raises(CommandError, match=r"synthetic \(400 rows\): licence SYNTHETIC-3 expired on 2026-06-30"):
        run(model_app, "train", *given, "--licences", tmp_path / "lapsed.toml")
    assert not (tmp_path / "out").exists()
