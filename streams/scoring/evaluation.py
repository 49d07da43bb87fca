"""Walk-forward evaluation: train on everything known before a span, predict it, step on. Nothing random in time.

There is no other way to split: spans are days in order, and a span is predicted by what was known before its first day.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from schemas.domain.measures import Floats
from schemas.events import Community, Deal
from streams.scoring.attributes import Ints
from streams.scoring.baselines import Told, of_rules, plain_trees
from streams.scoring.comparables import ComparableBook
from streams.scoring.market import market_of, places_of, rows_of
from streams.scoring.model import Model
from streams.scoring.subjects import EVERYTHING, Subjects, subjects_of
from streams.scoring.training import MIN_DEALS, clean, fit

Span = tuple[date, date]
OF_ADDRESS: Final = frozenset({"floor", "floor_band", "total_floors"})
_HIDDEN_SHARE: Final = 5  # one community in five is cold
_CHUNK: Final = 2_000
_LONGEST_STEP: Final = 31  # days that a model is calibrated to answer for; beyond, a new one is due


class Setting(StrEnum):
    """What is told of the subject: address and area alone, or everything an inspection would find.

    PARSED: what a typed address tells besides, the floor and the height of the building. COLD: as AREA, in the fifth of
    communities of which no deal was ever shown to the model: the quality of the fall-back.
    """

    AREA = "area"
    PARSED = "parsed"
    FULL = "full"
    COLD = "cold"


_KEPT: Final[Mapping[Setting, frozenset[str]]] = {
    Setting.AREA: frozenset(),
    Setting.PARSED: OF_ADDRESS,
    Setting.FULL: frozenset(EVERYTHING),
    Setting.COLD: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One span's answers beside the deals that were asked about, all as unit prices in yuan per m².

    `comparables`: deals of the same community that were known.
    """

    start: date
    deals: NDArray[np.object_]
    price: Floats
    value: Floats
    lower: Floats
    upper: Floats
    p10: Floats
    fsd: Floats
    comparables: Ints
    baselines: Mapping[str, Floats]


def periods(start: date, end: date, days: int = 7) -> Iterator[Span]:
    """Consecutive spans [from, to) of `days` until `end` (included); a last stub joins the one before it."""
    while start <= end:
        stop = start + timedelta(days=days)
        if stop + timedelta(days=days) > end + timedelta(days=1) or stop > end:
            stop = end + timedelta(days=1)
        yield start, stop
        start = stop


def months(start: date, end: date) -> Iterator[Span]:
    """Calendar months from `start` until `end` (included); the first and last may be parts of one.

    Where a source tells the month alone, all its deals bear its first day: only calendar months keep them together.
    """
    while start <= end:
        length = monthrange(start.year, start.month)[1]
        stop = start.replace(day=1) + timedelta(days=length)
        yield start, min(stop, end + timedelta(days=1))
        start = stop


def walk_forward(
    deals: Sequence[Deal],
    spans: Sequence[Span],
    *,
    settings: Sequence[Setting],
    communities: Sequence[Community] = (),
    lag_days: int = 0,
    progress: Callable[[date], None] = lambda _: None,
) -> dict[Setting, list[Forecast]]:
    """Forecasts of every span from a model trained on what was known before it; its comparables end there too.

    Each deal is valued at its own date. Only training deals are cleaned by price: what is predicted is left as it is.
    `lag_days`: how long after its date a deal becomes known, where the data does not say. A span without deals, or
    before which too few were known to train on, gives none.

    Raises:
        ValueError: The spans overlap or run backwards.
    """
    _in_order(spans)
    result: dict[Setting, list[Forecast]] = {setting: [] for setting in settings}
    usable = evaluable(deals)
    warm = tuple(setting for setting in settings if setting is not Setting.COLD)
    for start, stop in spans:
        known = known_before(usable, start, lag_days=lag_days)
        asked = [deal for deal in usable if start <= deal.deal_date < stop]
        if warm:
            _answer(known, asked, (start, stop), warm, communities, result)
        if Setting.COLD in settings:
            _answer(*cold_parts(known, asked), (start, stop), (Setting.COLD,), communities, result)
        progress(start)
    return result


def evaluable(deals: Sequence[Deal]) -> list[Deal]:
    """Deals that have an area and a price at all, each once, by date and id. None is left out for its price."""
    kept: dict[str, Deal] = {}
    for deal in deals:
        if np.isfinite([deal.area_m2, deal.unit_price]).all() and min(deal.area_m2, deal.unit_price) > 0:
            kept.setdefault(deal.deal_id, deal)
    return sorted(kept.values(), key=lambda deal: (deal.deal_date, deal.deal_id))


