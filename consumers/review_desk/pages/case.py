"""估值工作台: one case, its evidence and the form, from claim to decision without a mouse."""

from asyncio import to_thread
from datetime import timedelta
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.case import Case
from consumers.review_desk.office import Office
from consumers.review_desk.pages import evidence, submission
from consumers.review_desk.pages.comparables import Sheet
from consumers.review_desk.pages.deciding import Deciding
from consumers.review_desk.pages.form import DecisionForm
from consumers.review_desk.pages.form_words import SURVEY
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keeping import Keeper
from consumers.review_desk.pages.keys import Does, Keys
from consumers.review_desk.pages.moving import Moves
from consumers.review_desk.pages.pictures import Pictures
from consumers.review_desk.pages.remarks import Remarks
from consumers.review_desk.pages.written import day_and_time, duration
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import Kind, NotAllowedError, TaskState, TaskUnavailableError
from consumers.review_desk.words import STATE, said
from schemas.codes import ReviewOutcome

_DONE: Final = {
    TaskState.DECIDED: "上一件已办结",
    TaskState.PENDING_APPROVAL: "上一件超出本人权限，已提交复核",
    TaskState.PANEL: "上一件已提交合议",
    TaskState.WAIT_REPLY: "上一件已请渠道确认，答复后回到您手中",
    TaskState.WAIT_SURVEY: "上一件已派实地勘察",
    TaskState.RETURNED_TO_AUTO: "上一件已退回自动估值",
}
_TABS: Final = {4: "历史结论", 5: "指引", 6: "备注与征询"}
# The tab is built when it is chosen: its first guideline, or field, takes the cursor once it is there.
_INTO_TAB: Final = """requestAnimationFrame(() => setTimeout(() => {
  window.scrollTo({top: document.body.scrollHeight});
  const tab = document.getElementById('tab-%d');
  (tab?.querySelector('input, [tabindex="0"]') || tab)?.focus({preventScroll: true});
}, 0))"""
_EXPIRING: Final = timedelta(minutes=5)
_COLUMNS: Final = (
    "display: grid; gap: 8px; padding: 8px; width: 100%; align-items: start; "
    "grid-template-columns: clamp(300px, 23vw, 360px) minmax(0, 1fr) clamp(296px, 22vw, 340px)"
)
_COLUMN: Final = "display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; min-width: 0"


def add_case(office: Office) -> None:
    """Register the page."""

    @ui.page("/tasks/{task_id}")
    async def case(request: Request, task_id: str, done: str = "") -> None:
        person: Person = request.state.person
        try:
            found = await to_thread(office.decisions.case, task_id, person)
        except (TaskUnavailableError, NotAllowedError) as error:
            _show_refusal(office, person, error.why)
            return
        CasePage(office, person, found).build()
        if done in TaskState.__members__:
            tell_done(TaskState(done))


def tell_done(state: TaskState) -> None:
    """Say what has become of the task before."""
    if state in _DONE:
        ui.notify(_DONE[state], type="positive", position="top", timeout=4000)


def _show_refusal(office: Office, person: Person, why: str) -> None:
    with (
        frame(office, person, "估值工作台"),
        ui.element("main").style("padding: 40px; text-align: center; width: 100%"),
    ):
        ui.label(why).style("font-size: 15px; margin-bottom: 12px").props("data-testid=refusal role=alert")
        ui.link("返回我的任务", "/")


