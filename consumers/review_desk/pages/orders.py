"""工单: what channels want besides a value, by when it is due; taking on, answering, agreeing, all by keyboard."""

from asyncio import to_thread
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from consumers.review_desk.office import Office
from consumers.review_desk.orders.order import ANSWER_WITHIN, NEEDS_TWO, WorkOrder
from consumers.review_desk.pages.asking import Field, ask, told
from consumers.review_desk.pages.frame import facts, frame, panel
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.lists import SOON, Row, WalkedTable
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import day_and_time, left
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.domain import channels

KIND: Final[Mapping[WorkOrderKind, str]] = MappingProxyType(
    {
        WorkOrderKind.CONSULTATION: "咨询",
        WorkOrderKind.DISPUTE: "复估",
        WorkOrderKind.DATA_CORRECTION: "数据更正",
        WorkOrderKind.VERIFY_MISMATCH: "核验不符",
        WorkOrderKind.FAULT: "故障",
        WorkOrderKind.COMPLAINT: "投诉",
        WorkOrderKind.REPORT: "举报",
    }
)
STATE: Final[Mapping[WorkOrderState, str]] = MappingProxyType(
    {
        WorkOrderState.RAISED: "待受理",
        WorkOrderState.ACCEPTED: "办理中",
        WorkOrderState.ANSWERED: "已答复",
        WorkOrderState.REJECTED: "不予受理",
    }
)
_REFRESH_S: Final = 10.0
_WINDOW: Final = timedelta(days=30)
_LEFT: Final = {"align": "left"}
_COLUMNS: Final[tuple[Row, ...]] = (
    {"name": "kind", "label": "类型", "field": "kind", **_LEFT},
    {"name": "state", "label": "状态", "field": "state", **_LEFT},
    {"name": "left", "label": "剩余", "field": "left", "align": "right"},
    {"name": "due", "label": "时限", "field": "due", **_LEFT},
    {"name": "channel", "label": "渠道", "field": "channel", **_LEFT},
    {"name": "number", "label": "业务编号", "field": "number", **_LEFT},
    {"name": "address", "label": "内容", "field": "text", **_LEFT},  # the cell that shortens long texts
    {"name": "handler", "label": "经办", "field": "handler", **_LEFT},
)


def add_orders(office: Office) -> None:
    """Register the page."""

    @ui.page("/work-orders")
    async def work_orders(request: Request) -> None:
        page = OrdersPage(office, request.state.person)
        found = await to_thread(page.ask)
        page.build()
        page.show(found)


