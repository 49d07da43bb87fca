"""班长台: people and queues above, every open task below, and the commands of requirement RD15."""

from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import Request
from nicegui import ui
from nicegui.events import GenericEventArguments

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.supervisor_moves import HIGHEST_PRIORITY
from consumers.review_desk.oversight.wallboard import PersonLine, QueueLine, Snapshot, Wallboard
from consumers.review_desk.pages import commands
from consumers.review_desk.pages.asking import FIELD, Field, ask
from consumers.review_desk.pages.commands import REASON, command
from consumers.review_desk.pages.frame import PRESENCE, frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, Row, WalkedTable, task_row
from consumers.review_desk.pages.written import duration, since
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.task import Task, TaskState
from consumers.review_desk.words import STATE, queue_said, said

_REFRESH_S: Final = 3.0
_ALL: Final = ""
_FIRST: Final = frozenset({"hand-over", "hold-segment"})  # the first button of a title stands at its end


def _column(name: str, label: str, align: str = "right") -> Row:
    return {"name": name, "label": label, "field": name, "align": align}


_PEOPLE_COLUMNS: Final = (
    _column("name", "人员", "left"),
    _column("state", "状态", "left"),
    _column("task", "当前任务"),
    _column("on_hold", "挂起"),
    _column("done", "今日"),
    _column("handling", "平均用时"),
    _column("queue", "主技能", "left"),
    _column("act", "", "left"),
)
_QUEUE_COLUMNS: Final = (
    _column("queue", "队列", "left"),
    _column("waiting", "待领"),
    _column("in_work", "处理"),
    _column("on_hold", "挂起"),
    _column("wait_reply", "答复"),
    _column("approvals", "复核"),
    _column("at_risk", "临期"),
    _column("breached", "超时"),
    _column("done", "今日"),
    _column("oldest", "最久等待"),
    _column("act", "", "left"),
)
_STATE: Final = _column("state", "状态", "left")
_HOLDER: Final = _column("holder", "处理人", "left")
_QUEUE: Final = _column("queue", "队列", "left")
_LASTING: Final = frozenset({PresenceState.READY, PresenceState.WRAP_UP, PresenceState.BREAK})
_LESS: Final = frozenset({"city", "type", "area"})  # the address says the city; room for who has it
_ACT: Final = """
    <q-td :props="props" style="padding: 0 4px !important">
      <q-btn dense flat no-caps color="primary" :label="props.row.act"
             :data-testid="'act-' + props.row.id" @click.stop="$parent.$emit('act', props.row.id)" /></q-td>
"""


def add_supervisor(office: Office) -> None:
    """Register the page."""
    board = Wallboard(office.pool, policy=office.policy, clock=office.clock)

    @ui.page("/supervisor")
    async def supervisor(request: Request) -> None:
        person: Person = request.state.person
        page = SupervisorPage(office, person, board)
        await page.refresh()