def known_before(deals: Sequence[Deal], start: date, *, lag_days: int = 0) -> list[Deal]:
    """What may be learned from to predict from `start` on: deals known before it, cleaned by what was known then."""
    cleaned, _ = clean((_known_after(deal, lag_days) for deal in deals), until=start)
    return cleaned


def is_cold(community_id: str) -> bool:
    """Whether a community belongs to the fifth that is hidden from history; always the same ones."""
    return crc32(community_id.encode()) % _HIDDEN_SHARE == 0


def cold_parts(known: Sequence[Deal], asked: Sequence[Deal]) -> tuple[list[Deal], list[Deal]]:
    """History without the hidden communities, and the deals of those alone."""
    return [deal for deal in known if not is_cold(deal.community_id)], [
        deal for deal in asked if is_cold(deal.community_id)
    ]


def as_told(deal: Deal, setting: Setting) -> Deal:
    """The deal with only what the setting tells of the property."""
    if setting is Setting.FULL:
        return deal
    hidden: dict[str, Any] = dict.fromkeys(name for name in EVERYTHING if name not in _KEPT[setting])
    return replace(deal, **{**hidden, "further": {}})


def _in_order(spans: Sequence[Span]) -> None:
    if any(start >= stop for start, stop in spans) or any(stop > start for (_, stop), (start, _) in pairwise(spans)):
        raise ValueError("spans must follow each other in time without overlap; deals are never split at random")


def _known_after(deal: Deal, days: int) -> Deal:
    return deal if deal.known_on or not days else replace(deal, known_on=deal.deal_date + timedelta(days=days))


def _answer(
    known: Sequence[Deal],
    asked: Sequence[Deal],
    span: Span,
    settings: Sequence[Setting],
    communities: Sequence[Community],
    result: Mapping[Setting, list[Forecast]],
) -> None:
    """Add the forecasts of a span; none without deals, or where there was too little to train a model on."""
    start, stop = span
    if not asked or len(known) < MIN_DEALS:
        return
    places = places_of(communities)
    model, _ = fit(known, places, until=start, step_days=min((stop - start).days, _LONGEST_STEP))
    market = market_of(known, places)
    book = ComparableBook(market, model.layer)
    for setting in settings:
        told = [as_told(deal, setting) for deal in asked]
        shown = known if setting is Setting.FULL else [as_told(deal, setting) for deal in known]
        rows = rows_of(told, places, market.vocabularies)
        subjects = subjects_of(
            rows,
            day=rows.day,
            known=np.full(len(rows), start.toordinal()),
            own=np.full(len(rows), -1, np.int64),
        )
        log_value, log_first, half_width, fsd, p10 = _in_chunks(model, book, subjects)
        result[setting].append(
            Forecast(
                start=start,
                deals=_objects(asked),
                price=np.array([deal.unit_price for deal in asked], np.float64),
                value=np.exp(log_value),
                lower=np.exp(log_value - half_width),
                upper=np.exp(log_value + half_width),
                p10=p10,
                fsd=fsd,
                comparables=_known_of_community(known, asked),
                baselines={
                    **of_rules(known, asked, start),
                    "comparables": np.exp(log_first),
                    "plain_catboost": plain_trees(Told(known=shown, asked=told), start),
                },
            )
        )


def _in_chunks(model: Model, book: ComparableBook, subjects: Subjects) -> tuple[Floats, ...]:
    """Log value, log value by layer 1 alone, half width, fsd and p10 of each subject."""
    parts = []
    for first in range(0, len(subjects), _CHUNK):
        comparison = book.compare(subjects.taken(np.arange(first, min(first + _CHUNK, len(subjects)))))
        estimate = model.estimate(comparison)
        parts.append((estimate.log_value, comparison.log_value, estimate.half_width, estimate.fsd, estimate.p10))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _known_of_community(known: Sequence[Deal], asked: Sequence[Deal]) -> Ints:
    counts: dict[str, int] = {}
    for deal in known:
        counts[deal.community_id] = counts.get(deal.community_id, 0) + 1
    return np.array([counts.get(deal.community_id, 0) for deal in asked], np.int64)


def _objects(deals: Sequence[Deal]) -> NDArray[np.object_]:
    array = np.empty(len(deals), object)
    array[:] = deals
    return array
