"""合议: panels this person sits on. Sealed until all opinions are in; then the spread, and the chair's grounds.

An opinion itself is given at the workplace, as any case is: blind, with the same evidence.
"""

from asyncio import to_thread
from functools import partial
from typing import Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.decision import IncompleteDecisionError
from consumers.review_desk.deciding.panels import SEATS, Panel
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD, told
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import TASK_COLUMNS, WalkedTable, task_row
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import yuan
from consumers.review_desk.people.staff import Person
from consumers.review_desk.words import OUTCOME, said

_REFRESH_S: Final = 5.0
_COLUMNS: Final = (
    {"name": "given", "label": "意见", "field": "given", "align": "left"},
    *(column for column in TASK_COLUMNS if column["name"] not in {"priority", "reasons"}),
    {"name": "because", "label": "合议原因", "field": "because", "align": "left"},
)


def add_panel(office: Office) -> None:
    """Register the page."""

    @ui.page("/panel")
    async def panels(request: Request) -> None:
        person: Person = request.state.person
        page = PanelPage(office, person)
        page.show(await to_thread(page.ask))


class PanelPage:
    """One browser's view of the panels. What the chair types outlives every refresh."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, still empty."""
        self._office, self._person = office, person
        self._names = Names(office.staff)
        self._panels: dict[str, Panel] = {}
        self._shown: Panel | None = None
        keys = Keys()
        with (
            frame(office, person, "合议"),
            ui.element("main").classes("page"),
            ui.element("div").style(
                "display: grid; grid-template-columns: minmax(0, 1fr) 400px; gap: 10px; align-items: start"
            ),
        ):
            with panel("我参加的合议") as title:
                with title:
                    ui.label("三份意见全部提交后同时启封").classes("soft").style("font-weight: 400")
                self._table = WalkedTable(
                    _COLUMNS,
                    empty="没有进行中的合议。分派给您的合议意见在“我的任务”中填写。",
                    name="panels",
                    open_row=lambda _row: None,
                    on_move=self._show_detail,
                )
            with ui.element("div").style("position: sticky; top: 52px"), panel("意见"):
                self._detail = ui.element("div").style("display: grid; gap: 6px")
                with ui.element("div").style("display: grid; gap: 6px; margin-top: 6px") as self._chair:
                    self._rationale = ui.textarea("合议理由（主持人填写，不少于10字）").props(
                        f"{FIELD} rows=4 data-testid=panel-rationale"
                    )
                    self._community = ui.select({}, label="各人确认的小区不同，以哪个为准").props(
                        f"{FIELD} data-testid=panel-community"
                    )
                    with ui.button(on_click=self._conclude).props("unelevated no-caps"):
                        ui.html("取中位数并办结<kbd>Ctrl+Enter</kbd>", sanitize=False)
        self._table.walked_by(keys, enter="看意见")
        keys.add("Ctrl+Enter", "主持人：取中位数并办结", self._conclude)
        keys.listen()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def ask(self) -> tuple[Panel, ...]:
        """Ask for the panels, and for the names of their members, off the event loop."""
        found = self._office.panels.panels(self._person)
        self._names.learn(opinion.reviewer for one in found for opinion in one.opinions)
        return found

    def show(self, panels: tuple[Panel, ...]) -> None:
        """Show these panels."""
        self._panels = {one.task.task_id: one for one in panels}
        now = self._office.clock()
        self._table.show(
            [{**task_row(one.task, now), "given": given_text(one), "because": one.because} for one in panels]
        )
        self._show_detail()

    def _current(self) -> Panel | None:
        row = self._table.current
        return None if row is None else self._panels.get(row["id"])

    def _show_detail(self) -> None:
        one = self._current()
        self._chair.visible = one is not None and one.needs_chair
        if one == self._shown and one is not None:
            return
        self._shown = one
        self._offer(one.communities if one is not None else ())
        self._detail.clear()
        with self._detail:
            if one is None:
                ui.label("没有选中的合议").classes("soft")
            elif one.spread is None:
                ui.label(f"🔒 未启封：{given_text(one)}").props("data-testid=sealed")
                ui.label("全部提交前，任何人看不到他人的意见。").classes("soft")
            else:
                _show_opened(one, self._names)

    def _offer(self, communities: tuple[str, ...]) -> None:
        """Let the chair choose a community where the members have confirmed several."""
        is_open = len(communities) > 1
        self._community.set_options(list(communities) if is_open else [], value=None)
        self._community.visible = is_open

    async def _refresh(self) -> None:
        self.show(await to_thread(self.ask))

    async def _conclude(self) -> None:
        one = self._current()
        if one is not None and one.needs_chair and await told(self._concluded(one)):
            await self._refresh()

    async def _concluded(self, one: Panel) -> None:
        conclude = partial(
            self._office.panels.conclude,
            one.task.task_id,
            self._person,
            self._rationale.value or "",
            version=one.task.version,
            confirmed_community_id=self._community.value,
        )
        try:
            await to_thread(conclude)
        except IncompleteDecisionError as error:
            ui.notify("；".join(each.message for each in error.violations), type="warning", position="top")
            return
        self._rationale.value = ""
        ui.notify("合议已办结，结论已发出", type="positive", position="top")


def given_text(one: Panel) -> str:
    """`已提交 2 / 3`."""
    return f"已提交 {one.given} / {SEATS}"


def _show_opened(one: Panel, names: Names) -> None:
    for opinion in one.opinions:
        price = "" if opinion.unit_price is None else f"{yuan(opinion.unit_price)} 元/㎡"
        with ui.element("div").style("display: grid; grid-template-columns: 1fr 1fr max-content; gap: 8px"):
            ui.label(f"{names.of(opinion.reviewer)} · {opinion.grade}")
            ui.label(said(OUTCOME, opinion.outcome))
            ui.label(price).classes("num right")
    facts(("离散度", f"{one.spread:.1%}（最高与最低之差 ÷ 中位数）", "wide"))
    if not one.needs_chair:
        ui.label("意见相差较大，由参加合议的专家主持并说明理由。").classes("soft")
