import logging

import pytest

from infra.dead_letters.letters import ReplayNote, originals, read
from infra.dead_letters.replay import Hindrance, Replay, Sender, plan
from schemas.catalogue import MAX_MESSAGE_BYTES
from schemas.errors import PublishError
from tests.unit.infra.dead_letters.letters import GRAVES, NOW, TOPIC, Original, Written, letter, place

REPLAY = Replay(replay_id="r-1", by="lin", reason="缺陷已修复")


class Desk:
    """A publisher that keeps what it gets and a clock that moves when someone pauses."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.batches, self.pauses = [], []
        self.now, self._fails_at = 0.0, fails_at

    def publish(self, records):
        if len(self.batches) == self._fails_at:
            raise PublishError("the broker is away")
        self.batches.append(list(records))
        self.now += 0.25

    def pause(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def sender(self, per_second=2) -> Sender:
        return Sender(
            publisher=self,
            dead_letters=GRAVES,
            per_second=per_second,
            clock=lambda: NOW,
            elapsed=lambda: self.now,
            pause=self.pause,
        )


def planned(*originals_: Original, **how):
    return plan(originals([letter(one, **how) for one in originals_]), REPLAY, topics={TOPIC})


def test_the_original_goes_back_as_it_was_with_the_replays_headers_alone():
    original = Original()
    (step,) = planned(original).steps
    assert (step.record.topic, step.record.key, step.record.value) == (TOPIC, original.key, original.value)
    assert step.record.headers == [
        *original.headers,
        ("replay.id", b"r-1"),
        ("replay.of", b"valuation.requests.online/3/7"),
        ("replay.by", b"lin"),
        ("replay.reason", "缺陷已修复".encode()),
    ]


def test_headers_of_an_earlier_replay_make_way():
    (step,) = planned(Original(headers=(("replay.id", b"old"), ("replay.reason", b"old"), ("ce_id", b"e")))).steps
    names = [name for name, _ in step.record.headers]
    assert names == ["ce_id", "replay.id", "replay.of", "replay.by", "replay.reason"]
    assert dict(step.record.headers)["replay.id"] == b"r-1"


def test_a_tombstone_goes_back_as_a_tombstone():
    (step,) = planned(Original(value=None)).steps
    assert step.record.value is None


def test_a_cut_value_is_not_sent():
    found = planned(Original(value=b"x" * 200_000), max_bytes=100_000)
    assert (found.steps, found.hindered) == ((), ((place(), Hindrance.CUT),))


@pytest.mark.parametrize("topic", ["__consumer_offsets", "valuation.dead-letters", "somebody.elses"])
def test_nothing_is_written_to_a_topic_that_is_not_among_the_known(topic):
    found = planned(Original(topic=topic))
    assert (found.steps, found.hindered) == ((), ((place(topic=topic), Hindrance.FOREIGN_TOPIC),))


def test_a_record_that_would_be_too_large_is_named_instead_of_failing_the_others():
    value = b"x" * (MAX_MESSAGE_BYTES - 320)
    found = planned(Original(value=value, headers=()), Original(offset=8), max_bytes=2 * MAX_MESSAGE_BYTES)
    assert [step.place.offset for step in found.steps] == [8]
    assert found.hindered == ((place(), Hindrance.TOO_LARGE),)


def test_records_of_a_partition_are_sent_in_the_order_they_were_written():
    found = planned(*[Original(offset=offset) for offset in (30, 4, 11)])
    assert [step.place.offset for step in found.steps] == [4, 11, 30]


def test_no_more_than_so_many_go_out_in_a_second():
    desk = Desk()
    assert list(desk.sender().send(planned(*[Original(offset=offset) for offset in range(5)]))) == [2, 4, 5]
    sent = [[record.topic for record in batch] for batch in desk.batches]
    assert sent == [[TOPIC] * 2, [GRAVES] * 2, [TOPIC] * 2, [GRAVES] * 2, [TOPIC], [GRAVES]]
    assert desk.pauses == [0.5, 0.5], "what publishing took is not waited again, and nothing after the last"


def test_each_replay_is_noted_behind_its_dead_letter_and_in_the_log(caplog):
    desk = Desk()
    with caplog.at_level(logging.INFO):
        list(desk.sender().send(planned(Original())))
    (record,) = desk.batches[1]
    assert (record.topic, record.key) == (GRAVES, b"v-7")
    assert read(Written(record)) == ReplayNote(place=place(), replay_id="r-1", by="lin", reason="缺陷已修复", at=NOW)
    assert "replayed valuation.requests.online/3/7 as r-1, by lin: 缺陷已修复" in caplog.text


def test_what_the_broker_did_not_confirm_is_not_noted(caplog):
    desk, sent = Desk(fails_at=2), []
    with caplog.at_level(logging.INFO), pytest.raises(PublishError):
        sent.extend(desk.sender().send(planned(*[Original(offset=offset) for offset in range(5)])))
    assert [len(batch) for batch in desk.batches] == [2, 2]
    assert caplog.text.count("replayed ") == 2
