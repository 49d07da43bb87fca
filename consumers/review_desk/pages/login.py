"""Log-in: a plain form, since only an answer of the server can set a cookie that no script can read."""

from html import escape
from typing import Annotated, Final

from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from consumers.review_desk.api.sessions import address_of, code_of, retry_of
from consumers.review_desk.people.accounts import Accounts, LogInRefusedError
from consumers.review_desk.people.guard import SESSION_COOKIE
from consumers.review_desk.people.oidc import LASTS, OidcLogIn
from consumers.review_desk.people.way_back import HOME, own_page

_POLICY: Final = {  # stricter than the pages': nothing here needs a script
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}
_BROWSER_COOKIE: Final = "desk_oidc"
_HEAD: Final = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">{head}<title>登录 · 估价复核台</title>
<style>
body { margin: 0; height: 100vh; display: grid; place-items: center; background: #f3f5f8; color: #1f2a37;
  font: 14px/1.6 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
form { background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; padding: 28px 32px; width: 300px; }
h1 { font-size: 18px; margin: 0 0 2px; color: #14345e; } p { margin: 0 0 16px; color: #64748b; font-size: 13px; }
label { display: block; margin-top: 10px; color: #64748b; font-size: 13px; }
input { width: 100%; box-sizing: border-box; padding: 7px 9px; border: 1px solid #cbd5e1; border-radius: 5px;
  font: inherit; }
button, .other { display: block; box-sizing: border-box; width: 100%; margin-top: 18px; padding: 8px; border: 0;
  border-radius: 5px; background: #1d4f91; color: #fff; font: inherit; cursor: pointer; text-align: center; }
.other { margin-top: 10px; background: #e8eef7; color: #14345e; text-decoration: none; }
.bad { color: #a32018; min-height: 1.6em; margin: 10px 0 0; }
</style></head><body>"""
_FORM: Final = """<form method="post" action="/login"><input type="hidden" name="next" value="{next}">
<h1>估价复核台</h1><p>个贷业务房屋估值 · 人工复核</p>
<label for="username">用户名</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">密码</label><input id="password" name="password" type="password"
  autocomplete="current-password" required><div class="bad" role="alert">{message}</div>
<button type="submit">登录</button>{other}</form></body></html>"""
_ENDED: Final = "会话已结束，请重新登录"
_OTHER: Final = '<a class="other" href="/oidc/login">统一身份认证登录</a>'
# Somebody who comes from the provider's site is led on by a page of ours: a redirect would still count as the other
# site's, and the browser would keep the session's SameSite=Strict cookie back.
_ON: Final = '<meta http-equiv="refresh" content="0;url=/">'
_LED_ON: Final = '<main><p>登录成功，正在进入…</p><a href="/">进入复核台</a></main></body></html>'


def add_login(app: FastAPI, accounts: Accounts, oidc: OidcLogIn | None, *, secure: bool, lasts_s: int) -> None:
    """Add `/login` and `/logout`, and `/oidc/…` where a provider is used.

    `secure`: the desk is served over TLS, so the cookie must be, too; `lasts_s`: the longest a session lasts.
    """
    page = _Page(has_provider=oidc is not None)

    @app.get("/login")
    def form(ended: str = "", asked: Annotated[str, Query(alias="next")] = HOME) -> HTMLResponse:
        return page.form(_ENDED if ended else "", asked)

    @app.post("/login")
    def log_in(
        request: Request,
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
        asked: Annotated[str, Form(alias="next")] = HOME,
    ) -> Response:
        former = request.cookies.get(SESSION_COOKIE)
        try:
            token = accounts.log_in(username, password, address=address_of(request), former=former)
        except LogInRefusedError as error:
            return page.refusal(error, asked)
        answer = RedirectResponse(own_page(asked), 303)
        _set_session(answer, token, secure=secure, lasts_s=lasts_s)
        return answer

    @app.get("/logout")
    def log_out(request: Request) -> RedirectResponse:
        accounts.log_out(request.cookies.get(SESSION_COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    if oidc is not None:
        _add_oidc(app, oidc, page, secure=secure, lasts_s=lasts_s)


def _add_oidc(app: FastAPI, oidc: OidcLogIn, page: "_Page", *, secure: bool, lasts_s: int) -> None:
    @app.get("/oidc/login")
    def leave(request: Request) -> Response:
        try:
            url, browser = oidc.begin(address=address_of(request))
        except LogInRefusedError as error:
            return page.refusal(error)
        answer = RedirectResponse(url, 303)
        # Lax, for it must come along when the provider sends the browser back.
        answer.set_cookie(
            _BROWSER_COOKIE,
            browser,
            max_age=int(LASTS.total_seconds()),
            path="/oidc",
            httponly=True,
            samesite="lax",
            secure=secure,
        )
        return answer

    @app.get("/oidc/callback")
    def come_back(request: Request) -> Response:
        browser, former = request.cookies.get(_BROWSER_COOKIE), request.cookies.get(SESSION_COOKIE)
        try:
            token = oidc.finish(request.query_params, browser=browser, address=address_of(request), former=former)
        except LogInRefusedError as error:
            answer: Response = page.refusal(error)
        else:
            answer = HTMLResponse(_HEAD.replace("{head}", _ON) + _LED_ON, headers=_POLICY)
            _set_session(answer, token, secure=secure, lasts_s=lasts_s)
        answer.delete_cookie(_BROWSER_COOKIE, path="/oidc")
        return answer


class _Page:
    """The form, with the button for the provider where there is one."""

    def __init__(self, *, has_provider: bool) -> None:
        self._other = _OTHER if has_provider else ""

    def form(
        self, message: str, asked: str = HOME, code: int = 200, headers: dict[str, str] | None = None
    ) -> HTMLResponse:
        text = _FORM.replace("{other}", self._other).replace("{message}", escape(message))
        text = text.replace("{next}", escape(own_page(asked)))
        return HTMLResponse(_HEAD.replace("{head}", "") + text, code, headers={**_POLICY, **(headers or {})})

    def refusal(self, error: LogInRefusedError, asked: str = HOME) -> HTMLResponse:
        return self.form(error.why, asked, code_of(error), retry_of(error))


def _set_session(answer: Response, token: str, *, secure: bool, lasts_s: int) -> None:
    answer.set_cookie(SESSION_COOKIE, token, max_age=lasts_s, httponly=True, samesite="strict", secure=secure)
