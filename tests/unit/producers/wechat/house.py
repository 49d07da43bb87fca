"""An adapter between a simulated WeChat and a gateway whose answers a test writes."""

import itertools
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from producers.wechat.adapter import Adapter
from producers.wechat.api import WeChatApi
from producers.wechat.app import Account, build
from producers.wechat.envelope import Seal
from producers.wechat.gateway import Gateway
from producers.wechat.simulator import SimulatedWeChat, api_routes, simulator_routes
from producers.wechat.store import AskedStore

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TOKEN, APP_ID, SECRET = "account-token", "wx0123456789abcdef", "app-secret"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
LIN = "oLin-0123456789abcdefghijkl"
VALUE = {
    "status": "COMPLETED_AUTO",
    "final": True,
    "value": 4_475_000,
    "lower": 4_100_000,
    "upper": 4_900_000,
    "confidence_text": "把握较高，通常与实际成交价相差不超过一成",
    "valid_until": "2026-04-01",
    "disclaimer": "仅供贷款业务参考。",
}
PENDING = {"status": "PENDING_MANUAL", "final": False, "due_at": "2026-03-03T09:30:00Z", "queue_position": 7}
QUESTION = {
    "status": "NEEDS_CLARIFICATION",
    "final": False,
    "question": "地址对应多个小区",
    "candidates": [
        {"community_id": "c1", "name": "望京花园", "city": "北京市", "district": "朝阳区"},
        {"community_id": "c2", "name": "望京花园东区", "city": "北京市", "district": "朝阳区"},
    ],
}


def counted() -> Callable[[int], bytes]:
    """Random bytes of a test: each time others."""
    numbers = itertools.count()
    return lambda length: next(numbers).to_bytes(length)


@dataclass
class FakeGateway:
    """Answers `next`, a view or (status, problem); what it was asked is in `asked`. A time-out where it is `None`."""

    next: dict[str, Any] | tuple[int, dict[str, Any]] | None = field(default_factory=lambda: VALUE)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        self.asked.append((request.method, request.url.path, body))
        if self.next is None:
            raise httpx.ReadTimeout("late")
        if isinstance(self.next, tuple):
            return httpx.Response(self.next[0], json=self.next[1])
        parts = request.url.path.split("/")
        valuation_id = parts[3] if len(parts) > 3 else f"v-{body['client_request_id']}"
        return httpx.Response(200 if self.next.get("final") else 202, json={"valuation_id": valuation_id, **self.next})


@dataclass
class House:
    adapter: Adapter
    app: FastAPI
    wechat: SimulatedWeChat
    gateway: FakeGateway
    store: AskedStore
    client: httpx.AsyncClient
    now: list[datetime]

    def later(self, **by: float) -> None:
        self.now[0] += timedelta(**by)

    async def say(self, text: str, openid: str = LIN, number: str | None = None) -> str:
        return await self.passed(openid, {"MsgType": "text", "Content": text}, number=number)

    async def passed(self, openid: str, fields: dict[str, str], *, number: str | None = None) -> str:
        query, body = self.wechat.posted(openid, fields, number=number)
        answer = await self.client.post("/wechat", params=query, content=body.encode())
        assert answer.status_code == 200, answer.text
        return self.wechat.read(answer.text)


@asynccontextmanager
async def a_house(
    *,
    sealed: bool = False,
    template_id: str = "template-1",
    path: Any = ":memory:",
    inside: httpx.AsyncClient | None = None,
    reply_within_s: float = 4.5,
):
    """`inside` reaches another gateway than the fake one."""
    now = [NOON]
    seal = Seal.of(AES_KEY, APP_ID, counted()) if sealed else None
    wechat = SimulatedWeChat(token=TOKEN, app_id=APP_ID, secret=SECRET, seal=seal, clock=lambda: now[0])
    api_app = FastAPI()
    api_app.include_router(api_routes(wechat))
    gateway = FakeGateway()
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(api_app), base_url="https://wechat") as api,
        httpx.AsyncClient(transport=httpx.MockTransport(gateway), base_url="http://gateway") as fake,
    ):
        store = AskedStore.at(path, b"key", counted())
        adapter = Adapter(
            gateway=Gateway(client=inside or fake),
            messenger=WeChatApi(
                client=api, app_id=APP_ID, secret=SECRET, template_id=template_id, clock=lambda: now[0]
            ),
            store=store,
            secret=b"subject-secret",
            clock=lambda: now[0],
        )
        account = Account(token=TOKEN, seal=seal, clock=lambda: now[0], reply_within_s=reply_within_s)
        app = build(adapter, account, further=(simulator_routes(wechat),))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://adapter") as client:
            yield House(adapter, app, wechat, gateway, store, client, now)
        store.close()
