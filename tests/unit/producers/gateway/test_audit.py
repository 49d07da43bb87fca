import asyncio

import pytest

from producers.gateway.access.caller import hashed
from producers.gateway.access.rate_limit import Rate
from schemas.codes import Status
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer
from tests.fakes.gateway import KEYS, a_house

ADDRESS = "杭州市西湖区文三路1号"
GOOD = {"address": ADDRESS, "area_m2": "89.50", "client_request_id": "r-1"}
SUBJECT = valuation_id("CREDIT_MGMT", "r-1")
KEY = f"CREDIT_MGMT/{hashed(KEYS['CREDIT_MGMT'])[:12]}"


async def told(house):
    """What the audit was told, once the tasks that tell it have run."""
    while house.audit_is_busy():  # noqa: ASYNC110 - the tasks need turns of the loop, no more
        await asyncio.sleep(0)
    return [(one.actor, one.action, one.http_status, one.valuation_id, one.repeated) for one in house.audit.said]


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


@pytest.mark.requirement("SE4")
async def test_a_request_taken_is_told_with_its_key_and_without_what_it_says():
    house = a_house(pipeline=answered)
    async with house.client() as client:
        await client.post("/v1/valuations", json=GOOD)
    assert await told(house) == [(KEY, "ASK", 200, SUBJECT, 0)]
    assert ADDRESS not in str(house.audit.said)
    assert "4475000" not in str(house.audit.said)
    assert KEYS["CREDIT_MGMT"] not in str(house.audit.said)


@pytest.mark.requirement("SE4")
async def test_refusals_are_told_whatever_they_refuse():
    house = a_house(pipeline=answered)
    async with house.client() as client:
        await client.post("/v1/valuations", json={"address": ADDRESS})
        await client.get(f"/v1/valuations/{SUBJECT}")
        await client.get(f"/v1/valuations/{ADDRESS}")
        await client.get("/v1/nothing")
    async with house.client(None) as client:
        await client.post("/v1/valuations", json=GOOD, headers={"X-API-Key": "13800138000"})
    assert await told(house) == [
        (KEY, "ASK", 422, "", 0),
        (KEY, "LOOK", 404, SUBJECT, 0),
        (KEY, "LOOK", 404, "", 0),
        ("-", "UNKNOWN", 404, "", 0),
        ("-", "ASK", 401, "", 0),
    ]


async def test_a_look_that_was_answered_and_a_page_are_not_told():
    house = a_house(pipeline=answered)
    async with house.client("WEBSITE") as client:
        await client.post("/h5/valuations", json=GOOD, headers=house.proof())
        await client.get(f"/h5/valuations/{valuation_id('WEBSITE', 'r-1')}")
        await client.get("/")
        await client.get("/health")
    assert [line[:3] for line in await told(house)] == [("WEBSITE", "ASK", 200)]


@pytest.mark.requirement("SE4")
async def test_a_flood_of_refusals_is_counted_and_told_once_a_second():
    house = a_house(rate=Rate(per_second=0.001, burst=1))
    async with house.client() as client:
        for _ in range(5):
            await client.get(f"/v1/valuations/{SUBJECT}")
        house.seconds[0] = 1.0
        await client.get(f"/v1/valuations/{SUBJECT}")
    assert [(status, repeated) for _, _, status, _, repeated in await told(house)] == [(404, 0), (429, 0), (429, 3)]


async def flooded(house, refusals):
    async with house.client() as client:
        for _ in range(refusals):
            await client.get(f"/v1/valuations/{SUBJECT}")


@pytest.mark.requirement("SE4")
async def test_the_end_of_a_flood_is_told_though_no_other_refusal_follows():
    house = a_house(rate=Rate(per_second=0.001, burst=1))
    await flooded(house, 5)
    async with asyncio.timeout(30):
        while len(house.audit.said) < 3:  # noqa: ASYNC110 - a timer of the loop is waited for
            await asyncio.sleep(0.01)
    assert [(status, repeated) for _, _, status, _, repeated in await told(house)] == [(404, 0), (429, 0), (429, 2)]


@pytest.mark.requirement("SE4")
async def test_what_is_counted_when_the_gateway_ends_is_told_before():
    house = a_house(rate=Rate(per_second=0.001, burst=1))
    async with house.app.router.lifespan_context(house.app):
        await flooded(house, 4)
    assert not house.audit_is_busy()
    assert [(one.http_status, one.repeated) for one in house.audit.said] == [(404, 0), (429, 0), (429, 1)]
