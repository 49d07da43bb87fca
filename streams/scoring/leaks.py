"""Leaks that names do not betray: numbers made of the price, and the same deal twice (valuation guide §5.2).

Names are refused by `schemas.domain.forbidden_inputs`, later rows by the order of spans.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from schemas.domain.forbidden_inputs import forbidden_further
from schemas.domain.measures import Floats
from schemas.errors import PermanentError
from schemas.events import Deal

_MADE_OF_PRICE: Final = 0.97  # rank correlation; what grades a house best (grade, area) stays below 0.75 with its price
_LEAST: Final = 100  # deals with the number; of fewer, a rank correlation may be high by chance


class LeakError(PermanentError):
    """The deals carry what tells the price. Names every number and why."""


def refuse_leaks(deals: Sequence[Deal]) -> None:
    """Raise `LeakError` if a further number of the deals is forbidden by its name or made of the price."""
    names = {name for deal in deals for name in deal.further}
    by_name = forbidden_further(names)
    by_value = sorted(name for name in names.difference(by_name) if is_made_of_price(deals, name))
    faults = [
        *(f"{name} speaks of a price or of what is known only after it" for name in by_name),
        *(f"{name} orders the deals as their prices do: it is made of the price" for name in by_value),
    ]
    if faults:
        raise LeakError(f"further numbers that may not be read: {'; '.join(faults)}; take them out of the mapping")


def is_made_of_price(deals: Sequence[Deal], name: str) -> bool:
    """Whether a further number stands in nearly the same order as the unit price or the total."""
    having = [deal for deal in deals if name in deal.further]
    if len(having) < _LEAST:
        return False
    number = np.array([deal.further[name] for deal in having], np.float64)
    unit_price = np.array([deal.unit_price for deal in having], np.float64)
    total = unit_price * np.array([deal.area_m2 for deal in having], np.float64)
    return max(_likeness(number, unit_price), _likeness(number, total)) > _MADE_OF_PRICE


def repeated(deals: Iterable[Deal]) -> int:
    """How many deals stand there again under another id: same community, area and unit price."""
    counts = Counter((deal.community_id, deal.area_m2, deal.unit_price, deal.building, deal.floor) for deal in deals)
    return sum(count - 1 for count in counts.values())


def _likeness(first: Floats, second: Floats) -> float:
    """Absolute rank correlation; 0 where one of them never changes."""
    ranks = [np.unique(values, return_inverse=True)[1].astype(np.float64) for values in (first, second)]
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    return float(abs(np.corrcoef(ranks[0], ranks[1])[0, 1]))
