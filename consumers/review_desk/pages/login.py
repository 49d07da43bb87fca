"""Log-in: a plain form, since only an answer of the server can set a cookie that no script can read."""

from html import escape
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from consumers.review_desk.accounts import Accounts
from consumers.review_desk.api import SESSION_COOKIE

_PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>登录 · 估价复核台</title><style>
body { margin: 0; height: 100vh; display: grid; place-items: center; background: #f3f5f8; color: #1f2a37;
  font: 14px/1.6 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
form { background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; padding: 28px 32px; width: 300px; }
h1 { font-size: 18px; margin: 0 0 2px; color: #14345e; } p { margin: 0 0 16px; color: #64748b; font-size: 13px; }
label { display: block; margin-top: 10px; color: #64748b; font-size: 13px; }
input { width: 100%; box-sizing: border-box; padding: 7px 9px; border: 1px solid #cbd5e1; border-radius: 5px;
  font: inherit; }
button { width: 100%; margin-top: 18px; padding: 8px; border: 0; border-radius: 5px; background: #1d4f91; color: #fff;
  font: inherit; cursor: pointer; } .bad { color: #b42318; min-height: 1.6em; margin: 10px 0 0; }
</style></head><body><form method="post" action="/login"><h1>估价复核台</h1><p>个贷业务房屋估值 · 人工复核</p>
<label for="username">用户名</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">密码</label><input id="password" name="password" type="password"
  autocomplete="current-password" required><div class="bad" role="alert">{message}</div>
<button type="submit">登录</button></form></body></html>"""


def add_login(app: FastAPI, accounts: Accounts, *, secure: bool, lasts_s: int) -> None:
    """Add `/login` and `/logout`. `secure`: the desk is served over TLS, so the cookie must be, too."""

    @app.get("/login", response_class=HTMLResponse)
    def form() -> str:
        return _page("")

    @app.post("/login")
    def log_in(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
        token = accounts.log_in(username, password)
        if token is None:
            return HTMLResponse(_page("用户名或密码不正确"), 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(SESSION_COOKIE, token, max_age=lasts_s, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.get("/logout")
    def log_out(request: Request) -> RedirectResponse:
        accounts.log_out(request.cookies.get(SESSION_COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer


def _page(message: str) -> str:
    return _PAGE.replace("{message}", escape(message))
