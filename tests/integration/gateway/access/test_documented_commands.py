"""The shell lines of docs/access.md, run as they stand."""

import asyncio
import json
import re
import shutil
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

from producers.gateway.access.api_keys import ApiKey, ApiKeys
from producers.gateway.access.caller import hashed
from producers.gateway.access.clients import Client
from producers.gateway.app import build
from schemas.codes import Status
from tests.fakes.answers import an_answer
from tests.fakes.gateway import a_house

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "access.md"
COMMANDS = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
GIVEN = {
    "API_KEY": "the-key",
    "SIGNING_KEY": "the-signing-key",
    "SIGNING_SECRET": "the-secret",
    "CLIENT_ID": "credit-1",
    "CLIENT_SECRET": "the-client-secret",
}

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl")


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


@asynccontextmanager
async def a_gateway():
    """A house on a port of its own that knows what the document asks for, by the time of day."""

    def clock():
        return datetime.now(UTC)

    house = a_house(pipeline=answered)
    keys = [
        ApiKey(digest=hashed("the-key"), channel="NET_BANK"),
        ApiKey(digest=hashed("the-signing-key"), channel="NET_BANK", secret="the-secret"),
    ]
    client = Client(client_id="credit-1", channel="NET_BANK", secret_sha256=hashed("the-client-secret"))
    credentials = replace(house.access.credentials, keys=ApiKeys(keys), clock=clock)
    access = replace(house.access, credentials=credentials, clients={client.client_id: client}, clock=clock)
    app = build(replace(house.parts, access=access))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


async def said_by(command, gateway):
    """What the last line of a command printed, as JSON."""
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-eu", "-c", command),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GATEWAY": gateway, **GIVEN},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await shell.communicate()
    assert shell.returncode == 0
    return json.loads(told)


@pytest.mark.requirement("IN5")
async def test_every_documented_way_in_leads_in():
    assert len(COMMANDS) == 4
    async with a_gateway() as gateway:
        told = [await said_by(command, gateway) for command in COMMANDS]
    assert [one.get("status") for one in told] == ["COMPLETED_AUTO"] * 3 + [None]
    assert told[3]["expires_in"] == 1800
