"""A worker process on a real broker: order, headers, poison, holes, missing topics, clean stops, reference data."""

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from infra.kafka.producer import Record
from infra.telemetry import names
from schemas.events import Community
from tests.chaos.numbered_worker import Note
from tests.chaos.scene import NOT_A_MESSAGE, headers_of, lag, numbered
from tests.integration.runtime.room import CODEC, DEADLINE_S, Room, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def room(bootstrap, topics, tmp_path) -> Iterator[Room]:
    room = Room(bootstrap, topics, tmp_path)
    yield room
    room.close()


def test_the_order_of_a_key_is_kept(room):
    room.send(*["fine"] * 500, key="one")
    room.start()
    room.committed()
    assert [int(request.client_request_id) for request in room.outputs()] == list(range(500))


@pytest.mark.requirement("OP4")
def test_outputs_continue_the_trace_and_speak_cloudevents(room):
    trace = "0af7651916cd43dd8448eb211c80319c"
    room.send("fine", headers=[("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode())])
    room.start()
    room.committed()
    (message,) = room.read(room.setup.sink)
    headers = headers_of(message)
    assert headers["traceparent"].split("-")[1] == trace
    assert headers["ce_type"] == "cn.housevaluation.Requested"
    assert headers["ce_source"] == "streams/numbered"
    assert [name for name, _ in message.headers()].count("traceparent") == 1


@pytest.mark.requirement("OP4")
def test_every_kind_of_poison_is_a_dead_letter_with_its_reason_and_neighbours_pass(room):
    room.send("fine", Note.BUG, "fine", Note.AWAY, Note.FLAKY, Note.HUGE, Note.SILENT, "fine", key="one")
    room.send_raw(NOT_A_MESSAGE)
    room.send_raw(None)
    worker = room.start()
    room.committed()
    assert [int(request.client_request_id) for request in room.outputs()] == [0, 2, 4, 7]
    classes = sorted(letter["dlq.class"] for letter in room.dead_letters())
    assert classes == ["defect", "exhausted", "undecodable", "undecodable", "unpublishable"]
    assert not any("somewhere" in letter["dlq.error"] for letter in room.dead_letters()), "an address in an error"
    metrics = worker.get("/metrics")[1]
    assert f'{names.DEAD_LETTERS}{{stage="numbered",lane="",class="undecodable"}} 2' in metrics
    assert f'{names.SILENCES}{{stage="numbered",lane="",reason="asked_to_be_silent"}} 1' in metrics


def test_transaction_markers_do_not_freeze_commits(room):
    producer = Producer({"bootstrap.servers": room.bootstrap, "transactional.id": room.setup.group})
    producer.init_transactions(30)
    for number in range(200):  # stock Faust passes one marker per commit at most: it would need 100 s for these
        producer.begin_transaction()
        producer.produce(room.setup.source, CODEC.encode(numbered(number, "fine")), b"one key")
        producer.commit_transaction(30)
    room.start()
    # The last marker stays uncommitted for ever: no message follows it that could be acknowledged.
    until(lambda: 0 <= lag(room.bootstrap, room.setup) <= 1, "commits behind the markers")
    assert len(room.outputs()) == 200


def test_a_missing_topic_ends_the_worker_with_a_message_that_names_it(room):
    worker = room.start(source="nobody.made.this")
    assert worker.process.wait(DEADLINE_S) == 1
    assert "nobody.made.this is missing" in worker.said()


def test_a_worker_told_to_stop_finishes_commits_and_ends_with_zero(room):
    worker = room.start()
    worker.wait_ready()
    room.send(*["fine"] * 2_000)
    until(room.outputs, "the first output")
    assert worker.stop() == 0
    published = len(room.outputs())
    left = lag(room.bootstrap, room.setup)
    assert published + left == 2_000, "what was published is committed, so nothing comes twice"


def test_health_says_live_and_ready_and_metrics_are_prometheus_text(room):
    worker = room.start()
    worker.wait_ready()
    assert worker.get("/live")[0] == 200
    assert worker.get("/nonsense")[0] == 404
    status, body = worker.get("/health")
    said = json.loads(body)
    assert (status, said["ready"], said["reasons"], len(said["partitions"])) == (200, True, [], 4)
    room.send("fine")
    room.committed()
    metrics = worker.get("/metrics")[1]
    assert f'{names.MESSAGES}{{stage="numbered",lane=""}} 1' in metrics
    promised = {value for name, value in vars(names).items() if name.isupper() and value.startswith("avm_")}
    assert {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")} == promised


class Communities:
    """Writes communities on a reference topic of this test."""

    def __init__(self, room: Room, topics) -> None:
        self._room, self.topic = room, topics("reference", config={"cleanup.policy": "compact"})

    def put(self, *ids: str) -> None:
        self._send({name: CODEC.encode(community(name)) for name in ids})

    def delete(self, name: str) -> None:
        self._send({name: None})

    def put_nonsense(self, name: str) -> None:
        self._send({name: NOT_A_MESSAGE})

    def _send(self, values: dict[str, bytes | None]) -> None:
        self._room.publisher.publish(
            [Record(topic=self.topic, key=name.encode(), value=value) for name, value in values.items()]
        )


def community(name: str) -> Community:
    """The least a community needs."""
    return Community(community_id=name, name=name, province="北京市", city="北京市", district="朝阳区")


def test_reference_data_is_complete_before_the_first_message_and_followed_afterwards(room, topics):
    communities = Communities(room, topics)
    communities.put(*[f"c{number}" for number in range(300)])
    communities.put_nonsense("bad")
    room.send("fine")
    worker = room.start(reference=communities.topic)
    room.committed()
    assert [request.note for request in room.outputs()] == ["300 communities"]
    before = json.loads(worker.get("/health")[1])
    assert before["reference_undecodable"] == {communities.topic: 1}

    communities.delete("c0")
    communities.put("new1", "new2", "new3")
    until(
        lambda: json.loads(worker.get("/health")[1])["reference_version"] != before["reference_version"],
        "the idle worker to take the changes in",
    )
    until(
        lambda: (
            f'{names.REFERENCE_CHANGES}{{stage="numbered",lane="",view="communities"}} 304' in worker.get("/metrics")[1]
        ),
        "all changes",
    )
    room.send("fine")
    room.committed()
    assert [request.note for request in room.outputs()][1] == "302 communities"


def test_a_worker_whose_output_the_broker_refuses_ends_with_70_and_commits_nothing(room, topics):
    refusing = topics("refusing", config={"max.message.bytes": "100"})
    room.send("fine")
    worker = room.start(sink=refusing)
    assert worker.process.wait(DEADLINE_S) == 70
    assert lag(room.bootstrap, room.setup) == 1
    room.start()
    room.committed()
    assert len(room.outputs()) == 1, "the restarted worker finds it again"


def test_two_workers_share_the_partitions_and_one_takes_over(room):
    first, second = room.start(), room.start()
    for worker in (first, second):
        worker.wait_ready()
    until(
        lambda: sorted(len(json.loads(worker.get("/health")[1])["partitions"]) for worker in (first, second)) == [2, 2],
        "two partitions each",
    )
    assert first.stop() == 0
    until(lambda: len(json.loads(second.get("/health")[1])["partitions"]) == 4, "the takeover")
    room.send(*["fine"] * 20)
    room.committed()
    assert len(room.outputs()) == 20
