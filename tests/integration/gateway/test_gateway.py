"""The gateway as a process would run it, on a real broker, with the stages played by one thread."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from infra.cli.gateway import FollowedTopics, bound, serve
from infra.kafka.security import client_conf
from producers.gateway.api_keys import hashed
from producers.gateway.service import Waits
from schemas.codes import Lane, Status
from schemas.ids import valuation_id
from tests.fakes.answers import CODEC, a_report, an_answer
from tests.fakes.pipeline import Pipeline, Topics

pytestmark = pytest.mark.kafka

PDF = b"%PDF-1.7 report"
GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1"}


class Reports:
    def read(self, _: str) -> bytes:
        return PDF


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def house_topics(topics):
    return Topics.made_by(topics)


@asynccontextmanager
async def a_gateway(connection, topics, *, waits=None):
    listening, servers = bound("127.0.0.1", 0), []
    followed = FollowedTopics(
        requests=topics.requests,
        results=topics.results,
        reports=topics.reports,
        communities=topics.communities,
        aliases=topics.aliases,
        audit=topics.audit,
    )
    running = asyncio.create_task(
        serve(
            listening,
            connection=connection,
            codec=CODEC,
            api_keys={hashed("staff"): "CREDIT_MGMT", hashed("customer"): "NET_BANK"},
            ledger_url="",
            reports=Reports(),
            topics=followed,
            waits=waits,
            stop=servers,
        )
    )
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": "staff"}, timeout=30, trust_env=False) as client:
        yield client
    servers[0].should_exit = True
    assert await running == 0


async def found(client, path):
    """The first answer 200 of a path."""
    async with asyncio.timeout(30):
        while True:
            response = await client.get(path)
            if response.status_code == 200:
                return response
            await asyncio.sleep(0.02)


async def until_ready(client):
    await found(client, "/health")


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested), a_report(requested, PDF)]


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


def test_a_gateway_process_becomes_ready_and_ends_cleanly_when_told_to(kafka, house_topics, tmp_path):
    import os
    import signal
    import subprocess
    import sys

    from confluent_kafka.admin import AdminClient

    from infra.embedded.ports import held_ports
    from infra.kafka.admin import apply, plan, wanted_topics
    from schemas.catalogue import ALIASES, COMMUNITIES, REPORTS, REQUESTS, RESULTS

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    needed = (REQUESTS, RESULTS, REPORTS, COMMUNITIES, ALIASES)
    apply(admin, plan(admin, wanted_topics(needed, replication_factor=1, max_partitions=4)))
    with held_ports([0, 0]) as (port, health_port):
        pass
    environment = {
        **os.environ,
        "AVM_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "AVM_STATE": str(tmp_path),
        "AVM_GATEWAY__PORT": str(port),
        "AVM_HEALTH_PORT": str(health_port),
    }
    process = subprocess.Popen([sys.executable, "-m", "infra.cli", "gateway"], env=environment)
    try:
        with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=8)) as client:
            for answering in (health_port, port):
                deadline = time.monotonic() + 60
                while client.get(f"http://127.0.0.1:{answering}/health").status_code != 200:
                    assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
