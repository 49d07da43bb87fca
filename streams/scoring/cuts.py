"""How answers are cut into groups for the tables: each cut names, for every answer, the group it falls into."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from schemas.domain.measures import Floats
from streams.scoring.answers import Answers

UNKNOWN: Final = "unknown"
AREA_BANDS: Final = (60.0, 90.0, 120.0, 150.0)  # m²; 90 and 144 are where taxes change, 60 and 120 halve the rest
COUNT_BANDS: Final = (1, 3, 6, 12)  # deals of the community; the classes of the calibration
_FIFTHS: Final = 5


def fifths(values: Floats) -> list[str]:
    """For each value the fifth it falls into by rank, from "1" (the lowest) to "5"."""
    order = np.argsort(values, kind="stable")
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values)) * _FIFTHS // max(1, len(values))
    return [str(at + 1) for at in place.tolist()]


def price_level(answers: Answers) -> Floats:
    """The total price level by which price fifths are cut: half observed, half estimated, in yuan.

    By the observed price alone the dearest fifth would always look under-valued, by the estimate alone over-valued,
    however good the model: the mean of both is what PRB uses too.
    """
    return (answers.price + answers.value) / 2 * answers.area


def first_of(groups: Sequence[str]) -> list[str]:
    """The groups that occur, in the order of a table."""
    return sorted(set(groups), key=lambda name: (name == UNKNOWN, _lower_end(name), name))


def _lower_end(name: str) -> float:
    head = name.removeprefix("<").rstrip("+").split("-", 1)[0]
    return float(head) - name.startswith("<") if head.isdigit() else 0.0


def _in_bands(values: Floats, edges: Sequence[float]) -> list[str]:
    names = [f"<{edges[0]:g}", *(f"{low:g}-{high:g}" for low, high in pairwise(edges)),
             f"{edges[-1]:g}+"]  # fmt: skip
    return [names[at] for at in np.searchsorted(edges, values, side="right").tolist()]


def _by_count(answers: Answers) -> list[str]:
    names = ("0", "1-2", "3-5", "6-11", "12+")
    return [names[at] for at in np.searchsorted(COUNT_BANDS, answers.comparables, side="right").tolist()]


def _by_district(answers: Answers) -> list[str]:
    return [deal.district or deal.business_circle or UNKNOWN for deal in answers.deals]


def _by_period(answers: Answers) -> list[str]:
    """The first day of the span; of a single span, which tells nothing, the month of the deal."""
    if len(set(answers.start)) > 1:
        return [start.isoformat() for start in answers.start]
    return [f"{deal.deal_date:%Y-%m}" for deal in answers.deals]


CUTS: Final[Mapping[str, Callable[[Answers], list[str]]]] = {
    "period": _by_period,
    "city": lambda answers: [deal.city for deal in answers.deals],
    "district": _by_district,
    "area": lambda answers: _in_bands(answers.area, AREA_BANDS),
    "price_fifth": lambda answers: fifths(price_level(answers)),
    "comparables": _by_count,
    "certainty_fifth": lambda answers: fifths(-answers.p10),
}
"""Where a source has no district, the business circle stands for it. Fifths: 1 is the cheapest, and the surest."""
