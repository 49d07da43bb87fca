"""The two charts of a case, as ECharts options: prices over time, and where the comparables lie from the subject.

Each comparable carries its number of the table, and one that is taken is filled, one that is not is hollow: nothing is
told by colour alone. Nothing is fetched from outside.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final

from consumers.review_desk.deciding.case import ComparableCase, ModelOpinion
from consumers.review_desk.pages.written import yuan

_INK: Final = "#1d4f91"
_SOFT: Final = "#6b7a8d"
_MINE: Final = "#9a4a05"
_GRID: Final = "#e8edf3"
_FURTHEST: Final = 2  # a price half-typed must not flatten the picture
_STEP: Final = 500
_SMALLEST_DOT, _DOT_FOR_WEIGHT = 13.0, 16.0
_NEAREST_RING_M: Final = 500  # a sketch of one community's deals still shows a scale
_TURN: Final = 137.5  # degrees: consecutive dots never lie on each other (the golden angle)
_SCALE_KEEPS: Final = 45  # degrees to each side of the scale where no dot lies on its figures


def prices(
    deals: Sequence[ComparableCase],
    adjusted: Sequence[int],
    taken: Collection[str],
    *,
    model: ModelOpinion | None,
    area_m2: Decimal,
    unit_price: int | None,
) -> dict[str, Any]:
    """Prices in yuan per m² by date of the deal. A dot's size is its weight, the thin ring the price actually paid.

    `adjusted` goes with `deals`. `model` draws its interval and value; `unit_price` is the reviewer's.
    """
    dots = [
        _dot(number, deal, price, is_taken=deal.deal_id in taken)
        for number, (deal, price) in enumerate(zip(deals, adjusted, strict=True), start=1)
    ]
    paid = [{"value": [deal.deal_date.isoformat(), deal.unit_price]} for deal in deals]
    return {
        "animation": False,
        "aria": {"enabled": True},
        **_emptiness(deals, "没有可比实例"),
        "grid": {"left": 52, "right": 86, "top": 24, "bottom": 22},
        "legend": {
            "top": 0,
            "left": 52,
            "itemHeight": 8,
            "itemWidth": 10,
            "textStyle": {"fontSize": 11},
            "selectedMode": False,
        },
        "tooltip": {"trigger": "item", "formatter": "{b}"},
        "xAxis": {"type": "time", "axisLabel": {"fontSize": 11, "hideOverlap": True}, "splitNumber": 4},
        "yAxis": {
            "type": "value",
            **_reach(deals, adjusted, model, area_m2, unit_price),
            "axisLabel": {"fontSize": 11},
            "splitLine": {"lineStyle": {"color": _GRID}},
        },
        "series": [
            {
                "name": "修正后单价（编号同下表）",
                "type": "scatter",
                "data": dots,
                "itemStyle": {"color": _INK},
                **_marks(model, area_m2, unit_price),
            },
            {
                "name": "成交单价",
                "type": "scatter",
                "data": paid,
                "symbol": "diamond",
                "symbolSize": 7,
                "itemStyle": {"color": "transparent", "borderColor": _SOFT, "borderWidth": 1.2},
                "tooltip": {"show": False},
            },
        ],
    }


def whereabouts(deals: Sequence[ComparableCase], taken: Collection[str]) -> dict[str, Any]:
    """Rings of distance around the subject. The distance is real; the direction is not known and only spreads the dots.

    A deal whose distance is not known is left out; the page says how many.
    """
    known = [(number, deal) for number, deal in enumerate(deals, start=1) if deal.distance_m is not None]
    furthest = max((deal.distance_m or 0 for _, deal in known), default=0)
    reach = -(-max(furthest, _NEAREST_RING_M) * 1.15 // _NEAREST_RING_M) * _NEAREST_RING_M
    return {
        "animation": False,
        "aria": {"enabled": True},
        **_emptiness(known, "没有距离已知的可比实例" if deals else "没有可比实例"),
        "polar": {"center": ["50%", "50%"], "radius": "86%"},
        "tooltip": {"trigger": "item", "formatter": "{b}"},
        "angleAxis": {"type": "value", "min": 0, "max": 360, "show": False},
        "radiusAxis": {
            "min": 0,
            "max": reach,
            "splitNumber": 3,
            "axisLabel": {"fontSize": 10, "formatter": "{value} m", "hideOverlap": True, "showMinLabel": False},
            "axisLine": {"show": False},
            "splitLine": {"lineStyle": {"color": _GRID}},
        },
        "series": [
            {
                "type": "scatter",
                "coordinateSystem": "polar",
                "data": [_place(number, deal, is_taken=deal.deal_id in taken) for number, deal in known],
            },
            {
                "type": "scatter",
                "coordinateSystem": "polar",
                "symbol": "triangle",
                "symbolSize": 14,
                "data": [{"name": "估价对象", "value": [0, 0]}],
                "itemStyle": {"color": _MINE},
            },
        ],
    }


def _emptiness(drawn: Sequence[object], text: str) -> dict[str, Any]:
    if drawn:
        return {}
    return {"title": {"text": text, "left": "center", "bottom": 34, "textStyle": {"fontSize": 12, "color": _SOFT}}}


def _dot(number: int, deal: ComparableCase, price: int, *, is_taken: bool) -> dict[str, Any]:
    name = f"{number} {deal.community_name} {deal.deal_date} {deal.area_m2:g}㎡：{yuan(price)} 元/㎡"
    size = _SMALLEST_DOT + _DOT_FOR_WEIGHT * deal.weight
    return {
        "name": name,
        "value": [deal.deal_date.isoformat(), price],
        "symbolSize": size,
        **_numbered(number, is_taken),
    }


def _place(number: int, deal: ComparableCase, *, is_taken: bool) -> dict[str, Any]:
    name = f"{number} {deal.community_name}，距离 {deal.distance_m} m"
    angle = round(_SCALE_KEEPS + number * _TURN % 360 * (360 - 2 * _SCALE_KEEPS) / 360, 1)
    return {"name": name, "value": [deal.distance_m, angle], "symbolSize": 17, **_numbered(number, is_taken)}


def _numbered(number: int, is_taken: bool) -> dict[str, Any]:  # noqa: FBT001 - a fact of the dot
    label = {"show": True, "formatter": str(number), "fontSize": 10, "color": "#fff" if is_taken else _INK}
    look = (
        {"color": _INK}
        if is_taken
        else {"color": "#fff", "borderColor": _INK, "borderWidth": 1, "borderType": "dashed"}
    )
    return {"label": label, "itemStyle": look}


def _reach(
    deals: Sequence[ComparableCase],
    adjusted: Sequence[int],
    model: ModelOpinion | None,
    area_m2: Decimal,
    unit_price: int | None,
) -> dict[str, int]:
    """Ends of the price axis: everything that is drawn must be in sight, marks included."""
    shown = [*adjusted, *(deal.unit_price for deal in deals)]
    if model is not None:
        shown += [int(bound / area_m2) for bound in (model.lower, model.upper)]
    if not shown:
        return {}
    if unit_price is not None and min(shown) / _FURTHEST < unit_price < max(shown) * _FURTHEST:
        shown.append(unit_price)
    return {"min": (min(shown) // _STEP - 1) * _STEP, "max": (max(shown) // _STEP + 2) * _STEP}


def _marks(model: ModelOpinion | None, area_m2: Decimal, unit_price: int | None) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []
    marks: dict[str, Any] = {}
    if model is not None:
        low, high = (float(bound / area_m2) for bound in (model.lower, model.upper))
        lines.append(_line("模型", model.unit_price, _INK, "dashed", "insideStartBottom"))
        marks["markArea"] = {
            "silent": True,
            "itemStyle": {"color": _INK, "opacity": 0.08},
            "data": [[{"yAxis": low}, {"yAxis": high}]],
        }
    if unit_price:
        lines.append(_line("本次", unit_price, _MINE, "solid", "end"))
    return marks | {"markLine": {"silent": True, "symbol": "none", "data": lines}}


def _line(name: str, unit_price: int, colour: str, kind: str, place: str) -> dict[str, Any]:
    label = {"formatter": f"{name} {unit_price:,}", "fontSize": 11, "color": colour, "position": place}
    return {"yAxis": unit_price, "lineStyle": {"color": colour, "type": kind}, "label": label}
