"""排班与技能: the week's shifts and swaps; for planners also the forecast beside the roster, and who can do what."""

from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.planning import Plan, Planning
from consumers.review_desk.oversight.roster import Shift, Swap
from consumers.review_desk.pages.asking import Field, ask
from consumers.review_desk.pages.commands import command
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.planning import DAYS, cell, show_plan, show_skills
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.eligibility import REVIEWING
from consumers.review_desk.people.staff import Family, Person
from consumers.review_desk.task import NotAllowedError
from schemas.domain.worktime import SHANGHAI, is_working_day, shanghai_date

_HOURS: Final = tuple(f"{hour:02}:00" for hour in range(7, 23))
_ONE_DAY: Final = timedelta(days=1)
_AGREEMENT_OVER: Final = timedelta(days=90)


def add_roster(office: Office) -> None:
    """Register the page. `?week=` is a Monday; without it, this week's."""
    planning = Planning(office.pool, office.roster, person=office.staff.person, clock=office.clock)

    @ui.page("/roster")
    async def roster(request: Request, week: str = "") -> None:
        person: Person = request.state.person
        monday = monday_of(week, shanghai_date(office.clock()))
        view = await to_thread(_ask, office, planning, person, monday)
        _Roster(office, person, view).build()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows. The last three are for planners: `None` or empty for others."""

    monday: date
    people: tuple[Person, ...]
    shifts: tuple[Shift, ...]
    swaps: tuple[Swap, ...]
    plan: Plan | None = None
    asked: Mapping[str, int]
    weak: Mapping[str, Sequence[Family]]


def monday_of(text: str, today: date) -> date:
    """The Monday of the week a day lies in; of today's for what is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    return day - timedelta(days=day.weekday())


def _ask(office: Office, planning: Planning, person: Person, monday: date) -> View:
    people = tuple(
        one
        for one in office.staff.people()
        if one.is_active and one.has(*REVIEWING) and not one.regions.isdisjoint(person.regions)
    )
    plans = may(person, Permission.PLAN_ROSTER)
    return View(
        monday=monday,
        people=people,
        shifts=office.roster.week(monday),
        swaps=office.roster.swaps(),
        plan=planning.week(person, monday) if plans else None,
        asked=planning.asked(person) if plans else {},
        weak=_weak(office, person) if plans else {},
    )


def _weak(office: Office, person: Person) -> Mapping[str, Sequence[Family]]:
    """The families in which a person's decisions agree too little with what they were checked by."""
    now = office.clock()
    try:
        return office.quality.agreement(person, now - _AGREEMENT_OVER, now).gaps
    except NotAllowedError:
        return {}


