"""One request too many, at the whole gateway."""

import pytest

from schemas.codes import Reason, Status
from schemas.domain.channels import CHANNELS
from schemas.events import Resulted
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer
from tests.fakes.gateway import a_house

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "subject_token": "customer-1"}
QUOTA = CHANNELS["NET_BANK"].quotas[0].count


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


def asking(number):
    return {**GOOD, "client_request_id": f"r-{number}"}


@pytest.mark.requirement("IN5")
async def test_it_is_refused_and_told_on_the_results_topic_while_the_internal_channel_goes_on():
    house = a_house(pipeline=answered)
    async with house.client("NET_BANK") as client:
        allowed = [(await client.post("/v1/valuations", json=asking(n))).status_code for n in range(QUOTA)]
        repeat = await client.post("/v1/valuations", json=asking(0))
        refused = [await client.post("/v1/valuations", json=asking(n)) for n in range(QUOTA, QUOTA + 5)]
    async with house.client("CREDIT_MGMT") as client:
        internal = [(await client.post("/v1/valuations", json=asking(n))).status_code for n in range(2 * QUOTA)]
    assert (set(allowed), repeat.status_code, set(internal)) == ({200}, 200, {200})
    assert {(one.status_code, one.json()["code"]) for one in refused} == {(429, "quota-exceeded")}
    assert all(0 < int(one.headers["Retry-After"]) <= 86_400 for one in refused)
    told = [one for one in house.publisher.said if isinstance(one, Resulted)]
    assert [one.valuation_id for one in told] == [valuation_id("NET_BANK", f"r-{n}") for n in range(QUOTA, QUOTA + 5)]
    assert {(one.status, one.reasons) for one in told} == {(Status.REJECTED_INVALID, (Reason.QUOTA_EXCEEDED,))}
    assert len(house.publisher.sent) == QUOTA + 2 * QUOTA


@pytest.mark.requirement("IN5", "SE4")
async def test_refusals_for_scope_quota_and_credentials_are_all_in_the_audit():
    house = a_house(pipeline=answered)
    async with house.client("NET_BANK") as client:
        for number in range(QUOTA + 1):
            last = await client.post("/v1/valuations", json=asking(number))
        await client.get(f"/v1/valuations/{last.headers['X-Valuation-Id']}/timeline")
    async with house.client(None) as client:
        await client.post("/v1/valuations", json=asking(0), headers={"Authorization": "Bearer nothing"})
        await client.post("/h5/valuations", json=asking(0))
        await client.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "nobody"})
    async with house.app.router.lifespan_context(house.app):
        pass
    told = {(one.actor.partition("/")[0], one.action, one.http_status) for one in house.audit.said}
    assert {
        ("NET_BANK", "ASK", 429),
        ("NET_BANK", "TIMELINE", 403),
        ("-", "ASK", 401),
        ("-", "TOKEN", 401),
        ("WEBSITE", "ASK", 403),
    } <= told
