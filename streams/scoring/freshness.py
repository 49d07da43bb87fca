"""Which sources a value rests on and how fresh they are in its city; a silent one is named and lowers the certainty.

Measured on weekly walk-forward deals (valuation guide §19.1): two weeks without new deals cost 2.6 points of values
within ten per cent, four weeks 9.9. So every day beyond what a source may be silent takes a third of a point off `p10`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from schemas.codes import LimitingFactor
from schemas.events import SourceUsed, Valuation
from streams.scoring.arrivals import Arrivals
from streams.scoring.certainty import confidence_level
from streams.scoring.licences import Licences

PRICE_INDEX: Final = "price-index"
"""The name under which the index of the released model is registered, if its age is to be watched."""
_LOSS_PER_DAY: Final = 0.0035  # of p10: 9.9 points in 28 days
_LEAST_P10: Final = 0.01


def traced(valuation: Valuation, on: date, used: tuple[SourceUsed, ...], licences: Licences) -> Valuation:
    """The value with its lineage; if a source is stale it says so, and is by so much less sure of itself."""
    late = days_over(used, on, licences)
    if not late:
        return replace(valuation, lineage=used)
    p10 = round(lowered(valuation.p10, late), 4)
    return replace(
        valuation,
        lineage=used,
        p10=p10,
        confidence=round(100 * p10),
        confidence_level=confidence_level(p10),
        limiting_factors=(*valuation.limiting_factors, LimitingFactor.STALE_SOURCE),
    )


def lineage(
    sources: Iterable[str], city: str, on: date, *, arrivals: Arrivals, licences: Licences, index_as_of: date | None
) -> tuple[SourceUsed, ...]:
    """The sources of a value in `city` at a value date, each with its licence and age there.

    `index_as_of`: the last day the released model's index learned from. It counts as a source of its own once
    `PRICE_INDEX` is registered.
    """
    dated = [(source, arrivals.newest(city, source, on)) for source in sources]
    if index_as_of is not None and PRICE_INDEX in licences.rows:
        dated.append((PRICE_INDEX, index_as_of))
    return tuple(_used(source, newest, on, licences) for source, newest in dated)


def _used(source: str, newest: date | None, on: date, licences: Licences) -> SourceUsed:
    return SourceUsed(
        source=source,
        reference=licences.reference(source),
        newest_on=newest,
        is_stale=newest is not None and _days_over(newest, on, licences.fresh_within_days(source)) > 0,
    )


def days_over(used: Iterable[SourceUsed], on: date, licences: Licences) -> int:
    """By how many days the source that is longest over its time is late; 0 where none is."""
    late = (
        _days_over(one.newest_on, on, licences.fresh_within_days(one.source))
        for one in used
        if one.newest_on is not None
    )
    return max(late, default=0)


def lowered(p10: float, days: int) -> float:
    """The chance to be within ten per cent, when the evidence is `days` older than it may be."""
    return max(p10 - _LOSS_PER_DAY * days, min(p10, _LEAST_P10))


def _days_over(newest: date, on: date, limit: int | None) -> int:
    return 0 if limit is None else max((on - newest).days - limit, 0)
