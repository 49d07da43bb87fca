"""审计回放: find lines, check whether a chain is whole, and go through it step by step."""

from asyncio import to_thread
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from nicegui import ui
from nicegui.events import GenericEventArguments

from consumers.review_desk.knowledge.audit_words import ACTION, blamed, told
from consumers.review_desk.knowledge.trail import MOST_FOUND, Wanted, details_of
from consumers.review_desk.office import Office
from consumers.review_desk.pages.asking import FIELD
from consumers.review_desk.pages.asking import told as done
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.words import said
from infra.postgres.audit import Line
from infra.postgres.audit_check import Verdict
from schemas.domain.worktime import SHANGHAI

_COLUMNS: Final = (
    {"name": "time", "label": "时间", "field": "time", "align": "left"},
    {"name": "actor", "label": "操作人", "field": "actor", "align": "left"},
    {"name": "action", "label": "动作", "field": "action", "align": "left"},
    {"name": "state", "label": "状态", "field": "state", "align": "left"},
    {"name": "subject", "label": "对象", "field": "subject", "align": "left"},
    {"name": "sequence", "label": "行号", "field": "sequence", "align": "right"},
)
_HELP: Final = "估值编号，或 staff、desk、guidelines、audit"


def add_audit(office: Office) -> None:
    """Register the page; `?subject=` opens a chain."""

    @ui.page("/audit")
    async def audit(request: Request, subject: str = "") -> None:
        page = AuditPage(office, request.state.person)
        if subject:
            await page.open(subject)


