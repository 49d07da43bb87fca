"""Scoring and its shadow as processes on a real broker, while models and deals come and go: nothing is restarted."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import polars as pl
import pytest
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from infra.cli import CommandError, reference, sources
from infra.cli.model import app as model
from infra.embedded.kafka import EmbeddedKafka
from infra.kafka.admin import apply, plan, wanted_topics
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from infra.reference.live import live_rows
from infra.settings import Settings
from infra.storage.packing import MANIFEST, as_json, packed, unpacked
from schemas.catalogue import (
    COMMUNITIES,
    DEAD_LETTERS,
    DEALS,
    DELIVERIES,
    ENRICHED,
    FEEDBACK,
    MODEL_STEPS,
    MODELS_RELEASED,
    PROPOSALS,
    RENTS,
    SCORED,
    SHADOW,
    SOURCES,
    Topic,
)
from schemas.codec import Codec
from schemas.codes import AppraisalKind, Lane, ModelRole, PropertyType
from schemas.events import Appraised, Attributes, Deal, Enriched, ModelReleased, Scored, ShadowValued
from schemas.headers import event_headers, event_type
from schemas.ids import event_id
from schemas.registry import CatalogueRegistry
from tests.fakes import valuations

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
CODEC = Codec(CatalogueRegistry())
TOPICS = (
    *(COMMUNITIES, DEALS, RENTS, SOURCES, DELIVERIES, MODELS_RELEASED, MODEL_STEPS),
    *(ENRICHED, SCORED, SHADOW, FEEDBACK, PROPOSALS, DEAD_LETTERS),
)
UNTIL = date(2026, 11, 1)
WITHIN_S = 60.0


class House:
    """Two worker processes, both sides of their topics, and the commands of an operator."""

    def __init__(self, bootstrap: str, folder: Path, homes: pl.DataFrame) -> None:
        self.conf, self._folder = client_conf(bootstrap), folder
        self._publisher = Publisher(self.conf, on_fatal=sys.exit)
        self._homes = list(homes.iter_rows(named=True))
        self._numbers = count()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.log").open("wb") as log:
            argv = [sys.executable, "-m", "infra.cli", "worker", *command]
            environment = {**os.environ, "AVM_HEALTH_PORT": "0"}
            self.processes[command[0]] = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def avm(self, *arguments: object) -> dict:
        return command(model, *arguments)

    def send(self, topic: Topic, *events: object, lane: Lane | None = None) -> None:
        self._publisher.publish([record(topic, event, lane) for event in events])

    def enriched(self, home: int, *, lane: Lane = Lane.ONLINE, area: str = "88.00") -> Enriched:
        """A request for a flat of the market, under a number of its own."""
        number, row = f"w-{next(self._numbers)}", self._homes[home % len(self._homes)]
        scored = valuations.scored(number, area_m2=Decimal(area), value_date=UNTIL, lane=lane)
        place = {name: row[name] for name in ("province", "city", "district", "community_id")}
        return Enriched(
            valuation_id=scored.valuation_id,
            request=scored.request,
            address=replace(scored.address, community_name=row["name"], **place),
            attributes=Attributes(property_type=PropertyType.APARTMENT),
            coverage=scored.coverage,
            enriched_at=datetime.now(UTC),
        )

    def ask(self, *asked: Enriched) -> list[Scored]:
        """What scoring says to each, in order."""
        for enriched in asked:
            self.send(ENRICHED, enriched, lane=enriched.request.lane)
        wanted = {enriched.valuation_id for enriched in asked}
        found = self.eventually(lambda: self._all(SCORED, Scored, wanted), "the answers")
        return [found[enriched.valuation_id] for enriched in asked]

    def value(self, home: int) -> Scored:
        return self.ask(self.enriched(home))[0]

    def answering(self) -> set[str]:
        """The versions that answer for forty houses."""
        return {scored.valuation.model.version for scored in self.ask(*map(self.enriched, range(40)))}

    def shadows(self, asked: list[Enriched]) -> dict[str, ShadowValued]:
        wanted = {enriched.valuation_id for enriched in asked}
        return self.eventually(lambda: self._all(SHADOW, ShadowValued, wanted), "the shadow values")

    def _all(self, topic: Topic, kind: type, wanted: set[str]) -> dict | None:
        with TopicReader(self.conf, topic.names, start=Start.BEGINNING) as reader:
            events = [CODEC.decode(message.value(), kind) for message in reader.to_end()]
        found = {event.valuation_id: event for event in events}
        return found if wanted <= found.keys() else None

    def announced(self) -> dict[str, ModelReleased]:
        return live_rows(self.conf, MODELS_RELEASED, ModelReleased, CODEC)

    def problems(self, stage: str) -> list[str]:
        marker = "health on port "
        said = self.eventually(lambda: marker in self.said(stage) and self.said(stage), "the health page")
        port = int(said.split(marker)[1].split()[0])
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            return json.loads(answer.read())["problems"]

    def eventually(self, look: Callable[[], object], what: str):
        deadline = time.monotonic() + WITHIN_S
        while not (found := look()):
            assert time.monotonic() < deadline, f"in vain waited for {what}"
            assert all(process.poll() is None for process in self.processes.values()), "a worker ended"
            time.sleep(0.1)
        return found

    def said(self, stage: str) -> str:
        return (self._folder / f"{stage}.log").read_text()

    def close(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(WITHIN_S)
        self._publisher.close()


def record(topic: Topic, event: object, lane: Lane | None) -> Record:
    key = str(getattr(event, topic.key))
    headers = event_headers(
        event_id=event_id(key, event_type(event), 1),
        event_type=event_type(event),
        source="tests",
        at=datetime.now(UTC),
        traceparent=None,
    )
    return Record(topic=topic.named(lane), key=key.encode(), value=CODEC.encode(event), headers=headers)


def command(app, *arguments: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    if isinstance(result.exception, CommandError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def house(folder, trained, tmp_path_factory) -> Iterator[House]:
    """A market with its licence, its first model, and the workers that value by it. A broker of its own: nothing that
    other tests put on the reference topics may move a value.
    """
    place = tmp_path_factory.mktemp("release")
    deals = pl.read_parquet(folder / "deals.parquet").filter(pl.col("property_type") == "APARTMENT")
    often = deals["community_id"].value_counts(sort=True)["community_id"][:40]
    homes = pl.read_parquet(folder / "communities.parquet").filter(pl.col("community_id").is_in(often.to_list()))
    with EmbeddedKafka(place / "kafka") as broker, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AVM_KAFKA__BOOTSTRAP", broker.bootstrap)
        environment.setenv("AVM_KAFKA__PARTITIONS", "1")
        environment.setenv("AVM_STATE", str(place / "state"))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        apply(admin, plan(admin, wanted_topics(TOPICS, replication_factor=1, max_partitions=1)))
        command(sources.app, "put", "--file", folder / "sources.toml")
        for what in ("communities", "deals"):
            command(reference.app, "load", folder / f"{what}.parquet", "--topic", what)
        with closing(House(broker.bootstrap, place, homes)) as made:
            made.avm("release", trained[0], "--by", "E1000", "--reason", "first")
            made.start("scoring", "--lane", "online")
            made.start("shadow")
            yield made


@pytest.fixture(scope="module")
def newer(trained, tmp_path_factory):
    """A folder with another version of the model: the same in all but its name, so that nothing is trained twice."""
    (artefact,) = trained[0].glob("*.zip")
    with unpacked(artefact.read_bytes()) as members:
        manifest = as_json({**json.loads(members[MANIFEST]), "version": "20261231-challenger"})
        content = packed({**members, MANIFEST: manifest})
    folder = tmp_path_factory.mktemp("newer")
    (folder / artefact.name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def first(trained):
    return trained[1][0]["version"]


@pytest.mark.requirement("VM1")
def test_a_live_deal_is_a_comparable_from_the_next_batch_on(house):
    before = house.value(0).valuation
    known = deal_behind(house, before)
    news = [
        replace(known, deal_id=f"live-{i}", area_m2=88.0, unit_price=before.unit_price * 1.1,
                deal_date=UNTIL - timedelta(days=2 + i), known_on=None)
        for i in range(3)
    ]  # fmt: skip
    house.send(DEALS, *news)
    wanted = {deal.deal_id for deal in news}

    def seen() -> bool:
        return wanted <= {comparable.deal_id for comparable in house.value(0).valuation.comparables}

    house.eventually(seen, "the live deals among the comparables")
    assert house.value(0).valuation.unit_price > before.unit_price


def deal_behind(house, valuation) -> Deal:
    """The deal behind a comparable of the subject's own community."""
    return live_rows(house.conf, DEALS, Deal, CODEC)[valuation.comparables[0].deal_id]


