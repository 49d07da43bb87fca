"""Whatever a batch does, every message of it ends as an outcome or as a dead letter with its reason."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.producer import Record, UnpublishableError
from schemas.catalogue import REQUESTS
from schemas.errors import TransientError, UndecodableError, UnknownSchemaError
from streams.runtime.failures import Burial, FailureClass
from streams.runtime.guard import Guard, Retry
from streams.runtime.stage import Outcome, Output, RawMessage
from tests.fakes.runtime import FakeMessage

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
BURIAL = Burial(topic="dead", stage="words", release="1.2.3", max_bytes=100_000)
RETRY = Retry(attempts=3, first_s=1.0, longest_s=10.0, budget_s=100.0)


class Words:
    """A stage over words: each word says what it does, e.g. `bug`, `flaky2` (fails twice), `away`, `silent`."""

    name = "words"

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._failed: dict[str, int] = {}

    def handle(self, batch: Sequence[str]) -> Sequence[Outcome]:
        self.calls.append(tuple(batch))
        return [outcome for word in batch if (outcome := self._one(word)) is not None]

    def _one(self, word: str) -> Outcome | None:
        if word.startswith("bug"):
            raise ValueError(f"invalid literal {word} of 北京市朝阳区")
        if word.startswith("away") or (word.startswith("flaky") and self._fails_again(word)):
            raise TransientError("away")
        if word.startswith("short"):
            return None
        if word.startswith("silent"):
            return Outcome(silence="nothing_to_say")
        return Outcome(outputs=(Output(topic=REQUESTS, event=word),))

    def _fails_again(self, word: str) -> bool:
        self._failed[word] = self._failed.get(word, 0) + 1
        return self._failed[word] <= int(word.removeprefix("flaky")[:1])


def decode(message: RawMessage) -> str:
    if message.value is None or message.value.startswith(b"bad"):
        raise UndecodableError("no word")
    if message.value.startswith(b"unknown"):
        raise UnknownSchemaError("7")
    return message.value.decode()


def encode(message: RawMessage, outcome: Outcome) -> Sequence[Record]:
    words = [output.event for output in outcome.outputs]
    if any(word.startswith("huge") for word in words):
        raise UnpublishableError(0, "too large")
    return [Record(topic="out", key=b"k", value=word.encode()) for word in words]


class Room:
    """A guard with a stage whose pauses are noted and not waited for."""

    def __init__(self, retry: Retry = RETRY) -> None:
        self.stage, self.pauses = Words(), []
        self.guard = Guard(
            stage=self.stage,
            decode=decode,
            burial=BURIAL,
            retry=retry,
            clock=lambda: NOW,
            sleep=self._sleep,
            randomness=random.Random(1),
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def settle(self, *words: str | None):
        return await self.guard.settle(messages(*words), encode)


def messages(*words: str | None) -> list[FakeMessage]:
    return [FakeMessage(offset, None if word is None else word.encode()) for offset, word in enumerate(words)]


def out(settled) -> list[str]:
    return [record.value.decode() for record in settled.records if record.topic == "out"]


def dead(settled) -> list[dict[str, str]]:
    letters = [record for record in settled.records if record.topic == "dead"]
    return [{name: value.decode() for name, value in record.headers} for record in letters]


async def test_a_good_batch_is_handled_at_once():
    room = Room()
    settled = await room.settle("a", "b", "c")
    assert out(settled) == ["a", "b", "c"]
    assert room.stage.calls == [("a", "b", "c")]
    assert settled.dead == []


async def test_undecodable_bytes_do_not_take_the_batch_apart():
    room = Room()
    settled = await room.settle("a", "bad", None, "b")
    assert out(settled) == ["a", "b"]
    assert room.stage.calls == [("a", "b")]
    assert [letter["dlq.class"] for letter in dead(settled)] == ["undecodable", "undecodable"]


async def test_a_raising_message_is_isolated_and_its_neighbours_keep_their_order():
    room = Room()
    settled = await room.settle("a", "bug", "b")
    assert [record.topic for record in settled.records] == ["out", "dead", "out"]
    assert out(settled) == ["a", "b"]
    assert settled.dead == [FailureClass.DEFECT]


async def test_a_lone_raising_message_gets_one_more_chance_before_it_is_dead():
    room = Room()
    settled = await room.settle("bug")
    assert room.stage.calls == [("bug",), ("bug",)]
    assert dead(settled)[0]["dlq.attempts"] == "2"


async def test_a_transient_error_is_retried_for_the_whole_batch_with_growing_pauses():
    room = Room()
    settled = await room.settle("a", "flaky2", "b")
    assert out(settled) == ["a", "flaky2", "b"]
    assert len(room.stage.calls) == 3
    assert settled.retries == 2
    first, second = room.pauses
    assert 0.5 <= first <= 1.0 <= second <= 2.0  # jitter halves at most


async def test_what_stays_away_is_exhausted_and_its_neighbours_go_on():
    settled = await Room().settle("a", "away", "b")
    assert out(settled) == ["a", "b"]
    assert settled.dead == [FailureClass.EXHAUSTED]


async def test_the_pauses_of_a_batch_stay_within_their_budget():
    room = Room(Retry(attempts=10, first_s=1.0, longest_s=10.0, budget_s=5.0))
    settled = await room.settle(*[f"away{number}" for number in range(50)])
    assert sum(room.pauses) <= 5.0
    assert settled.dead == [FailureClass.EXHAUSTED] * 50


async def test_an_unknown_schema_is_waited_for_and_then_buried():
    room = Room()
    settled = await room.settle("unknown", "a")
    assert room.pauses
    assert out(settled) == ["a"]
    assert dead(settled)[0]["dlq.class"] == "exhausted"
    assert dead(settled)[0]["dlq.error"].startswith("UnknownSchemaError")


async def test_an_oversized_output_buries_only_its_input():
    settled = await Room().settle("a", "huge", "b")
    assert out(settled) == ["a", "b"]
    assert settled.dead == [FailureClass.UNPUBLISHABLE]


async def test_fewer_outcomes_than_events_is_a_defect():
    settled = await Room().settle("a", "short", "b")
    assert out(settled) == ["a", "b"]
    assert settled.dead == [FailureClass.DEFECT]
    assert dead(settled)[0]["dlq.error"].startswith("WrongOutcomesError")


async def test_silence_is_stated_and_counted():
    settled = await Room().settle("silent")
    assert settled.records == []
    assert settled.silences == ["nothing_to_say"]


def test_an_outcome_that_says_nothing_must_say_why():
    with pytest.raises(ValueError, match="silence"):
        Outcome()


async def test_a_dead_letter_keeps_the_original_and_tells_no_value():
    room = Room()
    message = FakeMessage(7, b"bug 13800138000", headers=(("traceparent", b"00-x"), ("empty", None)))
    settled = await room.guard.settle([message], encode)
    (record,) = settled.records
    headers = dict(record.headers)
    assert (record.key, record.value) == (message.key, message.value)
    assert headers["traceparent"] == b"00-x"
    assert headers["dlq.topic"] == b"in"
    assert (headers["dlq.partition"], headers["dlq.offset"]) == (b"0", b"7")
    assert (headers["dlq.stage"], headers["dlq.release"]) == (b"words", b"1.2.3")
    assert headers["dlq.first_failed_at"] == NOW.isoformat().encode()
    said = b" ".join(value for name, value in record.headers if name.startswith("dlq."))
    assert b"138" not in said
    assert "北京".encode() not in said


async def test_the_same_bug_has_the_same_stack_digest():
    settled = await Room().settle("bug1", "bug2")
    assert len({letter["dlq.stack"] for letter in dead(settled)}) == 1


async def test_a_value_too_large_for_a_dead_letter_is_cut_and_digested():
    settled = await Room().settle("bad" + "x" * 200_000)
    (record,) = settled.records
    headers = dict(record.headers)
    assert len(record.value) < 100_000
    assert headers["dlq.value_bytes"] == b"200003"
    assert len(headers["dlq.value_sha256"]) == 64


async def test_headers_too_large_for_a_dead_letter_are_left_out():
    message = FakeMessage(0, b"bad", headers=(("fat", b"x" * 200_000),))
    settled = await Room().guard.settle([message], encode)
    (record,) = settled.records
    assert "fat" not in dict(record.headers)
    assert record.value == b"bad"


async def test_defects_in_a_row_are_counted_across_batches_and_end_with_a_good_one():
    room = Room()
    await room.settle("bug1", "bug2")
    await room.settle("bug3")
    assert room.guard.defects_in_a_row == 3
    await room.settle("bug4", "a")
    assert room.guard.defects_in_a_row == 0


WORDS = st.sampled_from(
    ["a", "b", "bug", "flaky1", "flaky9", "away", "bad", "unknown", "huge", "silent", "short", None]
)
EXPECTED = {
    "bug": FailureClass.DEFECT,
    "short": FailureClass.DEFECT,
    "flaky9": FailureClass.EXHAUSTED,
    "away": FailureClass.EXHAUSTED,
    "unknown": FailureClass.EXHAUSTED,
    "bad": FailureClass.UNDECODABLE,
    None: FailureClass.UNDECODABLE,
    "huge": FailureClass.UNPUBLISHABLE,
}


@given(st.lists(WORDS, max_size=12, unique=True))
async def test_every_message_ends_as_output_silence_or_dead_letter(words):
    settled = await Room().settle(*words)
    assert len(settled.records) + len(settled.silences) == len(words)
    assert sorted(out(settled)) == sorted(word for word in words if word not in EXPECTED and word != "silent")
    letters = {int(letter["dlq.offset"]): letter["dlq.class"] for letter in dead(settled)}
    assert letters == {offset: EXPECTED[word] for offset, word in enumerate(words) if word in EXPECTED}
