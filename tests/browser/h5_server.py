"""The gateway as the page sees it, with every state at hand: the address typed names the one that comes.

It speaks the paths, bodies and headers of the gateway; the page itself and its files are the real ones.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from producers.gateway.access.challenges import ANSWER, CHALLENGE, is_answer
from producers.gateway.pages import page_routes

DIFFICULTY = 10
TOKEN = "page-token-of-a-customer"
PUBLIC_DISCLAIMER = "价格区间仅为参考范围，不构成评估报告、交易价格或贷款额度的承诺。"
DISCLAIMER = "估值结果由系统依据市场数据测算，仅供贷款业务参考，不构成交易价格承诺，以银行审批结论为准。"
HOUSE = {"community_id": "c1", "community_name": "望京花园"}
RANGE = {"status": "COMPLETED_AUTO", "final": True, "lower": 4_100_000, "upper": 4_900_000, "address": HOUSE}
VALUE = RANGE | {
    "value": 4_475_000,
    "value_date": "2026-03-02",
    "valid_until": "2026-04-01",
    "confidence_grade": "高",
    "confidence_text": "同小区近半年成交较多，价格接近，估值把握较大。",
    "influences": [
        {"text": "所在楼层为中楼层，采光较好", "direction": "UP"},
        {"text": "距地铁站步行 10 分钟以内", "direction": "UP"},
        {"text": "房龄超过 20 年", "direction": "DOWN"},
    ],
}
PENDING = {
    "status": "PENDING_MANUAL",
    "final": False,
    "due_at": "2026-03-03T09:30:00Z",
    "expected_at": "2026-03-02T08:40:00Z",
    "queue_position": 7,
}
CANDIDATES = [
    {"community_id": "c1", "name": "望京花园", "city": "北京市", "district": "朝阳区"},
    {"community_id": "c2", "name": "望京花园东区", "city": "北京市", "district": "朝阳区"},
]
QUESTION = {
    "status": "NEEDS_CLARIFICATION",
    "final": False,
    "question": "地址对应多个小区，请确认具体小区",
    "candidates": CANDIDATES,
    "answer_by": "2026-03-02T08:30:00Z",
}
SUGGESTED = [
    {**CANDIDATES[0], "highlight": {"field": "name", "start": 0, "end": 2}},
    {**CANDIDATES[1], "highlight": {"field": "name", "start": 0, "end": 2}},
    {
        "community_id": "c3",
        "name": "花家地西里",
        "alias": "望京花家地",
        "city": "北京市",
        "district": "朝阳区",
        "highlight": {"field": "alias", "start": 0, "end": 2},
    },
]
PRICES = [
    {"month": f"{2024 + n // 12}-{n % 12 + 1:02}", "unit_price": 52_000 - 220 * n + 900 * (n % 3), "deals": 3 + n % 5}
    for n in range(26)
    if n not in {7, 8}
]


def plain(status: str, text: str) -> dict[str, Any]:
    """A final answer without a value."""
    return {"status": status, "final": True, "reason_text": text}


ANSWERS: dict[str, dict[str, Any]] = {
    "等待": {"status": "PROCESSING", "final": False},
    "人工": PENDING,
    "两个": QUESTION,
    "不全": {"status": "NEEDS_CLARIFICATION", "final": False, "question": "地址不完整，请补充小区、楼栋或房号"},
    "外地": plain("OUT_OF_COVERAGE", "房屋所在区县尚未开通服务"),
    "车位": plain("NOT_ELIGIBLE", "房屋不属于可上市交易的商品房"),
    "稀少": plain("UNABLE_TO_VALUE", "市场依据不足，无法给出估值"),
    "东区": RANGE | {"address": {"community_id": "c2", "community_name": "望京花园东区"}},
    "未知小区": {name: value for name, value in RANGE.items() if name != "address"},
    "失败": plain("FAILED", "处理失败，请稍后重新提交"),
    "撤销": plain("CANCELLED", "已按渠道要求撤销"),
    "失效": plain("EXPIRED", "地址未在规定时间内确认"),
}


@dataclass
class StubGateway:
    """What it was asked, and the streams it holds open: `await tell(id, view)` pushes an answer into them."""

    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: dict[str, list[asyncio.Queue[dict[str, Any] | None]]] = field(default_factory=dict)
    streamed: asyncio.Condition = field(default_factory=asyncio.Condition)
    busy: int = 0
    """So many requests are told that the service is busy."""
    streaming: bool = True

    async def tell(self, valuation_id: str, **changes: Any) -> None:
        """Answer anew, and end the streams where that is the last word."""
        async with self.streamed:
            await self.streamed.wait_for(lambda: not self.streaming or self.streams.get(valuation_id))
        view = self.views[valuation_id] = self.views[valuation_id] | changes
        for queue in self.streams.get(valuation_id, []):
            queue.put_nowait(view)
            if view["final"]:
                queue.put_nowait(None)


def problem(status: int, code: str, text: str, retry_after_s: int | None = None, **more: Any) -> JSONResponse:
    """A problem document as the gateway writes it."""
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    body = {"status": status, "code": code, "detail": code, "detail_zh": text, **more}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


_REFUSALS: dict[str, dict[str, Any]] = {
    "过多": {"status": 429, "code": "quota-exceeded", "text": "查询次数已达上限。", "retry_after_s": 5400},
    "错误": {
        "status": 422,
        "code": "invalid-request",
        "text": "部分字段有误。",
        "problems": [
            {"field": "address", "code": "INVALID", "message": "地址中含有无法识别的字符，请修改"},
            {"field": "area_m2", "code": "OUT_OF_RANGE", "message": "面积须在 5 至 5000 ㎡ 之间"},
            {"field": "note", "code": "TOO_LONG", "message": "备注过长"},
        ],
    },
}


def application(stub: StubGateway) -> FastAPI:
    """The stub as a web application."""
    app = FastAPI()
    app.include_router(page_routes())
    _asking(app, stub)
    _following(app, stub)
    _looking_up(app)
    return app


def _asking(app: FastAPI, stub: StubGateway) -> None:
    @app.get("/h5/challenge")
    async def challenge() -> dict[str, Any]:
        # as long as a signed token is, so that it fills several blocks of the hash
        return {"token": f"challenge-{len(stub.asked)}-{'x' * 300}", "difficulty": DIFFICULTY}

    @app.post("/h5/valuations")
    async def ask(request: Request) -> Response:
        customer = _is_customer(request)
        if stub.busy:
            stub.busy -= 1
            return problem(503, "unavailable", "暂时无法可靠受理，请稍后重试。", 1)
        if not customer and not _is_solved(request):
            return problem(401, "challenge-required", "请先完成验证。")
        body = await request.json()
        stub.asked.append(body)
        refusal = next((refused for word, refused in _REFUSALS.items() if word in body["address"]), None)
        if refusal is not None:
            return problem(**refusal)
        valuation_id = str(uuid.uuid5(uuid.NAMESPACE_OID, body["client_request_id"]))
        found = next((view for word, view in ANSWERS.items() if word in body["address"]), None)
        view = _seen(found or (VALUE if customer else RANGE), valuation_id, customer=customer)
        stub.views[valuation_id] = view
        return JSONResponse(view, 200 if view["final"] else 202)

    @app.post("/h5/valuations/{valuation_id}/clarification")
    async def clarify(valuation_id: str, request: Request) -> Response:
        chosen = (await request.json())["community_id"]
        assert chosen in {one["community_id"] for one in CANDIDATES}
        customer = _is_customer(request)
        stub.views[valuation_id] = _seen(VALUE if customer else RANGE, valuation_id, customer=customer)
        return JSONResponse(stub.views[valuation_id])


def _following(app: FastAPI, stub: StubGateway) -> None:
    @app.get("/h5/valuations/{valuation_id}")
    async def look(valuation_id: str) -> Response:
        view = stub.views.get(valuation_id)
        return JSONResponse(view) if view else problem(404, "not-found", "未找到请求的内容。")

    @app.get("/h5/valuations/{valuation_id}/events")
    async def events(valuation_id: str) -> Response:
        if not stub.streaming:
            return problem(404, "not-found", "未找到请求的内容。")
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        async with stub.streamed:
            stub.streams.setdefault(valuation_id, []).append(queue)
            stub.streamed.notify_all()

        async def lines() -> AsyncIterator[str]:
            yield ": alive\n\n"
            view: dict[str, Any] | None = stub.views[valuation_id]
            while view is not None:
                yield f"event: answer\ndata: {json.dumps(view, ensure_ascii=False)}\n\n"
                view = None if view["final"] else await queue.get()

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.get("/h5/valuations/{valuation_id}/report")
    async def report(valuation_id: str, request: Request) -> Response:
        if not _is_customer(request):
            return problem(403, "forbidden", "该渠道无权查看。")
        return Response(b"%PDF-1.7 " + valuation_id.encode(), media_type="application/pdf")


def _looking_up(app: FastAPI) -> None:
    @app.get("/h5/communities/{community_id}/prices")
    async def prices(community_id: str) -> dict[str, Any]:
        name = next(one["name"] for one in CANDIDATES if one["community_id"] == community_id)
        return {"community_id": community_id, "name": name, "months": PRICES}

    @app.get("/h5/addresses/suggest")
    async def suggest(q: str) -> dict[str, Any]:
        return {"suggestions": SUGGESTED if "望京" in q or "wang" in q.lower() else []}


def _is_customer(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {TOKEN}"


def _seen(view: dict[str, Any], valuation_id: str, *, customer: bool) -> dict[str, Any]:
    seen = {"valuation_id": valuation_id, **view, "disclaimer": DISCLAIMER if customer else PUBLIC_DISCLAIMER}
    return seen | ({"report": {"report_no": "HV-20260302-0001"}} if "value" in seen else {})


def _is_solved(request: Request) -> bool:
    token, answer = (request.headers.get(name, "") for name in (CHALLENGE, ANSWER))
    return token.startswith("challenge-") and is_answer(token, answer, DIFFICULTY)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