class SupervisorPage:
    """One browser's view."""

    def __init__(self, office: Office, person: Person, board: Wallboard) -> None:
        """Build the page, still empty."""
        self._office, self._person, self._board = office, person, board
        self._tasks: tuple[Task, ...] = ()
        self._names: dict[str, str] = {}
        self._paused: dict[str, bool] = {}
        keys = Keys()
        with frame(office, person, "班长台"), ui.element("main").classes("page"):
            with ui.element("div").style(
                "display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.1fr); gap: 10px"
            ):
                with panel("人员") as title:
                    with title:
                        _button("离岗交接", self._hand_over, "hand-over")
                        _button("发通知", partial(commands.broadcast, office, person), "broadcast")
                    self._people = _table(_PEOPLE_COLUMNS, "people", "尚无在册估值员", self._set_state)
                with panel("队列") as title:
                    with title:
                        _button("暂停板块自动估值", partial(commands.hold_segment, office, person), "hold-segment")
                    self._queues = _table(_QUEUE_COLUMNS, "queues", "没有待办", self._pause_or_resume)
            with panel("未办结任务") as title:
                self._build_filters(title)
                self._table = WalkedTable(
                    (_QUEUE, _STATE, _HOLDER, *(one for one in TASK_COLUMNS if one["name"] not in _LESS)),
                    empty="没有符合条件的未办结任务",
                    name="tasks",
                    open_row=self._watch,
                    height="max(240px, calc(100vh - 396px))",
                )
        for key, means, does in (
            ("w", "旁看选中的任务", self._watch),
            ("s", "接管选中的任务", self._seize),
            ("m", "改派选中的任务", self._reassign),
            ("f", "退回队列", self._release),
            ("p", "调整优先级", self._set_priority),
            ("h", "召集或安排合议", self._panel),
        ):
            keys.add(key, means, does)
        self._table.walked_by(keys, enter="旁看选中的任务")
        keys.listen()
        ui.timer(_REFRESH_S, self.refresh, immediate=False)

    def _build_filters(self, title: ui.element) -> None:
        with title:
            style = "font-weight: 400; min-width: 130px"
            self._queue = ui.select({_ALL: "全部队列"}, value=_ALL, on_change=self._fill).props(FIELD).style(style)
            states = {_ALL: "全部状态", **{str(state): said(STATE, state) for state in TaskState if state.is_open}}
            self._state = ui.select(states, value=_ALL, on_change=self._fill).props(FIELD).style(style)
            self._holder = ui.select({_ALL: "全部人员"}, value=_ALL, on_change=self._fill).props(FIELD).style(style)
            self._text = ui.input(placeholder="地址含…", on_change=self._fill).props(f"{FIELD} clearable")
            self._text.style("font-weight: 400; width: 150px")
            ui.element("div").style("flex: 1")
            for text, key, does in (
                ("旁看", "W", self._watch),
                ("接管", "S", self._seize),
                ("改派", "M", self._reassign),
                ("退回", "F", self._release),
                ("优先级", "P", self._set_priority),
                ("合议", "H", self._panel),
            ):
                with ui.button(on_click=does).props("outline dense no-caps").style("padding: 0 8px"):
                    ui.html(f"{text}<kbd>{key}</kbd>", sanitize=False)

    # ---- what is shown ----------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Ask, and show what has changed."""
        snapshot, tasks = await to_thread(self._ask)
        self._tasks = tasks
        people, queues = snapshot.people, snapshot.queues
        self._names = {line.username: line.name for line in people}
        self._paused = {line.queue: line.is_paused for line in queues}
        _replace(self._people, [_person_row(line, snapshot.at) for line in people])
        _replace(self._queues, [_queue_row(line, snapshot.at) for line in queues])
        _choices(self._queue, {_ALL: "全部队列", **{queue: queue_said(queue) for queue in sorted(self._paused)}})
        _choices(self._holder, {_ALL: "全部人员", **self._names})
        self._fill()

    def _ask(self) -> tuple[Snapshot, tuple[Task, ...]]:
        return self._board.snapshot(self._person.regions), self._office.desk.waiting(self._person)

    def _fill(self) -> None:
        wanted = [
            task
            for task in self._tasks
            if self._queue.value in {_ALL, task.queue}
            and self._state.value in {_ALL, str(task.state)}
            and self._holder.value in {_ALL, task.reviewer}
            and (self._text.value or "") in task.address
        ]
        self._table.show(rows_of(wanted, self._names, self._office.clock()))

    # ---- commands ---------------------------------------------------------------------------------------------------

    async def _watch(self, _row: Row | None = None) -> None:
        row = self._table.current
        if row is None:
            return
        answers = await ask(f"旁看：{row['address']}", REASON, confirm="开始旁看")
        if answers is None:
            return
        opened: list[str] = []

        def watch() -> None:
            opened.append(self._office.supervision.watch(self._person, row["id"], answers["reason"]))

        if await command("旁看已开始", watch):
            ui.navigate.to(f"/watch/{opened[0]}")

    async def _seize(self) -> None:
        row, answers = await self._asked("接管到本人名下")
        if row and await command(
            "已接管", self._office.supervision.seize, self._person, row["id"], answers["reason"], version=row["version"]
        ):
            ui.navigate.to(f"/tasks/{row['id']}")

    async def _reassign(self) -> None:
        row, answers = await self._asked("改派", Field("to", "改派给", choices=self._names))
        if row:
            arguments = (self._person, row["id"], answers["to"], answers["reason"])
            reassign = self._office.supervision.reassign
            await command("已改派，将优先派给此人", reassign, *arguments, version=row["version"])
            await self.refresh()

    async def _release(self) -> None:
        row, answers = await self._asked("退回队列，草稿保留")
        if row:
            arguments = (self._person, row["id"], answers["reason"])
            release = self._office.supervision.force_release
            await command("已退回队列", release, *arguments, version=row["version"])
            await self.refresh()

    async def _set_priority(self) -> None:
        current = self._current()
        choices = {number: str(number) for number in range(HIGHEST_PRIORITY - HIGHEST_PRIORITY % 50, -1, -50)}
        value = None if current is None else min(choices, key=lambda number: abs(number - current.priority))
        field = Field("priority", "优先级（大者先派）", choices=choices, value=value, required=False)
        row, answers = await self._asked("调整优先级", field)
        if row:
            arguments = (self._person, row["id"], int(answers["priority"]), answers["reason"])
            await command("优先级已调整", self._office.supervision.set_priority, *arguments)
            await self.refresh()

    async def _panel(self) -> None:
        task = self._current()
        if task is not None:
            await commands.panel_of(self._office, self._person, task, self._names)
            await self.refresh()

    def _current(self) -> Task | None:
        row = self._table.current
        return None if row is None else next((task for task in self._tasks if task.task_id == row["id"]), None)

    async def _asked(self, title: str, *fields: Field) -> tuple[Row | None, Any]:
        """The task that was current when the dialogue opened, and what was entered; no task when it was closed."""
        row = self._table.current
        if row is None:
            return None, None
        answers = await ask(f"{title}：{row['address']}", *fields, REASON)
        return (None, None) if answers is None else (row, answers)

    async def _hand_over(self) -> None:
        await commands.hand_over(self._office, self._person, self._names, self._holder.value or None)
        await self.refresh()

    async def _set_state(self, event: GenericEventArguments) -> None:
        username = str(event.args)
        await commands.set_state(self._office, self._person, username, self._names.get(username, username))
        await self.refresh()

    async def _pause_or_resume(self, event: GenericEventArguments) -> None:
        queue = str(event.args)
        is_paused = self._paused.get(queue, False)
        await commands.pause_or_resume(self._office, self._person, queue, is_paused=is_paused)
        await self.refresh()