class AuditPage:
    """One browser's view of the audit. Every search and check is a line of the audit itself."""

    def __init__(self, office: Office, person: Person) -> None:
        """Build the page, with nothing found yet."""
        self._office, self._person = office, person
        self._lines: tuple[Line, ...] = ()
        self._at = 0
        keys = Keys()
        with frame(office, person, "审计回放"), ui.element("main").classes("page"):
            self._build_search()
            columns = "grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); display: grid; gap: 10px"
            with ui.element("div").style(columns):
                with panel("记录") as title:
                    with title:
                        self._count = ui.label("").classes("soft").style("font-weight: 400").props("role=status")
                    with ui.element("div").classes("picking").style("width: 100%"):
                        self._table = (
                            ui.table(columns=list(_COLUMNS), rows=[], row_key="id")
                            .props("flat dense no-data-label=没有记录 data-testid=lines")
                            .props(":table-row-class-fn=\"row => row.at ? 'at' : ''\"")
                            .style("width: 100%; max-height: calc(100vh - 230px)")
                        )
                        self._table.on("rowClick", self._clicked)
                with panel("逐步回放") as title:
                    with title:
                        self._place = ui.label("").classes("num").props("data-testid=place")
                        ui.button("← 上一步", on_click=lambda: self._step(-1)).props("flat dense no-caps")
                        ui.button("下一步 →", on_click=lambda: self._step(1)).props("flat dense no-caps")
                    self._shown = (
                        ui.element("div").style("width: 100%; overflow-wrap: anywhere").props("data-testid=step")
                    )
        keys.add("/", "到查找框", lambda: self._subject.run_method("focus"))
        keys.add("ArrowLeft", "上一步", lambda: self._step(-1))
        keys.add("ArrowRight", "下一步", lambda: self._step(1))
        keys.add("j", "下一行", lambda: self._step(1))
        keys.add("k", "上一行", lambda: self._step(-1))
        keys.add("Enter", "打开选中记录所在的链条", self._open_current)
        keys.listen()
        self._show_step()

    def _build_search(self) -> None:
        with panel("查找"):
            with ui.element("div").classes("row"):
                self._subject = self._field(f"对象（{_HELP}）", 330).props("autofocus data-testid=subject")
                self._actor = self._field("操作人账号", 120)
                self._action = (
                    ui.select({"": "全部动作", **ACTION}, value="", label="动作", with_input=True)
                    .props(f"{FIELD} options-dense")
                    .style("width: 150px")
                )
                self._since = self._field("自（2026-03-02 09:00）", 160)
                self._until = self._field("至", 160)
                with ui.button(on_click=self._search).props("unelevated dense no-caps").style("padding: 0 12px"):
                    ui.html("查找<kbd>Enter</kbd>", sanitize=False)
                if self._person.has(Role.AUDITOR):
                    ui.button("核验全部", on_click=self._verify_all).props(
                        "outline dense no-caps data-testid=verify-all"
                    ).style("padding: 0 10px")
                self._spinner = ui.spinner(size="20px")
                self._spinner.visible = False
            self._verdict = ui.element("div").style("min-height: 24px; margin-top: 6px").props("role=status")

    def _field(self, label: str, width: int) -> ui.input:
        return ui.input(label).props(FIELD).style(f"width: {width}px").on("keydown.enter", self._search)

    # ---- what was asked for ---------------------------------------------------------------------------------------

    async def _search(self) -> None:
        subject = (self._subject.value or "").strip()
        since, until = _instant(self._since.value), _instant(self._until.value)
        if since is _WRONG or until is _WRONG:
            ui.notify("时间请写成 2026-03-02 或 2026-03-02 09:00", type="warning", position="top")
            return
        others = (self._actor.value or "").strip(), self._action.value or "", since, until
        if subject and not any(others):
            await self.open(subject)
            return
        wanted = Wanted(subject=subject, actor=others[0], action=others[1], since=since, until=until)
        await self._busy(self._find(wanted))

    async def _find(self, wanted: Wanted) -> None:
        found = await to_thread(self._office.trail.search, wanted, self._person)
        self._verdict.clear()
        more = f"（只列最近 {MOST_FOUND} 行）" if len(found) >= MOST_FOUND else ""
        self._show(found, f"找到 {len(found)} 行{more}，最近的在前")

    async def open(self, subject: str) -> None:
        """Show a whole chain from its beginning, and check it."""
        self._subject.value = subject
        await self._busy(self._open(subject))

    async def _open(self, subject: str) -> None:
        lines = await to_thread(self._office.trail.lines, subject, self._person)
        self._show(lines, f"{subject} · {len(lines)} 行，最早的在前" if lines else "没有这个对象的记录")
        self._judge(await to_thread(self._office.trail.verify, subject, self._person))

    async def _verify_all(self) -> None:
        await self._busy(self._verify())

    async def _verify(self) -> None:
        self._judge(await to_thread(self._office.trail.verify, None, self._person))

    async def _busy(self, doing: Coroutine[Any, Any, None]) -> None:
        self._spinner.visible = True
        try:
            await done(doing)
        finally:
            self._spinner.visible = False

    # ---- what is shown --------------------------------------------------------------------------------------------

    def _judge(self, verdict: Verdict) -> None:
        self._verdict.clear()
        with self._verdict:
            if verdict.is_sound and not verdict.lines:
                ui.label("没有记录可核验").classes("soft").props("data-testid=verdict")
                return
            if verdict.is_sound:
                sealed = f"，封存 {verdict.seals:,} 条" if verdict.seals else ""
                text = f"✔ 链条完整：核验 {verdict.lines:,} 行、{verdict.chains:,} 条链{sealed}，未发现改动、缺失或插入"
                ui.label(text).classes("good").style("font-weight: 600").props("data-testid=verdict")
                return
            text = f"✖ 链条已被破坏：共 {verdict.broken:,} 处"
            with ui.element("div").classes("frozen"):
                ui.label(text).style("font-weight: 600").props("data-testid=verdict")
                for defect in verdict.defects:
                    ui.label(blamed(defect))

    def _show(self, lines: Sequence[Line], text: str) -> None:
        self._lines, self._at = tuple(lines), 0
        self._count.text = text
        self._show_step()

    async def _open_current(self) -> None:
        if self._lines:
            await self.open(self._lines[self._at].subject)

    def _clicked(self, event: GenericEventArguments) -> None:
        wanted = event.args[1]["id"]
        self._go_to(next((n for n, line in enumerate(self._lines) if _id(line) == wanted), self._at))

    def _step(self, steps: int) -> None:
        self._go_to(self._at + steps)

    def _go_to(self, place: int) -> None:
        if self._lines:
            self._at = max(0, min(place, len(self._lines) - 1))
            self._show_step()

    def _show_step(self) -> None:
        self._table.rows = [_row(line, is_current=place == self._at) for place, line in enumerate(self._lines)]
        self._shown.clear()
        self._place.text = f"{self._at + 1} / {len(self._lines)}" if self._lines else ""
        with self._shown:
            if not self._lines:
                ui.label("选中一条记录后，用 ← → 逐步回放；回车打开它所在的整条链。").classes("soft")
                return
            line = self._lines[self._at]
            ui.label(said(ACTION, line.action)).classes("figure")
            facts(("时间", _time(line.at), "wide"), ("操作人", line.actor), ("动作代码", line.action))
            with ui.element("div").style("border-top: 1px solid var(--line); margin: 6px 0"):
                pass
            facts(*((name, value, "wide") for name, value in told(details_of(line))))
            with ui.element("div").style("border-top: 1px solid var(--line); margin: 6px 0"):
                pass
            facts(
                ("对象", f"{line.subject} 第 {line.sequence} 行", "wide"),
                ("前一行摘要", line.previous, "wide"),
                ("本行摘要", line.hash, "wide"),
            )


_WRONG: Final = datetime.min  # noqa: DTZ901 - a mark, never compared with an instant


def _instant(text: str | None) -> datetime | None:
    """An instant typed in Shanghai's time; `None` for nothing, `_WRONG` for what is none."""
    if not (text or "").strip():
        return None
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return _WRONG
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


def _row(line: Line, *, is_current: bool) -> dict[str, object]:
    state = details_of(line).get("state")
    return {
        "id": _id(line),
        "at": is_current,
        "time": _time(line.at),
        "actor": line.actor,
        "action": said(ACTION, line.action),
        "state": "" if state is None else told({"state": state})[0][1],
        "subject": line.subject,
        "sequence": line.sequence,
    }


def _id(line: Line) -> str:
    return f"{line.subject}#{line.sequence}"


def _time(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
