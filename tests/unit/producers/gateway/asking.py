"""Calls of a channel on a gateway in memory, for the tests of its routes."""

from schemas.codes import Status
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1"}
STAFF = valuation_id("CREDIT_MGMT", "r-1")
CUSTOMER = valuation_id("NET_BANK", "r-1")


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


def pending(requested):
    return [an_answer(requested, Status.PENDING_MANUAL, due_at=requested.requested_at)]


async def post(house, path, body, *, channel="CREDIT_MGMT", **headers):
    async with house.client(channel) as client:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await client.post(path, json=body, headers=named)


async def get(house, path, *, channel="CREDIT_MGMT", **headers):
    async with house.client(channel) as client:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await client.get(path, headers=named)


async def asked(house, *, channel="CREDIT_MGMT", **fields):
    """A valuation of that channel."""
    return await post(house, "/v1/valuations", GOOD | fields, channel=channel)


def refusal(response):
    """Status, code and the fields with their codes."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["detail"]
    assert body["detail_zh"]
    return response.status_code, body["code"], {one["field"]: one["code"] for one in body.get("problems", ())}
