"""Routing and settling as processes on a real broker: an outage, and what people decide about policy and segments."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from infra.cli import policy as policy_commands
from infra.cli import segments
from infra.kafka.admin import apply, plan, wanted_topics
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import client_conf
from schemas.catalogue import (
    ACCEPTED,
    ALIASES,
    DEAD_LETTERS,
    DECISIONS,
    DEGRADED,
    DISPUTES_OPENED,
    ENRICHED,
    FEEDBACK,
    MODELS_RELEASED,
    PROPOSALS,
    RESULTS,
    REUSABLE,
    REVIEW_PROGRESS,
    REVIEWS,
    SCORED,
    SEGMENTS,
    WITHDRAWALS,
    Topic,
)
from schemas.codec import Codec
from schemas.codes import AppraisalKind, Lane, ModelRole, Occasion, Reason, ReviewOutcome, Status
from schemas.events import (
    Accepted,
    Appraised,
    DisputeOpened,
    Enriched,
    ModelReleased,
    Resulted,
    ReviewProgressed,
    ReviewRequested,
)
from schemas.headers import event_headers, event_type
from schemas.ids import event_id
from schemas.registry import CatalogueRegistry
from streams.routing.policy_file import DEFAULT_POLICY
from tests.fakes import valuations

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
CODEC = Codec(CatalogueRegistry())
TOPICS = (
    *(SCORED, RESULTS, REVIEWS, DEGRADED, DECISIONS, PROPOSALS, SEGMENTS, WITHDRAWALS, REUSABLE),
    *(MODELS_RELEASED, ENRICHED, ALIASES, FEEDBACK, DEAD_LETTERS),
    *(ACCEPTED, REVIEW_PROGRESS, DISPUTES_OPENED),
)
WITHIN_S = 60.0
HANGZHOU = "杭州市|RESIDENTIAL"
TWO = ("--by", "s-1", "--second", "s-2", "--reason", "test")


class House:
    """Two worker processes, and both sides of their topics."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.conf, self._folder = client_conf(bootstrap), folder
        self._publisher = Publisher(self.conf, on_fatal=sys.exit)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.numbers = count()
        self.now = datetime.now(UTC) + timedelta(hours=1)  # after whatever models other tests have released

    def start(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.log").open("wb") as log:
            argv = [sys.executable, "-m", "infra.cli", "worker", *command]
            self.processes.append(subprocess.Popen(argv, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log))

    def send(self, topic: Topic, event: object, lane: Lane | None = None) -> None:
        key = str(getattr(event, topic.key))
        headers = event_headers(
            event_id=event_id(key, event_type(event), 1), event_type="t", source="tests", at=self.now, traceparent=None
        )
        record = Record(topic=topic.named(lane), key=key.encode(), value=CODEC.encode(event), headers=headers)
        self._publisher.publish([record])

    def score(self, number: str, **changes: object) -> str:
        scored = replace(valuations.scored(number, received_at=datetime.now(UTC)), scored_at=self.now, **changes)
        self.send(SCORED, scored, Lane.ONLINE)
        return scored.valuation_id

    def answer(self, valuation_id: str) -> Resulted:
        """The newest answer, once there is one."""
        return self.eventually(lambda: next(iter(self.answers(valuation_id)[-1:]), None), f"{valuation_id} answered")

    def answers(self, valuation_id: str) -> list[Resulted]:
        return [one for one in self.events(RESULTS, Resulted) if one.valuation_id == valuation_id]

    def events(self, topic: Topic, kind: type) -> list:
        with TopicReader(self.conf, topic.names, start=Start.BEGINNING) as reader:
            return [CODEC.decode(message.value(), kind) for message in reader.to_end()]

    def eventually(self, look: Callable[[], object], what: str):
        deadline = time.monotonic() + WITHIN_S
        while not (found := look()):
            assert time.monotonic() < deadline, f"in vain waited for {what}:\n{self.said()}"
            assert all(process.poll() is None for process in self.processes), self.said()
            time.sleep(0.1)
        return found

    def said(self) -> str:
        return "\n".join(path.read_text() for path in self._folder.glob("*.log"))

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(WITHIN_S)
        self._publisher.close()


@pytest.fixture(scope="module")
def house(bootstrap, tmp_path_factory) -> Iterator[House]:
    """Running workers whose desk takes one review of a degraded system."""
    folder = tmp_path_factory.mktemp("routing")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    apply(admin, plan(admin, wanted_topics(TOPICS, replication_factor=1, max_partitions=4)))
    rules = folder / "policy.toml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    text = text.replace("desk_capacity = 200", "desk_capacity = 1").replace("audit_share = 0.02", "audit_share = 0.0")
    rules.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
        environment.setenv("AVM_KAFKA__PARTITIONS", "4")
        environment.setenv("AVM_POLICY", str(rules))
        with closing(House(bootstrap, folder)) as made:
            made.start("routing", "--lane", "online")
            made.start("settle")
            run(segments, "admit", HANGZHOU, *TWO)
            yield made


def run(commands, *arguments: str) -> dict:
    result = CliRunner().invoke(commands.app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output or result.exception
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.mark.requirement("VM6")
def test_a_hold_stops_a_running_worker_at_once_and_two_people_let_it_go_on(house):
    assert house.answer(house.score("h-1")).status is Status.COMPLETED_AUTO
    run(segments, "hold", HANGZHOU, "--by", "s-7", "--reason", "three disputes")
    held = house.eventually(lambda: probe(house, Status.PENDING_MANUAL), "an answer under the hold")
    assert held.reasons == (Reason.SEGMENT_HOLD,)
    run(segments, "release", HANGZHOU, *TWO)
    house.eventually(lambda: probe(house, Status.COMPLETED_AUTO), "an automatic answer after the release")
    told = run(segments, "history", HANGZHOU)["segments"]
    assert [(one["state"], one["by"]) for one in told] == [("AUTOMATIC", "s-1"), ("HELD", "s-7"), ("AUTOMATIC", "s-1")]


@pytest.mark.requirement("RT6")
def test_in_an_outage_people_value_what_they_can_and_the_rest_is_valued_after_recovery(house):
    without = {"valuation": None, "concerns": (Reason.NO_MODEL,)}
    first = house.score("o-1", **without)
    assert house.answer(first).status is Status.PENDING_MANUAL  # the desk is full before the second comes
    second = house.score("o-2", **without)
    waiting = house.answer(second)
    assert (waiting.status, waiting.reasons[0]) == (Status.PROCESSING, Reason.SYSTEM_DEGRADED)

    house.now += timedelta(hours=1)
    house.send(MODELS_RELEASED, a_release(house.now))
    again = house.eventually(lambda: resumed(house, {first, second}), "both sent through scoring again")
    assert {name: one.concerns for name, one in again.items()} == {first: (Reason.COMPARISON_ONLY,), second: ()}
    for number in ("o-1", "o-2"):  # what scoring now says
        valued = valuations.scored(number)
        house.score(number, concerns=again[valued.valuation_id].concerns)
    house.eventually(lambda: house.answer(second).status is Status.COMPLETED_AUTO, "the parked one valued")
    assert [one.status for one in house.answers(first)] == [Status.PENDING_MANUAL]


@pytest.mark.requirement("RT3")
def test_a_proposed_policy_is_previewed_and_two_approvals_bring_it_into_a_running_worker(house, tmp_path):
    known = house.score("p-1")
    house.send(FEEDBACK, appraised(known))
    text = Path(os.environ["AVM_POLICY"]).read_text(encoding="utf-8")
    stricter = tmp_path / "stricter.toml"
    changed = text.replace('version = "2026-11"', 'version = "stricter"')
    stricter.write_text(changed.replace("min_p10 = 0.55", "min_p10 = 1.0"), encoding="utf-8")

    (made,) = run(policy_commands, "propose", str(stricter), "--by", "s-1", "--reason", "curve")["proposals"]
    assert made["preview"]["automatic_before"] > made["preview"]["automatic_after"] == 0
    assert made["preview"]["compared_before"] == 1
    (stale,) = run(policy_commands, "propose", os.environ["AVM_POLICY"], "--by", "s-1", "--reason", "r")["proposals"]
    run(policy_commands, "approve", made["proposal_id"], "--by", "s-2")
    assert house.answer(house.score("p-2")).policy.version == "2026-11"
    (done,) = run(policy_commands, "approve", made["proposal_id"], "--by", "s-3")["proposals"]
    assert done["state"].startswith("approved at")
    result = house.eventually(lambda: probe(house, Status.PENDING_MANUAL), "an answer by the approved policy")
    assert (result.policy.version, result.reasons) == ("stricter", (Reason.LOW_CONFIDENCE,))
    refused = CliRunner().invoke(policy_commands.app, ["approve", stale["proposal_id"], "--by", "s-2"])
    assert "propose the change anew" in str(refused.exception)


def probe(house: House, wanted: Status) -> Resulted | None:
    """Ask for one more valuation; its answer where it is the one waited for."""
    found = house.answer(house.score(f"probe-{next(house.numbers)}"))
    return found if found.status is wanted else None


def resumed(house: House, wanted: set[str]) -> dict | None:
    found = {one.valuation_id: one for one in house.events(ENRICHED, Enriched)}
    return {name: found[name] for name in wanted} if wanted <= found.keys() else None  # others' lie there too


@pytest.mark.requirement("RD10", "RT4", "DI2", "IN9")
def test_what_the_desk_and_disputes_say_reaches_channel_and_desk_through_running_workers(house):
    """The desk tells how long it takes, asks, gets a reply; gives another back to the model; a value is disputed."""
    asked, sent_back, disputed = (valuations.review(number) for number in ("d-1", "d-2", "d-3"))
    told = ReviewProgressed(
        valuation_id=asked.valuation_id,
        review=asked,
        number=5,
        due_at=asked.due_at,
        progressed_at=house.now,
        position=3,
        expected_at=house.now,
    )
    house.send(REVIEW_PROGRESS, told)
    house.eventually(lambda: [one.queue_position for one in house.answers(asked.valuation_id)] == [3], "a place told")
    house.send(DECISIONS, valuations.decided("d-1", review=asked, outcome=ReviewOutcome.CLARIFY, unit_price=None))
    question = house.eventually(lambda: about(house, asked, Status.NEEDS_CLARIFICATION), "a question")
    assert question.address.candidates == valuations.ADDRESS.candidates
    again = replace(asked.scored.request, revision=2, occasion=Occasion.DESK_REPLY, chosen_community_id="c-1")
    house.send(SCORED, replace(asked.scored, request=again), Lane.ONLINE)
    reply = house.eventually(lambda: review_of(house, asked, revision=2), "the reply with people")
    assert Reason.DESK_REPLY in reply.reasons

    returned = valuations.decided(
        "d-2", review=sent_back, outcome=ReviewOutcome.RETURN_TO_AUTO, confirmed_community_id="c-2", unit_price=None
    )
    house.send(DECISIONS, returned)
    house.eventually(lambda: about(house, sent_back, Status.PROCESSING), "an interim word")
    mine = [one for one in house.events(ACCEPTED, Accepted) if one.valuation_id == sent_back.valuation_id]
    assert [(one.request.revision, one.request.chosen_community_id) for one in mine] == [(2, "c-2")]

    case = replace(disputed.scored, request=replace(disputed.scored.request, revision=2, occasion=Occasion.DISPUTED))
    opened = DisputeOpened(
        valuation_id=case.valuation_id,
        scored=case,
        reason_code="TOO_LOW",
        raised_at=house.now,
        opened_at=house.now,
        supersedes="GJ-1",
    )
    house.send(DISPUTES_OPENED, opened)
    review = house.eventually(lambda: review_of(house, disputed, revision=2), "the dispute with people")
    house.send(DECISIONS, valuations.decided("d-3", review=review))
    final = house.eventually(lambda: about(house, disputed, Status.COMPLETED_MANUAL), "the answer to the dispute")
    assert (final.revision, final.supersedes) == (2, "GJ-1")


def about(house: House, review: ReviewRequested, status: Status) -> Resulted | None:
    return next((one for one in house.answers(review.valuation_id) if one.status is status), None)


def review_of(house: House, review: ReviewRequested, *, revision: int) -> ReviewRequested | None:
    found = (one for one in house.events(REVIEWS, ReviewRequested) if one.valuation_id == review.valuation_id)
    return next((one for one in found if one.scored.request.revision == revision), None)


def a_release(at: datetime) -> ModelReleased:
    return ModelReleased(
        name="avm-apartment",
        version="1",
        segment="APARTMENT",
        role=ModelRole.CHAMPION,
        uri="u",
        sha256="0" * 64,
        feature_set_version="1",
        released_at=at,
        released_by="s-1",
    )


def appraised(valuation_id: str) -> Appraised:
    assert valuations.VALUATION.unit_price
    return Appraised(
        valuation_id=valuation_id,
        kind=AppraisalKind.OFFLINE_APPRAISAL,
        unit_price=valuations.VALUATION.unit_price,
        value=valuations.VALUATION.value,
        on_date=valuations.NOON.date(),
        reported_at=valuations.NOON,
        source="bank",
        appraisal_id="a-1",
    )


@pytest.mark.requirement("RT3")
def test_the_commands_tell_the_automation_ratio_and_the_curve_of_what_ran(house):
    assert house.answer(house.score("c-1")) is not None
    result = CliRunner().invoke(policy_commands.app, ["automation", "--json"])
    rows = json.loads(result.stdout.strip().splitlines()[-1])["automation"]
    # The broker also holds what other tests answered: whether that is an alarm is theirs, that it shows is ours.
    assert result.exit_code == any(row["alert"] == "ALARM" for row in rows)
    week = [row for row in rows if row["hours"] == 7 * 24]
    assert {row["class"] for row in week} >= {"*", "RESIDENTIAL"}
    assert all(0 < row["automatic"] < row["counted"] for row in week if row["class"] in {"*", "RESIDENTIAL"})
    told = run(policy_commands, "curve", "--against", "DEAL")
    assert told == {"against": "DEAL", "curves": {}}  # one figure is known, thirty make a curve
