"""What the gateway says besides requests, and what it tells as it changes, on a real broker."""

import asyncio

import httpx
import pytest

from infra.kafka.security import client_conf
from schemas.codes import Action, Reason, Status
from schemas.events import Disputed, Receipted, WorkOrderRaised
from schemas.ids import valuation_id
from tests.fakes.answers import CODEC, an_answer
from tests.fakes.pipeline import Pipeline, Topics
from tests.integration.gateway.serving import GOOD, a_gateway, answered, found, until_ready

pytestmark = pytest.mark.kafka

NUMBER = valuation_id("CREDIT_MGMT", "r-1")


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def house_topics(topics):
    return Topics.made_by(topics)


def only_record(bootstrap, topic):
    """The one record on a topic, decoded."""
    from confluent_kafka import Consumer, TopicPartition

    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "words", "enable.auto.commit": False})
    try:
        name = topic.named()
        reader.assign([TopicPartition(name, partition, 0) for partition in range(topic.partitions)])
        message = reader.poll(60)
        assert message is not None, f"nothing on {name}"
        assert message.error() is None
        return message.key().decode(), CODEC.decode(message.value(), topic.event)
    finally:
        reader.close()


@pytest.mark.requirement("IN9", "DI1", "RS1")
async def test_disputes_work_orders_and_receipts_stand_on_their_topics(connection, house_topics, bootstrap):
    with Pipeline(connection, house_topics, answered):
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            await client.post("/v1/valuations", json=GOOD)
            report = await found(client, f"/v1/valuations/{NUMBER}/report")
            dispute = await client.post(f"/v1/valuations/{NUMBER}/dispute", json={"reason_code": "TOO_LOW"})
            receipt = await client.post(
                f"/v1/valuations/{NUMBER}/receipt", json={"sha256": report.headers["ETag"].strip('"')}
            )
            order = await client.post(
                "/v1/work-orders", json={"client_request_id": "WO-1", "kind": "FAULT", "text": "无法登录"}
            )
    assert [one.status_code for one in (dispute, receipt, order)] == [202, 202, 202]
    key, disputed = only_record(bootstrap, house_topics.disputes)
    assert (key, type(disputed), disputed.channel) == (NUMBER, Disputed, "CREDIT_MGMT")
    key, receipted = only_record(bootstrap, house_topics.receipts)
    assert (key, type(receipted)) == (receipt.json()["delivery_id"], Receipted)
    key, raised = only_record(bootstrap, house_topics.work_orders)
    assert (key, type(raised), raised.text) == (order.json()["work_order_id"], WorkOrderRaised, "无法登录")


@pytest.mark.requirement("IN9")
async def test_a_valuation_is_withdrawn_while_people_have_it(connection, house_topics):
    def desk(requested):
        if requested.action is Action.CANCEL:
            return [an_answer(requested, Status.CANCELLED, reasons=(Reason.CANCELLED_BY_CHANNEL,))]
        return [an_answer(requested, Status.PENDING_MANUAL)]

    with Pipeline(connection, house_topics, desk) as pipeline:
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            asked = await client.post("/v1/valuations", json=GOOD)
            assert asked.json()["status"] == "PENDING_MANUAL"
            cancelled = await client.post(f"/v1/valuations/{NUMBER}/cancellation", json={"reason": "客户撤回"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert [requested.action for _, requested in pipeline.seen] == [Action.VALUE, Action.CANCEL]


@pytest.mark.requirement("IN8")
async def test_readers_of_a_stream_are_told_as_it_changes_and_one_may_hang_up(connection, house_topics):
    def people(requested):
        return [an_answer(requested, Status.PENDING_MANUAL)]

    with Pipeline(connection, house_topics, people) as pipeline:
        async with a_gateway(connection, house_topics) as client:
            await until_ready(client)
            asked = await client.post("/v1/valuations", json=GOOD)
            path = asked.headers["Location"] + "/events"
            told = [asyncio.Event() for _ in range(3)]
            readers = [asyncio.create_task(_read(client, path, one)) for one in told]
            await asyncio.wait_for(asyncio.gather(*(one.wait() for one in told)), 60)
            readers[0].cancel()
            _, requested = pipeline.seen[0]
            pipeline.say(*answered(requested)[1:])
            stories = await asyncio.wait_for(asyncio.gather(*readers[1:]), 60)
    expected = ["1.0.PENDING_MANUAL", "1.0.COMPLETED_AUTO", "1.0.COMPLETED_AUTO.report"]
    assert stories == [expected, expected]


async def _read(client: httpx.AsyncClient, path: str, told: asyncio.Event) -> list[str]:
    """The ids of a stream's events; `told` once the first has come."""
    ids = []
    async with client.stream("GET", path) as response:
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                ids.append(line.removeprefix("id: "))
                told.set()
    return ids
