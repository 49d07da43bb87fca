"""查询: find a case by address part, number, reviewer or day. Figures are behind the look, which is audited."""

from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.history import Found
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import Row, WalkedTable
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import day_and_time, left
from consumers.review_desk.people.staff import Person
from consumers.review_desk.words import KIND, OUTCOME, REGION, STATE, said

_COLUMNS: Final = (
    {"name": "state", "label": "状态", "field": "state", "align": "left"},
    {"name": "kind", "label": "类别", "field": "kind", "align": "left"},
    {"name": "city", "label": "城市", "field": "city", "align": "left"},
    {"name": "address", "label": "地址", "field": "address", "align": "left"},
    {"name": "reviewer", "label": "估值人", "field": "reviewer", "align": "left"},
    {"name": "left", "label": "剩余", "field": "left", "align": "right"},
    {"name": "outcome", "label": "结果", "field": "outcome", "align": "left"},
    {"name": "decided", "label": "办结时间", "field": "decided", "align": "left"},
    {"name": "number", "label": "申请编号", "field": "number", "align": "left"},
    {"name": "region", "label": "区域", "field": "region", "align": "left"},
)


def add_search(office: Office) -> None:
    """Register the page."""

    @ui.page("/search")
    async def search(request: Request) -> None:
        SearchPage(office, request.state.person)


class SearchPage:
    """One browser's search. Each search is audited with its text."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, with the field ready to be typed into."""
        self._office, self._person = office, person
        self._names = Names(office.staff)
        keys = Keys()
        with frame(office, person, "查询"), ui.element("main").classes("page"), panel("查询"):
            with ui.element("div").classes("row"):
                self._field = (
                    ui.input("地址片段、拼音首字母、申请编号、估值人账号，或日期 2026-03-02")
                    .props(f"{FIELD} autofocus clearable data-testid=search")
                    .style("width: 520px")
                    .on("keydown.enter", self._search)
                )
                with ui.button(on_click=self._search).props("unelevated dense no-caps").style("padding: 0 12px"):
                    ui.html("查询<kbd>Enter</kbd>", sanitize=False)
                self._spinner = ui.spinner(size="20px").style("visibility: hidden")
                self._said = ui.label("查询记入审计；打开案件另记一次。").classes("soft").props("role=status")
            self._table = WalkedTable(
                _COLUMNS, empty="没有结果", name="found", open_row=self._open, height="calc(100vh - 170px)"
            )
        keys.add("/", "到查询框", lambda: self._field.run_method("focus"))
        self._table.walked_by(keys, enter="打开选中的案件")
        keys.listen()

    async def _search(self) -> None:
        text = (self._field.value or "").strip()
        if not text:
            self._said.text = "请输入要查的内容"
            return
        self._spinner.style("visibility: visible")
        try:
            await told(self._show(text))
        finally:
            self._spinner.style("visibility: hidden")

    async def _show(self, text: str) -> None:
        found = await to_thread(self._ask, text)
        self._table.show(rows_of(found, self._names, self._office.clock()))
        self._said.text = f"找到 {len(found)} 件" + ("（只列最近的，请写得更具体）" if len(found) >= _MOST else "")
        if found:  # so that J, K and Enter walk the list at once
            await ui.run_javascript("document.activeElement.blur()")

    def _ask(self, text: str) -> tuple[Found, ...]:
        found = self._office.decisions.search(self._person, text)
        self._names.learn(one.reviewer for one in found)
        return found

    def _open(self, row: Row) -> None:
        ui.navigate.to(f"/tasks/{row['id']}")


_MOST: Final = 50


def rows_of(found: Sequence[Found], names: Names, now: datetime) -> list[Row]:
    """The rows of a result, as handed in."""
    return [
        {
            "id": one.task_id,
            "state": said(STATE, one.state),
            "kind": said(KIND, one.kind),
            "city": one.city,
            "address": one.address,
            "reviewer": names.of(one.reviewer),
            "left": left(one.due_at, now) if one.state.is_open else "—",
            "urgency": "bad" if one.state.is_open and one.due_at < now else "",
            "sign": "✖" if one.state.is_open and one.due_at < now else "",
            "outcome": said(OUTCOME, one.outcome),
            "decided": "—" if one.decided_at is None else day_and_time(one.decided_at),
            "number": one.valuation_id,
            "region": said(REGION, one.region),
        }
        for one in found
    ]
