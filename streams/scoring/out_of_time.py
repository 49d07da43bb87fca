"""The latest weeks as a rehearsal: a model that never saw them answers them step by step, and is judged by it.

What it teaches: how sure a value is (intervals, p10), what the figures are, and by how much the market has run ahead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from schemas.domain.knowledge import known_from
from schemas.domain.measures import Measures, measure
from schemas.events import Deal
from streams.scoring.attributes import Floats, Ints
from streams.scoring.certainty import Certainty, Outcomes, calibrate
from streams.scoring.comparables import ComparableBook
from streams.scoring.covariance import Covariance
from streams.scoring.fitting import Core, TooFewDealsError, compared, compared_within, effects_of, fit_core
from streams.scoring.index import ALL_CITIES, PriceIndex, fit_index
from streams.scoring.market import Market, Places, market_of
from streams.scoring.model import spread_of
from streams.scoring.subjects import EVERYTHING, Subjects, as_first_of_community, subjects_of, without_community
from streams.scoring.trees import load_trees

_CALIBRATION_SHARE, _MIN_CALIBRATION, _MAX_CALIBRATION = 0.3, 7, 56  # of the history; days
_LEAST_CALIBRATION: Final = 50  # deals
_MOST_OF_STEP: Final = 2_500  # deals of a step that are valued
_LEAST_BEFORE: Final = 50  # deals that were known before the window
_MOST_STEPS: Final = 4
_DRIFT_STEPS: Final = 2  # whose errors are carried forward
_DRIFT_LASTS: Final = 0.8  # of them; measured on a market that turned (guide §19.3)
_LEAST_DRIFT: Final = 60  # deals in those steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the latest weeks taught: certainty, figures by setting, drift of each city at the end, covariances."""

    certainty: Certainty
    figures: dict[str, Measures]
    drift: dict[str, float]
    covariances: Mapping[str, Covariance]


def calibration_steps(deals: Sequence[Deal], end: date, days: int) -> tuple[date, ...]:
    """First days of the steps of the window, and `end`: the latest weeks, a share of the history.

    Further back where they hold too few deals; a first piece shorter than a step joins the second.
    """
    dates = sorted(deal.deal_date for deal in deals)
    most = max(_MAX_CALIBRATION, _MOST_STEPS * days)
    wanted = int(min(max((end - dates[0]).days * _CALIBRATION_SHARE, _MIN_CALIBRATION), most))
    start = min(end - timedelta(days=wanted), dates[-_LEAST_CALIBRATION])
    count = max(1, (end - start).days // days)
    return (start, *(end - timedelta(days=days * left) for left in range(count - 1, -1, -1)))


def calibrated(deals: Sequence[Deal], labels: Sequence[Deal], places: Places, steps: Sequence[date]) -> Window:
    """Walk through the window in steps: index and drift from before each, its deals valued by what was known then.

    Effects, covariances and trees are those learned before the window.
    """
    start = steps[0]
    before = [deal for deal in deals if known_from(deal.deal_date, deal.known_on) < start]
    if len(before) < _LEAST_BEFORE:
        raise TooFewDealsError(
            f"only {len(before)} deals were known before {start}, where the weeks begin that judge the model; "
            f"{_LEAST_BEFORE} are needed. Is known_on the day of a bulk load, not that of each deal?"
        )
    core = fit_core(market_of(before, places), start, labels=labels)
    market = market_of(deals, places)
    effects = effects_of(core.layer.hedonics, market)
    tale: dict[str, list[Outcomes]] = {"full": [], "area": []}
    others: list[Outcomes] = []
    drift: list[tuple[Ints, Floats]] = []
    for begin, stop in pairwise(steps):
        rows = _asked(market, begin, stop)
        if not len(rows):
            continue
        index = _index_before(market, effects, begin.toordinal()).carried(_drift(market, drift))
        book = ComparableBook(market, replace(core.layer, index=index))
        asked = market.rows.taken(rows)
        errors = []
        for name, hidden in (("full", ()), ("area", EVERYTHING)):
            subjects = subjects_of(
                asked, day=asked.day, known=np.full(len(rows), begin.toordinal()), own=rows, hidden=hidden
            )
            tale[name].append(_outcomes(book, core, subjects, asked.log_price))
            errors.append(tale[name][-1].error)
            others += [
                _outcomes(book, core, view, asked.log_price)
                for view in (as_first_of_community(subjects), without_community(subjects))
            ]
        carried = index.carry(asked.city, market.places.cities.texts)
        drift.append((asked.city, np.mean(errors, axis=0) - carried))
    return Window(
        certainty=calibrate([*tale["full"], *tale["area"], *others]),
        figures={name: _measured(market, steps, seen) for name, seen in tale.items()},
        drift=_drift(market, drift),
        covariances=core.layer.covariances,
    )


def _asked(market: Market, begin: date, stop: date) -> Ints:
    """The deals of a step, a draw of them where there are more than certainty needs."""
    rows = np.flatnonzero((market.rows.day >= begin.toordinal()) & (market.rows.day < stop.toordinal()))
    drawn = np.argsort(market.rows.digest[rows], kind="stable")[:_MOST_OF_STEP]
    return rows[np.sort(drawn)]


def _measured(market: Market, steps: Sequence[date], seen: Sequence[Outcomes]) -> Measures:
    truth = np.concatenate([market.rows.log_price[_asked(market, begin, stop)] for begin, stop in pairwise(steps)])
    return measure(np.exp(truth + np.concatenate([one.error for one in seen])), np.exp(truth))


def _index_before(market: Market, effects: Floats, day: int) -> PriceIndex:
    """The index as it would have been fitted on that day."""
    known = np.flatnonzero(market.rows.known < day)
    before = market.rows.taken(known)
    return fit_index(
        day=before.day,
        city=before.city,
        names=market.places.cities.texts,
        group=compared_within(before),
        log_price=before.log_price - effects[known],
    )


def _drift(market: Market, seen: Sequence[tuple[Ints, Floats]]) -> dict[str, float]:
    """By how much the forecasts of the last steps lay too low, by city (log); a share of it lasts (guide §6.6).

    Only where they all lay to the same side: a season or a stroke of luck is no drift.
    """
    names = market.places.cities.texts
    latest = seen[-_DRIFT_STEPS:]
    found: dict[str, float] = {}
    for name, city in ((ALL_CITIES, -1), *((name, code) for code, name in enumerate(names))):
        medians, count = [], 0
        for cities, error in latest:
            here = error if city < 0 else error[cities == city]
            if len(here):
                medians.append(float(np.median(here)))
                count += len(here)
        if count >= _LEAST_DRIFT and len({median > 0 for median in medians}) == 1:
            found[name] = round(-_DRIFT_LASTS * float(np.mean(medians)) * count / (count + _LEAST_DRIFT), 6)
    return found


def _outcomes(book: ComparableBook, core: Core, subjects: Subjects, log_price: Floats) -> Outcomes:
    value, features, silent = compared(book, subjects)
    moved = core.value_trees.parts(features).sum(axis=1) + core.value_trees.bias
    return Outcomes(
        error=value + moved - log_price,
        spread=spread_of(load_trees(core.spread_blob), features),
        features=features,
        moved=moved,
        silent=silent,
    )
