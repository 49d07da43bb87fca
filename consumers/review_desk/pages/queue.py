"""待办列表: what waits, most pressing first."""

from asyncio import to_thread
from datetime import datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments, KeyEventArguments

from consumers.review_desk.accounts import Reviewer
from consumers.review_desk.desk import Desk
from consumers.review_desk.pages.frame import frame
from consumers.review_desk.pages.written import day_and_time, duration
from consumers.review_desk.task import Task, TaskState, TaskUnavailableError
from consumers.review_desk.words import PROPERTY_TYPE, REASON, STATE, said

_REFRESH_S: Final = 3.0
_SOON: Final = timedelta(hours=2)

_COLUMNS: Final = [
    {"name": "due", "label": "办结时限", "field": "due", "align": "left"},
    {"name": "left", "label": "剩余", "field": "left", "align": "right"},
    {"name": "priority", "label": "优先级", "field": "priority", "align": "right"},
    {"name": "city", "label": "城市", "field": "city", "align": "left"},
    {"name": "type", "label": "类型", "field": "type", "align": "left"},
    {"name": "address", "label": "地址", "field": "address", "align": "left"},
    {"name": "area", "label": "面积 ㎡", "field": "area", "align": "right"},
    {"name": "reasons", "label": "转人工原因", "field": "reasons", "align": "left"},
    {"name": "waited", "label": "已等待", "field": "waited", "align": "right"},
    {"name": "state", "label": "状态", "field": "state", "align": "left"},
]
_LEFT_CELL: Final = """
    <q-td :props="props" :class="props.row.urgency">{{ props.value }}</q-td>
"""
_ADDRESS_CELL: Final = """
    <q-td :props="props" style="max-width: 380px; overflow: hidden; text-overflow: ellipsis" :title="props.value">
    {{ props.value }}</q-td>
"""
_REASONS_CELL: Final = """
    <q-td :props="props"><span v-for="reason in props.value.split('、')" class="chip" style="margin-right: 4px">
    {{ reason }}</span></q-td>
"""


async def show_queue(desk: Desk, reviewer: Reviewer) -> None:
    """Build the page."""

    async def refresh() -> None:
        tasks = await to_thread(desk.waiting)
        now = desk.clock()
        table.rows = [_row(task, now, reviewer) for task in tasks]
        queued = sum(task.state is TaskState.QUEUED for task in tasks)
        overdue = sum(task.due_at < now for task in tasks)
        counts.text = f"待领取 {queued} · 处理中 {len(tasks) - queued} · 超时 {overdue}"

    async def claim_next() -> None:
        task = await to_thread(desk.claim_next, reviewer)
        if task is None:
            ui.notify("暂无待领取的任务", type="info", position="top")
        else:
            ui.navigate.to(f"/tasks/{task.valuation_id}")

    async def claim(event: GenericEventArguments) -> None:
        valuation_id = event.args[1]["id"]
        try:
            await to_thread(desk.claim, valuation_id, reviewer)
        except TaskUnavailableError as error:
            ui.notify(error.why, type="warning", position="top")
            await refresh()
        else:
            ui.navigate.to(f"/tasks/{valuation_id}")

    async def on_key(event: KeyEventArguments) -> None:
        bare = not (event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta)
        if event.action.keydown and not event.action.repeat and bare and str(event.key) in {"c", "C"}:
            await claim_next()

    with frame(reviewer, "待办任务") as bar:
        with bar:
            counts = ui.label("").classes("num").props("data-testid=counts")
            ui.button("领取下一件 (C)", on_click=claim_next).props(
                "dense no-caps unelevated color=white text-color=primary"
            )
        with ui.element("main").style("padding: 10px 14px; width: 100%").classes("queue"):
            table = (
                ui.table(columns=_COLUMNS, rows=[], row_key="id")
                .props('flat bordered dense no-data-label="暂无待办任务"')
                .style("width: 100%; max-height: calc(100vh - 70px)")
                .props("data-testid=queue")
            )
            table.add_slot("body-cell-left", _LEFT_CELL)
            table.add_slot("body-cell-address", _ADDRESS_CELL)
            table.add_slot("body-cell-reasons", _REASONS_CELL)
            table.on("rowClick", claim)
    ui.keyboard(on_key=on_key)
    await refresh()
    ui.timer(_REFRESH_S, refresh, immediate=False)


def _row(task: Task, now: datetime, reviewer: Reviewer) -> dict[str, Any]:
    left = task.due_at - now
    mine = task.reviewer == reviewer.username
    return {
        "id": task.valuation_id,
        "due": day_and_time(task.due_at),
        "left": duration(left),
        "urgency": "bad" if left < timedelta(0) else "warn" if left < _SOON else "",
        "priority": task.priority,
        "city": task.city,
        "type": said(PROPERTY_TYPE, task.property_type),
        "address": task.address,
        "area": f"{task.area_m2:,.2f}",
        "reasons": "、".join(said(REASON, reason) for reason in task.reasons),
        "waited": duration(now - task.requested_at),
        "state": "我正在处理" if mine else said(STATE, task.state),
    }
