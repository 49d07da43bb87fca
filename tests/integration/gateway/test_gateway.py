"""The gateway as a process would run it, on a real broker, with the stages played by one thread."""

import json
from dataclasses import replace

import pytest

from infra.kafka.security import client_conf
from producers.gateway.service import Waits
from schemas.codes import Lane, Status
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer
from tests.fakes.pipeline import Pipeline, Topics
from tests.integration.gateway.serving import GOOD, PDF, a_gateway, answered, found, until_ready

pytestmark = pytest.mark.kafka


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def house_topics(topics):
    return Topics.made_by(topics)


@pytest.mark.requirement("IN1", "IN6", "IN8")
async def test_a_request_is_answered_in_the_same_call_and_its_report_can_be_fetched(connection, house_topics):
    with Pipeline(connection, house_topics, answered) as pipeline:
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            response = await client.post("/v1/valuations", json=GOOD)
            assert (response.status_code, response.json()["value"]) == (200, 4_475_000)
            number = response.headers["X-Valuation-Id"]
            report = await found(client, f"/v1/valuations/{number}/report")
            assert report.content == PDF
            repeat = await client.post("/v1/valuations", json=GOOD)
            assert repeat.json()["value"] == 4_475_000
            stranger = await client.get(f"/v1/valuations/{number}", headers={"X-API-Key": "customer"})
            assert stranger.status_code == 404
    assert [lane for lane, _ in pipeline.seen] == [Lane.ONLINE]


async def test_an_answer_given_on_another_instance_is_seen_on_both(connection, house_topics):
    with Pipeline(connection, house_topics, answered):
        async with (
            a_gateway(connection, house_topics) as one,
            a_gateway(connection, house_topics) as other,
        ):
            await until_ready(one)
            await until_ready(other)
            first = await one.post("/v1/valuations", json=GOOD)
            seen = await found(other, f"/v1/valuations/{first.json()['valuation_id']}")
            assert seen.json()["value"] == first.json()["value"]


async def test_no_answer_in_time_is_202_and_can_be_looked_up_later(connection, house_topics):
    with Pipeline(connection, house_topics, lambda r: [an_answer(r, Status.RECEIVED)]):
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            response = await client.post("/v1/valuations", json=GOOD, headers={"Prefer": "wait=1"})
            assert response.status_code == 202
            assert response.json()["status"] in {"RECEIVED", "PROCESSING"}
            looked_up = await client.get(response.headers["Location"])
            assert looked_up.json()["final"] is False


@pytest.mark.requirement("IN3")
async def test_a_used_number_with_other_content_is_a_conflict(connection, house_topics):
    def intake(requested):
        if str(requested.area) == "89.500000":
            return answered(requested)
        return [an_answer(requested, Status.REJECTED_INVALID, reasons=("DUPLICATE_CONFLICT",), revision=0)]

    with Pipeline(connection, house_topics, intake):
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            assert (await client.post("/v1/valuations", json=GOOD)).status_code == 200
            response = await client.post("/v1/valuations", json={**GOOD, "area_m2": 120})
            assert (response.status_code, response.json()["code"]) == (409, "duplicate-conflict")
            stands = await client.get(f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}")
            assert stands.json()["status"] == "COMPLETED_AUTO"


@pytest.mark.requirement("IN2")
async def test_bad_input_is_refused_before_the_broker_sees_it(connection, house_topics):
    with Pipeline(connection, house_topics, answered) as pipeline:
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            json_type = {"Content-Type": "application/json"}
            refused = {
                401: await client.post("/v1/valuations", json=GOOD, headers={"X-API-Key": "wrong"}),
                413: await client.post("/v1/valuations", content=json.dumps({"note": "x" * 70_000}), headers=json_type),
                415: await client.post("/v1/valuations", content="address=1"),
                422: await client.post("/v1/valuations", json={**GOOD, "area_m2": 0, "colour": "red"}),
                400: await client.post("/v1/valuations", content="{", headers=json_type),
            }
            assert {status: response.status_code for status, response in refused.items()} == {s: s for s in refused}
            good = await client.post("/v1/valuations", json=GOOD)
            assert good.status_code == 200
    assert len(pipeline.seen) == 1


async def test_without_a_broker_nothing_is_promised(house_topics):
    nowhere = client_conf("127.0.0.1:1") | {"log_level": 0}
    async with a_gateway(nowhere, house_topics) as client:
        response = await client.post("/v1/valuations", json=GOOD)
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await client.get("/health")).status_code == 503


async def test_a_topic_that_takes_nothing_is_503_after_the_acknowledgement_time(connection, house_topics):
    missing = replace(house_topics, requests=replace(house_topics.requests, name="valuation.requests.not-there"))
    async with a_gateway(connection, missing, waits=Waits(answer_s=1.0, acknowledgement_s=0.5)) as client:
        await until_ready(client)
        assert (await client.post("/v1/valuations", json=GOOD)).status_code == 503
