"""复核: what waits for a second person, the first opinion beside the model's; approve, or return with a remark."""

from asyncio import to_thread
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.approving import Approval
from consumers.review_desk.deciding.case import Case
from consumers.review_desk.office import Office
from consumers.review_desk.pages.examining import BACK, Examining
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, Row, WalkedTable, task_row
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.second_opinion import (
    APPROVED,
    SENT_BACK,
    approve,
    move_text,
    send_back,
    show_first,
    show_verdicts,
)
from consumers.review_desk.pages.written import wan, yuan
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import NotAllowedError, TaskUnavailableError

_REFRESH_S: Final = 3.0
_COLUMNS: Final = (
    {"name": "author", "label": "估值人", "field": "author", "align": "left"},
    *(column for column in TASK_COLUMNS if column["name"] not in {"priority", "type", "due", "city"}),
    {"name": "price", "label": "单价", "field": "price", "align": "right"},
    {"name": "value", "label": "总价", "field": "value", "align": "right"},
    {"name": "move", "label": "较模型", "field": "move", "align": "right"},
)
_DONE: Final[Mapping[str, str]] = MappingProxyType({"APPROVE": APPROVED, "SEND_BACK": SENT_BACK})
_GONE: Final = "该结论已不在等您复核：已有人处理，或已退回估值人"


def add_approvals(office: Office) -> None:
    """Register the page. `?task=` shows one case whole; `?done=` says what was done with the one before."""

    @ui.page(BACK)
    async def approvals(request: Request, task: str = "", done: str = "") -> None:
        person: Person = request.state.person
        names = Names(office.staff)
        waiting = await to_thread(_ask, office, person, names)
        one = next((one for one in waiting if one.task.task_id == task), None)
        case = None if one is None else await _case(office, person, one)
        if one is not None and case is not None:
            Examining(office, person, one, case, names.of(one.first.reviewer)).build()
            return
        page = ApprovalsPage(office, person, names)
        page.show(waiting)
        if task:
            ui.notify(_GONE, type="info", position="top")
        if done in _DONE:
            ui.notify(_DONE[done], type="positive", position="top")


def _ask(office: Office, person: Person, names: Names) -> tuple[Approval, ...]:
    waiting = office.decisions.approvals(person)
    names.learn(one.first.reviewer for one in waiting)
    return waiting


async def _case(office: Office, person: Person, one: Approval) -> Case | None:
    try:
        return await to_thread(office.decisions.case, one.task.task_id, person)
    except (TaskUnavailableError, NotAllowedError):  # somebody was faster
        return None


class ApprovalsPage:
    """One browser's view of what waits. The detail follows the row the keys are about."""

    def __init__(self, office: Office, person: Person, names: Names) -> None:
        """Build the page, still empty."""
        self._office, self._person, self._names = office, person, names
        self._waiting: dict[str, Approval] = {}
        self._shown: Approval | None = None
        keys = Keys()
        with (
            frame(office, person, "复核"),
            ui.element("main").classes("page"),
            ui.element("div").style(
                "display: grid; grid-template-columns: minmax(0, 1fr) 380px; gap: 10px; align-items: start"
            ),
        ):
            with panel("待复核") as title:
                with title:
                    ui.label("J / K 选择，回车看全案，Y 通过，N 退回").classes("soft").style("font-weight: 400")
                self._table = WalkedTable(
                    _COLUMNS,
                    empty="没有等您复核的结论",
                    name="approvals",
                    open_row=self._open,
                    on_move=self._show_detail,
                )
            with ui.element("div").style("position: sticky; top: 52px") as self._detail:
                pass
        self._table.walked_by(keys, enter="看全案")
        keys.add("y", "通过", self._approve)
        keys.add("n", "退回并说明", self._send_back)
        keys.listen()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def show(self, waiting: tuple[Approval, ...]) -> None:
        """Show what waits."""
        self._waiting = {one.task.task_id: one for one in waiting}
        now = self._office.clock()
        self._table.show([row_of(one, self._names.of(one.first.reviewer), now) for one in waiting])
        self._show_detail()

    def _current(self) -> Approval | None:
        row = self._table.current
        return None if row is None else self._waiting.get(row["id"])

    def _show_detail(self) -> None:
        one = self._current()
        if one == self._shown and one is not None:
            return
        self._shown = one
        self._detail.clear()
        with self._detail, panel("估值人的结论"):
            if one is None:
                ui.label("没有选中的结论").classes("soft")
                return
            show_first(one, self._names.of(one.first.reviewer))
            with ui.element("div").classes("row").style("margin-top: 8px"):
                show_verdicts(self._approve, self._send_back)
                ui.link("看全案", whole_case(one.task.task_id))

    async def _refresh(self) -> None:
        self.show(await to_thread(_ask, self._office, self._person, self._names))

    def _open(self, row: Row) -> None:
        ui.navigate.to(whole_case(row["id"]))

    async def _approve(self) -> None:
        one = self._current()
        if one is not None:
            if await approve(self._office, self._person, one):
                ui.notify(APPROVED, type="positive", position="top")
            await self._refresh()

    async def _send_back(self) -> None:
        one = self._current()
        if one is not None:
            if await send_back(self._office, self._person, one):
                ui.notify(SENT_BACK, type="positive", position="top")
            await self._refresh()


def whole_case(task_id: str) -> str:
    """Where a second person examines a case."""
    return f"{BACK}?task={task_id}"


def row_of(one: Approval, author: str, now: datetime) -> Row:
    """The cells of one conclusion that waits. `author`: by name."""
    return {
        **task_row(one.task, now),
        "author": f"{author} · {one.first.grade}",
        "price": yuan(one.first.conclusion.unit_price),
        "value": wan(one.value),
        "move": move_text(one),
    }
