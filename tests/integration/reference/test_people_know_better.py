"""What people establish, on a real broker: the commands, the topics, and the stage that follows them as it runs."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli import reference as reference_command
from infra.cli import registry as registry_command
from infra.kafka.admin import wait_visible
from infra.kafka.security import client_conf
from infra.reference.live import publish, records_of
from schemas.catalogue import ALIASES, COMMUNITIES, COVERAGE, PROPERTIES
from schemas.codec import Codec
from schemas.codes import Automation, CoverageStatus, Reason
from schemas.domain.divisions import divisions
from schemas.events import Accepted, Community, CoverageRow
from schemas.registry import CatalogueRegistry
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.stage import EnrichmentStage
from streams.routing.policy import parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.settle import SettleStage
from streams.runtime.reference import ReferenceReader, ReferenceSource
from tests.fakes import valuations as made
from tests.fakes.loops import eventually

pytestmark = pytest.mark.kafka

CODEC = Codec(CatalogueRegistry())
NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
_TOPICS = (COMMUNITIES, ALIASES, COVERAGE, PROPERTIES)


@pytest.fixture(scope="module")
def topics_there(bootstrap):
    """The catalogue's own topics: commands know no others."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=30).topics
    wanted = [
        NewTopic(topic.name, 2, 1, config={"cleanup.policy": "compact"}) for topic in _TOPICS if topic.name not in there
    ]
    for made_topic in admin.create_topics(wanted).values() if wanted else ():
        made_topic.result(30)
    wait_visible(admin, [topic.name for topic in _TOPICS])


@pytest.fixture
def run(bootstrap, topics_there, monkeypatch):
    """`run(app, *arguments)`: a command as an operator gives it; what it prints with --json."""
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)

    def invoke(app, *arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.strip().splitlines()[-1])

    return invoke


class Room:
    """A running enrichment stage: it follows its topics, and nothing of it is ever restarted."""

    def __init__(self, bootstrap):
        self.view = EnrichmentView(divisions())
        self._stage = EnrichmentStage(self.view, lambda: NOW)
        self._reader = ReferenceReader(
            [ReferenceSource(name="places", view=self.view, topics=_TOPICS)],
            connection=client_conf(bootstrap),
            codec=CODEC,
        )
        self._reader.start()
        self._reader.load(deadline_s=60)

    def answer(self, address, **fields):
        self._reader.apply_waiting()
        request = made.request(address=address, received_at=NOW, **fields)
        accepted = Accepted(valuation_id="v-1", request=request, digest="d", accepted_at=NOW)
        (outcome,) = self._stage.handle([accepted])
        return outcome.outputs[0].event

    def stop(self):
        self._reader.stop()


@pytest.fixture
def room(bootstrap, topics_there):
    communities = [
        Community(community_id=key, name=name, province="浙江省", city="杭州市", district="西湖区", built_year=1994)
        for key, name in (("c-1", "翠苑三区"), ("c-9", "翠湾香庭"), ("c-8", "求是村"))
    ]
    row = CoverageRow(
        county_code="330106",
        province="浙江省",
        city="杭州市",
        county="西湖区",
        status=CoverageStatus.ACTIVE,
        automation=Automation.AUTO,
        property_types=("APARTMENT",),
        effective_from=NOW.date(),
        version="2026-11",
        source="assumed",
    )
    publish(client_conf(bootstrap), records_of(communities, COMMUNITIES, CODEC, NOW))
    publish(client_conf(bootstrap), records_of([row], replace(COVERAGE, key="county_code"), CODEC, NOW))
    room = Room(bootstrap)
    yield room
    room.stop()


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("AD1")
def test_a_name_that_a_reviewer_confirmed_is_known_without_a_restart(room, run, bootstrap):
    address = made.OPEN_ADDRESS.entered
    before = room.answer(address)
    assert (before.address.community_id, before.concerns) == (None, (Reason.ADDR_UNKNOWN,))
    assert "c-9" in {candidate.community_id for candidate in before.address.candidates}

    review = made.open_review()
    asked = made.decided(review=review, confirmed_community_id="c-9")
    policy = parse(DEFAULT_POLICY.read_bytes())
    (outcome,) = SettleStage(lambda: policy, lambda: NOW).handle([asked])
    learned = [output.event for output in outcome.outputs if output.topic is ALIASES]
    publish(client_conf(bootstrap), records_of(learned, ALIASES, CODEC, NOW))

    eventually(lambda: room.answer(address).address.community_id == "c-9")
    assert room.answer(address).concerns == ()

    (alias,) = run(reference_command.app, "alias", "list", "--community", "c-9")["aliases"]
    assert (alias["alias"], alias["source"]) == ("翠湾雅苑", "REVIEWER")
    run(reference_command.app, "alias", "remove", "翠湾雅苑", "--city", "杭州")
    eventually(lambda: room.answer(address).address.community_id is None)
    with pytest.raises(CommandError, match="there is no alias"):
        run(reference_command.app, "alias", "remove", "翠湾雅苑", "--city", "杭州")


