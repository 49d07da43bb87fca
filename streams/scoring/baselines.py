"""What simple rules, and trees on raw columns, would have said: the floor every claim is measured from.

They see what the model sees, deals known before the span and what the setting tells, and share no code with it but
the index: a fault of the model must not become a fault of what it is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from catboost import CatBoostRegressor

from schemas.domain.measures import Floats
from schemas.events import Deal
from streams.scoring.attributes import TEXTS, Ints, numbers
from streams.scoring.index import fit_index

_TREES: Final = {
    "iterations": 300, "depth": 6, "learning_rate": 0.1, "loss_function": "RMSE", "random_seed": 17,
    "max_ctr_complexity": 1, "thread_count": 1, "verbose": False, "allow_writing_files": False,
}  # fmt: skip
_DEALS_EACH: Final = 2  # a community must have on average for its own prices to tell how the market moved
_PLACES: Final = ("city", "district", "business_circle", "community_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Deals known before a span and those asked about, both with only what the setting tells of them."""

    known: Sequence[Deal]
    asked: Sequence[Deal]


def of_rules(known: Sequence[Deal], asked: Sequence[Deal], start: date) -> dict[str, Floats]:
    """Unit prices by rules: mean of the city; community mean and latest deal of the community, moved by the index.

    A community without a deal gets the city's mean, a city without one the mean of all. The city's mean is not moved
    by the index: it is what somebody without an index would say.
    """
    log_price = np.log([deal.unit_price for deal in known])
    cities = _codes([deal.city for deal in known], [deal.city for deal in asked])
    communities = _codes([deal.community_id for deal in known], [deal.community_id for deal in asked])
    then, now = _levels(known, cities, communities[0], log_price, asked)
    city = _or(_means(cities, log_price), log_price.mean())
    moved_city = _or(_means(cities, log_price - then), (log_price - then).mean()) + now
    mean = _means(communities, log_price - then) + now
    last = _latest(communities, log_price - then, known, start) + now
    return {
        "city_mean": np.exp(city),
        "community_mean_x_index": np.exp(_or(mean, moved_city)),
        "last_price_x_index": np.exp(_or(last, moved_city)),
    }


def plain_trees(told: Told, start: date) -> Floats:
    """Unit prices by CatBoost on raw columns: place, day, area and what else is told; no comparables, no index."""
    names = sorted({name for deal in told.known for name in deal.further})
    columns = [(_numeric(deals, names, start), _texts(deals)) for deals in (told.known, told.asked)]
    (known, known_texts), (asked, asked_texts) = columns
    used = [at for at in range(known.shape[1]) if not np.isnan(known[:, at]).all()]
    x, y = (
        [[*numeric, *texts] for numeric, texts in zip(part[:, used].tolist(), words, strict=True)]
        for part, words in ((known, known_texts), (asked, asked_texts))
    )
    categories = list(range(len(used), len(used) + len(_PLACES) + len(TEXTS)))
    model = CatBoostRegressor(cat_features=categories, **_TREES)
    model.fit(x, np.log([deal.unit_price for deal in told.known]))
    result: Floats = np.exp(model.predict(y, thread_count=1))
    return result


def _or(values: Floats, others: Floats | float) -> Floats:
    """Values, and the others where there is none."""
    return np.where(np.isnan(values), others, values)


def _numeric(deals: Sequence[Deal], further: Sequence[str], start: date) -> Floats:
    unknown = float("nan")
    return np.array(
        [
            [
                np.log(deal.area_m2),
                deal.deal_date.toordinal() - start.toordinal(),
                unknown if deal.longitude is None else deal.longitude,
                unknown if deal.latitude is None else deal.latitude,
                *numbers(deal),
                *(deal.further.get(name, unknown) for name in further),
            ]
            for deal in deals
        ],
        np.float64,
    )


def _texts(deals: Sequence[Deal]) -> list[list[str]]:
    return [[getattr(deal, name) or "" for name in (*_PLACES, *TEXTS)] for deal in deals]


def _codes(known: Sequence[str], asked: Sequence[str]) -> tuple[Ints, Ints]:
    """Texts as numbers, those that are known first."""
    numbers_of: Mapping[str, int] = {text: at for at, text in enumerate(dict.fromkeys([*known, *asked]))}
    first, second = ([numbers_of[text] for text in texts] for texts in (known, asked))
    return np.array(first, np.int64), np.array(second, np.int64)


def _means(codes: tuple[Ints, Ints], values: Floats) -> Floats:
    """For each asked deal the mean of its group among the known; NaN where it has none."""
    known, asked = codes
    size = int(max(known.max(), asked.max())) + 1
    count = np.bincount(known, minlength=size).astype(np.float64)
    count[count == 0] = np.nan
    result: Floats = (np.bincount(known, values, size) / count)[asked]
    return result


def _latest(codes: tuple[Ints, Ints], values: Floats, deals: Sequence[Deal], start: date) -> Floats:
    """For each asked deal the value of the latest known deal of its group; NaN where it has none."""
    known, asked = codes
    latest = np.full(int(max(known.max(), asked.max())) + 1, np.nan)
    order = np.argsort([(deal.deal_date - start).days for deal in deals], kind="stable")
    latest[known[order]] = values[order]  # the last one written to a place is the latest deal
    result: Floats = latest[asked]
    return result


def _levels(
    known: Sequence[Deal], cities: tuple[Ints, Ints], community: Ints, log_price: Floats, asked: Sequence[Deal]
) -> tuple[Floats, Floats]:
    """The index, fitted on raw prices, at the days of the known and of the asked deals."""
    names = list(dict.fromkeys([*(deal.city for deal in known), *(deal.city for deal in asked)]))
    then, now = (np.array([deal.deal_date.toordinal() for deal in deals], np.int64) for deals in (known, asked))
    place = community if len(known) >= _DEALS_EACH * len(np.unique(community)) else _wider(known)
    index = fit_index(day=then, city=cities[0], names=names, group=place, log_price=log_price)
    rows = index.rows(names)
    return index.at(rows[cities[0]], then), index.at(rows[cities[1]], now)


def _wider(deals: Sequence[Deal]) -> Ints:
    """Business circles, else districts, else cities.

    Where every house is its own community, the few houses that were sold twice are those somebody renovated to sell:
    they are no measure of the market.
    """
    places = [deal.business_circle or deal.district or deal.city for deal in deals]
    return _codes(places, ())[0]