def rows_of(tasks: Sequence[Task], names: dict[str, str], now: datetime) -> list[Row]:
    """The open tasks, the ones due first above."""
    return [
        {
            **task_row(task, now),
            "queue": queue_said(task.queue),
            "state": said(STATE, task.state),
            "holder": names.get(task.reviewer or "", task.reviewer or "—"),
            "version": task.version,
        }
        for task in sorted(tasks, key=lambda task: (task.due_at, task.task_id))
    ]


def _person_row(line: PersonLine, now: datetime) -> Row:
    ago = since(line.since, now) if line.state in _LASTING else ""
    state = PRESENCE.get(line.state, line.state) + (f" {ago}" if ago else "")
    return {
        "id": line.username,
        "name": f"{line.name} {line.grade}",
        "state": state + (f"（{line.reason}）" if line.reason and line.state == "BREAK" else ""),
        "task": "—" if line.working_since is None else since(line.working_since, now) or "刚开始",
        "on_hold": line.on_hold or "—",
        "done": line.done or "—",
        "handling": "—" if line.handling is None else duration(line.handling),
        "queue": queue_said(line.main_queue) if line.main_queue else "—",
        "act": "调整状态",
    }


def _queue_row(line: QueueLine, now: datetime) -> Row:
    counted = ("waiting", "in_work", "on_hold", "wait_reply", "approvals", "at_risk", "done")
    return {
        "id": line.queue,
        **{name: getattr(line, name) or "—" for name in counted},
        "queue": queue_said(line.queue)
        + ("　‖ 已暂停" if line.is_paused else "　⚠ 无人领取" if line.blocked_since else ""),
        "breached": f"✖ {line.breached}" if line.breached else "—",
        "oldest": "—" if line.oldest_at is None else since(line.oldest_at, now) or "刚到",
        "act": "恢复" if line.is_paused else "暂停",
    }


def _table(columns: Sequence[Row], name: str, empty: str, act: Any) -> ui.table:
    table = (
        ui.table(columns=list(columns), rows=[], row_key="id")
        .props(f'flat dense hide-pagination no-data-label="{empty}" data-testid={name}')
        .style("width: 100%; height: 218px")
    )
    table.add_slot("body-cell-act", _ACT)
    table.on("act", act)
    return table


def _replace(table: ui.table, rows: list[Row]) -> None:
    if table.rows != rows:
        table.rows = rows


def _choices(select: ui.select, choices: dict[str, str]) -> None:
    if select.options != choices:
        select.set_options(choices, value=select.value if select.value in choices else _ALL)


def _button(text: str, does: Any, name: str) -> None:
    button = ui.button(text, on_click=does).props(f"outline dense no-caps data-testid={name}")
    button.style("padding: 0 8px; margin-left: auto" if name in _FIRST else "padding: 0 8px")
