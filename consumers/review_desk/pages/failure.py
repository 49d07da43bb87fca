"""What a person sees when something breaks: a number to report, in the log too, and a way back; never the fault."""

import logging
from collections.abc import Callable
from html import escape
from typing import Final
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

log = logging.getLogger(__name__)

_NOTE: Final = "error number "
_DIGITS: Final = 8
_WHY: Final = "系统出错，本次操作没有完成。请稍后再试；若再次出现，请把错误编号 {number} 告知运维人员。"
_PAGE: Final = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>出错 · 估价复核台</title><style>
body { margin: 0; height: 100vh; display: grid; place-items: center; background: #f3f5f8; color: #1f2a37;
  font: 15px/1.6 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; text-align: center; }
a { color: #1d4f91; }</style></head><body><main><p data-testid="failure" role="alert">{why}</p>
<p><a href="/">返回首页</a> · <a href="/logout">退出</a></p></main></body></html>"""
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff", "x-frame-options": "DENY"}


class Failures:
    """Gives every fault its number, once, and tells it."""

    def __init__(self, new_id: Callable[[], UUID]) -> None:
        """`new_id`: what numbers are made of."""
        self._new_id = new_id

    def number_of(self, error: BaseException) -> str:
        """The number of a fault, `3F9A02BC`. The log has it, and so has every traceback of the fault from now on."""
        for note in getattr(error, "__notes__", ()):
            if note.startswith(_NOTE):
                return str(note.removeprefix(_NOTE))
        number = self._new_id().hex[:_DIGITS].upper()
        error.add_note(f"{_NOTE}{number}")
        log.error("something broke", extra={"error_number": number, "error": type(error).__name__}, exc_info=error)
        return number

    def answer(self, request: Request, error: Exception) -> Response:
        """The answer to a request that broke."""
        why = _WHY.format(number=self.number_of(error))
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": why}, 500, headers=_HEADERS)
        return HTMLResponse(_PAGE.replace("{why}", escape(why)), 500, headers=_HEADERS)

    def show(self, error: Exception) -> None:
        """Fill the page that stands for one that broke while it was built."""
        from nicegui import ui

        ui.page_title("出错 · 估价复核台")
        with ui.element("main").style("padding: 18vh 40px 0; width: 100%; text-align: center; line-height: 2.2"):
            ui.label(_WHY.format(number=self.number_of(error))).props("data-testid=failure role=alert")
            ui.link("返回首页", "/")

    def notify(self, error: Exception) -> None:
        """Tell the person whose click or key broke, where it is known."""
        from nicegui import ui

        why = _WHY.format(number=self.number_of(error))
        try:
            ui.notify(why, type="negative", position="top", timeout=0, close_button="知道了")
        except RuntimeError:  # nobody's: a page that was closed meanwhile
            return


def add_failures(app: FastAPI, new_id: Callable[[], UUID]) -> None:
    """Let the application, its pages and their events tell of faults so. Pages are NiceGUI's, one for the process."""
    from nicegui import app as pages

    failures = Failures(new_id)
    app.add_exception_handler(Exception, failures.answer)
    pages.on_page_exception(failures.show)
    pages.on_exception(failures.notify)