@pytest.mark.requirement("GV5", "VM8")
def test_shadow_canary_full_and_back(house, first, newer):
    asked = [house.enriched(i, lane=list(Lane)[i % 2], area=f"{60 + i}.00") for i in range(60)]
    online = [enriched for enriched in asked if enriched.request.lane is Lane.ONLINE]

    (put_up,) = house.avm("challenge", newer, "--by", "E1001", "--reason", "fresh")["models"]
    assert (put_up["step"], put_up["role"], put_up["share"]) == ("CHALLENGED", "CHALLENGER", 0.0)
    new = put_up["version"]
    house.eventually(lambda: new in house.said("shadow"), "the challenger in the shadow")
    for enriched in asked:
        house.send(ENRICHED, enriched, lane=enriched.request.lane)
    shadows = house.shadows(asked)
    assert {(s.champion.version, s.challenger.version) for s in shadows.values()} == {(first, new)}
    answers = house.ask(*online)
    assert {scored.valuation.model.version for scored in answers} == {first}
    assert [shadows[scored.valuation_id].champion.value for scored in answers] == [
        scored.valuation.value for scored in answers
    ]

    house.send(FEEDBACK, *(outcome(shadows[enriched.valuation_id]) for enriched in asked[:40]))
    figures = house.avm("preview")["figures"]
    assert figures["impact.n"] >= len(online)
    assert 0 <= figures["impact.over_10"] <= figures["impact.over_5"] <= 1
    assert figures["paired.n"] == 40
    assert figures["paired.challenger_ppe10"] == 1.0

    with pytest.raises(CommandError, match="E1001 put the challenger up"):
        house.avm("canary", "--share", "0.3", "--by", "E1001", "--reason", "try")
    house.avm("canary", "--share", "0.3", "--by", "E1002", "--reason", "try")
    assert [(m["version"], m["role"], m["share"]) for m in house.avm("list")["models"] if m["role"]] == [
        *sorted([(first, "CHAMPION", 0.0), (new, "CHALLENGER", 0.3)])
    ]
    house.eventually(lambda: house.answering() == {first, new}, "both models answering")
    asked_again = house.ask(*map(house.enriched, range(40)))
    canaries = [scored.valuation for scored in asked_again if scored.valuation.model.version == new]
    assert canaries
    assert {valuation.model.role for valuation in canaries} == {ModelRole.CHALLENGER}

    house.avm("canary", "--share", "0", "--by", "E1001", "--reason", "night")
    house.eventually(lambda: house.answering() == {first}, "the canary over")
    house.avm("canary", "--share", "0.3", "--by", "E1002", "--reason", "day")

    house.avm("promote", "--by", "E1001", "--reason", "better")
    with pytest.raises(CommandError, match="E1001 proposed the promotion"):
        house.avm("approve", "--by", "E1001", "--reason", "yes")
    house.avm("approve", "--by", "E1002", "--reason", "yes")
    house.eventually(lambda: house.answering() == {new}, "the new champion")
    house.avm("rollback", "--by", "E1003", "--reason", "doubts")
    house.eventually(lambda: house.answering() == {first}, "the former champion")

    steps = house.avm("history")["models"]
    assert [(step["step"], step["by"]) for step in steps] == [
        ("RELEASED", "E1000"), ("CHALLENGED", "E1001"), ("CANARY", "E1002"), ("CANARY", "E1001"), ("CANARY", "E1002"),
        ("PROPOSED", "E1001"), ("PROMOTED", "E1002"), ("ROLLED_BACK", "E1003"),
    ]  # fmt: skip
    assert steps[6]["figures"]["paired.n"] == 40
    assert house.announced()["avm-apartment"].sources == ("synthetic",)


