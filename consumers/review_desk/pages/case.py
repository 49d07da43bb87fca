"""估值工作台: one case, its evidence and the form."""

from asyncio import to_thread
from datetime import timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import KeyEventArguments

from consumers.review_desk.accounts import Reviewer
from consumers.review_desk.case import Case, ComparableCase, ModelOpinion
from consumers.review_desk.desk import Desk
from consumers.review_desk.pages import chart
from consumers.review_desk.pages.form import DecisionForm
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.written import day_and_time, duration, or_dash, share, wan, yes_or_no, yuan
from consumers.review_desk.task import IncompleteDecisionError, TaskUnavailableError
from consumers.review_desk.words import (
    FACTOR,
    LIMITING_FACTOR,
    LOAN_STAGE,
    MATCH_LEVEL,
    PROPERTY_TAG,
    PROPERTY_TYPE,
    REASON,
    TRADABILITY,
    said,
)
from schemas.events import Candidate

_COLUMNS: Final[list[dict[str, Any]]] = [
    {"name": "community", "label": "小区", "field": "community", "align": "left"},
    {"name": "date", "label": "成交日", "field": "date", "align": "left", "sortable": True},
    {"name": "area", "label": "面积", "field": "area", "align": "right", "sortable": True},
    {"name": "floor", "label": "楼层", "field": "floor", "align": "left"},
    {"name": "distance", "label": "距离 m", "field": "distance", "align": "right", "sortable": True},
    {"name": "price", "label": "成交单价", "field": "price", "align": "right"},
    {"name": "adjustments", "label": "修正", "field": "adjustments", "align": "left"},
    {"name": "adjusted", "label": "修正后", "field": "adjusted", "align": "right"},
    {"name": "weight", "label": "权重", "field": "weight", "align": "right"},
]

_NOBODY_KNOWS: Final = ""  # the value of "none of them": a radio's choices are never empty
_ADJUSTMENTS_CELL: Final = """
    <q-td :props="props"
          style="white-space: normal; word-break: keep-all; font-size: 12px; line-height: 16px; min-width: 110px">
    {{ props.value }}</q-td>
"""


async def show_case(desk: Desk, reviewer: Reviewer, valuation_id: str) -> None:
    """Build the page of the task in the reviewer's hands; without one, say why and lead back."""
    try:
        case = await to_thread(desk.case, valuation_id, reviewer)
    except TaskUnavailableError as error:
        _show_refusal(reviewer, error.why)
        return
    CasePage(desk, reviewer, case).build()


def _show_refusal(reviewer: Reviewer, why: str) -> None:
    with (
        frame(reviewer, "估值工作台"),
        ui.element("main").style("padding: 40px; text-align: center; width: 100%"),
    ):
        ui.label(why).style("font-size: 15px; margin-bottom: 12px").props("data-testid=refusal")
        ui.link("返回待办任务", "/")


