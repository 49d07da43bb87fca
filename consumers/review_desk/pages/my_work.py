"""我的任务: presence, the offer with its countdown, what is in hand, what comes due, what is asked of me."""

from asyncio import to_thread
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.case import masked
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import Answers, Field, ask, told
from consumers.review_desk.pages.case import tell_done
from consumers.review_desk.pages.frame import PRESENCE, frame, panel, places_of, tell_presence
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, Row, WalkedTable, priority_said
from consumers.review_desk.pages.my_rows import Before, ask_before, rows_of
from consumers.review_desk.pages.written import left, since
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.desk import MyWork
from consumers.review_desk.task import Task, TaskState
from consumers.review_desk.words import PROPERTY_TYPE, REASON, said

_REFRESH_S: Final = 2.0
_BREAKS: Final = ("用餐", "休息", "会议", "培训", "系统或网络问题", "其他")
_REFUSALS: Final = ("不熟悉该区域", "手头任务未完", "与本人有利害关系", "其他")
_KIND: Final = {"name": "kind", "label": "类别", "field": "kind", "align": "left"}
_NOTE: Final = {"name": "note", "label": "说明", "field": "note", "align": "left"}


def add_my_work(office: Office) -> None:
    """Register the page, the one that everybody who values begins with."""

    @ui.page("/")
    async def my_work(request: Request, done: str = "") -> None:
        person: Person = request.state.person
        if not may(person, Permission.WORK):  # who does not value begins with the first page of their own
            ui.navigate.to(next(place.path for place in places_of(person)))
            return
        MyWorkPage(office, person, await to_thread(ask_before, office, person)).build()
        if done in TaskState.__members__:
            tell_done(TaskState(done))


