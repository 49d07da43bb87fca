"""公共池: what waits and this person may take now, by queue and due time."""

from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.case import masked
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, Row, WalkedTable, task_row
from consumers.review_desk.pages.written import since
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import Task
from consumers.review_desk.words import KIND, STATE, queue_said, said

_REFRESH_S: Final = 3.0
_ALL: Final = ""
_QUEUE: Final = {"name": "queue", "label": "队列", "field": "queue", "align": "left"}
_WAITED: Final = {"name": "waited", "label": "已等待", "field": "waited", "align": "right"}
_STATE: Final = {"name": "state", "label": "状态", "field": "state", "align": "left"}


def add_pool(office: Office) -> None:
    """Register the page."""

    @ui.page("/pool")
    async def pool(request: Request) -> None:
        person: Person = request.state.person
        page = PoolPage(office, person)
        page.show(await to_thread(page.ask))


class PoolPage:
    """One browser's view of the pool. Who oversees sees every open task, who values those they may take."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, still empty."""
        self._office, self._person = office, person
        self._takes = may(person, Permission.WORK)
        self._tasks: tuple[Task, ...] = ()
        keys = Keys()
        with frame(office, person, "公共池") as bar, ui.element("main").classes("page"):
            with bar:
                self._counts = ui.label("").classes("num").props("data-testid=counts")
            with panel("可领取的任务" if self._takes else "待办任务（全部）") as title:
                with title:
                    self._queue = (
                        ui.select({_ALL: "全部队列"}, value=_ALL, on_change=self._fill)
                        .props(f"{FIELD} options-dense")
                        .style("min-width: 170px; font-weight: 400")
                    )
                    ui.label("J / K 选择，P 或回车领取" if self._takes else "").classes("soft").style(
                        "font-weight: 400"
                    )
                self._table = WalkedTable(
                    (_QUEUE, *TASK_COLUMNS, _WAITED, *(() if self._takes else (_STATE,))),
                    empty="现在没有可领取的任务" if self._takes else "现在没有待办任务",
                    name="pool",
                    open_row=self._pull,
                )
        if self._takes:
            keys.add("p", "领取选中的任务", self._table.open_current)
        self._table.walked_by(keys, enter="领取选中的任务")
        keys.listen()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def ask(self) -> tuple[Task, ...]:
        """What there is to show."""
        desk = self._office.desk
        return desk.pool(self._person) if self._takes else desk.waiting(self._person)

    def show(self, tasks: tuple[Task, ...]) -> None:
        """Show these tasks, in the queue chosen."""
        self._tasks = tasks
        queues = {task.queue: queue_said(task.queue) for task in sorted(tasks, key=lambda task: task.queue)}
        choices = {_ALL: "全部队列", **queues}
        if choices != self._queue.options:
            kept = self._queue.value
            self._queue.set_options(choices, value=kept if kept in choices else _ALL)
        now = self._office.clock()
        over = sum(task.due_at < now for task in tasks)
        self._counts.text = f"共 {len(tasks)} 件" + (f" · ✖ 超时 {over}" if over else "")
        self._fill()

    def _fill(self) -> None:
        chosen = [task for task in self._tasks if self._queue.value in {_ALL, task.queue}]
        self._table.show(rows_of(chosen, self._office.clock()))

    async def _refresh(self) -> None:
        self.show(await to_thread(self.ask))

    async def _pull(self, row: Row) -> None:
        if not self._takes:
            return
        if await told(to_thread(self._office.desk.claim, row["id"], self._person)):
            ui.navigate.to(f"/tasks/{row['id']}")
        else:
            await self._refresh()


def rows_of(tasks: Sequence[Task], now: datetime) -> list[Row]:
    """The rows, as handed in."""
    return [
        {
            **task_row(task, now),
            "queue": queue_said(task.queue),
            "waited": since(task.queued_at, now) or "刚到",
            "state": said(STATE, task.state),
            "kind": said(KIND, masked(task).kind),
        }
        for task in tasks
    ]
