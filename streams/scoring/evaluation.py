"""Walk-forward evaluation: train on everything known before a week, predict it, step on. Nothing random in time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.domain.measures import (
    Floats,
    ape,
    calibration_error,
    interval_coverage,
    measure,
    ppe_among_surest,
    wilson,
)
from schemas.events import Community, Deal
from streams.scoring.attributes import Ints
from streams.scoring.certainty import NEAR
from streams.scoring.comparables import ComparableBook, Comparison, Subjects
from streams.scoring.market import Rows, rows_of
from streams.scoring.model import Model
from streams.scoring.training import (
    EVERYTHING,
    MIN_DEALS,
    as_first_of_community,
    fit,
    market_of,
    places_of,
    subjects_of,
)

_OF_ADDRESS: Final = frozenset({"floor", "floor_band", "total_floors"})
ANSWERED: Final = (0.95, 0.9, 0.8, 0.7, 0.5)
_MORE_PATIENT: Final = 36_500  # days


class Setting(StrEnum):
    """What is told of the subject: address and area alone, or everything an inspection would find.

    PARSED: what a typed address tells besides, the floor and the height of the building. COLD is AREA in a community
    where nothing was ever sold: the quality of the fall-back.
    """

    AREA = "area"
    PARSED = "parsed"
    FULL = "full"
    COLD = "cold"


_HIDDEN: Final[Mapping[Setting, Sequence[str]]] = {
    Setting.AREA: EVERYTHING,
    Setting.PARSED: tuple(name for name in EVERYTHING if name not in _OF_ADDRESS),
    Setting.FULL: (),
    Setting.COLD: EVERYTHING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One period's answers beside the deals that were asked about, all as unit prices in yuan per m²."""

    start: date
    deals: NDArray[np.object_]
    price: Floats
    value: Floats
    lower: Floats
    upper: Floats
    p10: Floats
    comparables: Ints
    baselines: Mapping[str, Floats]


def periods(start: date, end: date, days: int) -> Iterator[tuple[date, date]]:
    """Consecutive periods [from, to) of `days` until `end` (included); a last stub joins the one before it."""
    while start <= end:
        stop = start + timedelta(days=days)
        if stop + timedelta(days=days) > end + timedelta(days=1) or stop > end:
            stop = end + timedelta(days=1)
        yield start, stop
        start = stop


def walk_forward(
    deals: Sequence[Deal],
    spans: Sequence[tuple[date, date]],
    *,
    settings: Sequence[Setting],
    communities: Sequence[Community] = (),
    lag_days: int = 0,
    progress: Callable[[date], None] = lambda _: None,
) -> dict[Setting, list[Forecast]]:
    """Forecasts of every span from a model trained on what was known before it; its comparables end there too.

    Each deal is valued at its own date. `lag_days`: how long after its date a deal becomes known, where the data does
    not say. A span without deals, or before which too few were known to train on, gives none.
    """
    result: dict[Setting, list[Forecast]] = {setting: [] for setting in settings}
    late = [_known_after(deal, lag_days) for deal in deals] if lag_days else deals
    for start, stop in spans:
        known = [deal for deal in late if (deal.known_on or deal.deal_date) < start]
        asked = [deal for deal in deals if start <= deal.deal_date < stop]
        if not asked or len(known) < MIN_DEALS:  # a segment that had no model yet answered nobody
            continue
        places = places_of(communities)
        model, _ = fit(known, places, until=start)
        market = market_of(known, places)
        book = ComparableBook(market, model.layer)
        rows = rows_of(asked, places, market.vocabularies)
        for setting in settings:
            result[setting].append(_forecast(model, book, rows, start, setting))
        progress(start)
    return result


