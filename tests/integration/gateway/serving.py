"""A gateway of this test alone, in this process, on a real broker."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import fields

import httpx

from infra.cli.connections import utc_now
from infra.cli.gateway import GatewayTopics, Serving, serve
from infra.cli.gateway_server import Ending, bound
from producers.gateway.drain import Drain
from producers.gateway.ports import ReportArchive
from schemas.codes import Status
from tests.fakes.access import an_access
from tests.fakes.answers import CODEC, a_report, an_answer
from tests.fakes.gateway import marked

PDF = b"%PDF-1.7 report"
GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1"}
KEYS = {"CREDIT_MGMT": "staff", "NET_BANK": "customer"}


class Reports:
    """Whatever is asked for is the one report."""

    def read(self, _: str) -> bytes:
        return PDF


def answered(requested):
    """As the stages answer, when all goes well."""
    return [an_answer(requested, Status.RECEIVED), an_answer(requested), a_report(requested, PDF)]


@asynccontextmanager
async def a_gateway(connection, topics, *, drain=None, notice_s=0.0, **options):
    """A client of it; `drain`, once announced, ends it."""
    listening, drain = bound("127.0.0.1", 0), drain or Drain()
    spoken = {field.name: getattr(topics, field.name) for field in fields(GatewayTopics)}
    serving = Serving(
        connection=connection,
        codec=CODEC,
        access=an_access(KEYS, clock=utc_now, monotonic_s=time.monotonic),
        archive=ReportArchive(store=Reports(), stamp=marked),
        topics=GatewayTopics(**spoken),
        ending=Ending(notice_s=notice_s),
        drain=drain,
        **options,
    )
    running = asyncio.create_task(serve(listening, serving))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(
            base_url=url, headers={"X-API-Key": "staff"}, timeout=60, trust_env=False
        ) as client:
            yield client
    finally:
        drain.announce()
        assert await running == 0


async def found(client, path):
    """The first answer 200 of a path."""
    async with asyncio.timeout(60):
        while True:
            response = await client.get(path)
            if response.status_code == 200:
                return response
            await asyncio.sleep(0.02)


async def until_ready(client):
    """Until it answers requests."""
    await found(client, "/health")
