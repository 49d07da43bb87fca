"""A list of tasks that is walked with J and K and opened with Enter, the same on every page that has one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from consumers.review_desk.deciding.case import masked
from consumers.review_desk.pages.keys import Keys
from consumers.review_desk.pages.written import day_and_time, left
from consumers.review_desk.task import Task
from consumers.review_desk.words import PROPERTY_TYPE, REASON, said

Row = dict[str, Any]

SOON: Final = timedelta(hours=2)
TASK_COLUMNS: Final[tuple[Row, ...]] = (
    {"name": "left", "label": "剩余", "field": "left", "align": "right"},
    {"name": "due", "label": "办结时限", "field": "due", "align": "left"},
    {"name": "priority", "label": "优先级", "field": "priority", "align": "right"},
    {"name": "city", "label": "城市", "field": "city", "align": "left"},
    {"name": "type", "label": "类型", "field": "type", "align": "left"},
    {"name": "address", "label": "地址", "field": "address", "align": "left"},
    {"name": "area", "label": "面积 ㎡", "field": "area", "align": "right"},
    {"name": "reasons", "label": "转人工原因", "field": "reasons", "align": "left"},
)
_INTO_SIGHT: Final = "document.querySelectorAll('[data-testid=%s] tbody tr')[%d]?.scrollIntoView({block: 'nearest'})"
_LEFT_CELL: Final = """
    <q-td :props="props" :class="props.row.urgency">
      <span v-if="props.row.sign">{{ props.row.sign }} </span>
      {{ props.value }}</q-td>
"""
_LONG_CELL: Final = """
    <q-td :props="props" style="max-width: 300px; overflow: hidden; text-overflow: ellipsis" :title="props.value">
    {{ props.value }}</q-td>
"""
_CHIPS_CELL: Final = """
    <q-td :props="props" style="max-width: 260px; overflow: hidden; text-overflow: ellipsis"
          :title="props.value.join('、')">
    <span v-for="one in props.value" class="chip" style="margin-right: 4px">{{ one }}</span></q-td>
"""


def task_row(task: Task, now: datetime) -> Row:
    """The cells of a task. `id` is the task's."""
    task = masked(task)
    over, soon = task.due_at < now, task.due_at - now < SOON
    return {
        "id": task.task_id,
        "left": left(task.due_at, now),
        "urgency": "bad" if over else "warn" if soon else "",
        "sign": "✖" if over else "⚠" if soon else "",
        "due": day_and_time(task.due_at),
        "priority": priority_said(task),
        "city": task.city,
        "type": said(PROPERTY_TYPE, task.property_type),
        "address": task.address,
        "area": f"{task.area_m2:,.2f}",
        "reasons": [said(REASON, reason) for reason in task.reasons],
    }


def priority_said(task: Task) -> str:
    """The priority; a dash for a blind task, whose place in the queue would tell what the model made of it."""
    return "—" if task.blind else str(task.priority)


class WalkedTable:
    """A table with a row that the keys are about. Rows are replaced as a whole; the place stays with its row."""

    def __init__(  # noqa: PLR0913 - each names itself where a page builds its list
        self,
        columns: Sequence[Row],
        *,
        empty: str,
        name: str,
        open_row: Callable[[Row], Awaitable[None] | None],
        on_move: Callable[[], None] | None = None,
        height: str = "calc(100vh - 132px)",
        opens_by_click: bool = True,
    ) -> None:
        """Build inside the current element. `empty`: what stands there without rows; `name`: for tests.

        `opens_by_click`: a click on the current row is Enter; not where Enter does what cannot be undone.
        """
        self._open_row, self._on_move, self._name = open_row, on_move, name
        self._opens_by_click = opens_by_click
        self._at = 0
        with ui.element("div").classes("picking").style("width: 100%"):
            self.table = (
                ui.table(columns=list(columns), rows=[], row_key="id")
                .props(f"flat dense no-data-label=\"{empty}\" :table-row-class-fn=\"row => row.at ? 'at' : ''\"")
                .props(f"data-testid={name}")
                .style(f"width: 100%; max-height: {height}")
            )
        for column, cell in (("left", _LEFT_CELL), ("address", _LONG_CELL), ("reasons", _CHIPS_CELL)):
            self.table.add_slot(f"body-cell-{column}", cell)
        self.table.on("rowClick", self._clicked)

    @property
    def current(self) -> Row | None:
        """The row the keys are about, if there is any."""
        return self.table.rows[self._at] if self.table.rows else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the one that was current stays so, wherever it has moved to."""
        here = self.current
        ids = [row["id"] for row in rows]
        if here is not None and here["id"] in ids:
            self._at = ids.index(here["id"])
        self._at = max(0, min(self._at, len(rows) - 1))
        marked = [{**row, "at": place == self._at} for place, row in enumerate(rows)]
        if marked != self.table.rows:
            self.table.rows = marked

    def walked_by(self, keys: Keys, *, enter: str = "打开选中的任务") -> None:
        """J, K and Enter."""
        keys.add("j", "下一行", lambda: self._move(1))
        keys.add("k", "上一行", lambda: self._move(-1))
        keys.add("Enter", enter, self.open_current)

    async def open_current(self) -> None:
        """Open the current row, as Enter and a click do."""
        row = self.current
        if row is None:
            return
        waiting = self._open_row(row)
        if waiting is not None:
            await waiting

    def _move(self, steps: int) -> None:
        rows = self.table.rows
        if rows:
            self._go_to((self._at + steps) % len(rows))

    def _go_to(self, place: int) -> None:
        self._at = place
        self.table.rows = [{**row, "at": each == place} for each, row in enumerate(self.table.rows)]
        ui.run_javascript(_INTO_SIGHT % (self._name, place))
        if self._on_move is not None:
            self._on_move()

    async def _clicked(self, event: GenericEventArguments) -> None:
        clicked = event.args[1]["id"]
        place = next((place for place, row in enumerate(self.table.rows) if row["id"] == clicked), self._at)
        if (
            place == self._at and self._opens_by_click
        ):  # the first click chooses, so that no task is taken by a slip of the hand
            await self.open_current()
        else:
            self._go_to(place)
