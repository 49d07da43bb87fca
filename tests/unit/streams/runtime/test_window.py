"""The waiting window: first in, first out, bounded in messages and in bytes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.window import Bounds, Window
from tests.fakes.runtime import FakeMessage

SMALL = Bounds(window_messages=4, window_bytes=1_000, batch_messages=3, batch_bytes=100)


def waiting(*sizes: int) -> list[FakeMessage]:
    return [FakeMessage(offset, b"x" * size) for offset, size in enumerate(sizes)]


def test_a_batch_is_all_that_waits_within_its_bounds():
    window = Window(SMALL)
    window.put(waiting(1, 1, 1, 1))
    assert [message.offset for message in window.take()] == [0, 1, 2]
    assert [message.offset for message in window.take()] == [3]
    assert window.take() == []


def test_a_batch_is_bounded_in_bytes_but_never_empty():
    window = Window(SMALL)
    window.put(waiting(500, 60, 60))
    assert [message.offset for message in window.take()] == [0]
    assert [message.offset for message in window.take()] == [1]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1_000,)], ids=["messages", "bytes"])
def test_a_full_window_has_no_room_until_a_batch_is_taken(sizes):
    window = Window(SMALL)
    window.put(waiting(*sizes))
    assert not window.has_room
    window.take()
    assert window.has_room


async def test_a_waiting_fetch_is_let_in_when_a_batch_is_taken():
    window = Window(SMALL)
    window.put(waiting(1, 1, 1, 1))
    room = asyncio.create_task(window.room())
    await asyncio.sleep(0)
    assert not room.done()
    window.take()
    await asyncio.wait_for(room, 5)


async def test_a_waiting_fetch_is_let_in_when_all_is_forgotten():
    window = Window(SMALL)
    window.put(waiting(1, 1, 1, 1))
    room = asyncio.create_task(window.room())
    await asyncio.sleep(0)
    assert len(window.forget()) == 4
    await asyncio.wait_for(room, 5)
    assert (len(window), window.bytes) == (0, 0)


async def test_arrival_and_wake_let_the_loop_go_on():
    window = Window(SMALL)
    arrived = asyncio.create_task(window.arrived())
    await asyncio.sleep(0)
    window.wake()
    await asyncio.wait_for(arrived, 5)
    window.put(waiting(1))
    await asyncio.wait_for(window.arrived(), 5)


def test_a_tombstone_has_no_size():
    window = Window(SMALL)
    window.put([FakeMessage(0, None)])
    assert window.bytes == 0
    assert len(window.take()) == 1


@given(st.lists(st.one_of(st.lists(st.integers(0, 300), max_size=5), st.none())))
def test_messages_come_out_once_and_in_order_and_bytes_add_up(steps):
    window, put, taken = Window(SMALL), [], []
    for step in steps:
        if step is None:
            taken += window.take()
        else:
            messages = waiting(*step)
            put += messages
            window.put(messages)
        assert window.bytes == sum(len(message.value) for message in put[len(taken) :])
    while batch := window.take():
        taken += batch
    assert taken == put
