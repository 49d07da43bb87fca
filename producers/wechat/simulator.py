"""WeChat for those who have no account: a chat page, and WeChat's side of the protocol.

Messages from the page are signed and, where the account has a key, sealed as WeChat does, and go the real way over the
adapter's own address. Whoever reaches this page speaks as any customer: it belongs on a developer's machine alone.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import httpx
from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from producers.wechat.envelope import Seal, signature
from producers.wechat.messages import document, fields_of

_FOLDER: Final = Path(__file__).parent / "pages"
_ACCOUNT: Final = "gh_simulated"
_TOKEN_LIVES_S: Final = 7200
_TYPES: Final = MappingProxyType({"chat.js": "text/javascript", "chat.css": "text/css"})
_PAGE_HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
    }
)


@dataclass(slots=True, kw_only=True)
class SimulatedWeChat:
    """WeChat's side: `sent` are the messages that customers got from the account without having just written.

    `errcode` is answered in place of 0 as often as `failures` says: 45015 means silent for 48 hours.
    """

    token: str
    app_id: str
    secret: str
    seal: Seal | None
    clock: Callable[[], datetime]
    sent: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    templates: list[dict[str, Any]] = field(default_factory=list)
    tokens_given: int = 0
    errcode: int = 45015
    failures: int = 0
    _token: str = ""
    _numbers: "count[int]" = field(default_factory=lambda: count(int.from_bytes(secrets.token_bytes(6))))

    def posted(self, openid: str, fields: dict[str, str], *, number: str | None = None) -> tuple[dict[str, str], str]:
        """The query and the body with which WeChat passes a message on."""
        at = str(int(self.clock().timestamp()))
        complete = {"ToUserName": _ACCOUNT, "FromUserName": openid, "CreateTime": at, **fields}
        if fields.get("MsgType") != "event":
            complete["MsgId"] = number or str(next(self._numbers))
        xml, nonce = document(complete), secrets.token_hex(5)
        query = {"timestamp": at, "nonce": nonce, "openid": openid, "signature": signature(self.token, at, nonce)}
        if self.seal is None:
            return query, xml
        sealed = self.seal.close(xml)
        query |= {"encrypt_type": "aes", "msg_signature": signature(self.token, at, nonce, sealed)}
        return query, document({"ToUserName": _ACCOUNT, "Encrypt": sealed})

    def read(self, reply: str) -> str:
        """The words of a passive reply; empty where there was none. Raises `AssertionError` on a wrong signature."""
        if reply in {"", "success"}:
            return ""
        fields = fields_of(reply.encode())
        if self.seal is not None:
            signed = signature(self.token, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"])
            if signed != fields["MsgSignature"]:
                raise AssertionError("the reply's signature is wrong")
            fields = fields_of(self.seal.open(fields["Encrypt"]).encode())
        return fields["Content"]

    def access_token(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What WeChat gives for the account's secret."""
        if (asked.get("grant_type"), asked.get("appid"), asked.get("secret")) != (
            "client_credential",
            self.app_id,
            self.secret,
        ):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        self.tokens_given += 1
        self._token = secrets.token_urlsafe(24)
        return {"access_token": self._token, "expires_in": _TOKEN_LIVES_S}

    def end_token(self) -> None:
        """The access token ends before its time, as when somebody else asked for one."""
        self._token = ""

    def deliver(self, token: str, message: dict[str, Any], *, is_template: bool) -> dict[str, Any]:
        """Take a message of the account."""
        if not self._token or token != self._token:
            return {"errcode": 40001, "errmsg": "invalid credential"}
        if self.failures and not is_template:
            self.failures -= 1
            return {"errcode": self.errcode, "errmsg": "response out of time limit"}
        if is_template:
            self.templates.append(message)
            self.sent[message["touser"]].append(message["data"]["keyword1"]["value"])
        else:
            self.sent[message["touser"]].append(message["text"]["content"])
        return {"errcode": 0, "errmsg": "ok"}


def api_routes(wechat: SimulatedWeChat, *, prefix: str = "") -> APIRouter:
    """WeChat's interface for accounts."""
    router = APIRouter(prefix=f"{prefix}/cgi-bin")

    @router.post("/stable_token")
    async def stable_token(asked: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return wechat.access_token(asked)

    @router.post("/message/custom/send")
    async def custom(message: Annotated[dict[str, Any], Body()], access_token: str = "") -> dict[str, Any]:
        return wechat.deliver(access_token, message, is_template=False)

    @router.post("/message/template/send")
    async def template(message: Annotated[dict[str, Any], Body()], access_token: str = "") -> dict[str, Any]:
        return wechat.deliver(access_token, message, is_template=True)

    return router


def simulator_routes(wechat: SimulatedWeChat) -> APIRouter:
    """The chat page and what it calls; to be served by the adapter's own application, which it writes to."""
    router = APIRouter(prefix="/simulator")

    @router.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(_file("chat.html"), headers=dict(_PAGE_HEADERS))

    @router.get("/{name}.{kind}")
    async def asset(name: str, kind: str) -> Response:
        file = f"{name}.{kind}"
        if file not in _TYPES:
            return Response(status_code=404)
        return Response(_file(file), media_type=_TYPES[file], headers={"Cache-Control": "no-store"})

    @router.post("/messages")
    async def write(request: Request, said: Annotated[dict[str, str], Body()]) -> JSONResponse:
        fields = {"MsgType": "text", "Content": said["text"]} if "text" in said else _event(said.get("event", ""))
        query, body = wechat.posted(said["openid"], fields)
        transport = httpx.ASGITransport(request.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://wechat", timeout=10.0) as client:
            answer = await client.post("/wechat", params=query, content=body.encode())
        return JSONResponse({"reply": wechat.read(answer.text) if answer.is_success else answer.text})

    @router.get("/messages")
    async def received(openid: str, after: int = 0) -> dict[str, list[str]]:
        return {"messages": wechat.sent[openid][after:] if openid in wechat.sent else []}

    return router


def _event(event: str) -> dict[str, str]:
    kind, _, key = event.partition(":")
    return {"MsgType": "event", "Event": kind, "EventKey": key}


@cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
