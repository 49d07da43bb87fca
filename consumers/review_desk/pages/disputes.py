"""复估: the disputes, their clocks, and the first value beside the new one."""

from asyncio import to_thread
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.pages.frame import frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import SOON, Row, WalkedTable
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import day_and_time, left, share, wan
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.quality.disputes import UPHELD_MOVE, Dispute, Uphold
from consumers.review_desk.words import OUTCOME, STATE, said

_REFRESH_S: Final = 10.0
_WINDOW: Final = timedelta(days=30)
_LEFT: Final = {"align": "left"}
_RIGHT: Final = {"align": "right"}
_COLUMNS: Final[tuple[Row, ...]] = (
    {"name": "type", "label": "类型", "field": "type", **_LEFT},
    {"name": "state", "label": "状态", "field": "state", **_LEFT},
    {"name": "left", "label": "剩余", "field": "left", **_RIGHT},
    {"name": "due", "label": "办结时限", "field": "due", **_LEFT},
    {"name": "city", "label": "城市", "field": "city", **_LEFT},
    {"name": "address", "label": "地址", "field": "address", **_LEFT},
    {"name": "reviewer", "label": "复估人", "field": "reviewer", **_LEFT},
    {"name": "excluded", "label": "须回避", "field": "excluded", **_LEFT},
    {"name": "first", "label": "原结论", "field": "first", **_RIGHT},
    {"name": "new", "label": "复估结论", "field": "new", **_RIGHT},
    {"name": "move", "label": "变动", "field": "move", **_RIGHT},
    {"name": "upheld", "label": "认定", "field": "upheld", **_LEFT},
)


def add_disputes(office: Office) -> None:
    """Register the page."""

    @ui.page("/disputes")
    async def disputes(request: Request) -> None:
        page = DisputesPage(office, request.state.person)
        found = await to_thread(page.ask)
        page.build()
        page.show(*found)


class DisputesPage:
    """One browser's list of disputes."""

    def __init__(self, office: Office, person: Person) -> None:
        """What `person` may see of a dispute says `disputes.as_seen`."""
        self._office, self._person = office, person
        self._sees_figures = may(person, Permission.SEE_QUALITY)
        self._names = Names(office.staff)

    def ask(self) -> tuple[tuple[Dispute, ...], Uphold | None]:
        """Ask for the last thirty days."""
        now = self._office.clock()
        window = (now - _WINDOW, now + timedelta(minutes=1))
        disputes = self._office.disputes
        figures = disputes.uphold(self._person, *window) if self._sees_figures else None
        found = disputes.disputes(self._person, *window)
        self._names.learn(account for one in found for account in (one.reviewer, *one.excluded))
        return found, figures

    def build(self) -> None:
        """Build the page, empty."""
        keys = Keys()
        said_below = (
            "复估由他人盲评，一个工作日内办结；原经办、复核人一律回避。"
            f"结论不同或总价变动超过 {UPHELD_MOVE:.0%} 认定申请人有理。"
        )
        with (
            frame(self._office, self._person, "复估"),
            ui.element("main").classes("page"),
            panel("复估（近 30 日）"),
        ):
            self._figures = ui.label("").classes("num").props("data-testid=uphold")
            self._table = WalkedTable(
                _COLUMNS,
                empty="没有复估",
                name="disputes",
                open_row=lambda row: ui.navigate.to(f"/tasks/{row['id']}"),
                height="calc(100vh - 190px)",
            )
            ui.label(said_below).classes("soft").style("margin-top: 4px")
        self._table.walked_by(keys, enter="打开案件")
        keys.listen()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def show(self, disputes: tuple[Dispute, ...], figures: Uphold | None) -> None:
        """Fill the page."""
        now = self._office.clock()
        self._table.show([dispute_row(one, now, self._names) for one in disputes])
        open_ones = sum(one.state.is_open for one in disputes)
        self._figures.text = f"在办 {open_ones} 件" if figures is None else _said(figures, open_ones)

    async def _refresh(self) -> None:
        self.show(*await to_thread(self.ask))


def dispute_row(one: Dispute, now: datetime, names: Names) -> dict[str, Any]:
    """The cells of a dispute. What may not be seen is a dash."""
    over, soon = one.due_at < now, one.due_at - now < SOON
    urgency = "" if not one.state.is_open else "bad" if over else "warn" if soon else ""
    is_blind = one.first_value is None and one.first_outcome is None and one.state.is_open
    return {
        "id": one.task_id,
        "type": "复估",
        "state": said(STATE, one.state),
        "left": left(one.due_at, now) if one.state.is_open else "—",
        "urgency": urgency,
        "sign": {"bad": "✖", "warn": "⚠"}.get(urgency, ""),
        "due": day_and_time(one.due_at),
        "city": one.city,
        "address": one.address,
        "reviewer": names.of(one.reviewer),
        "excluded": "、".join(names.of(account) for account in one.excluded) or "—",
        "first": "盲评中不显示"
        if is_blind
        else _answer(one.first_outcome, one.first_value, by_model=one.is_first_automatic),
        "new": "—" if one.outcome is None else _answer(one.outcome, one.value),
        "move": "—" if one.move is None else share(one.move),
        "upheld": {None: "—", True: "▲ 申请人有理", False: "＝ 维持原结论"}[one.is_upheld],
    }


def _answer(outcome: str | None, value: int | None, *, by_model: bool = False) -> str:
    said_of = said(OUTCOME, outcome) if value is None else wan(value)
    return f"{said_of}（模型）" if by_model else said_of


def _said(figures: Uphold, open_ones: int) -> str:
    per = "—" if figures.per_10_000 is None else f"{figures.per_10_000:.1f}"
    return (
        f"在办 {open_ones} 件 · 已办结 {figures.decided} 件 · 申请人有理 {figures.upheld} 件 · "
        f"占人工结果万分之 {per}（K-03 以全部结果为分母）"
    )
