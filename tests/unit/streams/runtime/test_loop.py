"""Acknowledged is always a subset of published, whatever is interleaved: arrival, revocation, errors, refusals."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.telemetry import names
from infra.telemetry.metrics import Metrics
from infra.telemetry.tracing import CarriedTracing
from schemas.catalogue import REQUESTS
from schemas.codec import Codec
from schemas.errors import PublishError, TransientError
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from streams.runtime.failures import Burial
from streams.runtime.guard import Guard, Retry
from streams.runtime.loop import StageLoop, TooManyDefectsError
from streams.runtime.meters import Meters
from streams.runtime.stage import Outcome, Output
from streams.runtime.window import Bounds, Window
from tests.fakes.runtime import FakeMessage, FakeOffsets, FakePublisher, NoReference

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
CODEC = Codec(CatalogueRegistry())
SINK = replace(REQUESTS, name="out", lanes=())
TRACE = "ab" * 16
GOOD = Requested(
    valuation_id="v", channel="c", client_request_id="0", requested_at=NOW, address="a", area=Decimal(90), note="fine"
)
BYTES = {note: CODEC.encode(replace(GOOD, note=note)) for note in ("fine", "bug", "away", "silent")}
BYTES["bad"] = b"bad"


class Passing:
    """Passes requests on; the note says what goes wrong."""

    name = "passing"

    def handle(self, batch: Sequence[Requested]) -> Sequence[Outcome]:
        return [self._one(request) for request in batch]

    def _one(self, request: Requested) -> Outcome:
        if request.note == "bug":
            raise RuntimeError
        if request.note == "away":
            raise TransientError
        if request.note == "silent":
            return Outcome(silence="asked")
        return Outcome(outputs=(Output(topic=SINK, event=request),))


class Room:
    """A loop with everything around it faked."""

    def __init__(self, *, refuse_at: int | None = None, max_defects: int | None = None) -> None:
        self.window: Window[FakeMessage] = Window(Bounds(batch_messages=3))
        self.publisher, self.offsets = FakePublisher(refuse_at), FakeOffsets()
        self.metrics = Metrics(stage="passing")
        self.meters = Meters(self.metrics, self.window, lambda: 100.0)
        self.offset = 0
        guard = Guard(
            stage=Passing(),
            decode=lambda message: CODEC.decode(message.value, Requested),
            burial=Burial(topic="dead", stage="passing", release="r", max_bytes=1_000_000),
            retry=Retry(attempts=2, first_s=0.0, longest_s=0.0),
            clock=lambda: NOW,
            sleep=asyncio.sleep,
            randomness=random.Random(1),
        )
        self.loop = StageLoop(
            window=self.window,
            guard=guard,
            offsets=self.offsets,
            publisher=self.publisher,
            codec=CODEC,
            tracing=CarriedTracing(random.Random(1)),
            reference=NoReference(),
            meters=self.meters,
            clock=lambda: NOW,
            source="streams/passing",
            group="g",
            max_record_bytes=1_000_000,
            max_defects_in_a_row=max_defects,
        )

    def arrive(self, *notes: str) -> list[FakeMessage]:
        trace = f"00-{TRACE}-{'cd' * 8}-01".encode()
        messages = [
            FakeMessage(
                self.offset + number,
                BYTES[note],
                timestamp=90.0,
                headers=(("traceparent", trace), ("number", str(self.offset + number).encode())),
                generation=self.offsets.generation,
            )
            for number, note in enumerate(notes)
        ]
        self.offset += len(notes)
        self.window.put(messages)
        return messages

    def revoke(self) -> list[FakeMessage]:
        """What `stop_flow` and the next assignment do: forget the window, then a new generation."""
        forgotten = self.window.forget()
        self.offsets.generation += 1
        return forgotten


async def test_a_message_is_acknowledged_after_its_output_is_published():
    room = Room()
    (message,) = room.arrive("fine")
    await room.loop.turn()
    assert [record.topic for record in room.publisher.published] == ["out"]
    assert room.offsets.acknowledged == [message]


async def test_outputs_carry_event_headers_and_continue_the_trace():
    room = Room()
    room.arrive("fine")
    await room.loop.turn()
    headers = dict(room.publisher.published[0].headers)
    assert headers["ce_type"] == b"cn.housevaluation.Requested"
    assert headers["ce_source"] == b"streams/passing"
    assert headers["traceparent"].split(b"-")[1] == TRACE.encode()
    assert headers["traceparent"].split(b"-")[2] != b"cd" * 8


async def test_a_replayed_message_gives_the_same_event_id():
    room = Room()
    room.arrive("fine")
    await room.loop.turn()
    room.arrive("fine")
    await room.loop.turn()
    first, second = (dict(record.headers)["ce_id"] for record in room.publisher.published)
    assert first == second


async def test_a_refused_batch_is_not_acknowledged_and_ends_the_loop():
    room = Room(refuse_at=1)
    room.arrive("fine", "fine")
    with pytest.raises(PublishError):
        await room.loop.turn()
    assert room.offsets.acknowledged == []


async def test_a_message_of_an_old_generation_is_released_neither_published_nor_acknowledged():
    room = Room()
    stale = room.arrive("fine")
    room.offsets.generation += 1
    fresh = room.arrive("fine")
    await room.loop.turn()
    assert room.offsets.released == stale
    assert room.offsets.acknowledged == fresh
    assert len(room.publisher.published) == 1


async def test_a_run_of_defects_ends_the_worker_only_where_configured():
    room = Room(max_defects=3)
    room.arrive("bug", "fine", "bug")
    await room.loop.turn()
    room.arrive("bug", "bug")
    with pytest.raises(TooManyDefectsError, match="dead letters"):
        await room.loop.turn()
    assert len(room.offsets.acknowledged) == 5, "they are in the dead letters, so they need not come again"


async def test_the_loop_counts_what_it_did():
    room = Room()
    room.arrive("fine", "bad", "silent")
    await room.loop.turn()
    text = room.metrics.text()
    assert f'{names.MESSAGES}{{stage="passing"}} 3' in text
    assert f'{names.DEAD_LETTERS}{{stage="passing",class="undecodable"}} 1' in text
    assert f'{names.SILENCES}{{stage="passing",reason="asked"}} 1' in text
    assert f'{names.STAGE_LATENCY}{{stage="passing",quantile="0.5"}} 10' in text


async def test_time_lag_is_the_age_of_the_oldest_unconfirmed_message():
    room = Room()
    assert room.meters.time_lag() == 0.0
    room.arrive("fine")
    assert room.meters.time_lag() == 10.0
    await room.loop.turn()
    assert room.meters.time_lag() == 0.0


async def test_an_idle_loop_still_comes_round_for_its_reference_data():
    room = Room()
    room.meters.last_tick = float("-inf")
    running = asyncio.create_task(room.loop.run())
    await asyncio.sleep(0)
    room.window.wake()
    while room.meters.is_stuck:  # noqa: ASYNC110 - the loop sets no event; a round takes two turns of asyncio
        await asyncio.sleep(0)
    running.cancel()


STEPS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(sorted(BYTES)), min_size=1, max_size=5),
        st.sampled_from(["turn", "turn", "turn", "revoke", "generation"]),
    ),
    max_size=30,
)


@given(STEPS, st.one_of(st.none(), st.integers(0, 20)))
async def test_acknowledged_is_published_and_nothing_vanishes(steps, refuse_at):
    room = Room(refuse_at=refuse_at)
    arrived: list[FakeMessage] = []
    forgotten: list[FakeMessage] = []
    refused = False
    try:
        for step in steps:
            if isinstance(step, list):
                arrived += room.arrive(*step)
            elif step == "turn":
                await room.loop.turn()
            elif step == "revoke":
                forgotten += room.revoke()
            else:
                room.offsets.generation += 1
    except PublishError:
        refused = True
    acknowledged = room.offsets.acknowledged
    assert [m.offset for m in acknowledged] == sorted(m.offset for m in acknowledged), "in order, or Faust miscounts"
    needing_record = [message for message in acknowledged if message.value != BYTES["silent"]]
    assert len(needing_record) <= len(room.publisher.published)
    if not refused:
        assert len(needing_record) == len(room.publisher.published)
        left = len(room.window)
        assert len(arrived) == len(acknowledged) + len(room.offsets.released) + len(forgotten) + left
    assert not set(map(id, acknowledged)) & set(map(id, [*forgotten, *room.offsets.released]))
