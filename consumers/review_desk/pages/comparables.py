"""可比实例 as a working sheet: which are taken, how they are adjusted and weighed, what the rules say, what follows."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from consumers.review_desk.deciding.case import ComparableCase
from consumers.review_desk.deciding.comparison import (
    FACTORS,
    FURTHEST,
    EditedComparable,
    Line,
    adjusted,
    edits_of,
    middle,
    rule_checks,
    slips,
    weighted_mean,
)
from consumers.review_desk.deciding.conclusion_json import edits_as_json, edits_from
from consumers.review_desk.pages.rules import RULES, rule_text
from consumers.review_desk.pages.sheet_cells import (
    CHECKED_OF,
    LINE_OF,
    VALUE_OF,
    WALK,
    Cells,
    cell,
    field,
    number,
    per_cent,
)
from consumers.review_desk.pages.written import or_dash, yuan
from consumers.review_desk.words import FACTOR, said

ALWAYS: Final = ("TIME", "LOCATION", "FLOOR", "AREA")  # columns that stand even where the model moved nothing
_PER_CENT: Final = 100


class Sheet:
    """The table of comparables. `on_change` is called after every change, with the sheet up to date."""

    def __init__(
        self,
        deals: tuple[ComparableCase, ...],
        value_date: date,
        draft: Mapping[str, Any],
        on_change: Callable[[], None],
    ) -> None:
        """Build inside the current element: as the model saw the deals, with what the draft has changed since."""
        edits = kept_edits(draft)
        self._deals = deals
        self._lines = [_line(deal, edits.get(deal.deal_id)) for deal in deals]
        kept = draft.get("comparable_ids")
        self._taken = {deal.deal_id for deal in deals if kept is None or deal.deal_id in kept}
        self._value_date, self._on_change = value_date, on_change
        self._at = 0
        self._cells: list[Cells] = []
        self._settled: dict[tuple[int, str], float] = {}
        self._slips: dict[tuple[int, str], str] = {}
        self._build()
        self._refresh()

    # ---- what it says ---------------------------------------------------------------------------------------------

    @property
    def taken(self) -> tuple[str, ...]:
        """Ids of the comparables the reviewer takes, in the table's order."""
        return tuple(line.deal_id for line in self._lines if line.deal_id in self._taken)

    @property
    def adjusted_prices(self) -> tuple[int, ...]:
        """比准单价 of every line, taken or not, in yuan per m²."""
        return tuple(line.adjusted_unit_price for line in self._lines)

    @property
    def unit_price(self) -> int | None:
        """What follows from the lines taken, by weight, in yuan per m²."""
        return weighted_mean(self._taken_lines())

    @property
    def edits(self) -> tuple[EditedComparable, ...]:
        """Adjustments and weights of the lines taken, to be kept beside the decision."""
        return edits_of(self._taken_lines())

    @property
    def problem(self) -> str:
        """What is typed and cannot be meant, a line each, with the field's name; empty when all is well."""
        return "\n".join(self._slips.values())

    def draft(self) -> dict[str, Any]:
        """What is to be kept of the sheet."""
        return {"comparable_ids": list(self.taken), "comparison": edits_as_json(edits_of(self._lines))}

    # ---- commands of the keys -------------------------------------------------------------------------------------

    def move(self, steps: int) -> None:
        """Go to the next or the previous line."""
        if self._lines:
            self._at = (self._at + steps) % len(self._lines)
            self._mark()
            self._cells[self._at].into_sight()

    def enter_current(self) -> None:
        """Put the cursor into the first figure of the current line."""
        if self._cells:
            self._cells[self._at].enter()

    def tick_current(self) -> None:
        """Take the current line, or leave it."""
        if self._lines:
            self._take(self._at, is_taken=self._lines[self._at].deal_id not in self._taken)

    def freeze(self) -> None:
        """Nothing can be changed any more; everything stays to be read."""
        self._table.props("inert")

    # ---- how it is built ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with ui.element("div").style("overflow: auto; max-height: 330px; width: 100%"):
            self._table = ui.element("table").classes("sheet").props("data-testid=comparables")
            self._table.on("keydown", js_handler=WALK)
            self._table.on("focusin", self._entered, js_handler=LINE_OF)
            with self._table:
                self._build_head()
                with ui.element("tbody"):
                    self._cells = [self._build_line(place, deal) for place, deal in enumerate(self._deals)]
        if not self._deals:
            ui.label("没有可比实例，请直接给价并说明原因。").classes("soft")
        with (
            ui.element("div")
            .classes("row")
            .style("margin-top: 4px; gap: 0 12px; font-size: 12px")
            .props("data-testid=rules")
        ):
            self._rules = {rule: ui.label("").classes("num") for rule in RULES}
        with ui.element("div").style("display: flex; gap: 0 16px; flex-wrap: wrap"):
            self._result = ui.label("").classes("num").style("font-weight: 600").props("data-testid=comparison-result")
            self._slip = ui.label("").classes("bad").props("data-testid=slip role=alert")

    def _factors(self) -> tuple[str, ...]:
        used = {adjustment.factor for line in self._lines for adjustment in line.adjustments}
        known = tuple(factor for factor in FACTORS if factor in used or factor in ALWAYS)
        return known + tuple(sorted(used - set(FACTORS)))

    def _build_head(self) -> None:
        heads = ("采用", "小区 / 成交日", "面积 楼层 / 距离", "成交单价")
        with ui.element("thead"), ui.element("tr"):
            for text in heads:
                cell("th", text, "" if text != "成交单价" else "right")
            for factor in self._factors():
                cell("th", f"{said(FACTOR, factor)}%", "right")
            for text in ("综合", "比准单价", "权重"):
                cell("th", text, "right")

    def _build_line(self, place: int, deal: ComparableCase) -> Cells:
        line = self._lines[place]
        number = place + 1
        with ui.element("tr") as row:
            with ui.element("td").style("white-space: nowrap"):
                tick = field("checkbox", f"采用第{number}例").on(
                    "change", lambda e: self._ticked(place, e), js_handler=CHECKED_OF
                )
                ui.label(str(number)).classes("num").style("display: inline-block; margin-left: 4px")
            cell("td", deal.community_name, "", deal.deal_date.isoformat())
            beside = "小区内" if deal.distance_m is None else f"{deal.distance_m} m"
            cell("td", f"{deal.area_m2:.2f} ㎡ {or_dash(deal.floor_band)}", "", beside)
            cell("td", yuan(deal.unit_price), "right num")
            for factor in self._factors():
                self._build_share(place, factor, line.share_of(factor))
            total = cell("td", "", "right num")
            price = cell("td", "", "right num strong")
            with ui.element("td").classes("right"):
                weight = field("number", f"第{number}例权重", f"{line.weight * _PER_CENT:.0f}", step="5", least="0")
                weight.on("input", lambda e: self._weighed(place, e), js_handler=VALUE_OF)
        return Cells(row, tick, total, price)

    def _build_share(self, place: int, factor: str, current: float) -> None:
        with ui.element("td").classes("right"):
            name = f"第{place + 1}例{said(FACTOR, factor)}修正"
            share = field("number", name, per_cent(current), step="0.5")
            # Each key at once, in the order of the keys: a command pressed next finds what was typed before it.
            share.on("input", lambda e: self._adjusted(place, factor, e), js_handler=VALUE_OF)
            share.on("change", lambda: self._left(place, factor, share))
            self._settled[place, factor] = current

    # ---- what changes ---------------------------------------------------------------------------------------------

    def _ticked(self, place: int, event: GenericEventArguments) -> None:
        self._at = place
        self._take(place, is_taken=bool(event.args))

    def _take(self, place: int, *, is_taken: bool) -> None:
        deal_id = self._lines[place].deal_id
        self._taken = self._taken | {deal_id} if is_taken else self._taken - {deal_id}
        self._changed()

    def _adjusted(self, place: int, factor: str, event: GenericEventArguments) -> None:
        self._at = place
        settled = self._settled[place, factor]
        line = adjusted(self._lines[place], factor, number(event.args) / _PER_CENT)
        self._slips.pop((place, factor), None)
        if slips(edits_of([line])):
            line = adjusted(self._lines[place], factor, settled)
            self._slips[place, factor] = slip_text(place, factor, settled)
        self._lines[place] = line
        self._changed()

    def _left(self, place: int, factor: str, share: ui.element) -> None:
        """The cursor leaves a field: what cannot be meant gives way to what stood there."""
        if self._slips.pop((place, factor), None) is None:
            self._settled[place, factor] = self._lines[place].share_of(factor)
            return
        settled = self._settled[place, factor]
        ui.run_javascript(f"getHtmlElement({share.id}).value = '{per_cent(settled)}'")
        ui.notify(slip_text(place, factor, settled), type="warning", position="top")
        self._changed()

    def _entered(self, event: GenericEventArguments) -> None:
        if isinstance(event.args, int) and 0 <= event.args < len(self._lines):
            self._at = event.args
            self._mark()

    def _weighed(self, place: int, event: GenericEventArguments) -> None:
        self._at = place
        self._lines[place] = replace(self._lines[place], weight=max(0.0, number(event.args)) / _PER_CENT)
        self._changed()

    def _changed(self) -> None:
        self._refresh()
        self._on_change()

    def _refresh(self) -> None:
        for line, cells in zip(self._lines, self._cells, strict=True):
            cells.show(line, is_taken=line.deal_id in self._taken)
        self._mark()
        for check in rule_checks(self._taken_lines(), self._value_date):
            label = self._rules[check.rule]
            label.text = rule_text(check, is_any_taken=bool(self._taken))
            label.classes(replace=f"num {'good' if check.met else 'bad'}" if self._taken else "num soft")
        lines = self._taken_lines()
        self._slip.text = self.problem
        mean, half = weighted_mean(lines), middle(lines)
        self._result.text = f"比准单价（按权重）{yuan(mean)} 元/㎡ · 中位数 {yuan(half)} 元/㎡"

    def _mark(self) -> None:
        for place, cells in enumerate(self._cells):
            cells.mark(is_current=place == self._at)

    def _taken_lines(self) -> tuple[Line, ...]:
        return tuple(line for line in self._lines if line.deal_id in self._taken)


def kept_edits(draft: Mapping[str, Any]) -> dict[str, EditedComparable]:
    """The edits of a draft by deal, without those that cannot be meant: a draft must always open."""
    edits = edits_from(draft.get("comparison", ()))
    dropped = set(slips(edits))
    return {edit.deal_id: edit for edit in edits if edit.deal_id not in dropped}


def slip_text(place: int, factor: str, settled: float) -> str:
    """Why an adjustment is refused, and what counts instead."""
    name = f"第{place + 1}例{said(FACTOR, factor)}修正"
    return f"✗ {name}（含综合修正）须在±{FURTHEST:.0%}以内，仍按 {per_cent(settled)}% 计"


def _line(deal: ComparableCase, edit: EditedComparable | None) -> Line:
    return Line(
        deal_id=deal.deal_id,
        deal_date=deal.deal_date,
        unit_price=deal.unit_price,
        adjustments=deal.adjustments if edit is None else edit.adjustments,
        weight=deal.weight if edit is None else edit.weight,
    )
