"""质检 QA: how far decisions agree, the samples behind it, known answers, and patterns of failure."""

from asyncio import to_thread
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from fastapi import Request
from nicegui import ui
from nicegui.events import GenericEventArguments

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.pages.asking import Field, ask, told
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.quality_columns import (
    CLOSE_CELL,
    DRAWS,
    FIGURES,
    GAPS,
    LONG_CELL,
    NAME,
    PAIRS,
    PATTERNS,
    QUEUE,
    SEEDS,
)
from consumers.review_desk.pages.quality_words import (
    BASIS,
    agreement_chart,
    agreement_row,
    pair_row,
    pattern_row,
    seed_row,
)
from consumers.review_desk.pages.written import day_and_time
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.quality.agreement import Figures, Pair
from consumers.review_desk.quality.corrections import Found
from consumers.review_desk.quality.quality import Agreement
from consumers.review_desk.quality.rows import Drawn, Planted
from consumers.review_desk.quality.seeds import Basis, KnownAnswer
from consumers.review_desk.words import FAMILY, queue_said, said

_WINDOWS: Final = {7: "近 7 日", 30: "近 30 日", 90: "近 90 日", 365: "近一年"}
_FIRST_WINDOW: Final = 30
_BELOW: Final = "margin-top: 4px"
_LINE: Final = 30  # pixels of the chart for each reviewer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All that the page shows of a window."""

    agreement: Agreement
    pairs: tuple[Pair, ...]
    seeds: tuple[Planted, ...]
    draws: tuple[Drawn, ...]
    patterns: tuple[Found, ...]


def add_quality(office: Office) -> None:
    """Register the page."""

    @ui.page("/quality")
    async def quality(request: Request) -> None:
        page = QualityPage(office, request.state.person)
        seen = await to_thread(page.ask)
        page.build()
        page.show(seen)


