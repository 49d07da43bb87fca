import asyncio
from contextlib import suppress

import pytest

from producers.gateway.drain import Drain
from producers.gateway.service import Waits
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import answered, asked, get, refusal


@pytest.mark.requirement("IN8")
async def test_an_instance_that_ends_says_so_and_takes_nothing_new():
    house = a_house(pipeline=answered)
    house.drain.announce()
    health = await get(house, "/health")
    assert health.status_code == 503
    assert "draining" in health.json()["reasons"][0]
    response = await asked(house)
    assert refusal(response) == (503, "draining", {})
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Connection"] == "close"
    assert house.publisher.sent == []
    assert (await get(house, "/metrics")).status_code == 200


@pytest.mark.requirement("IN8")
async def test_what_is_in_hand_comes_to_its_end():
    house = a_house(waits=Waits(answer_s=30.0))
    call = asyncio.create_task(asked(house))
    await asyncio.wait_for(house.publisher.has_sent.wait(), 30)
    house.drain.announce()
    assert house.drain.in_hand == 1
    assert not await house.drain.finished(within_s=0)
    house.publisher.pipeline = answered
    await house.publisher.publish_async(house.publisher.sent[:1])
    response = await asyncio.wait_for(call, 30)
    assert (response.status_code, response.headers["Connection"]) == (200, "close")
    assert await house.drain.finished(within_s=30)


async def test_nothing_in_hand_is_finished_at_once_and_a_failure_is_no_longer_in_hand():
    drain = Drain()
    assert await drain.finished(within_s=0)
    with suppress(RuntimeError), drain.holding():
        assert drain.in_hand == 1
        raise RuntimeError
    assert await drain.finished(within_s=0)
