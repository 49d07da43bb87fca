"""The two charts of a case, redrawn as the reviewer works."""

from typing import Any

from nicegui import ui

from consumers.review_desk.deciding.case import Case
from consumers.review_desk.pages import charts
from consumers.review_desk.pages.comparables import Sheet
from consumers.review_desk.pages.frame import panel


class Pictures:
    """Prices over time, and where the comparables lie, side by side."""

    def __init__(self, case: Case) -> None:
        """Build inside the current element, still empty."""
        self._case = case
        unknown = sum(deal.distance_m is None for deal in case.comparables)
        side_by_side = "display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr); gap: 8px; min-width: 0"
        with ui.element("div").style(side_by_side):
            with panel("单价走势（元/㎡）"):
                self._prices = _chart("prices")
            with panel("位置示意") as title:
                with title:
                    text = "距离为实，方位不代表实际" + (f"；{unknown}例距离未知" if unknown else "")
                    ui.label(text).classes("soft").style("font-weight: 400; font-size: 12px")
                self._places = _chart("places")

    def draw(self, sheet: Sheet, unit_price: int | None) -> None:
        """Draw the comparables as the sheet has them, with the reviewer's price in yuan per m²."""
        case, taken = self._case, set(sheet.taken)
        drawn = charts.prices(
            case.comparables,
            sheet.adjusted_prices,
            taken,
            model=case.model,
            area_m2=case.subject.area_m2,
            unit_price=unit_price,
        )
        _redraw(self._prices, drawn)
        _redraw(self._places, charts.whereabouts(case.comparables, taken))


def _chart(name: str) -> ui.echart:
    return ui.echart({}).style("height: 172px; width: 100%").props(f"data-testid={name}")


def _redraw(chart: ui.echart, options: dict[str, Any]) -> None:
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()
