"""The same cases end the same in memory and on Kafka: the runtime behind its ports, and in a worker process."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from infra.telemetry.metrics import Metrics
from infra.telemetry.tracing import CarriedTracing
from schemas.catalogue import MAX_MESSAGE_BYTES, REQUESTS
from schemas.codec import Codec
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from streams.runtime.failures import Burial
from streams.runtime.guard import Guard, Retry
from streams.runtime.loop import StageLoop
from streams.runtime.meters import Meters
from streams.runtime.window import Bounds, Window
from tests.chaos.numbered_worker import Note, NumberedStage
from tests.chaos.scene import NOT_A_MESSAGE, UNDECODABLE, numbered
from tests.fakes.runtime import FakeMessage, FakeOffsets, FakePublisher, NoReference
from tests.integration.runtime.room import Room

CODEC = Codec(CatalogueRegistry())
SINK = replace(REQUESTS, name="sink", lanes=())
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What came out, by number, in order; and the traces seen on either way."""

    outputs: tuple[int, ...]
    dead: tuple[str, ...]
    traces: frozenset[str]


def ending(outputs: Sequence[tuple[Requested, dict[str, str]]], letters: Sequence[dict[str, str]]) -> Ending:
    traces = {headers["traceparent"].split("-")[1] for headers in [*letters, *(headers for _, headers in outputs)]}
    return Ending(
        outputs=tuple(int(request.client_request_id) for request, _ in outputs),
        dead=tuple(sorted(letter["dlq.class"] for letter in letters)),
        traces=frozenset(traces),
    )


async def in_memory(notes: Sequence[str]) -> Ending:
    """Run the loop over fakes of everything around it."""
    window: Window[FakeMessage] = Window(Bounds())
    publisher = FakePublisher()
    guard = Guard(
        stage=NumberedStage(SINK),
        decode=lambda message: CODEC.decode(message.value, Requested),
        burial=Burial(topic="dead", stage="numbered", release="r", max_bytes=MAX_MESSAGE_BYTES),
        retry=Retry(attempts=3, first_s=0.0, longest_s=0.0),
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        sleep=asyncio.sleep,
        randomness=random.Random(1),
    )
    loop = StageLoop(
        window=window,
        guard=guard,
        offsets=FakeOffsets(),
        publisher=publisher,
        codec=CODEC,
        tracing=CarriedTracing(),
        reference=NoReference(),
        meters=Meters(Metrics(), window, lambda: 0.0),
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        source="streams/numbered",
        group="g",
        max_record_bytes=MAX_MESSAGE_BYTES,
    )
    window.put([FakeMessage(n, value_of(n, note), headers=HEADERS) for n, note in enumerate(notes)])
    await loop.turn()
    headers = [{name: value.decode() for name, value in record.headers} for record in publisher.published]
    pairs = list(zip(publisher.published, headers, strict=True))
    return ending(
        [(CODEC.decode(record.value, Requested), said) for record, said in pairs if record.topic == "sink"],
        [said for record, said in pairs if record.topic == "dead"],
    )


def value_of(number: int, note: str) -> bytes:
    if note == UNDECODABLE:
        return NOT_A_MESSAGE
    return CODEC.encode(replace(numbered(number, note), valuation_id="one"))


CASES = {
    "all good": (["fine"] * 5, (0, 1, 2, 3, 4), ()),
    "undecodable": (["fine", UNDECODABLE, "fine"], (0, 2), ("undecodable",)),
    "a bug": (["fine", Note.BUG, "fine"], (0, 2), ("defect",)),
    "away for a moment": (["fine", Note.FLAKY, "fine"], (0, 1, 2), ()),
    "away for good": ([Note.AWAY, "fine"], (1,), ("exhausted",)),
    "too large": (["fine", Note.HUGE], (0,), ("unpublishable",)),
    "silent": ([Note.SILENT, "fine"], (1,), ()),
    "everything": (
        [Note.BUG, "fine", UNDECODABLE, Note.SILENT, Note.FLAKY, Note.HUGE, Note.AWAY, "fine"],
        (1, 4, 7),
        ("defect", "exhausted", "undecodable", "unpublishable"),
    ),
}


@pytest.mark.requirement("OP9", "OP4")
@pytest.mark.parametrize("case", CASES)
async def test_a_case_ends_as_promised_in_memory(case):
    notes, outputs, dead = CASES[case]
    assert await in_memory(notes) == Ending(outputs=outputs, dead=dead, traces=frozenset({TRACE}))


@pytest.mark.kafka
@pytest.mark.requirement("OP9", "OP4")
def test_all_cases_end_as_promised_on_kafka(bootstrap, topics, tmp_path):
    """One worker process for all of them: the cases follow each other on one key."""
    room = Room(bootstrap, topics, tmp_path)
    try:
        expected_outputs: list[int] = []
        expected_dead: list[str] = []
        notes: list[str] = []
        for case_notes, outputs, dead in CASES.values():
            expected_outputs += [len(notes) + number for number in outputs]
            expected_dead += dead
            notes += case_notes
        room.send_values([value_of(number, note) for number, note in enumerate(notes)], headers=HEADERS)
        room.start()
        room.committed()
        outputs = [(CODEC.decode(m.value(), Requested), room.headers(m)) for m in room.read(room.setup.sink)]
        seen = ending(outputs, room.dead_letters())
    finally:
        room.close()
    assert seen == Ending(outputs=tuple(expected_outputs), dead=tuple(sorted(expected_dead)), traces=frozenset({TRACE}))
