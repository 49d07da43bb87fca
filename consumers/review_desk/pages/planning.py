"""The planner's part of 排班与技能: the forecast beside the roster, and skills and certificates."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from nicegui import ui

from consumers.review_desk.oversight.forecast import NeededHour
from consumers.review_desk.oversight.planning import Plan
from consumers.review_desk.oversight.skills import certificate_runs_out, gaps, level
from consumers.review_desk.pages.frame import panel
from consumers.review_desk.pages.written import duration
from consumers.review_desk.people.staff import Family, Person
from consumers.review_desk.words import FAMILY, queue_said

DAYS: Final = "一二三四五六日"


def show_plan(plan: Plan) -> None:
    """A week's expected arrivals beside the people needed and planned."""
    missing = sum(hour.missing > 0 for hour in plan.hours)
    with panel("预计到件与所需人手") as title:
        with title:
            ui.label(f"平均处理 {duration(plan.handling)}").classes("soft num").style("font-weight: 400")
            text, classes = staffing_said(missing, is_thin=plan.is_thin)
            ui.label(text).classes(classes).props("data-testid=staffing")
            if plan.is_thin:
                ui.label("⚠ 历史不足四周，预测仅供参考").classes("chip").props("data-testid=thin")
        ui.echart(chart_of(plan.hours)).style("width: 100%; height: 210px").props("data-testid=forecast")
        ui.label(
            "按近八周同一星期同一小时的到件，向各日均值收缩；"
            "所需人手取“人员忙碌率 85%”与“八成案件 20 分钟内有人处理（Erlang C）”之大者。"
        ).classes("soft")


def staffing_said(missing: int, *, is_thin: bool) -> tuple[str, str]:
    """What is said of the planned people, and how it looks. Enough for a forecast of nothing says nothing."""
    if missing:
        return f"⚠ {missing} 个时段人手不足", "chip"
    return ("数据不足，无法判断人手", "chip") if is_thin else ("✔ 各时段人手足够", "chip calm")


def show_skills(
    people: Sequence[Person], asked: Mapping[str, int], weak: Mapping[str, Sequence[Family]], today: date
) -> None:
    """Who can do what, how long the certificates last, and where too few can.

    `asked`: cases by skill; `weak`: by user name, the families in which quality control found too little agreement.
    """
    names = {one.username: one.name for one in people}
    found = gaps(asked, people, today)
    skilled = {code for one in people for code in (*one.skills, one.main_queue) if "/" in code}
    queues = sorted({code for code in asked if "/" in code} | skilled)
    with panel("技能与证书"):
        with ui.element("div").classes("row").style("margin-bottom: 6px").props("data-testid=gaps"):
            for gap in found[:6]:
                able = "、".join(names.get(name, name) for name in gap.able) or "无人"
                ui.label(f"⚠ {_skill_said(gap.code)}：30 日 {gap.cases} 件，能独立处理：{able}").classes("chip")
        with ui.element("div").style("overflow-x: auto"), ui.element("table").classes("sheet"):
            with ui.element("tr"):
                for head in ("人员", "证书至", "质检薄弱项", *map(_skill_said, (*Family, *queues))):
                    cell(head, "th")
            for one in people:
                with ui.element("tr"):
                    cell(f"{one.name} {one.grade}", "td")
                    until = "无" if one.certified_until is None else str(one.certified_until)
                    warns = certificate_runs_out(one, today)
                    cell(f"⚠ {until}" if warns else until, "td", "warn num" if warns else "num")
                    lacks = weak.get(one.username, ())
                    cell("、".join(FAMILY[family] for family in lacks) or "—", "td", "warn" if lacks else "soft")
                    for code in (*map(str, Family), *queues):
                        cell(_level_said(one, code), "td", "num")
        ui.label("1 可尝试 … 3 能独立 … 5 可带教；★ 主技能").classes("soft")


def chart_of(hours: Sequence[NeededHour]) -> dict[str, Any]:
    """Arrivals as bars; people needed and planned as steps, told apart by dash and shape as well as by colour."""
    names = [f"周{DAYS[at.weekday()]} {at:%H}时" for at in (hour.expected.starts_at for hour in hours)]
    steps: tuple[tuple[str, list[int], str, str], ...] = (
        ("所需人手", [hour.needed for hour in hours], "#9a4a05", "dashed"),
        ("已排人手", [hour.planned for hour in hours], "#1d4f91", "solid"),
    )
    return {
        "animation": False,
        "grid": {"left": 40, "right": 40, "top": 28, "bottom": 24},
        "legend": {"top": 0, "itemHeight": 8, "textStyle": {"fontSize": 11}},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": names, "axisLabel": {"fontSize": 11, "interval": 3}},
        "yAxis": [
            {"type": "value", "name": "件/时", "axisLabel": {"fontSize": 11}, "splitLine": {"show": False}},
            {"type": "value", "name": "人", "minInterval": 1, "axisLabel": {"fontSize": 11}},
        ],
        "series": [
            {
                "name": "预计到件",
                "type": "bar",
                "data": [round(hour.expected.arrivals, 1) for hour in hours],
                "itemStyle": {"color": "#c3cfde"},
            },
            *(
                {
                    "name": name,
                    "type": "line",
                    "step": "middle",
                    "yAxisIndex": 1,
                    "symbol": "none",
                    "data": people,
                    "itemStyle": {"color": colour},
                    "lineStyle": {"color": colour, "type": dash, "width": 2},
                }
                for name, people, colour, dash in steps
            ),
        ],
    }


def _skill_said(code: str) -> str:
    return FAMILY[Family(code)] if code in set(Family) else queue_said(code)


def _level_said(person: Person, code: str) -> str:
    found = level(person, code)
    return f"{found or '·'}{' ★' if code == person.main_queue else ''}"


def cell(text: str, tag: str, classes: str = "") -> None:
    """A cell of a table sheet: `th` or `td`."""
    label = ui.label(text).classes(classes)
    label.tag = tag
