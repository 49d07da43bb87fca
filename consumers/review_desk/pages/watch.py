"""旁看: a supervisor reads along: the case, and the draft as its reviewer types it. Nothing here can be changed."""

from asyncio import to_thread
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.deciding.case import Case
from consumers.review_desk.office import Office
from consumers.review_desk.oversight.watching import Watched
from consumers.review_desk.pages.comparables import Sheet
from consumers.review_desk.pages.evidence import show_asked, show_model
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.written import day_and_time, left, or_dash, yuan
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import NotAllowedError, TaskUnavailableError
from consumers.review_desk.words import DEVIATION, OUTCOME, STATE, said

_REFRESH_S: Final = 2.0


def add_watch(office: Office) -> None:
    """Register the page."""

    @ui.page("/watch/{watch_id}")
    async def watch(request: Request, watch_id: str) -> None:
        person: Person = request.state.person
        try:
            watched = await to_thread(office.supervision.look, person, watch_id)
            case = await to_thread(office.decisions.case, watched.task.task_id, person)
        except (NotAllowedError, TaskUnavailableError) as error:
            with frame(office, person, "旁看"), ui.element("main").classes("page"):
                ui.label(error.why).classes("frozen").props("data-testid=refusal")
            return
        _Watching(office, person, watch_id, case).show(watched)


class _Watching:
    """One browser's view of one watch."""

    def __init__(self, office: Office, person: Person, watch_id: str, case: Case) -> None:
        self._office, self._person, self._watch_id, self._case = office, person, watch_id, case
        with frame(office, person, "旁看") as bar, ui.element("main").classes("page"):
            with bar:
                ui.link("返回班长台", "/supervisor").classes("quiet")
            with panel("旁看（只读，记入审计）") as title:
                with title:
                    self._state = ui.label("").classes("chip calm").props("data-testid=watched-state")
                self._about = ui.label("").classes("soft num")
            with ui.element("div").style(
                "display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 10px; align-items: start"
            ):
                with ui.element("div").style("display: grid; gap: 10px"):
                    show_asked(case)
                    show_model(case)
                with ui.element("div").style("display: grid; gap: 10px; min-width: 0"):
                    with panel("正在填写的结论"):
                        self._draft = ui.element("div").style("min-height: 220px").props("data-testid=watched-draft")
                    with panel("可比实例（估值人的取舍、修正与权重）"):
                        self._sheet = ui.element("div").style("min-width: 0").props("data-testid=watched-sheet")
        self._names: dict[str, str] = {}
        self._shown: Mapping[str, Any] | None = None
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def show(self, watched: Watched) -> None:
        """Show where the task stands and what has been typed; what is unchanged stays as it is."""
        task, now = watched.task, self._office.clock()
        self._state.text = f"{said(STATE, task.state)} · {self._named(task.reviewer)}"
        self._about.text = (
            f"{task.address} · 时限 {day_and_time(task.due_at)}（{left(task.due_at, now)}）· "
            f"旁看自 {day_and_time(watched.watch.since)}，原因：{watched.watch.reason}"
        )
        if watched.draft == self._shown:
            return
        self._shown = dict(watched.draft)
        self._draft.clear()
        with self._draft:
            _show_draft(watched.draft)
        self._sheet.clear()
        with self._sheet:
            value_date = self._case.subject.value_date
            Sheet(self._case.comparables, value_date, watched.draft, lambda: None).freeze()

    def _named(self, username: str | None) -> str:
        if username is None:
            return "无人"
        if username not in self._names:
            person = self._office.staff.person(username)
            self._names[username] = username if person is None else person.name
        return self._names[username]

    async def _refresh(self) -> None:
        try:
            self.show(await to_thread(self._office.supervision.look, self._person, self._watch_id))
        except NotAllowedError as error:
            self._state.text = error.why


def _show_draft(draft: Mapping[str, Any]) -> None:
    if not draft:
        ui.label("尚未填写").classes("soft")
        return
    facts(
        ("处理结果", said(OUTCOME, draft.get("outcome")), "wide"),
        ("单价 元/㎡", yuan(_whole(draft.get("unit_price")))),
        ("可比实例", f"{len(draft.get('comparable_ids') or ())} 例"),
        ("区间下限", yuan(_whole(draft.get("lower")))),
        ("区间上限", yuan(_whole(draft.get("upper")))),
        ("偏离原因", said(DEVIATION, draft.get("deviation_because")), "wide"),
        ("可比不足原因", or_dash(draft.get("few_comparables_because")), "wide"),
        ("判断依据", or_dash(draft.get("rationale")), "wide"),
    )


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None