class CasePage:
    """One browser's view of one case. Who does not have it in work reads it; nothing of it can be changed then."""

    def __init__(self, office: Office, person: Person, case: Case) -> None:
        """For a case that this person may see."""
        self._office, self._person, self._case = office, person, case
        self._works = case.task.worked_on_by(person.username, office.clock())
        self._keys = Keys()
        self._keeper: Keeper | None = None
        self._is_built = False

    def build(self) -> None:
        """Lay the page out for 1366 × 768: evidence on the left and in the middle, the form always in sight."""
        with frame(self._office, self._person, "估值工作台") as bar:
            with bar:
                self._clock = ui.label("").classes("num").props("data-testid=clock")
                self._lease = ui.label("").classes("num quiet")
            with ui.element("main").style(_COLUMNS):
                with ui.element("div").style(_COLUMN):
                    evidence.show_asked(self._case)
                    evidence.show_verification(self._case)
                    chosen = self._case.task.draft.get("confirmed_community_id")
                    self._community = evidence.show_candidates(self._case, chosen)
                    evidence.show_model(self._case)
                with ui.element("div").style(_COLUMN):
                    self._pictures = Pictures(self._case)
                    self._build_sheet()
                    self._build_tabs()
                with ui.element("div").style(f"{_COLUMN}; position: sticky; top: 52px"):
                    self._build_form()
        self._add_keys()
        self._is_built = True
        self._draw()
        self._tell_time()
        ui.timer(1.0, self._tell_time)

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _build_sheet(self) -> None:
        with panel("可比实例", 3) as title:
            with title:
                ui.label("J / K 选行，回车修改，C 取舍").classes("soft").style("font-weight: 400")
                if self._case.comparables_text:
                    ui.icon("info_outline").tooltip(self._case.comparables_text)
            house, draft = self._case.subject, self._case.task.draft
            self._sheet = Sheet(self._case.comparables, house.value_date, draft, self._sheet_changed)

    def _build_tabs(self) -> None:
        case = self._case
        with ui.element("section").classes("panel"):
            with ui.tabs().props("dense no-caps align=left inline-label").style("min-height: 30px") as self._tabs:
                tabs = {n: ui.tab(str(n), f"{n} {name}{_count(case, n)}") for n, name in _TABS.items()}
            with ui.tab_panels(self._tabs, value="4", animated=False).style("width: 100%; min-height: 130px"):
                with ui.tab_panel("4").style("padding: 6px 0").props("id=tab-4 tabindex=-1"):
                    evidence.show_history(case)
                with ui.tab_panel("5").style("padding: 6px 0").props("id=tab-5 tabindex=-1"):
                    evidence.show_guidelines(case)
                with ui.tab_panel("6").style("padding: 6px 0").props("id=tab-6 tabindex=-1"):
                    self._remarks = Remarks(
                        self._office,
                        self._person,
                        case.task.task_id,
                        writes=self._works,
                        on_count=lambda count: _tell_count(tabs[6], count),
                    )

    def _build_form(self) -> None:
        case = self._case
        if case.remark:
            with ui.element("div").classes("panel").props("data-testid=remark role=note"):
                ui.label("↩ 复核退回").style("font-weight: 600").classes("warn")
                ui.label(case.remark).style("white-space: pre-wrap")
        self._frozen = ui.element("div").classes("frozen").props("role=alert data-testid=frozen")
        self._frozen.visible = False
        self._deciding = Deciding(self._office, self._person)
        self._form = DecisionForm(
            case,
            self._office.policy,
            self._sheet,
            (*case.outcomes, *((SURVEY,) if case.task.kind is Kind.VALUATION else ())),
            submit=self._submit,
            on_change=self._changed,
        )
        if not self._works:
            self._form.freeze()
            self._sheet.freeze()
            self._show_frozen(f"只读：该任务{said(STATE, case.task.state)}，不在您手上。")
            return
        with ui.element("div").classes("panel") as self._commands_box:
            self._keeper = Keeper(self._office, self._person, case.task, draft=self._draft, on_lost=self._lose)
            self._moves = Moves(self._office, self._person, self._keeper)
            with ui.element("div").style("display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px"):
                for text, key, does in self._commands():
                    with ui.button(on_click=does).props("outline dense no-caps").style("padding: 0 4px"):
                        ui.html(f"{text}<kbd>{key}</kbd>" if key else text, sanitize=False)
        self._community.on_value_change(self._changed)
        ui.timer(self._office.policy.heartbeat.total_seconds(), self._remarks.refresh)

    def _commands(self) -> tuple[tuple[str, str, Any], ...]:
        return (
            ("转交", "T", self._moves.transfer),
            ("挂起", "H", self._moves.hold),
            ("征询", "G", self._moves.consult),
            ("澄清", "Q", self._clarify),
            ("退回公共池", "", self._moves.release),
            ("延长时限", "", self._moves.renew),
        )

    def _add_keys(self) -> None:
        for number in (1, 2, 3):
            self._keys.add(str(number), ("申请与房屋", "模型意见", "可比实例")[number - 1], _to_panel(number))
        for number, name in _TABS.items():
            self._keys.add(str(number), name, self._to_tab(number))
        if not self._works:
            self._keys.listen()
            return
        self._keys.add("j", "下一例", lambda: self._sheet.move(1))
        self._keys.add("k", "上一例", lambda: self._sheet.move(-1))
        self._keys.add("Enter", "到选中可比实例的第一个修正", self._sheet.enter_current)
        self._keys.add("c", "采用或不采用选中的可比实例", self._sheet.tick_current)
        self._keys.add("o", "选处理结果", self._form.open_outcomes)
        self._keys.add("b", "按可比实例给价", self._form.by_comparables)
        self._keys.add("v", "到单价", self._form.focus_price)
        self._keys.add("e", "到判断依据", self._form.focus_rationale)
        self._keys.add("Ctrl+s", "保存草稿", self._keeper.save if self._keeper else lambda: None)
        self._keys.add("Ctrl+Enter", "提交并领取下一件", self._submit)
        self._keys.add("t", "转交", self._while_ours(self._moves.transfer))
        self._keys.add("h", "挂起", self._while_ours(self._moves.hold))
        self._keys.add("q", "请渠道确认地址", self._while_ours(self._clarify))
        self._keys.add("g", "征询同事", self._while_ours(self._moves.consult))
        self._keys.listen()
        submission.watch(self._tell_lost_submission)

    def _while_ours(self, does: Does) -> Does:
        """The command, which does nothing any more once the task is lost."""
        return lambda: None if self._is_lost else does()

    @property
    def _is_lost(self) -> bool:
        return self._keeper is None or self._keeper.is_lost

    def _to_tab(self, number: int) -> Any:
        def go() -> None:
            self._tabs.value = str(number)
            ui.run_javascript(_INTO_TAB % number)

        return go

    # ---- what changes ---------------------------------------------------------------------------------------------

    def _sheet_changed(self) -> None:
        self._form.follow_sheet()
        self._changed()

    def _changed(self) -> None:
        if not self._is_built:
            return
        if self._keeper is not None:
            self._keeper.touch()
        self._draw()

    def _draw(self) -> None:
        self._pictures.draw(self._sheet, self._form.unit_price)

    def _draft(self) -> dict[str, Any]:
        return {**self._form.draft(), **self._sheet.draft(), "confirmed_community_id": self._confirmed}

    @property
    def _confirmed(self) -> str | None:
        return self._community.value or None

    # ---- commands -------------------------------------------------------------------------------------------------

    async def _submit(self) -> None:
        try:
            if self._keeper is not None and not self._keeper.is_lost:
                await self._deciding.submit(self._form, self._keeper, self._confirmed)
        finally:
            if not self._deciding.is_busy:
                submission.answered()

    def _tell_lost_submission(self) -> None:
        """The browser still waits for an answer. Where nothing is being decided, its press never came here."""
        if self._deciding.is_busy:
            return
        submission.answered()
        if not self._is_lost:
            self._form.refuse("✗ 未提交，请重试：连接曾中断")
            ui.notify("未提交，请重试", type="warning", position="top", timeout=0, close_button="知道了")

    def _clarify(self) -> None:
        if ReviewOutcome.CLARIFY in self._case.outcomes:
            self._form.choose(ReviewOutcome.CLARIFY)
            self._form.focus_rationale()
        else:
            ui.notify("本案不能再请渠道确认：已确认过一次，或没有候选小区", type="info", position="top")

    def _lose(self, why: str) -> None:
        self._form.freeze()
        self._sheet.freeze()
        self._commands_box.props("inert").style("opacity: .6")
        self._community.props("inert")
        self._show_frozen(f"{why}。本页已停止编辑，填写的内容仍在下方，可以阅读和复制。")

    def _show_frozen(self, why: str) -> None:
        self._frozen.visible = True
        self._frozen.clear()
        with self._frozen:
            ui.label(f"■ {why}")
            ui.link("返回我的任务", "/")

    def _tell_time(self) -> None:
        task = self._case.task if self._keeper is None else self._keeper.task
        now = self._office.clock()
        remaining = task.due_at - now
        sign = "✖ 已超时" if remaining < timedelta(0) else "剩余"
        self._clock.text = f"{sign} {duration(abs(remaining))} · 办结 {day_and_time(task.due_at)}"
        if self._works and task.lease_ends_at is not None:
            lease = task.lease_ends_at - now
            warning = "⚠ " if lease < _EXPIRING else ""
            self._lease.text = f"{warning}处理时限 {duration(max(lease, timedelta(0)))}"


def _count(case: Case, number: int) -> str:
    count = {4: len(case.earlier), 5: len(case.guidelines), 6: len(case.notes)}[number]
    return f"（{count}）" if count else ""


def _tell_count(tab: ui.tab, count: int) -> None:
    if count:
        tab.props(f'label="6 {_TABS[6]}（{count}）"')


def _to_panel(number: int) -> Any:
    script = f"const p = document.getElementById('panel-{number}'); p.scrollIntoView({{block: 'nearest'}}); p.focus();"
    return lambda: ui.run_javascript(script)