class _Roster:
    """One browser's view. After a change the page is loaded anew: it is no page that anybody watches."""

    def __init__(self, office: Office, person: Person, view: View) -> None:
        self._office, self._person, self._view = office, person, view
        self._names = {one.username: one.name for one in view.people}
        self._plans = may(person, Permission.PLAN_ROSTER)

    def build(self) -> None:
        """Shifts and swaps; below, for planners, forecast and skills."""
        with frame(self._office, self._person, "排班与技能"), ui.element("main").classes("page"):
            with ui.element("div").style(
                "display: grid; grid-template-columns: minmax(0, 2.4fr) minmax(0, 1fr); gap: 10px; align-items: start"
            ):
                self._build_week()
                self._build_swaps()
            if self._view.plan is not None:
                show_plan(self._view.plan)
                today = shanghai_date(self._office.clock())
                show_skills(self._view.people, self._view.asked, self._view.weak, today)

    # ---- shifts ---------------------------------------------------------------------------------------------------

    def _build_week(self) -> None:
        monday = self._view.monday
        with panel("班次") as title:
            with title:
                for text, day in (("‹ 上周", monday - 7 * _ONE_DAY), ("下周 ›", monday + 7 * _ONE_DAY)):
                    ui.link(text, f"/roster?week={day}").classes("num").style("font-weight: 400")
                ui.label(f"{monday} 起一周").classes("num").style("font-weight: 400")
                ui.element("div").style("flex: 1")
                if self._plans:
                    ui.button("新增班次", on_click=self._put).props(
                        "outline dense no-caps data-testid=put-shift"
                    ).style("padding: 0 8px")
            with ui.element("table").classes("sheet").props("data-testid=week"):
                with ui.element("tr"):
                    cell("人员", "th")
                    for day in self._days():
                        rest = "" if is_working_day(day) else " 休"
                        cell(f"周{DAYS[day.weekday()]} {day:%m-%d}{rest}", "th", "soft" if rest else "")
                for one in self._view.people:
                    with ui.element("tr"):
                        cell(f"{one.name} {one.grade}", "td")
                        for day in self._days():
                            with ui.element("td"):
                                self._build_day(one, day)
            hint = "点班次可取消" if self._plans else "点自己的班次可申请调班"
            ui.label(hint).classes("soft").style("margin-top: 4px")

    def _build_day(self, person: Person, day: date) -> None:
        for shift in self._view.shifts:
            if shift.username == person.username and shanghai_date(shift.starts_at) == day:
                chip = ui.label(hours_of(shift)).classes("chip calm num")
                if self._plans:
                    chip.on("click", partial(self._remove, shift)).style("cursor: pointer")
                elif person.username == self._person.username:
                    chip.on("click", partial(self._ask_swap, shift)).style("cursor: pointer")

    def _build_swaps(self) -> None:
        with panel("待批准的调班"), ui.element("div").style("display: grid; gap: 6px").props("data-testid=swaps"):
            if not self._view.swaps:
                ui.label("没有待批准的调班").classes("soft")
            for swap in self._view.swaps:
                with ui.element("div").style("border-bottom: 1px solid var(--line); padding-bottom: 6px"):
                    when = f"{swap.starts_at.astimezone(SHANGHAI):%m-%d}（{hours_of(swap)}）"
                    ui.label(f"{self._named(swap.asked_by)} → {self._named(swap.colleague)} {when}").classes("num")
                    ui.label(swap.reason).classes("soft")
                    if self._plans:
                        with ui.element("div").classes("row"):
                            _small("批准", partial(self._decide, swap, True), f"approve-{swap.swap_id}")
                            _small("不批准", partial(self._decide, swap, False), f"refuse-{swap.swap_id}")

    # ---- commands ---------------------------------------------------------------------------------------------------

    async def _put(self) -> None:
        days = {day.isoformat(): f"周{DAYS[day.weekday()]} {day:%m-%d}" for day in self._days()}
        answers = await ask(
            "新增班次",
            Field("username", "人员", choices=self._names),
            Field("day", "日期", choices=days, value=self._view.monday.isoformat()),
            Field("since", "开始", choices=_HOURS, value="09:00"),
            Field("until", "结束", choices=_HOURS, value="17:00"),
        )
        if answers is not None:
            since, until = (
                datetime.fromisoformat(f"{answers['day']}T{answers[end]}").replace(tzinfo=SHANGHAI)
                for end in ("since", "until")
            )
            await self._done("班次已排定", self._office.roster.put, answers["username"], since, until)

    async def _remove(self, shift: Shift) -> None:
        answers = await ask(
            f"取消 {self._named(shift.username)} {hours_of(shift)} 的班次",
            Field("reason", "原因（告知本人）"),
            confirm="取消班次",
        )
        if answers is not None:
            await self._done("班次已取消", self._office.roster.remove, shift.shift_id, answers["reason"])

    async def _ask_swap(self, shift: Shift) -> None:
        others = {name: said for name, said in self._names.items() if name != self._person.username}
        answers = await ask(
            f"申请调班：{hours_of(shift)}",
            Field("colleague", "由谁代班", choices=others),
            Field("reason", "原因"),
            confirm="提交申请",
        )
        if answers is not None:
            swap = self._office.roster.ask_swap
            await self._done("已提交，待班长批准", swap, shift.shift_id, answers["colleague"], answers["reason"])

    async def _decide(self, swap: Swap, approve: bool) -> None:  # noqa: FBT001 - one of two buttons
        remark = ""
        if not approve:
            answers = await ask("不批准调班", Field("remark", "原因（告知双方）"), confirm="不批准")
            if answers is None:
                return
            remark = answers["remark"]
        decide = partial(self._office.roster.decide_swap, approve=approve, remark=remark)
        await self._done("调班已处理，已告知双方", decide, swap.swap_id)

    async def _done(self, said: str, doing: Callable[..., Any], *arguments: Any) -> None:
        if await command(said, doing, self._person, *arguments):
            ui.navigate.to(f"/roster?week={self._view.monday}")

    def _days(self) -> list[date]:
        return [self._view.monday + number * _ONE_DAY for number in range(7)]

    def _named(self, username: str) -> str:
        return self._names.get(username, username)


def hours_of(span: Shift | Swap) -> str:
    """`09:00–17:00` in Shanghai."""
    since, until = span.starts_at.astimezone(SHANGHAI), span.ends_at.astimezone(SHANGHAI)
    return f"{since:%H:%M}–{until:%H:%M}"


def _small(text: str, does: Callable[[], Any], name: str) -> None:
    ui.button(text, on_click=does).props(f"outline dense no-caps data-testid={name}").style("padding: 0 8px")
