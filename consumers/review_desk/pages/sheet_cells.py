"""The cells of 可比实例: a field for each adjustment, and how the cursor walks among them."""

from typing import Any, Final

from nicegui import ui

from consumers.review_desk.deciding.comparison import Line
from consumers.review_desk.pages.written import share, yuan

VALUE_OF: Final = "(event) => emit(event.target.value)"
CHECKED_OF: Final = "(event) => emit(event.target.checked)"
# Up and down lead to the same field of the next line; they would step the number otherwise.
WALK: Final = """(event) => {
  if (!['ArrowUp', 'ArrowDown'].includes(event.key) || !event.target.matches('input')) return;
  event.preventDefault();
  const row = event.target.closest('tr'), place = [...row.querySelectorAll('input')].indexOf(event.target);
  const next = event.key === 'ArrowDown' ? row.nextElementSibling : row.previousElementSibling;
  const field = next && next.querySelectorAll('input')[place];
  if (field) { field.focus(); if (field.type === 'number') field.select(); }
}"""
LINE_OF: Final = "(event) => { const row = event.target.closest('tbody tr'); if (row) emit(row.sectionRowIndex); }"


class Cells:
    """What changes in a line of the table."""

    def __init__(self, row: ui.element, tick: ui.element, total: ui.label, price: ui.label) -> None:
        """For the elements of one line."""
        self.row, self._tick, self._total, self._price = row, tick, total, price

    def show(self, line: Line, *, is_taken: bool) -> None:
        """Show what follows from a line."""
        self._tick.props(**({"add": "checked"} if is_taken else {"remove": "checked"}))
        self.row.classes(**({"remove": "left-out"} if is_taken else {"add": "left-out"}))
        self._total.text = share(line.total_adjustment)
        self._price.text = yuan(line.adjusted_unit_price)

    def mark(self, *, is_current: bool) -> None:
        """Show whether the keys are about this line."""
        self.row.classes(**({"add": "at"} if is_current else {"remove": "at"}))

    def into_sight(self) -> None:
        """Scroll the line into sight, no further than it takes."""
        ui.run_javascript(f"getHtmlElement({self.row.id})?.scrollIntoView({{block: 'nearest'}})")

    def enter(self) -> None:
        """Put the cursor into the first figure of the line."""
        first = f"getHtmlElement({self.row.id})?.querySelector('input[type=number]')"
        ui.run_javascript(f"const field = {first}; if (field) {{ field.focus(); field.select(); }}")


def cell(tag: str, text: str, classes: str, below: str = "") -> ui.label:
    """A cell with a text, and a smaller one below it."""
    with ui.element(tag).classes(classes):
        label = ui.label(text)
        if below:
            ui.label(below).classes("soft num below")
    return label


def field(kind: str, name: str, value: str = "", *, step: str = "", least: str = "") -> ui.element:
    """A plain input of the browser: a table of them is too many for richer ones."""
    made = ui.element("input").props(f'type={kind} aria-label="{name}"')
    # The default and not the value: a redrawn page must not take back what is being typed.
    for prop, text in (("defaultValue", value), ("step", step), ("min", least)):
        if text:
            made.props(f"{prop}={text}")
    return made


def number(text: Any) -> float:
    """What was typed as a number; 0 for what is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def per_cent(current: float) -> str:
    """A share as it stands in its field: `1.5`."""
    return f"{round(current * 100, 1) + 0.0:.1f}"
