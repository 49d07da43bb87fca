"""The door of the desk: no page, no interface and no socket without a session and the right that the path asks for.

It is ASGI and stands outermost, so that sockets pass it, too, and whatever pages there will be.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Final
from urllib.parse import urlsplit

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consumers.review_desk.people.access import may, require
from consumers.review_desk.people.accounts import Accounts
from consumers.review_desk.people.guarded_socket import ACT, SESSION_ENDED, GuardedSocket
from consumers.review_desk.people.route_rights import Rule, rule_of
from consumers.review_desk.people.sessions import digest
from consumers.review_desk.people.staff import Person
from consumers.review_desk.people.way_back import log_in_address
from consumers.review_desk.task import NotAllowedError

SESSION_COOKIE: Final = "desk_session"
_BEARER: Final = "bearer "
_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Sent by the page, not by a person: a session left alone must become idle.
_SIGN_OF_LIFE: Final = "/heartbeat"
_WHO_AM_I: Final = "/api/session"
_TALK_OF_PAGES: Final = "/_nicegui_ws/"
_POLICY: Final = (
    # Pages are Vue templates compiled in the browser: without 'unsafe-eval' there are none. All else is our own origin.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}
_FIXED_PARTS: Final = "/_nicegui/"
_TLS_ONLY: Final = "max-age=31536000"


class Guard:
    """ASGI middleware. Puts the `Person` into `request.state.person`, and the session's digest into `.session`.

    A page belongs to the session that asked for it: whoever logs in later in the same browser cannot go on with it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        accounts: Accounts,
        secure: bool = False,
        session_of_page: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Prepare.

        Args:
            app: What is guarded.
            accounts: Who comes in.
            secure: The desk is served over TLS, and browsers shall never ask for it otherwise.
            session_of_page: Digest of the session under which a page was built, by the page's id; `None`: not known.
        """
        self._app, self._accounts, self._secure = app, accounts, secure
        self._session_of_page = session_of_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer in its stead."""
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        rule = rule_of(scope["method"], path)
        try:
            answer = await self._answer_instead(scope, headers, rule)
        except psycopg.OperationalError:
            answer = _said(path, 503, "数据库暂不可用，请稍后再试", {"retry-after": "1"})
        if answer is None and path.startswith(_TALK_OF_PAGES):
            receive = self._counting_acts(token_of(headers), receive)
        await (answer or self._app)(scope, receive, send)

    async def _answer_instead(self, scope: Scope, headers: Headers, rule: Rule | None) -> Response | None:
        """Return the refusal of a request; `None`: it may pass, and the scope says whose it is."""
        path = scope["path"]
        if scope["method"] not in _CHANGES_NOTHING and not _is_from_our_pages(headers):
            return _said(path, 403, "请求不是从本复核台页面发出的")
        if rule is not None and rule.permission is None:
            return None
        by_itself = path.endswith(_SIGN_OF_LIFE) or path == _WHO_AM_I or path.startswith("/_nicegui")
        token = token_of(headers)
        person = await run_in_threadpool(self._accounts.who, token, is_act=not by_itself)
        if person is None or token is None or self._is_of_another(scope, token):
            return _log_in_first(path, scope["query_string"].decode("latin-1"), has_ended=token is not None)
        if rule is None or rule.permission is None:
            return _said(path, 404, "没有这个页面")
        if not may(person, rule.permission):
            return await run_in_threadpool(self._refusal, person, rule, path)
        scope.setdefault("state", {}).update(person=person, session=digest(token))
        return None

    def _is_of_another(self, scope: Scope, token: str) -> bool:
        """Whether a page talks that was built under another session than the one its browser has now."""
        if not scope["path"].startswith(_TALK_OF_PAGES):
            return False
        owner = self._session_of_page(QueryParams(scope["query_string"]).get("client_id", ""))
        return owner is not None and owner != digest(token)

    def _counting_acts(self, token: str | None, receive: Receive) -> Receive:
        """Note what a person does on a page whose network lets no socket through: it comes in the body of a POST."""

        async def receiving() -> Message:
            message = await receive()
            if ACT.encode() in message.get("body", b""):
                await run_in_threadpool(self._accounts.who, token)
            return message

        return receiving

    def _refusal(self, person: Person, rule: Rule, path: str) -> Response:
        permission = rule.permission
        assert permission is not None  # noqa: S101 - open paths are never refused
        try:
            require(person, permission)
        except NotAllowedError as error:
            self._accounts.refused(person.username, {"path": rule.template, "permission": str(permission)})
            return _said(path, 403, error.why, permission=str(permission))
        raise AssertionError(f"{rule.template} was refused to somebody who may")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        token = token_of(headers)
        rule = rule_of("GET", scope["path"])
        try:
            person = await run_in_threadpool(self._accounts.who, token, is_act=False)
        except psycopg.OperationalError:
            person = None
        permission = None if rule is None else rule.permission
        is_let_in = person is not None and permission is not None and may(person, permission)
        if token is None or not is_let_in or not _is_from_our_pages(headers) or self._is_of_another(scope, token):
            await receive()  # the handshake; closed before it is accepted, it is answered with 403
            await send({"type": "websocket.close", "code": SESSION_ENDED, "reason": ""})
            return
        scope.setdefault("state", {}).update(person=person, session=digest(token))
        socket = GuardedSocket(self._accounts, token, receive, send)
        await self._app(scope, socket.receive, socket.send)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        is_fixed = scope["path"].startswith(_FIXED_PARTS)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers.setdefault("strict-transport-security", _TLS_ONLY)
                if not is_fixed:
                    headers["cache-control"] = "no-store"
            await send(message)

        return sending


def token_of(headers: Headers) -> str | None:
    """Return the token that a request brings: as bearer, else in the cookie."""
    return _bearer(headers) or cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)


def _bearer(headers: Headers) -> str | None:
    authorization = headers.get("authorization", "")
    return authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else None


def _is_from_our_pages(headers: Headers) -> bool:
    """Whether no other site can have made a browser send this with the cookie of somebody logged in.

    A bearer token no browser adds by itself; nor does JSON come from another site's form. Where cookies speak, the
    browser must name our own origin: every browser of today does, on every request that changes something.
    """
    if _bearer(headers) is not None:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host")
    is_form = headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json"
    return SESSION_COOKIE not in cookie_parser(headers.get("cookie", "")) and not is_form


def _log_in_first(path: str, query: str, *, has_ended: bool) -> Response:
    if path.startswith(("/api/", "/_nicegui")):
        return JSONResponse({"detail": "请先登录"}, 401, headers={"WWW-Authenticate": "Bearer"})
    return RedirectResponse(log_in_address(f"{path}?{query}" if query else path, has_ended=has_ended), 303)


def _said(
    path: str, code: int, why: str, headers: Mapping[str, str] | None = None, *, permission: str | None = None
) -> Response:
    if path.startswith("/api/"):
        more = {} if permission is None else {"permission": permission}
        return JSONResponse({"detail": why, **more}, code, headers=headers)
    return HTMLResponse(_PAGE.replace("{why}", escape(why)), code, headers=headers)


_PAGE: Final = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>估价复核台</title><style>
body { margin: 0; height: 100vh; display: grid; place-items: center; background: #f3f5f8; color: #1f2a37;
  font: 15px/1.6 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; text-align: center; }
a { color: #1d4f91; }</style></head><body><main><p data-testid="refusal" role="alert">{why}</p>
<p><a href="/">返回首页</a> · <a href="/logout">退出</a></p></main></body></html>"""
