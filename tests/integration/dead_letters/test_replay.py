"""Poison, dead letter, mended stage, replay, output: with the command, on a real broker."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from infra.cli import dead_letters
from schemas.catalogue import DEAD_LETTERS, REQUESTS
from schemas.events import Requested
from tests.chaos.numbered_worker import Note
from tests.chaos.scene import NOT_A_MESSAGE, headers_of
from tests.integration.runtime.room import CODEC, Room, until

pytestmark = pytest.mark.kafka

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def room(bootstrap, topics, tmp_path, monkeypatch) -> Iterator[Room]:
    """Topics of one test, which the command takes for those of the catalogue."""
    room = Room(bootstrap, topics, tmp_path)
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", bootstrap)
    monkeypatch.setattr(dead_letters, "DEAD_LETTERS", replace(DEAD_LETTERS, name=room.setup.dead_letters))
    monkeypatch.setattr(dead_letters, "_TOPICS", {room.setup.source: REQUESTS})
    monkeypatch.setattr(dead_letters, "_REPLAYABLE", {room.setup.source})
    yield room
    room.close()


def said(*arguments: str) -> dict:
    done = CliRunner().invoke(dead_letters.app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(*arguments: str) -> str:
    return str(CliRunner().invoke(dead_letters.app, list(arguments)).exception)


def numbers(room: Room) -> list[str]:
    return [CODEC.decode(message.value(), Requested).client_request_id for message in room.read(room.setup.sink)]


@pytest.mark.requirement("OP4")
def test_a_record_that_two_rooms_buried_is_replayed_once_by_the_mended_stage(room, caplog):
    room.send(
        "fine", Note.BUG, "fine", key="one", headers=[("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
    )
    room.send_raw(NOT_A_MESSAGE)
    workers = [room.start(), room.start(group=f"{room.setup.group}.other")]
    until(lambda: len(room.dead_letters()) == 4, "two dead letters of each room")
    room.committed()
    assert [worker.stop() for worker in workers] == [0, 0]

    listed = said("list", "--records")
    assert {tuple(group["kinds"]): group["records"] for group in listed["groups"]} == {
        ("defect",): 1,
        ("undecodable",): 1,
    }
    assert listed["records"] == 2
    (defect,) = [each for each in listed["each"] if each["classes"] == ["defect"]]
    topic, partition, offset = defect["record"].split("/")
    seen = said("show", topic, partition, offset)
    assert (seen["event"], seen["value"]["client_request_id"]) == ("Requested", "1")

    why = ["--class", "defect", "--reason", "the bug is mended", "--by", "lin"]
    before = len(room.read(room.setup.source))
    planned = said("replay", *why)
    assert (planned["planned"], planned["sent"]) == ([defect["record"]], 0)
    assert len(room.read(room.setup.source)) == before, "a plan sends nothing"

    with caplog.at_level(logging.INFO, logger="infra.dead_letters"):
        assert said("replay", *why, "--send")["sent"] == 1
    assert f"replayed {defect['record']}" in caplog.text
    assert "by lin: the bug is mended" in caplog.text
    room.start(mended=True)
    room.committed()
    assert sorted(numbers(room)) == ["0", "0", "1", "2", "2"], "two rooms passed the fine ones, one the mended one"
    (output,) = [m for m in room.read(room.setup.sink) if CODEC.decode(m.value(), Requested).client_request_id == "1"]
    assert headers_of(output)["traceparent"].split("-")[1] == TRACE, "the trace goes on after the replay"

    (sent,) = [headers_of(message) for message in room.read(room.setup.source) if "replay.id" in headers_of(message)]
    assert {name: sent[name] for name in ("replay.of", "replay.by", "replay.reason")} == {
        "replay.of": defect["record"],
        "replay.by": "lin",
        "replay.reason": "the bug is mended",
    }
    assert not any(name.startswith("dlq.") for name in sent)

    assert said("list")["records"] == 1, "the replayed one no longer waits"
    assert said("list", "--replayed")["records"] == 2
    assert said("replay", *why, "--send")["sent"] == 0
    assert said("show", topic, partition, offset)["replays"][0]["by"] == "lin"


def test_a_record_that_fails_again_after_its_replay_is_told_apart(room):
    room.send(Note.BUG)
    room.start()
    room.committed()
    assert said("replay", "--send", "--reason", "too early")["sent"] == 1
    until(lambda: len(room.dead_letters()) == 3, "its second dead letter, beside the note of the replay")
    (group,) = said("list")["groups"]
    assert (group["records"], group["failed_again"]) == (1, 1)


def test_nothing_is_sent_without_a_reason_and_an_unknown_record_is_named(room):
    assert "--reason" in refused("replay", "--send")
    assert "valuation.requests.online/0/7" in refused("show", "valuation.requests.online", "0", "7")
    assert "--since tomorrow" in refused("list", "--since", "tomorrow")


def test_what_people_read_fits_the_figures(room):
    room.send(Note.BUG, Note.AWAY)
    room.start()
    room.committed()
    listed = CliRunner().invoke(dead_letters.app, ["list", "--since", "1h", "--records"]).stdout
    assert "Records: 2" in listed
    assert "exhausted" in listed
    planned = CliRunner().invoke(dead_letters.app, ["replay", "--stage", "numbered", "--at-most", "1"]).stdout
    assert "Records to replay: 1" in planned
    assert "Add --send" in planned
    assert "No dead letters match" in CliRunner().invoke(dead_letters.app, ["list", "--stage", "nobody"]).stdout
