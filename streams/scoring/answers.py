"""The forecasts of all spans of one setting, joined into columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.domain.measures import Floats
from streams.scoring.attributes import Ints
from streams.scoring.evaluation import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered for each deal, in order; `start` is the first day of its span. Unit prices in yuan per m²."""

    deals: NDArray[np.object_]
    start: NDArray[np.object_]
    price: Floats
    value: Floats
    lower: Floats
    upper: Floats
    p10: Floats
    fsd: Floats
    comparables: Ints
    baselines: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.price)

    @property
    def half_width(self) -> Floats:
        """Half of the interval as a share of the value."""
        return (self.upper - self.lower) / self.value / 2

    @property
    def area(self) -> Floats:
        """Areas in m²."""
        return np.array([deal.area_m2 for deal in self.deals], np.float64)

    @property
    def communities(self) -> NDArray[np.str_]:
        """Ids of the communities."""
        return np.array([deal.community_id for deal in self.deals], str)

    def where(self, chosen: Any) -> "Answers":
        """The answers at these places (indices or a mask)."""
        columns = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "baselines"}
        return Answers(
            **{name: column[chosen] for name, column in columns.items()},
            baselines={name: values[chosen] for name, values in self.baselines.items()},
        )


def joined(forecasts: Sequence[Forecast]) -> Answers:
    """All spans one after another. Raises `ValueError` when there are none."""
    if not forecasts:
        raise ValueError("there are no forecasts to report on")
    names = ("deals", "price", "value", "lower", "upper", "p10", "fsd", "comparables")
    starts = [one.start for one in forecasts for _ in one.price]
    return Answers(
        **{name: np.concatenate([getattr(one, name) for one in forecasts]) for name in names},
        start=np.array(starts, object),
        baselines={name: np.concatenate([one.baselines[name] for one in forecasts]) for name in forecasts[0].baselines},
    )
