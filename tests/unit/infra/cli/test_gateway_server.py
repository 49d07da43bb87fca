import asyncio

import httpx
import pytest

from infra.cli.gateway_server import Ending, Servers, bound
from producers.gateway.drain import Drain


@pytest.mark.requirement("IN8")
async def test_an_instance_that_cannot_go_on_ends_its_streams_at_once():
    drain, is_open = Drain(), asyncio.Event()

    async def streaming(scope, receive, send):
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"open ", "more_body": True})
        is_open.set()
        await drain.announced()
        await send({"type": "http.response.body", "body": b"and ended", "more_body": False})

    listening = bound("127.0.0.1", 0)
    servers = Servers(drain=drain, ending=Ending(limit_s=1.0))
    servers.add(streaming, listening)
    serving = asyncio.create_task(servers.serve())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        reading = asyncio.create_task(client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/"))
        await asyncio.wait_for(is_open.wait(), 60)
        servers.stop()
        assert (await reading).text == "open and ended"
    await asyncio.wait_for(serving, 60)
