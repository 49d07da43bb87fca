from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.dead_letters.letters import DeadLetter, Filter, Group, ReplayNote, grouped, originals, read
from infra.dead_letters.replay import Replay, Step, note, replayed
from infra.kafka.producer import Record
from infra.postgres import dead_letters as of_consumers
from streams.runtime.failures import FailureClass
from tests.unit.infra.dead_letters.letters import GRAVES, NOW, Original, Written, buried, letter, place

REPLAY = Replay(replay_id="r-1", by="lin", reason="the bug is mended")


def a_note(of: DeadLetter) -> ReplayNote:
    (record,) = originals([of])
    step = Step(place=record.place, record=replayed(record, REPLAY))
    found = read(Written(note(step, REPLAY, at=NOW, dead_letters=GRAVES)))
    assert isinstance(found, ReplayNote)
    return found


def test_a_dead_letter_of_a_stage_is_read_back_whole():
    found = letter(kind=FailureClass.EXHAUSTED)
    assert (found.place, found.stage, found.kind) == (place(), "intake", "exhausted")
    assert (found.error, found.attempts, found.release) == ("ValueError", "2", "1.0")
    assert found.first_failed_at == NOW
    original = Original()
    assert (found.key, found.value, found.headers) == (original.key, original.value, original.headers)
    assert not found.cut


def test_a_dead_letter_of_a_consumer_is_read_back_whole():
    class Consumed:
        def topic(self):
            return "valuation.scored.batch"

        def partition(self):
            return 0

        def offset(self):
            return 12

        def key(self):
            return b"k"

        def value(self):
            return b"v"

        def headers(self):
            return [("ce_id", b"e")]

    record = of_consumers.dead_letter(
        Consumed(), kind="defect", error=KeyError("x"), at=NOW, burial=of_consumers.Burial(topic="d", stage="ledger")
    )
    found = read(Written(record))
    assert (found.place, found.stage, found.kind) == (place(12, 0, "valuation.scored.batch"), "ledger", "defect")
    assert (found.key, found.value, found.headers) == (b"k", b"v", (("ce_id", b"e"),))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("dlq.topic", b"t"), ("dlq.partition", b"0")],
        [("dlq.topic", b"t"), ("dlq.partition", b"-1"), ("dlq.offset", b"2")],
        [("dlq.topic", b""), ("dlq.partition", b"0"), ("dlq.offset", b"2")],
        [("dlq.topic", b"t"), ("dlq.partition", b"0"), ("dlq.offset", "²".encode())],
    ],
)
def test_a_record_that_names_no_original_is_none(headers):
    assert read(Written(Record(topic=GRAVES, key=b"k", value=b"v", headers=headers))) is None


def test_without_a_readable_instant_the_brokers_stamp_counts():
    record = buried()
    headers = [(name, b"soon" if name == "dlq.first_failed_at" else value) for name, value in record.headers]
    assert read(Written(replace(record, headers=headers))).first_failed_at == NOW + timedelta(hours=1)


def test_a_value_that_was_cut_is_known_as_such():
    found = letter(Original(value=b"x" * 200_000), max_bytes=100_000)
    assert found.cut
    assert found.value_bytes == 200_000


def test_a_tombstone_is_whole():
    assert not letter(Original(value=None)).cut
    assert letter(Original(value=None)).value is None


def test_one_record_buried_by_two_rooms_counts_once():
    (record,) = originals([letter(stage="intake"), letter(stage="ledger", at=NOW - timedelta(hours=1))])
    assert record.stages == ("intake", "ledger")
    assert record.first_failed_at == NOW - timedelta(hours=1)
    (group,) = grouped([record])
    assert group == Group(
        kinds=("defect",),
        stages=("intake", "ledger"),
        topic="valuation.requests.online",
        records=1,
        failed_again=0,
        oldest=NOW - timedelta(hours=1),
    )


def test_of_two_dead_letters_of_one_stage_the_later_stands():
    (record,) = originals([letter(kind=FailureClass.EXHAUSTED), letter(kind=FailureClass.DEFECT)])
    assert record.kinds == ("defect",)


def test_the_whole_of_two_dead_letters_is_taken_when_the_other_was_cut():
    value = b"x" * 200_000
    cut, whole = letter(Original(value=value), max_bytes=100_000), letter(Original(value=value), stage="ledger")
    for order in ([cut, whole], [whole, cut]):
        (record,) = originals(order)
        assert record.letter.value == value


def test_records_come_in_the_order_they_were_written():
    written = [letter(Original(offset=offset, partition=part)) for part, offset in ((1, 10), (0, 5), (1, 9))]
    assert [(record.place.partition, record.place.offset) for record in originals(written)] == [(0, 5), (1, 9), (1, 10)]


def test_a_replayed_record_is_no_longer_open_and_tells_who_did_it():
    first = letter()
    (record,) = originals([first, a_note(first)])
    assert not record.open
    assert [(each.by, each.reason, each.at) for each in record.replays] == [("lin", "the bug is mended", NOW)]
    assert not Filter().matches(record)
    assert Filter(replayed=True).matches(record)


def test_a_room_that_buries_it_after_the_replay_opens_it_again():
    first = letter()
    (record,) = originals([first, a_note(first), letter(stage="ledger")])
    assert record.open


def test_a_replayed_record_that_fails_again_is_told_apart():
    (record,) = originals([letter()])
    sent = replayed(record, REPLAY)
    again = letter(Original(offset=99, headers=tuple(sent.headers)))
    assert again.failed_again
    assert grouped(originals([again]))[0].failed_again == 1


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Filter(), True),
        (Filter(stage="intake"), True),
        (Filter(stage="scoring"), False),
        (Filter(kind="defect"), True),
        (Filter(kind="exhausted"), False),
        (Filter(topic="valuation.requests"), True),
        (Filter(topic="valuation.requests.online"), True),
        (Filter(topic="valuation.requests.batch"), False),
        (Filter(topic="valuation.req"), False),
        (Filter(key=b"v-7"), True),
        (Filter(key=b"v-8"), False),
        (Filter(since=NOW), True),
        (Filter(since=datetime(2026, 11, 26, tzinfo=UTC)), False),
        (Filter(stage="intake", kind="exhausted"), False),
    ],
)
def test_a_filter_must_hold_in_everything(wanted, meant):
    (record,) = originals([letter()])
    assert wanted.matches(record) is meant


def test_a_filter_must_hold_for_one_and_the_same_dead_letter():
    (record,) = originals([letter(stage="intake"), letter(stage="ledger", kind=FailureClass.EXHAUSTED)])
    assert Filter(stage="ledger", kind="exhausted").matches(record)
    assert not Filter(stage="ledger", kind="defect").matches(record)


def test_the_largest_group_comes_first():
    few = [letter(Original(offset=1), stage="scoring")]
    many = [letter(Original(offset=offset)) for offset in (2, 3)]
    assert [(group.stages, group.records) for group in grouped(originals([*few, *many]))] == [
        (("intake",), 2),
        (("scoring",), 1),
    ]