@pytest.mark.requirement("AD1")
def test_an_operator_gives_names_one_by_one_and_from_a_file(room, run, tmp_path):
    run(reference_command.app, "alias", "add", "浙大教工宿舍", "--city", "杭州", "--community", "c-8", "--by", "E1024")
    eventually(lambda: room.answer("杭州市西湖区浙大教工宿舍3幢501室").address.community_id == "c-8")
    file = tmp_path / "aliases.csv"
    file.write_text("alias,city,community_id\n老求是,杭州市,c-8\n3号楼,杭州市,c-8\n", encoding="utf-8")
    said = run(reference_command.app, "alias", "import", file, "--by", "E1024")
    assert (said["taken"], said["rejected"]) == (1, 1)
    assert "3,alias" in (tmp_path / "aliases.csv.rejects.csv").read_text(encoding="utf-8-sig")
    eventually(lambda: room.answer("杭州市西湖区老求是3幢501室").address.community_id == "c-8")


# ---- facts ----------------------------------------------------------------------------------------------------------

_HOUSE = "杭州市西湖区翠苑三区3幢2单元501室"


@pytest.mark.requirement("AD7")
def test_a_correction_and_a_tag_are_in_the_next_answer(room, run):
    assert room.answer(_HOUSE).attributes.built_year == 1994
    by = ("--by", "E1024", "--source", "不动产登记簿查询 2026-11-20")
    said = run(registry_command.app, "correct", "c-1|3号楼", "--set", "built_year=1996", "--set", "has_lift=否", *by)
    assert said["record"]["property_key"] == "c-1|3"
    run(registry_command.app, "tag", "c-1", "DISPUTED", *by)
    eventually(lambda: room.answer(_HOUSE).attributes.built_year == 1996 and room.answer(_HOUSE).tags == ("DISPUTED",))
    shown = run(registry_command.app, "show", "c-1|3")["record"]
    assert (shown["built_year"], shown["has_lift"], shown["corrected_by"]) == (1996, False, "E1024")
    assert shown["source"] == "不动产登记簿查询 2026-11-20"

    run(registry_command.app, "correct", "c-1|3", "--clear", "built_year", *by)
    run(registry_command.app, "tag", "c-1", "DISPUTED", "--remove", *by)
    eventually(lambda: room.answer(_HOUSE).attributes.built_year == 1994 and room.answer(_HOUSE).tags == ())
    assert run(registry_command.app, "show", "c-1|3")["record"]["has_lift"] is False, "the rest stands"


@pytest.mark.requirement("AD7")
def test_corrections_come_from_a_file_and_go_into_one(room, run, tmp_path):
    file = tmp_path / "corrections.csv"
    file.write_text(
        "property_key,floor,total_floors,tags\n"
        "c-9|1|2|301,3,,\nc-9|1|2|301,,6,THINLY_TRADED\nc-9|1|2|302,7,6,\nc-9|1,x,,\n",
        encoding="utf-8",
    )
    by = ("--by", "E1024", "--source", "现场勘察")
    assert run(registry_command.app, "import", file, "--dry-run", *by)["dry_run"] is True
    assert run(registry_command.app, "show", "c-9|1|2|301")["record"] is None
    said = run(registry_command.app, "import", file, *by)
    assert (said["taken"], said["rejected"]) == (2, 2)
    refused = (tmp_path / "corrections.csv.rejects.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [line.split(",")[:2] for line in refused] == [["4", "floor"], ["5", "floor"]]
    eventually(lambda: room.answer("杭州市西湖区翠湾香庭1幢2单元301室").attributes.total_floors == 6)

    out = tmp_path / "registry.csv"
    assert CliRunner().invoke(registry_command.app, ["export", "--out", str(out)]).exit_code == 0
    rows = {row["property_key"]: row for row in csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())}
    assert (rows["c-9|1|2|301"]["floor"], rows["c-9|1|2|301"]["tags"]) == ("3", "THINLY_TRADED")
    assert run(registry_command.app, "import", out)["rejected"] == 0


def test_a_correction_without_anything_to_correct_is_refused(run):
    with pytest.raises(CommandError, match="say what is to be corrected"):
        run(registry_command.app, "correct", "c-1", "--by", "E1", "--source", "登记簿")
    with pytest.raises(CommandError, match="no name of a person"):
        run(registry_command.app, "correct", "c-1", "--set", "floor=3", "--by", "张三", "--source", "登记簿")
