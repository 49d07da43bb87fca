"""价格形成说明: what moved the unit price from the typical level, in Chinese, in whole yuan that add up exactly.

The parts describe the model's arithmetic; they are not causes.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from schemas.events import ReasonPart
from streams.scoring.attributes import Floats, Ints
from streams.scoring.hedonics import FACTORS

ORDER: Final = (
    "AREA",
    "FLOOR",
    "BUILDING",
    "AGE",
    "RENOVATION",
    "LAYOUT",
    "TAX",
    "FEATURES",
    "LOCATION",
    "OTHER",
    "TIME",
)
INCOME: Final = "INCOME"
"""After all factors of the comparison, for property that is let: what the income method moved."""
FACTOR_NAMES: Final = {
    "TIME": "市场行情（成交日至价值时点）",
    "AREA": "建筑面积",
    "FLOOR": "所在楼层",
    "BUILDING": "建筑类型与总层数、电梯",
    "AGE": "建成年代",
    "RENOVATION": "装修状况",
    "LAYOUT": "户型",
    "LOCATION": "区位与周边成交水平",
    "TAX": "税费年限",
    "FEATURES": "其他房屋特征",
    "OTHER": "异常成交的修匀",
    INCOME: "收益法校验",
}
_COLUMNS: Final = [FACTORS.index(factor) for factor in ORDER]


def stepwise_prices(base: Floats, parts: Floats) -> Ints:
    """Whole-yuan unit prices after each factor in `ORDER` (n x factors + 1); the first column is the base."""
    running = np.concatenate([base[:, None], base[:, None] + np.cumsum(parts[:, _COLUMNS], axis=1)], axis=1)
    prices: Ints = np.floor(np.exp(running) + 0.5).astype(np.int64)
    return prices


def reasons(steps: Sequence[int], unit_price: int) -> tuple[ReasonPart, ...]:
    """From the stepwise prices of one subject; `steps[0]` + Σ changes = `unit_price`, the last taking the rounding.

    A step more than there are in `ORDER` is that of the income method.
    """
    exact = [*steps[:-1], unit_price]
    return tuple(
        ReasonPart(
            factor=factor,
            text=_text(factor, after - before, steps[0]),
            unit_price_change=after - before,
            share=round((after - before) / steps[0], 4),
        )
        for factor, before, after in zip((*ORDER, INCOME), exact, exact[1:], strict=False)
        if after != before
    )


def _text(factor: str, change: int, base: int) -> str:
    way = "上调" if change > 0 else "下调"
    return f"{FACTOR_NAMES[factor]}：{way}{abs(change)}元/㎡（{100 * change / base:+.1f}%）"