class QualityPage:
    """One browser's view of quality."""

    def __init__(self, office: Office, person: Person) -> None:
        """`person` sees their regions alone."""
        self._office, self._person, self._names = office, person, Names(office.staff)
        self._days = _FIRST_WINDOW
        self._may_plant = may(person, Permission.MARK)
        self._may_close = may(person, Permission.SUPERVISE)

    def ask(self) -> _Seen:
        """Ask for everything at once, off the event loop."""
        now, quality, person = self._office.clock(), self._office.quality, self._person
        window = (now - timedelta(days=self._days), now + timedelta(minutes=1))
        seen = _Seen(
            agreement=quality.agreement(person, *window),
            pairs=quality.pairs(person, *window),
            seeds=quality.seeds(person) if self._may_plant else (),
            draws=quality.draws(person),
            patterns=self._office.corrections.patterns(person),
        )
        self._names.learn((*seen.agreement.reviewers, *(one.reviewer for one in seen.seeds)))
        self._names.learn(account for pair in seen.pairs for account in (pair.reviewer, pair.reader))
        return seen

    # ---- building ---------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Build the page, empty."""
        keys = Keys()
        with frame(self._office, self._person, "质检") as bar:
            with bar:
                self._window = (
                    ui.select(_WINDOWS, value=self._days, on_change=self._look_back)
                    .props("dense dark borderless options-dense aria-label=统计期间")
                    .style("min-width: 96px")
                )
                if self._may_plant:
                    ui.button("投放已知答案 (N)", on_click=partial(self._plant, "")).props(
                        "dense no-caps unelevated color=white text-color=primary data-testid=plant"
                    )
            with ui.element("main").classes("page"):
                self._build_figures()
                self._build_samples()
        if self._may_plant:
            keys.add("n", "投放已知答案", self._plant)
        keys.listen()

    def _build_figures(self) -> None:
        with panel("异常聚集与暂停板块"):
            self._patterns = self._table(PATTERNS, "patterns", "近期没有异常聚集", "180px")
            self._patterns.add_slot("body-cell-act", CLOSE_CELL)
            self._patterns.on("close", self._close)
            ui.label(
                "7 日内同一小区 3 笔、同一城市或模型版本 10 笔复估或修正超过 15%，自动转人工；解除暂停须两人批准，"
                "解除后事件仍须在此关闭，关闭前同一处不再触发。"
            ).classes("soft").style(_BELOW)
        columns = "display: grid; gap: 10px; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr)"
        with ui.element("div").style(columns):
            with panel("估值员一致性（复读与已知答案）"):
                self._reviewers = self._table((NAME, *FIGURES, GAPS), "agreement", "本期没有可比对的结论", "320px")
            with panel("±10% 内占比与 95% 区间"):
                self._chart = ui.echart(agreement_chart({})).style("width: 100%; height: 200px")
                self._chart.props('role=img aria-label="各估值员±10%内占比与区间，数值见左表"')
        with ui.element("div").style(columns.replace("3fr", "1fr").replace("2fr", "1fr")):
            with panel("各队列一致性（人工）"):
                self._queues = self._table((QUEUE, *FIGURES), "queues", "本期没有可比对的结论", "220px")
            with panel("自动结果与抽检（模型）"):
                self._automatic = self._table((QUEUE, *FIGURES), "automatic", "本期没有抽检", "220px")

    def _build_samples(self) -> None:
        with panel("抽检对照（作答之后）"):
            self._pairs = self._table(PAIRS, "pairs", "本期没有对照", "360px")
            if self._may_plant:
                ui.label("点击一行“人工复读”，可用该案投放已知答案。").classes("soft").style(_BELOW)
                self._pairs.on("rowClick", self._plant_this)
            self._pairs.add_slot("body-cell-reasons", LONG_CELL)
        columns = "display: grid; gap: 10px; grid-template-columns: minmax(0, 3fr) minmax(0, 1fr); align-items: start"
        with ui.element("div").style(columns if self._may_plant else ""):
            if self._may_plant:
                with panel("已知答案任务"):
                    self._seeds = self._table(SEEDS, "seeds", "尚未投放", "300px")
                    self._seeds.add_slot("body-cell-address", LONG_CELL)
            with panel("每日抽取"):
                self._draws = self._table(DRAWS, "draws", "尚未抽取", "300px")

    def _table(self, columns: tuple[dict[str, Any], ...], name: str, empty: str, height: str) -> ui.table:
        return (
            ui.table(columns=list(columns), rows=[], row_key="id")
            .props(f'flat dense no-data-label="{empty}" data-testid={name}')
            .style(f"width: 100%; max-height: {height}")
        )

    # ---- showing ----------------------------------------------------------------------------------------------------

    def show(self, seen: _Seen) -> None:
        """Fill the page."""
        found, rules = seen.agreement, self._office.quality.rules
        self._reviewers.rows = [
            agreement_row(name, one)
            | {"name": self._names.of(name), "gaps": "、".join(said(FAMILY, gap) for gap in found.gaps[name]) or "—"}
            for name, one in found.reviewers.items()
        ]
        self._queues.rows = _queue_rows(found.queues)
        self._automatic.rows = _queue_rows(found.automatic_queues)
        self._pairs.rows = [self._by_name(pair_row(number, pair, rules)) for number, pair in enumerate(seen.pairs)]
        self._patterns.rows = [pattern_row(one, may_close=self._may_close) for one in seen.patterns]
        self._draws.rows = [
            {
                "id": f"{one.on_day}",
                "day": f"{one.on_day}",
                "decisions": one.decisions,
                "drawn": one.drawn,
                "drawn_at": day_and_time(one.drawn_at),
            }
            for one in seen.draws
        ]
        if self._may_plant:
            self._seeds.rows = [self._by_name(seed_row(one, rules)) for one in seen.seeds]
        self._chart.options.clear()
        # Two people may have the same name: a chart must not make one of them.
        named = {f"{self._names.of(account)} {account}": one for account, one in found.reviewers.items()}
        self._chart.options.update(agreement_chart(named))
        self._chart.style(f"height: {max(120, 70 + _LINE * len(found.reviewers))}px")
        self._chart.update()

    def _by_name(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {column: self._names.of(row[column]) for column in ("reviewer", "reader") if column in row}

    async def _refresh(self) -> None:
        self.show(await to_thread(self.ask))

    async def _look_back(self) -> None:
        self._days = int(self._window.value)
        await self._refresh()

    # ---- commands ---------------------------------------------------------------------------------------------------

    async def _plant_this(self, event: GenericEventArguments) -> None:
        if event.args[1]["task_id"]:
            await self._plant(event.args[1]["task_id"])

    async def _plant(self, task_id: str = "") -> None:
        answers = await ask(
            "投放已知答案：以已办结任务的资料混入队列，经办过该案的人不会收到",
            Field("task_id", "已办结任务编号（案件页网址末段）", value=task_id),
            Field("value", "已知总价（元，整数）"),
            Field("basis", "答案来源", choices=BASIS, value=Basis.OFFLINE_APPRAISAL),
            Field("source", "来源编号（不写人名）", required=False),
            confirm="投放",
        )
        if answers is None:
            return
        digits = str(answers["value"]).replace(",", "").strip()
        if not digits.isdecimal() or not int(digits):
            ui.notify("总价须为大于 0 的整数（元）", type="warning", position="top")
            return
        answer = KnownAnswer(value=int(digits), basis=Basis(answers["basis"]), source=str(answers["source"] or ""))
        plant = partial(self._office.quality.plant, str(answers["task_id"]).strip(), answer, self._person)
        if await told(to_thread(plant)):
            ui.notify("已投放，将与其他任务一同排队", type="positive", position="top")
            await self._refresh()

    async def _close(self, event: GenericEventArguments) -> None:
        answers = await ask(
            "关闭事件：板块仍暂停，直至两人批准解除", Field("reason", "核查结论", long=True), confirm="关闭"
        )
        if answers is None:
            return
        try:
            done = await told(to_thread(self._office.corrections.close, event.args, self._person, answers["reason"]))
        except CommandError as error:
            ui.notify(error.why, type="warning", position="top")
            return
        if done:
            await self._refresh()


def _queue_rows(found: dict[str, Figures]) -> list[dict[str, Any]]:
    return [agreement_row(queue, one) | {"name": queue_said(queue)} for queue, one in found.items()]