def outcome(shadow: ShadowValued) -> Appraised:
    """An appraisal that agrees with the challenger."""
    return Appraised(
        valuation_id=shadow.valuation_id,
        appraisal_id=f"a-{shadow.valuation_id}",
        kind=AppraisalKind.OFFLINE_APPRAISAL,
        unit_price=1,
        value=shadow.challenger.value,
        on_date=UNTIL,
        reported_at=datetime.now(UTC),
        source="bank",
    )


@pytest.mark.requirement("GV5")
def test_an_artefact_of_another_hash_is_refused_and_the_former_model_answers_on(house):
    before = house.value(0).valuation
    rightful = house.announced()["avm-apartment"]
    house.send(MODELS_RELEASED, replace(rightful, version="forged", sha256="0" * 64))
    (problem,) = house.eventually(lambda: house.problems("scoring"), "the refusal on the health page")
    assert "forged is not used" in problem
    assert "sha256" in problem
    assert house.value(0).valuation == before
    house.send(MODELS_RELEASED, rightful)
    house.eventually(lambda: not house.problems("scoring"), "the rightful release")


@pytest.mark.requirement("GV5")
def test_a_rollback_to_an_artefact_that_was_changed_in_the_store_is_refused(house, first, newer):
    with pytest.raises(CommandError, match="needs two people"):
        house.avm("release", newer, "--by", "E1000", "--reason", "direct")
    house.avm("release", newer, "--by", "E1000", "--second", "E1001", "--reason", "direct")
    artefact = Path(Settings().models_url) / "avm-apartment" / first / "artefact.zip"
    content = artefact.read_bytes()
    artefact.write_bytes(content + b"x")
    with pytest.raises(CommandError, match=r"cannot be put in charge: .*sha256"):
        house.avm("rollback", "--by", "E1003", "--reason", "doubts")
    artefact.write_bytes(content)
    house.avm("rollback", "--by", "E1003", "--reason", "doubts")
    house.eventually(lambda: house.answering() == {first}, "the former champion")