class CasePage:
    """One browser's view of one case."""

    def __init__(self, desk: Desk, reviewer: Reviewer, case: Case) -> None:
        self._desk, self._reviewer, self._case = desk, reviewer, case
        self._id = case.task.valuation_id
        self._busy = False
        self._chart: ui.echart | None = None
        self._community: ui.radio | None = None

    def build(self) -> None:
        """Lay the page out for 1366 × 768: evidence on the left and in the middle, the form always in sight."""
        case = self._case
        with frame(self._reviewer, "估值工作台") as bar:
            with bar:
                self._clock = ui.label("").classes("num")
                ui.button("退回任务", on_click=self._release).props("dense flat no-caps color=white").props(
                    "data-testid=release"
                )
            with ui.element("main").style(
                "display: grid; grid-template-columns: 348px minmax(0, 1fr) 312px; gap: 8px; padding: 8px; "
                "width: 100%; align-items: start"
            ):
                with ui.element("div").style("display: grid; gap: 8px"):
                    _show_why(case)
                    _show_subject(case)
                    self._show_candidates()
                    _show_drivers(case.model)
                with ui.element("div").style(
                    "display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; min-width: 0"
                ):
                    self._show_chart()
                    self._show_comparables()
                with ui.element("div").style("display: grid; gap: 8px; position: sticky; top: 52px"):
                    _show_model(case.model)
                    self._form = DecisionForm(case, self._desk.policy, submit=self._submit, on_price=self._draw_price)
                    self._tell_chosen()
        ui.keyboard(on_key=self._on_key, ignore=[])
        self._tell_time()
        ui.timer(1.0, self._tell_time)
        ui.timer(self._desk.policy.heartbeat.total_seconds(), self._sign_of_life)

    # ---- evidence that changes ------------------------------------------------------------------------------------

    def _show_candidates(self) -> None:
        """The candidates; where the address left the community open, to be chosen from."""
        if not self._case.community_is_open:
            _show_candidates(self._case)
            return
        with panel("地址指的是哪个小区？"):
            choices = {
                _NOBODY_KNOWS: "无法确认",
                **{one.community_id: _candidate(one) for one in self._case.candidates},
            }
            kept = self._case.task.draft.get("confirmed_community_id")
            self._community = (
                ui.radio(choices, value=kept if kept in choices else _NOBODY_KNOWS)
                .props("dense data-testid=community")
                .style("display: grid; gap: 2px")
            )
            ui.label("确认后，今后同样写法的小区名按此识别。").classes("soft")

    @property
    def _confirmed(self) -> str | None:
        return None if self._community is None else self._community.value or None

    def _show_chart(self) -> None:
        with panel("可比实例修正后单价（元/㎡）与模型区间"):
            if self._case.comparables:
                self._chart = ui.echart(chart.options(self._case, None)).style("height: 196px; width: 100%")
            else:
                ui.label("没有可比实例").classes("soft")

    def _draw_price(self, unit_price: int | None) -> None:
        if self._chart is not None:
            self._chart.options.update(chart.options(self._case, unit_price))
            self._chart.update()

    def _show_comparables(self) -> None:
        rows = [_comparable_row(deal) for deal in self._case.comparables]
        kept = self._case.task.draft.get("comparable_ids")
        with panel("可比实例") as title:
            with title:
                ui.label("勾选所采用的实例，至少三例").classes("soft").style("font-weight: 400")
            self._comparables = (
                ui.table(columns=_COLUMNS, rows=rows, row_key="id", selection="multiple", on_select=self._tell_chosen)
                .props('flat dense hide-selected-banner no-data-label="没有可比实例"')
                .style("width: 100%; max-height: calc(100vh - 330px)")
                .props("data-testid=comparables")
            )
            self._comparables.add_slot("body-cell-adjustments", _ADJUSTMENTS_CELL)
            self._comparables.selected = [row for row in rows if kept is None or row["id"] in kept]

    def _tell_chosen(self) -> None:
        self._form.tell_chosen(len(self._comparables.selected))

    # ---- commands -------------------------------------------------------------------------------------------------

    async def _submit(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            await self._decide()
        finally:
            self._busy = False

    async def _decide(self) -> None:
        chosen = tuple(row["id"] for row in self._comparables.selected)
        conclusion = self._form.conclusion(chosen, self._confirmed)
        version = self._case.task.version
        try:
            await to_thread(self._desk.decide, self._id, self._reviewer, conclusion, version=version)
        except IncompleteDecisionError as error:
            self._form.show(error.violations)
            return
        except TaskUnavailableError as error:
            self._lost(error.why)
            return
        following = await to_thread(self._desk.claim_next, self._reviewer)
        ui.navigate.to("/" if following is None else f"/tasks/{following.valuation_id}")

    async def _release(self) -> None:
        try:
            await self._keep()
            await to_thread(self._desk.release, self._id, self._reviewer)
        except TaskUnavailableError as error:
            self._lost(error.why)
            return
        ui.navigate.to("/")

    async def _sign_of_life(self) -> None:
        try:
            await self._keep()
        except TaskUnavailableError as error:
            self._lost(error.why)

    async def _keep(self) -> None:
        draft = self._form.draft() | {
            "comparable_ids": [row["id"] for row in self._comparables.selected],
            "confirmed_community_id": self._confirmed,
        }
        await to_thread(self._desk.keep, self._id, self._reviewer, draft)

    def _lost(self, why: str) -> None:
        self._form.disable()
        ui.notify(why, type="warning", position="top", timeout=0, close_button="知道了")

    async def _on_key(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.action.repeat or not event.modifiers.ctrl:
            return
        if event.key.enter:
            await self._submit()

    def _tell_time(self) -> None:
        left = self._case.task.due_at - self._desk.clock()
        self._clock.style("color: #ffb4a8" if left < timedelta(0) else "color: #fff")
        self._clock.text = f"办结时限 {day_and_time(self._case.task.due_at)} · 剩余 {duration(left)}"


def _show_why(case: Case) -> None:
    with panel("转人工原因") as title:
        with title:
            ui.label(f"优先级 {case.task.priority}").classes("chip calm")
        with ui.element("div").style("display: flex; flex-wrap: wrap; gap: 4px"):
            for reason in case.task.reasons:
                ui.label(said(REASON, reason)).classes("chip")
            for tag in case.tags:
                ui.label(f"登记：{said(PROPERTY_TAG, tag)}").classes("chip calm")


def _show_subject(case: Case) -> None:
    house = case.subject
    floor = f"{or_dash(house.floor)} / {or_dash(house.total_floors)}"
    plan = f"{or_dash(house.rooms)} 室 {or_dash(house.halls)} 厅"
    place = " ".join(part for part in (house.province, house.city, house.district) if part)
    with panel("估价对象"):
        facts(
            ("填写地址", house.address_entered, "wide"),
            ("标准地址", house.address or "—", "wide"),
            ("匹配", f"{said(MATCH_LEVEL, house.match_level)}，把握 {house.probability:.0%}", "wide"),
            ("区域", place or "—", "wide"),
            ("小区", or_dash(house.community)),
            ("幢/单元/室", " ".join(part or "—" for part in (house.building, house.unit, house.room))),
            ("建筑面积", f"{house.area_m2:,.2f} ㎡"),
            ("物业类型", said(PROPERTY_TYPE, house.property_type)),
            ("楼层", floor),
            ("户型", plan),
            ("建成年代", or_dash(house.built_year)),
            ("电梯", yes_or_no(house.has_lift)),
            ("结构", or_dash(house.structure)),
            ("装修", or_dash(house.renovation)),
            ("可交易性", said(TRADABILITY, house.tradability)),
            ("价值时点", house.value_date.isoformat()),
            ("业务阶段", said(LOAN_STAGE, house.loan_stage)),
            ("受理时间", day_and_time(case.received_at)),
        )


def _show_candidates(case: Case) -> None:
    with panel("候选小区"):
        if not case.candidates:
            ui.label("没有候选").classes("soft")
        with ui.element("div").style("display: grid; grid-template-columns: 1fr max-content; gap: 0 10px"):
            for candidate in case.candidates:
                ui.label(_named(candidate))
                ui.label(f"{candidate.probability:.0%}").classes("num soft").style("text-align: right")


def _named(candidate: Candidate) -> str:
    return f"{candidate.name}（{candidate.district}）"


def _candidate(candidate: Candidate) -> str:
    return f"{_named(candidate)} {candidate.probability:.0%}"


def _show_model(model: ModelOpinion | None) -> None:
    with panel("模型意见"):
        if model is None:
            ui.label("模型没有给出估值").classes("warn")
            return
        with ui.element("div").style("display: flex; align-items: baseline; gap: 8px"):
            ui.label(wan(model.value)).classes("figure").props("data-testid=model-value")
            ui.label(f"{yuan(model.unit_price)} 元/㎡").classes("num soft")
        facts(
            (f"{model.interval_coverage:.0%}区间", f"{wan(model.lower)} ~ {wan(model.upper)}", "wide"),
            ("置信度", f"{model.confidence}"),
            ("±10%内", f"{model.p10:.0%}"),
            ("比较法", wan(model.comparison_value), "wide"),
            *([("收益法", wan(model.income_value), "wide")] if model.income_value is not None else []),
            ("资料截至", f"{model.data_as_of} · {model.model_version}", "wide"),
        )
        for factor in model.limiting_factors:
            ui.label(f"限制：{said(LIMITING_FACTOR, factor)}").classes("warn")


def _show_drivers(model: ModelOpinion | None) -> None:
    """What moved the model's price; on the left, so that the form stays in sight on a small screen."""
    if model is None:
        return
    two_columns = "display: grid; grid-template-columns: 1fr max-content; gap: 0 8px"
    with panel("模型单价的影响因素（元/㎡）"), ui.element("div").style(two_columns):
        ui.label("小区同期典型单价")
        ui.label(f"{model.base_unit_price:,}").classes("num").style("text-align: right")
        for driver in model.drivers:
            ui.label(said(FACTOR, driver.factor))
            colour = "good" if driver.unit_price_change >= 0 else "bad"
            moved = f"{driver.unit_price_change:+,}（{driver.share:+.1%}）"
            ui.label(moved).classes(f"num {colour}").style("text-align: right")


def _comparable_row(deal: ComparableCase) -> dict[str, Any]:
    adjustments = " ".join(f"{said(FACTOR, one.factor)}{share(one.share)}" for one in deal.adjustments)
    return {
        "id": deal.deal_id,
        "community": deal.community_name,
        "date": deal.deal_date.isoformat(),
        "area": f"{deal.area_m2:.2f}",
        "floor": or_dash(deal.floor_band),
        "distance": or_dash(deal.distance_m),
        "price": yuan(deal.unit_price),
        "adjustments": adjustments or "—",
        "adjusted": yuan(deal.adjusted_unit_price),
        "weight": f"{deal.weight:.0%}",
    }
