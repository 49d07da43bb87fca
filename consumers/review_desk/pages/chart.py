"""The chart of a case: adjusted prices of the comparables over time, the model's interval, the reviewer's price."""

from decimal import Decimal
from typing import Any, Final

from consumers.review_desk.case import Case, ComparableCase, ModelOpinion

_INK: Final = "#1d4f91"
_SOFT: Final = "#94a3b8"
_MINE: Final = "#b45309"
_FURTHEST: Final = 2  # a price half-typed must not flatten the picture
_STEP: Final = 500
_SMALLEST_DOT, _DOT_FOR_WEIGHT = 7.0, 22.0


def options(case: Case, unit_price: int | None) -> dict[str, Any]:
    """Return the ECharts options. Prices in yuan per m²; a dot's size is the comparable's weight."""
    dots = [_dot(deal) for deal in case.comparables]
    asked = [{"value": [deal.deal_date.isoformat(), deal.unit_price]} for deal in case.comparables]
    return {
        "animation": False,
        "grid": {"left": 56, "right": 74, "top": 26, "bottom": 24},
        "legend": {"top": 0, "right": 6, "itemHeight": 8, "textStyle": {"fontSize": 11}},
        "tooltip": {"trigger": "item", "formatter": "{b}"},
        "xAxis": {"type": "time", "axisLabel": {"fontSize": 11, "hideOverlap": True}, "splitNumber": 4},
        "yAxis": {
            "type": "value",
            **_reach(case, unit_price),
            "axisLabel": {"fontSize": 11},
            "splitLine": {"lineStyle": {"color": "#eef2f6"}},
        },
        "series": [
            {
                "name": "修正后单价",
                "type": "scatter",
                "data": dots,
                "itemStyle": {"color": _INK, "opacity": 0.85},
                **_model_marks(case.model, case.subject.area_m2, unit_price),
            },
            {
                "name": "成交单价",
                "type": "scatter",
                "data": asked,
                "symbolSize": 5,
                "itemStyle": {"color": "transparent", "borderColor": _SOFT, "borderWidth": 1},
                "tooltip": {"show": False},
            },
        ],
    }


def _reach(case: Case, unit_price: int | None) -> dict[str, int]:
    """Ends of the price axis: everything that is drawn must be in sight, marks included."""
    prices = [price for deal in case.comparables for price in (deal.unit_price, deal.adjusted_unit_price)]
    if case.model is not None:
        prices += [int(bound / case.subject.area_m2) for bound in (case.model.lower, case.model.upper)]
    if not prices:
        return {}
    if unit_price is not None and min(prices) / _FURTHEST < unit_price < max(prices) * _FURTHEST:
        prices.append(unit_price)
    return {"min": (min(prices) // _STEP - 1) * _STEP, "max": (max(prices) // _STEP + 2) * _STEP}


def _dot(deal: ComparableCase) -> dict[str, Any]:
    name = f"{deal.community_name} {deal.deal_date} {deal.area_m2:g}㎡：{deal.adjusted_unit_price:,} 元/㎡"
    return {
        "name": name,
        "value": [deal.deal_date.isoformat(), deal.adjusted_unit_price],
        "symbolSize": _SMALLEST_DOT + _DOT_FOR_WEIGHT * deal.weight,
    }


def _model_marks(model: ModelOpinion | None, area_m2: Decimal, unit_price: int | None) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []
    marks: dict[str, Any] = {}
    if model is not None:
        low, high = (float(bound / area_m2) for bound in (model.lower, model.upper))
        lines.append(_line("模型", model.unit_price, _INK))
        marks["markArea"] = {
            "silent": True,
            "itemStyle": {"color": _INK, "opacity": 0.08},
            "data": [[{"yAxis": low}, {"yAxis": high}]],
        }
    if unit_price:
        lines.append(_line("复核", unit_price, _MINE))
    return marks | {"markLine": {"silent": True, "symbol": "none", "data": lines}}


def _line(name: str, unit_price: int, colour: str) -> dict[str, Any]:
    label = {"formatter": f"{name} {unit_price:,}", "fontSize": 10, "color": colour}
    return {"yAxis": unit_price, "lineStyle": {"color": colour, "type": "dashed"}, "label": label}
