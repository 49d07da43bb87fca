"""复核: what waits for a second person, the first opinion beside the model's; approve, or return with a remark."""

from asyncio import to_thread
from datetime import datetime
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.decision import IncompleteDecisionError
from consumers.review_desk.deciding.decisions import Approval
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import Field, ask, told
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, Row, WalkedTable, task_row
from consumers.review_desk.pages.written import day_and_time, or_dash, share, wan, yuan
from consumers.review_desk.people.staff import Person
from consumers.review_desk.words import DEVIATION, LIMITING_FACTOR, OUTCOME, said

_REFRESH_S: Final = 3.0
_COLUMNS: Final = (
    {"name": "author", "label": "估值人", "field": "author", "align": "left"},
    *(column for column in TASK_COLUMNS if column["name"] not in {"priority", "type", "due"}),
    {"name": "price", "label": "单价", "field": "price", "align": "right"},
    {"name": "value", "label": "总价", "field": "value", "align": "right"},
    {"name": "move", "label": "较模型", "field": "move", "align": "right"},
)


def add_approvals(office: Office) -> None:
    """Register the page."""

    @ui.page("/approvals")
    async def approvals(request: Request) -> None:
        person: Person = request.state.person
        page = ApprovalsPage(office, person)
        page.show(await to_thread(office.decisions.approvals, person))


class ApprovalsPage:
    """One browser's view of what waits. The detail follows the row the keys are about."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, still empty."""
        self._office, self._person = office, person
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
        self._table.show([row_of(one, now) for one in waiting])
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
            show_first(one)
            with ui.element("div").classes("row").style("margin-top: 8px"):
                for text, key, does, look in (
                    ("通过", "Y", self._approve, "unelevated"),
                    ("退回", "N", self._send_back, "outline"),
                ):
                    with ui.button(on_click=does).props(f"{look} dense no-caps data-testid={key}"):
                        ui.html(f"{text}<kbd>{key}</kbd>", sanitize=False)
                ui.link("看全案", f"/tasks/{one.task.task_id}")

    async def _refresh(self) -> None:
        self.show(await to_thread(self._office.decisions.approvals, self._person))

    async def _open(self, row: Row) -> None:
        ui.navigate.to(f"/tasks/{row['id']}")

    async def _approve(self) -> None:
        one = self._current()
        if one is None:
            return
        task = one.task
        if await told(to_thread(self._office.decisions.approve, task.task_id, self._person, version=task.version)):
            ui.notify("已通过，结论已发出", type="positive", position="top")
        await self._refresh()

    async def _send_back(self) -> None:
        one = self._current()
        if one is None:
            return
        answers = await ask(
            "退回估值人",
            Field("remark", "退回原因（估值人可见，仅内部留存）", long=True),
            Field("unit_price", "本人意见单价 元/㎡（可空；相差过大时转合议）", required=False),
            confirm="退回",
        )
        if answers is None:
            return
        await told(self._sent_back(one, answers["remark"], price_of(answers["unit_price"])))
        await self._refresh()

    async def _sent_back(self, one: Approval, remark: str, unit_price: int | None) -> None:
        try:
            await to_thread(
                self._office.decisions.send_back,
                one.task.task_id,
                self._person,
                remark,
                version=one.task.version,
                unit_price=unit_price,
            )
        except IncompleteDecisionError as error:
            text = "；".join(violation.message for violation in error.violations)
            ui.notify(text, type="warning", position="top")
        else:
            ui.notify("已退回估值人，时限不变", type="positive", position="top")


def show_first(one: Approval) -> None:
    """A first opinion, with its difference to the model and why it needs a second person."""
    first, said_of = one.first, one.first.conclusion
    facts(
        ("地址", one.task.address, "wide"),
        ("结果", said(OUTCOME, said_of.outcome)),
        ("估值人", f"{first.reviewer} · {first.grade}"),
        ("单价", "—" if said_of.unit_price is None else f"{yuan(said_of.unit_price)} 元/㎡"),
        ("总价", wan(one.value)),
        ("模型单价", "不显示" if one.task.blind else or_dash(one.model_unit_price and yuan(one.model_unit_price))),
        ("较模型", move_text(one)),
        ("须复核", first.because, "wide"),
        ("偏离原因", said(DEVIATION, said_of.deviation_because), "wide"),
        ("可比实例", f"{len(said_of.comparable_ids)} 例 {said_of.few_comparables_because or ''}", "wide"),
        ("限制因素", "、".join(said(LIMITING_FACTOR, each) for each in said_of.limiting_factors) or "—", "wide"),
        ("指引版本", first.guideline_version),
        ("提交", day_and_time(first.submitted_at)),
    )
    ui.label("判断依据").classes("soft").style("margin-top: 4px")
    ui.label(said_of.rationale).style("white-space: pre-wrap").props("data-testid=first-rationale")


def row_of(one: Approval, now: datetime) -> Row:
    """The cells of one conclusion that waits."""
    return {
        **task_row(one.task, now),
        "author": f"{one.first.reviewer} · {one.first.grade}",
        "price": yuan(one.first.conclusion.unit_price),
        "value": wan(one.value),
        "move": move_text(one),
    }


def move_text(one: Approval) -> str:
    """How far the first opinion lies from the model, with its direction; a dash where that is not to be seen."""
    price, model = one.first.conclusion.unit_price, one.model_unit_price
    return "—" if not price or not model else share(price / model - 1)


def price_of(text: str | None) -> int | None:
    """The digits of a price as typed (`40,500`); `None` where there are none."""
    digits = "".join(character for character in text or "" if character.isdigit())
    return int(digits) if digits else None