class MyWorkPage:
    """One browser's view of a person's own work."""

    def __init__(self, office: Office, person: Person, before: Before) -> None:
        self._office, self._person, self._before = office, person, before

    @property
    def _work(self) -> MyWork:
        return self._before.work

    def build(self) -> None:
        """Presence and offer keep their places whether or not there is an offer, so that nothing jumps."""
        keys = Keys()
        with frame(self._office, self._person, "我的任务"), ui.element("main").classes("page"):
            with ui.element("div").style(
                "display: grid; grid-template-columns: minmax(300px, 430px) minmax(0, 1fr); gap: 10px"
            ):
                self._build_presence()
                self._build_offer()
            with panel("手上的任务与待办") as title:
                with title:
                    ui.label("J / K 选择，回车打开").classes("soft").style("font-weight: 400")
                self._table = WalkedTable(
                    (_KIND, *TASK_COLUMNS, _NOTE),
                    empty="手上没有任务。点“准备就绪”后系统自动派件，或到公共池领取。",
                    name="my-tasks",
                    open_row=self._open,
                    height="calc(100vh - 300px)",
                )
        keys.add("r", "准备就绪", self._ready)
        keys.add("b", "小休", self._break)
        keys.add("n", "领取下一件", self._next)
        keys.add("a", "接受派给我的任务", self._accept)
        keys.add("x", "谢绝派给我的任务", self._refuse)
        self._table.walked_by(keys)
        keys.listen()
        self._show()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)
        ui.timer(1.0, self._count_down)

    # ---- what is shown --------------------------------------------------------------------------------------------

    def _build_presence(self) -> None:
        with panel("在岗状态"):
            self._state = ui.label("").classes("figure").props("data-testid=my-state")
            self._since = ui.label("").classes("soft num").style("min-height: 20px")
            with ui.element("div").classes("row").style("margin-top: 6px"):
                self._ready_button = _button("准备就绪", "R", self._ready).props("data-testid=ready")
                _button("小休", "B", self._break, "outline")
                _button("下线", "", self._leave, "outline")
                _button("领取下一件", "N", self._next, "outline").props("data-testid=claim")

    def _build_offer(self) -> None:
        with panel("派给我的任务"):
            self._no_offer = ui.label("暂无。状态为“就绪”时，系统按技能与顺序派件，60 秒内接受。").classes("soft")
            with ui.element("div").style("display: grid; gap: 6px").props("data-testid=offer") as self._offer:
                with ui.element("div").classes("row"):
                    self._address = ui.label("").style("font-size: 15px; font-weight: 600")
                    self._about = ui.label("").classes("num")
                self._reasons = ui.label("").classes("warn")
                with ui.element("div").classes("row"):
                    _button("接受", "A", self._accept).props("data-testid=accept")
                    _button("谢绝", "X", self._refuse, "outline")
                    self._bar = ui.linear_progress(value=1.0, show_value=False, size="8px").style("width: 180px")
                    self._seconds = ui.label("").classes("num").props("data-testid=countdown")

    def _show(self) -> None:
        work, now = self._work, self._office.clock()
        state = work.presence.state
        self._state.text = PRESENCE.get(state, state)
        ago = since(work.presence.since, now)
        tell_presence(work.presence, now)
        self._since.text = "，".join(part for part in (work.presence.reason, f"已 {ago}" if ago else "") if part)
        self._ready_button.set_enabled(state in {"OFFLINE", "BREAK", "WRAP_UP"})
        offered = None if work.offered is None else masked(work.offered)
        self._offer.visible, self._no_offer.visible = offered is not None, offered is None
        if offered is not None:
            self._address.text = offered.address
            self._about.text = (
                f"{offered.city} · {said(PROPERTY_TYPE, offered.property_type)} · {offered.area_m2:,.2f} ㎡ · "
                f"优先级 {priority_said(offered)} · 剩余 {left(offered.due_at, now)}"
            )
            self._reasons.text = "、".join(said(REASON, reason) for reason in offered.reasons)
        self._table.show(rows_of(self._before, now))
        self._count_down()

    def _count_down(self) -> None:
        offered = self._work.offered
        if offered is None or offered.lease_until is None:
            return
        seconds = max(0.0, (offered.lease_until - self._office.clock()).total_seconds())
        self._bar.value = seconds / self._office.policy.offer.total_seconds()
        self._seconds.text = f"{seconds:.0f} 秒内有效"

    # ---- commands -------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        self._before = await to_thread(ask_before, self._office, self._person)
        self._show()

    async def _ready(self) -> None:
        await told(to_thread(self._office.desk.ready, self._person))
        await self._refresh()

    async def _break(self) -> None:
        async def does(answers: Answers) -> None:
            await to_thread(self._office.desk.take_break, self._person, answers["reason"])

        await ask("小休", Field("reason", "原因", choices=_BREAKS, value=_BREAKS[0]), confirm="开始小休", does=does)
        await self._refresh()

    async def _leave(self) -> None:
        if await ask("下线：手上的任务连同草稿交回队列，由他人继续。", confirm="交回并下线") is not None:
            await told(to_thread(self._office.desk.leave, self._person))
            await self._refresh()

    async def _next(self) -> None:
        taken: list[Task | None] = []

        async def claim() -> None:
            taken.append(await to_thread(self._office.desk.claim_next, self._person))

        if not await told(claim()):
            return
        (task,) = taken
        if task is None:
            ui.notify("现在没有可领取的任务", type="info", position="top")
        else:
            ui.navigate.to(f"/tasks/{task.task_id}")

    async def _accept(self) -> None:
        offered = self._work.offered
        if offered is not None and await told(to_thread(self._office.desk.accept, offered.task_id, self._person)):
            ui.navigate.to(f"/tasks/{offered.task_id}")

    async def _refuse(self) -> None:
        offered = self._work.offered
        if offered is None:
            return
        question = Field("reason", "谢绝的原因（记录在案）", choices=_REFUSALS, value=_REFUSALS[0])

        async def does(answers: Answers) -> None:
            await to_thread(self._office.desk.refuse, offered.task_id, self._person, answers["reason"])

        await ask("谢绝任务", question, confirm="谢绝", does=does)
        await self._refresh()

    async def _open(self, row: Row) -> None:
        if row["question"]:
            await self._answer(row)
            return
        if row["resumes"] and not await told(to_thread(self._office.desk.resume, row["id"], self._person)):
            await self._refresh()
            return
        ui.navigate.to(f"/tasks/{row['id']}")

    async def _answer(self, row: Row) -> None:
        async def does(answers: Answers) -> None:
            await to_thread(self._office.desk.answer_consultation, row["question"], self._person, answers["text"])

        answer = Field("text", "答复（仅内部）", long=True)
        case = ("看案件（只读，另开一页）", f"/tasks/{row['task_id']}")
        await ask(f"{row['address']}　{row['note']}", answer, confirm="答复", does=does, link=case)
        await self._refresh()


def _button(text: str, key: str, does: object, look: str = "unelevated") -> ui.button:
    with ui.button(on_click=does).props(f"{look} dense no-caps").style("padding: 0 10px") as button:  # type: ignore[arg-type]
        ui.html(f"{text}<kbd>{key}</kbd>" if key else text, sanitize=False)
    return button