def report(forecasts: Sequence[Forecast]) -> dict[str, Any]:
    """The figures of the validation protocol as plain values."""
    price, value, p10 = (np.concatenate([getattr(f, name) for f in forecasts]) for name in ("price", "value", "p10"))
    lower, upper = (np.concatenate([getattr(f, name) for f in forecasts]) for name in ("lower", "upper"))
    count = np.concatenate([f.comparables for f in forecasts])
    error = ape(value, price)
    hit = error <= NEAR
    names = forecasts[0].baselines
    return {
        **measure(value, price).as_json(),
        "ppe10_interval": [round(edge, 4) for edge in wilson(int(hit.sum()), len(hit))],
        "interval_coverage": round(interval_coverage(lower, upper, price), 4),
        "interval_width": round(float(np.mean((upper - lower) / value) / 2), 4),
        "ece_p10": round(calibration_error(p10, hit), 4),
        "ppe10_at": {f"{share:.2f}": round(ppe_among_surest(error, p10, share), 4) for share in ANSWERED},
        "ppe10_by_period": {f.start.isoformat(): [len(f.price), _ppe10(f.value, f.price)] for f in forecasts},
        "ppe10_by_comparables": {
            name: [int(here.sum()), _ppe10(value[here], price[here])]
            for name, here in _bands(count).items()
            if here.any()
        },
        "baselines": {
            name: measure(np.concatenate([f.baselines[name] for f in forecasts]), price).as_json() for name in names
        },
    }


def _known_after(deal: Deal, days: int) -> Deal:
    return deal if deal.known_on else replace(deal, known_on=deal.deal_date + timedelta(days=days))


def _forecast(model: Model, book: ComparableBook, asked: Rows, start: date, setting: Setting) -> Forecast:
    n = len(asked)
    subjects = subjects_of(
        asked,
        day=asked.day,
        known=np.full(n, start.toordinal()),
        own=np.full(n, -1, np.int64),
        hidden=_HIDDEN[setting],
    )
    if setting is Setting.COLD:
        subjects = as_first_of_community(subjects)
    comparison = book.compare(subjects)
    estimate = model.estimate(comparison)
    value = np.exp(estimate.log_value)
    return Forecast(
        start=start,
        deals=asked.deals,
        price=np.exp(asked.log_price),
        value=value,
        lower=value * np.exp(-estimate.half_width),
        upper=value * np.exp(estimate.half_width),
        p10=estimate.p10,
        comparables=np.bincount(comparison.candidates.subject, comparison.candidates.same_community, n).astype(
            np.int64
        ),
        baselines=_baselines(book, subjects, comparison),
    )


def _baselines(book: ComparableBook, subjects: Subjects, comparison: Comparison) -> dict[str, Floats]:
    """What simple rules would have said; where a community has no deal they fall back on the city's mean."""
    candidates, rows = comparison.candidates, book.market.rows
    n = len(subjects)
    known = rows.known < int(subjects.known[0])
    here = [known & (rows.city == city) for city in range(int(rows.city.max()) + 1)]
    city = np.array([rows.log_price[mask].mean() if mask.any() else rows.log_price[known].mean() for mask in here])
    city_mean = city[subjects.city]
    own = candidates.same_community > 0
    who, price = candidates.subject[own], (rows.log_price[candidates.row] + candidates.time)[own]
    count = np.bincount(who, minlength=n)
    mean = np.where(count > 0, np.bincount(who, price, n) / np.maximum(count, 1), city_mean)
    order = np.lexsort((-candidates.age_days[own], who))  # the last one written to a place is the latest deal
    last = city_mean.copy()
    last[who[order]] = price[order]
    return {
        "city_mean": np.exp(city_mean),
        "community_mean_x_index": np.exp(mean),
        "last_price_x_index": np.exp(last),
        "comparables": np.exp(comparison.log_value),
    }


def _bands(count: Ints) -> dict[str, Any]:
    edges = (("0", 0, 0), ("1-2", 1, 2), ("3-5", 3, 5), ("6-11", 6, 11), ("12+", 12, _MORE_PATIENT))
    return {name: (count >= low) & (count <= high) for name, low, high in edges}


def _ppe10(value: Floats, price: Floats) -> float:
    return round(float((ape(value, price) <= NEAR).mean()), 4)
