"""Work orders as their channels ask for them, in a real database."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from consumers.ledger import work_orders
from infra.postgres.ingest import Received
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.catalogue import WORK_ORDERS
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.events import WorkOrderProgressed, WorkOrderRaised
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.postgres

NUMBER = str(UUID(int=7))
RAISED = WorkOrderRaised(
    work_order_id=NUMBER,
    kind=WorkOrderKind.DATA_CORRECTION,
    channel="CREDIT_MGMT",
    client_request_id="w-1",
    text="建成年代有误",
    raised_at=NOON,
    business_ref="DK-7",
)
ACCEPTED = WorkOrderProgressed(
    work_order_id=NUMBER,
    number=2,
    state=WorkOrderState.ACCEPTED,
    kind=WorkOrderKind.DATA_CORRECTION,
    channel="CREDIT_MGMT",
    client_request_id="w-1",
    at=NOON + timedelta(hours=1),
    due_at=NOON + timedelta(days=7),
    business_ref="DK-7",
)
ANSWERED = replace(
    ACCEPTED, number=3, state=WorkOrderState.ANSWERED, at=NOON + timedelta(hours=2), due_at=None, answer="已更正"
)


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="ledger")
    with open_pool(postgres, room="ledger") as pool:
        yield pool


def kept(pool, *events):
    batch = [
        Received(
            topic=WORK_ORDERS,
            lane=None,
            partition=0,
            offset=number,
            appended_at=NOON,
            event=event,
            headers=(),
            value=b"",
        )
        for number, event in enumerate(events)
    ]
    with pool.connection() as connection:
        work_orders.keep(connection, batch)


@pytest.fixture
async def client(pool):
    app = FastAPI()
    app.include_router(work_orders.routes(pool))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger") as client:
        yield client


async def asked(client, channel="CREDIT_MGMT", number=NUMBER):
    return await client.get(f"/work-orders/{number}", params={"channel": channel})


@pytest.mark.requirement("DI1")
@pytest.mark.parametrize(
    "order",
    [(RAISED, ACCEPTED, ANSWERED), (ACCEPTED, RAISED, ANSWERED), (ANSWERED, RAISED, ACCEPTED, ANSWERED)],
    ids=["in order", "overtaken", "redelivered"],
)
async def test_the_last_step_stands_in_whatever_order_they_come(pool, client, order):
    kept(pool, *order)
    found = (await asked(client)).json()
    assert (found["state"], found["answer"], found["due_at"]) == ("ANSWERED", "已更正", None)
    assert (found["kind"], found["business_ref"]) == ("DATA_CORRECTION", "DK-7")
    assert found["raised_at"] == NOON.isoformat().replace("+00:00", "Z")
    assert found["answered_at"] == ANSWERED.at.isoformat().replace("+00:00", "Z")


async def test_another_channel_s_work_order_is_not_there(pool, client):
    kept(pool, RAISED)
    assert (await asked(client)).json()["state"] == "RAISED"
    assert (await asked(client, channel="APP")).status_code == 404
    assert (await asked(client, number=str(UUID(int=8)))).status_code == 404
    assert (await asked(client, number="none")).status_code == 422
