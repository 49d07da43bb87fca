"""`avm gateway` as a process of its own: it becomes ready, works, and ends in good order when told to."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from infra.embedded.ports import held_ports
from infra.kafka.admin import apply, plan, wanted_topics
from infra.kafka.security import client_conf
from producers.gateway.access.caller import hashed
from schemas import catalogue
from schemas.codes import Status
from tests.fakes.answers import an_answer
from tests.fakes.pipeline import Pipeline, Topics
from tests.integration.gateway.serving import GOOD, answered, found

pytestmark = pytest.mark.kafka

ALL = {
    name: getattr(catalogue, name.upper())
    for name in (
        "requests", "results", "reports", "communities", "aliases", "audit", "disputes", "work_orders", "receipts",
        "deals", "sources",
    )
}  # fmt: skip


@pytest.fixture
def process(kafka, tmp_path):
    """A running gateway: the process, and its base URL."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    apply(admin, plan(admin, wanted_topics(tuple(ALL.values()), replication_factor=1, max_partitions=4)))
    with held_ports([0, 0]) as (port, health_port):
        pass
    environment = {
        **os.environ,
        "AVM_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "AVM_STATE": str(tmp_path),
        "AVM_GATEWAY__PORT": str(port),
        "AVM_GATEWAY__API_KEYS": json.dumps({hashed("staff"): "CREDIT_MGMT"}),
        "AVM_HEALTH_PORT": str(health_port),
    }
    running = subprocess.Popen([sys.executable, "-m", "infra.cli", "gateway"], env=environment)
    try:
        yield running, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health_port}"
    finally:
        running.kill()
        running.wait()


@pytest.mark.requirement("IN8")
async def test_a_process_told_to_end_says_so_finishes_what_is_in_hand_and_ends(process, kafka):
    running, url, pulse = process
    in_hand, may_answer = threading.Event(), threading.Event()

    def people_and_a_slow_model(requested):
        if requested.client_request_id == "for-people":
            return [an_answer(requested, Status.PENDING_MANUAL)]
        in_hand.set()
        may_answer.wait(60)
        return answered(requested)

    transport = httpx.AsyncHTTPTransport(retries=8)  # until it listens
    with Pipeline(client_conf(kafka.bootstrap), Topics(**ALL), people_and_a_slow_model):
        async with httpx.AsyncClient(
            base_url=url, headers={"X-API-Key": "staff"}, timeout=60, trust_env=False, transport=transport
        ) as client:
            await found(client, f"{pulse}/health")
            await found(client, "/health")
            waiting = await client.post("/v1/valuations", json=GOOD | {"client_request_id": "for-people"})
            assert waiting.json()["status"] == "PENDING_MANUAL"
            async with client.stream("GET", waiting.headers["Location"] + "/events") as events:
                lines = events.aiter_lines()
                assert [line async for line in _until(lines, "event: answer")]
                call = asyncio.create_task(client.post("/v1/valuations", json=GOOD))
                assert await asyncio.to_thread(in_hand.wait, 60)
                running.send_signal(signal.SIGTERM)
                assert [line async for line in lines]  # the rest of the answer, and then the stream ends by itself
            health = await client.get("/health")
            refused = await client.post("/v1/valuations", json=GOOD | {"client_request_id": "too-late"})
            may_answer.set()
            finished = await call
    assert (health.status_code, "draining" in health.json()["reasons"][0]) == (503, True)
    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert (refused.headers["Connection"], int(refused.headers["Retry-After"])) == ("close", 1)
    assert (finished.status_code, finished.json()["value"]) == (200, 4_475_000)
    assert await asyncio.to_thread(running.wait, 60) == 0


async def _until(lines, last):
    async for line in lines:
        yield line
        if line == last:
            return