class OrdersPage:
    """One browser's list of work orders, and the one that is looked at."""

    def __init__(self, office: Office, person: Person) -> None:
        """Who may only look sees no buttons."""
        self._office, self._person = office, person
        self._handles = may(person, Permission.HANDLE_WORK_ORDERS)
        self._assigns = may(person, Permission.SUPERVISE)
        self._names = Names(office.staff)
        self._orders: dict[str, WorkOrder] = {}

    def ask(self) -> tuple[WorkOrder, ...]:
        """Ask for the open ones and those of the last thirty days."""
        found = self._office.orders.listed(self._person, self._office.clock() - _WINDOW)
        self._names.learn(account for one in found for account in (one.handler, one.answered_by, one.approved_by))
        return found

    def build(self) -> None:
        """Build the page, empty."""
        keys = Keys()
        with frame(self._office, self._person, "工单"), ui.element("main").classes("page"):
            with panel("工单"):
                self._table = WalkedTable(
                    _COLUMNS,
                    empty="没有工单",
                    name="orders",
                    open_row=lambda _: self._act(),
                    on_move=self._show_current,
                    height="48vh",
                    opens_by_click=False,
                )
            with panel("内容与答复"):
                self._case = ui.element("div").props("data-testid=order").style("min-height: 160px")
        self._table.walked_by(keys, enter="受理 / 答复 / 复核")
        if self._handles:
            keys.add("b", "退回答复", self._send_back)
        if self._assigns:
            keys.add("g", "改派", self._reassign)
        keys.listen()
        ui.timer(_REFRESH_S, self._refresh, immediate=False)

    def show(self, orders: tuple[WorkOrder, ...]) -> None:
        """Fill the page."""
        now = self._office.clock()
        self._orders = {one.work_order_id: one for one in orders}
        self._table.show([order_row(one, now, self._names) for one in orders])
        self._show_current()

    def _current(self) -> WorkOrder | None:
        row = self._table.current
        return None if row is None else self._orders.get(row["id"])

    def _show_current(self) -> None:
        self._case.clear()
        order = self._current()
        if order is None:
            return
        with self._case:
            self._show_order(order)

    def _show_order(self, order: WorkOrder) -> None:
        facts(
            ("提出", day_and_time(order.raised_at)),
            ("受理时限", day_and_time(order.accept_by)),
            ("答复时限", f"{day_and_time(order.due_at)}（{ANSWER_WITHIN[order.kind]} 个工作日）"),
            ("渠道请求号", order.client_request_id),
            ("内容", order.text, "wide"),
            ("答复", _answer_said(order, self._names), "wide"),
            *((("退回意见", order.returned_because, "wide"),) if order.returned_because and order.is_open else ()),
        )
        with ui.element("div").classes("row"):
            if order.valuation_id and may(self._person, Permission.SEARCH):
                ui.link("查询该估值", f"/search?text={order.valuation_id}")
            what = next_step(order, self._person) if self._handles else None
            if what is not None:
                ui.button(what, on_click=self._act).props("unelevated dense no-caps data-testid=order-act")
            if what == APPROVE:
                ui.button("退回修改", on_click=self._send_back).props("flat dense no-caps data-testid=order-send-back")
            if self._assigns and order.state is WorkOrderState.ACCEPTED:
                ui.button("改派", on_click=self._reassign).props("flat dense no-caps data-testid=order-reassign")

    async def _act(self) -> None:
        """The next step of the current order, where it is this person's."""
        order = self._current()
        what = None if order is None or not self._handles else next_step(order, self._person)
        if order is None or what is None:
            return
        orders, number = self._office.orders, order.work_order_id
        if what == ACCEPT:
            await told(to_thread(orders.accept, number, self._person))
        elif what == APPROVE:
            await self._approve(order)
        else:
            await self._answer(order)
        await self._refresh()

    async def _answer(self, order: WorkOrder) -> None:
        async def send(answers: Mapping[str, Any]) -> None:
            await to_thread(self._office.orders.answer, order.work_order_id, self._person, answers["text"])

        note = "须由他人复核后发出" if order.kind in NEEDS_TWO else "提交后即发给渠道，只能答复一次"
        await ask(
            f"答复{KIND[order.kind]}：{note}",
            Field("text", "答复内容（渠道可见）", value=order.answer, long=True),
            confirm="提交",
            does=send,
        )

    async def _approve(self, order: WorkOrder) -> None:
        """The text is shown once more: what is approved goes out and cannot be taken back."""
        seen = order.answer or ""

        async def send(answers: Mapping[str, Any]) -> None:
            await to_thread(self._office.orders.approve, order.work_order_id, self._person, answers["seen"])

        read = Field("seen", "答复内容（复核通过后即发给渠道，不可修改）", value=seen, long=True, readonly=True)
        await ask(f"复核{KIND[order.kind]}答复", read, confirm=APPROVE, does=send)

    async def _send_back(self) -> None:
        order = self._current()
        if order is None or not self._handles or next_step(order, self._person) != APPROVE:
            return

        async def send(answers: Mapping[str, Any]) -> None:
            await to_thread(self._office.orders.send_back, order.work_order_id, self._person, answers["reason"])

        await ask("退回答复", Field("reason", "退回意见（仅内部可见）", long=True), confirm="退回", does=send)
        await self._refresh()

    async def _reassign(self) -> None:
        """For supervisors: somebody is ill, or leaves."""
        order = self._current()
        if order is None or order.state is not WorkOrderState.ACCEPTED:
            return
        people = {one.username: one for one in await to_thread(self._office.staff.people)}
        able = {name: one.name for name, one in people.items() if may(one, Permission.HANDLE_WORK_ORDERS)}

        async def give(answers: Mapping[str, Any]) -> None:
            await to_thread(self._office.orders.reassign, order.work_order_id, self._person, people[answers["to"]])

        await ask("改派工单", Field("to", "改派给", choices=able), confirm="改派", does=give)
        await self._refresh()

    async def _refresh(self) -> None:
        self.show(await to_thread(self.ask))


ACCEPT: Final = "受理"
ANSWER: Final = "答复"
APPROVE: Final = "复核通过"


def next_step(order: WorkOrder, person: Person) -> str | None:
    """What this person may do next about an order; `None`: nothing."""
    if order.state is WorkOrderState.RAISED:
        return ACCEPT
    if order.waits_for_second and order.answered_by != person.username:
        return APPROVE
    is_theirs = order.state is WorkOrderState.ACCEPTED and order.handler == person.username
    return ANSWER if is_theirs else None


def order_row(order: WorkOrder, now: datetime, names: Names) -> dict[str, Any]:
    """The cells of an order."""
    channel = channels.find(order.channel)
    over, soon = order.next_due < now, order.next_due - now < SOON
    urgency = "" if not order.is_open else "bad" if over else "warn" if soon else ""
    state = "待复核" if order.waits_for_second else STATE[order.state]
    if order.is_open and order.returned_because:
        state = "退回修改"
    return {
        "id": order.work_order_id,
        "kind": KIND[order.kind],
        "state": f"▲ {state}" if order.escalated and order.is_open else state,
        "left": left(order.next_due, now) if order.is_open else "—",
        "urgency": urgency,
        "sign": {"bad": "✖", "warn": "⚠"}.get(urgency, ""),
        "due": day_and_time(order.next_due),
        "channel": channel.name if channel else order.channel,
        "number": order.business_ref or "—",
        "text": order.text,
        "handler": names.of(order.handler),
    }


def _answer_said(order: WorkOrder, names: Names) -> str:
    if order.answer is None:
        return "—"
    by = "、".join(names.of(one) for one in (order.answered_by, order.approved_by) if one)
    waits = "（待他人复核，尚未发出）" if order.waits_for_second else ""
    return f"{order.answer}{f'　{by}' if by else ''}{waits}"
