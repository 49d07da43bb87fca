"""From deals to an artefact. Pure and deterministic: equal deals, seed and library versions give equal bytes."""

import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

import catboost
import numpy as np

from schemas.codes import PropertyType
from schemas.domain.measures import Measures, measure
from schemas.events import Community, Deal
from streams.scoring.attributes import FURTHER, NUMBERS, TEXTS, Floats, Ints, hide
from streams.scoring.certainty import COVERAGE, FLOOR, Certainty, Outcomes, calibrate
from streams.scoring.comparables import FEATURES, ComparableBook, Layer, Subjects
from streams.scoring.covariance import KINDS, Covariance, unfitted
from streams.scoring.hedonics import fit_hedonics
from streams.scoring.index import ALL_CITIES, PriceIndex, fit_index
from streams.scoring.licences import UNREGISTERED, Licences, learned_from
from streams.scoring.likelihood import Neighbourhood, fit_covariance, neighbourhood
from streams.scoring.market import Market, Places, Rows
from streams.scoring.model import (
    FORMAT,
    Model,
    feature_set_version,
    pack,
    refuse_forbidden,
    segment_of,
    spread_of,
)
from streams.scoring.trees import Explained, explained, fit_trees, load_trees

MIN_DEALS: Final = 300  # a thinner segment goes to people (requirements VM6)
SEED: Final = 17
_LEAST_TREES, _MOST_TREES, _ROWS_PER_TREE = 60, 700, 30  # of each loss: little data bears few trees
_MOST_SPREAD_TREES: Final = 200
_LOSSES: Final = ("RMSE", "MAE")  # their mean is a little better than either
_MAX_ROWS: Final = 20_000  # latest deals that layer 2 learns from; older ones serve as comparables only
_LEAST_PLACES, _MOST_PLACES, _DEALS_PER_PLACE = 6, 60, 80  # neighbourhoods that the covariances are fitted on
_LEAST_NEIGHBOURS: Final = 20
_FAR_OFF: Final = 0.6  # a residual counts at most this much in that fit
_TENTH: Final = 10
_HALF: Final = 0.5
_CHUNK: Final = 2_000  # subjects compared at once: keeps the pairs in the cache of the machine
_WINSOR: Final = 0.35  # a residual counts at most this much in training; evaluation keeps it whole
_CALIBRATION_SHARE, _MIN_CALIBRATION, _MAX_CALIBRATION = 0.3, 7, 56  # of the history; days
_LEAST_CALIBRATION: Final = 50  # deals
_MOST_STEPS: Final = 4
_DRIFT_STEPS: Final = 2  # whose errors are carried forward
_DRIFT_LASTS: Final = 0.8  # of them; measured on a market that turned (guide §19.3)
_LEAST_DRIFT: Final = 60  # deals in those steps
EVERYTHING: Final = (*NUMBERS, *TEXTS, FURTHER)
NOT_OF_ADDRESS: Final = tuple(name for name in EVERYTHING if name not in {"floor", "floor_band", "total_floors"})
_NOT_OF_BUILDING: Final = tuple(
    name for name in EVERYTHING if name not in {"floor", "floor_band", "total_floors", "built_year", "building_type"}
)
_LEAST_AREA: Final = 10.0
_BAND: Final = 8.0  # unit prices over or under the city's median by this factor are no market prices


class TooFewDealsError(ValueError):
    """There is not enough to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A trained model as it is stored: `sha256` is of `content`."""

    segment: str
    manifest: Mapping[str, Any]
    content: bytes
    sha256: str


def train(
    deals: Iterable[Deal], *, until: date, communities: Sequence[Community] = (), licences: Licences = UNREGISTERED
) -> tuple[Artefact, ...]:
    """One artefact for each segment with enough deals known before `until`. Who trains has asked `refuse_unlicensed`.

    The manifests name all sources, with their licences where they are registered.

    Raises:
        TooFewDealsError: No segment has enough.
    """
    by_segment: dict[PropertyType, list[Deal]] = defaultdict(list)
    for deal in deals:
        by_segment[segment_of(deal.property_type)].append(deal)
    kept = {segment: clean(rows, until=until) for segment, rows in sorted(by_segment.items())}
    artefacts = tuple(
        train_segment(
            cleaned, segment=segment, until=until, communities=communities, rejected=rejected, licences=licences
        )
        for segment, (cleaned, rejected) in kept.items()
        if len(cleaned) >= MIN_DEALS
    )
    if not artefacts:
        counts = ", ".join(f"{segment} {len(rows)}" for segment, (rows, _) in kept.items()) or "none"
        raise TooFewDealsError(f"no segment has {MIN_DEALS} usable deals before {until}; there are: {counts}")
    return artefacts


def train_segment(
    deals: Sequence[Deal],
    *,
    segment: PropertyType,
    until: date,
    communities: Sequence[Community] = (),
    rejected: Mapping[str, int] | None = None,
    licences: Licences = UNREGISTERED,
) -> Artefact:
    """The artefact of one segment from cleaned deals."""
    refuse_forbidden([*FEATURES, *EVERYTHING, *{name for deal in deals for name in deal.further}])
    places = places_of(communities)
    model, spread_blob = fit(deals, places, until=until)
    sources = learned_from(deals, licences)
    unnamed = pack(replace(model, manifest={**model.manifest, "sources": sources}), spread_blob)
    named = {
        **model.manifest,
        "name": f"avm-{segment.value.lower()}",
        "segment": segment.value,
        # By content: two different artefacts can never bear the same version, equal ones always do.
        "version": f"{until:%Y%m%d}-{hashlib.sha256(unnamed).hexdigest()[:8]}",
        "data": {
            "sha256": data_digest(deals),
            "deals": len(deals),
            "from": min(deal.deal_date for deal in deals).isoformat(),
            "to": max(deal.deal_date for deal in deals).isoformat(),
            "known_before": until.isoformat(),
            "rejected": dict(rejected or {}),
            "sources": sources,
        },
    }
    content = pack(replace(model, manifest=named), spread_blob)
    return Artefact(segment=segment.value, manifest=named, content=content, sha256=hashlib.sha256(content).hexdigest())


def clean(deals: Iterable[Deal], *, until: date) -> tuple[list[Deal], dict[str, int]]:
    """Usable deals known before `until`, by date and id, and how many were left out for which reason."""
    reasons: Counter[str] = Counter()
    kept: dict[str, Deal] = {}
    for deal in deals:
        reason = _fault(deal, until)
        if reason:
            reasons[reason] += 1
        elif deal.deal_id in kept:
            reasons["REPEATED"] += 1
        else:
            kept[deal.deal_id] = deal
    prices: dict[str, list[float]] = defaultdict(list)
    for deal in kept.values():
        prices[deal.city].append(deal.unit_price)
    typical = {city: float(np.median(values)) for city, values in prices.items()}
    usable = [deal for deal in kept.values() if 1 / _BAND < deal.unit_price / typical[deal.city] < _BAND]
    if len(usable) < len(kept):
        reasons["IMPLAUSIBLE_PRICE"] += len(kept) - len(usable)
    return sorted(usable, key=lambda deal: (deal.deal_date, deal.deal_id)), dict(sorted(reasons.items()))


def fit(deals: Sequence[Deal], places: Places, *, until: date, step_days: int = 7) -> tuple[Model, bytes]:
    """The model, with a manifest that lacks only its name and data, and its spread trees as bytes.

    Certainty is calibrated on the latest weeks by a model that learned from the weeks before them; then both layers
    are fitted again on everything. `step_days`: how long a model will answer before the next one; calibration walks in
    steps of that length.
    """
    end = _learned_on(deals, until)
    steps = _calibration_steps(deals, end, step_days)
    window = _calibrated(deals, places, steps)
    core = _fit_core(market_of(deals, places), end, window.covariances)
    layer = replace(core.layer, index=core.layer.index.carried(window.drift))
    manifest = {
        "format": FORMAT,
        "feature_set_version": feature_set_version((*FEATURES, *core.layer.hedonics.further)),
        "features": [*FEATURES, *core.layer.hedonics.further],
        "as_of": "known before the value date",
        "target": "log unit price less layer 1, winsorised",
        "value_trees": {"losses": list(_LOSSES), "trees": len(core.value_trees.first)},
        "spread_trees": {"loss": "MAE"},
        "seed": SEED,
        "threads": 1,
        "calibration": {
            "id": f"{steps[0]:%Y%m%d}-{end:%Y%m%d}",
            "step_days": step_days,
            "rows": [evidence.rows for evidence in window.certainty.classes],
            "coverage": COVERAGE,
            "settings": {name: figures.as_json() for name, figures in window.figures.items()},
            "drift": window.drift,
        },
        "libraries": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "catboost": catboost.__version__,
        },
    }
    model = Model(
        manifest=manifest,
        layer=layer,
        value_trees=core.value_trees,
        spread_trees=load_trees(core.spread_blob),
        certainty=window.certainty,
    )
    return model, core.spread_blob


def data_digest(deals: Sequence[Deal]) -> str:
    """sha256 over all deals in their order."""
    digest = hashlib.sha256()
    for deal in deals:
        digest.update(repr(deal).encode())
    return digest.hexdigest()


def subjects_of(
    rows: Rows,
    *,
    day: Ints,
    own: Ints,
    known: Ints | None = None,
    hidden: Sequence[str] = (),
    some: Callable[[Ints], Ints] | None = None,
) -> Subjects:
    """Deals as if they were asked for on `day`, with columns hidden (`some`: only for the rows it returns).

    `known`: only deals known before that day are looked at; `day` itself when left out.
    """
    numeric, texts, further = hide(rows.numeric, rows.texts, rows.further, hidden)
    if some is not None:
        at = some(rows.digest)
        numeric[at], texts[at], further[at] = hide(rows.numeric[at], rows.texts[at], rows.further[at], _NOT_OF_BUILDING)
    return Subjects(
        community=rows.community,
        city=rows.city,
        district=rows.district,
        circle=rows.circle,
        day=day,
        known=day if known is None else known,
        log_area=rows.log_area,
        numeric=numeric,
        texts=texts,
        further=further,
        own=own,
        cold=np.zeros(len(rows), np.int64),
    )


def as_first_of_community(subjects: Subjects) -> Subjects:
    """The same subjects as if nothing had been sold in their communities before."""
    return replace(subjects, cold=np.ones(len(subjects), np.int64))


def without_community(subjects: Subjects) -> Subjects:
    """The same subjects as if only their district were known."""
    nowhere = np.full(len(subjects), -1, np.int64)
    return replace(subjects, community=nowhere, circle=nowhere)


def places_of(communities: Iterable[Community]) -> Places:
    """The dictionary as the layers see it."""
    places = Places()
    for community in sorted(communities, key=lambda row: row.community_id):
        places.put(community)
    return places


def market_of(deals: Iterable[Deal], places: Places) -> Market:
    """All these deals, settled."""
    market = Market(places)
    for deal in deals:
        market.put(deal)
    market.settle()
    return market


# ---- inside -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    layer: Layer
    value_trees: Explained
    spread_blob: bytes


def _fault(deal: Deal, until: date) -> str | None:
    if (deal.known_on or deal.deal_date) >= until:
        return "NOT_YET_KNOWN"
    if not np.isfinite(deal.area_m2) or deal.area_m2 <= _LEAST_AREA:
        return "IMPLAUSIBLE_AREA"
    if not np.isfinite(deal.unit_price) or deal.unit_price <= 0:
        return "IMPLAUSIBLE_PRICE"
    return None


def _learned_on(deals: Sequence[Deal], until: date) -> date:
    """The day the model learns as of: `until`, or the day after the newest deal where the data ends earlier."""
    return min(until, max(deal.known_on or deal.deal_date for deal in deals) + timedelta(days=1))


def _calibration_steps(deals: Sequence[Deal], end: date, days: int) -> tuple[date, ...]:
    """First days of the steps of the window, and `end`: the latest weeks, a share of the history.

    Further back where they hold too few deals; a first piece shorter than a step joins the second.
    """
    dates = sorted(deal.deal_date for deal in deals)
    most = max(_MAX_CALIBRATION, _MOST_STEPS * days)
    wanted = int(min(max((end - dates[0]).days * _CALIBRATION_SHARE, _MIN_CALIBRATION), most))
    start = min(end - timedelta(days=wanted), dates[-_LEAST_CALIBRATION])
    count = max(1, (end - start).days // days)
    return (start, *(end - timedelta(days=days * left) for left in range(count - 1, -1, -1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """What the latest weeks taught: certainty, figures by setting, drift of each city at the end, covariances."""

    certainty: Certainty
    figures: dict[str, Measures]
    drift: dict[str, float]
    covariances: Mapping[str, Covariance]


def _calibrated(deals: Sequence[Deal], places: Places, steps: Sequence[date]) -> _Window:
    """Walk through the window in steps: index and drift from before each, its deals valued by what was known then.

    Effects, covariances and trees are those learned before the window.
    """
    start = steps[0]
    core = _fit_core(market_of([deal for deal in deals if (deal.known_on or deal.deal_date) < start], places), start)
    market = market_of(deals, places)
    tale: dict[str, list[Outcomes]] = {"full": [], "area": []}
    others: list[Outcomes] = []
    drift: list[tuple[Ints, Floats]] = []
    for begin, stop in pairwise(steps):
        rows = np.flatnonzero((market.rows.day >= begin.toordinal()) & (market.rows.day < stop.toordinal()))
        if not len(rows):
            continue
        index = _index_before(market, core.layer, begin.toordinal()).carried(_drift(market, drift))
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
    return _Window(
        certainty=calibrate([*tale["full"], *tale["area"], *others]),
        figures={name: _measured(market, steps, seen) for name, seen in tale.items()},
        drift=_drift(market, drift),
        covariances=core.layer.covariances,
    )


def _measured(market: Market, steps: Sequence[date], seen: Sequence[Outcomes]) -> Measures:
    day = market.rows.day
    price = [
        market.rows.log_price[(day >= begin.toordinal()) & (day < stop.toordinal())] for begin, stop in pairwise(steps)
    ]
    truth = np.concatenate(price)
    return measure(np.exp(truth + np.concatenate([one.error for one in seen])), np.exp(truth))


def _index_before(market: Market, layer: Layer, day: int) -> PriceIndex:
    """The index as it would have been fitted on that day."""
    rows, names = market.rows, market.places.cities.texts
    known = np.flatnonzero(rows.known < day)
    before = rows.taken(known)
    effects = np.nansum(layer.hedonics.contributions(before, market.vocabularies), axis=1)
    return fit_index(
        day=before.day,
        city=before.city,
        names=names,
        group=_compared_within(before),
        log_price=before.log_price - effects,
    )


def _drift(market: Market, seen: Sequence[tuple[Ints, Floats]]) -> dict[str, float]:
    """By how much the forecasts of the last steps lay too low, by city (log); a share of it lasts (guide §6.6)."""
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
        if count >= _LEAST_DRIFT:
            found[name] = round(-_DRIFT_LASTS * float(np.mean(medians)) * count / (count + _LEAST_DRIFT), 6)
    return found


def _outcomes(book: ComparableBook, core: "_Core", subjects: Subjects, log_price: Floats) -> Outcomes:
    value, features = _compared(book, subjects)
    moved = core.value_trees.parts(features).sum(axis=1) + core.value_trees.bias
    return Outcomes(
        error=value + moved - log_price,
        spread=spread_of(load_trees(core.spread_blob), features),
        features=features,
        moved=moved,
    )


def _fit_core(market: Market, until: date, covariances: Mapping[str, Covariance] | None = None) -> _Core:
    """Both layers from all deals of a market; each row by all others, without its own price.

    `covariances`: those of an earlier fit. They hardly move from one month to the next and are the dearest to fit.
    """
    recent = np.sort(np.argsort(market.rows.day, kind="stable")[-_MAX_ROWS:])
    bare = _fit_layer(market)
    layer = replace(bare, covariances=covariances or _fit_covariances(market, bare, recent, until.toordinal()))
    book = ComparableBook(market, layer)
    features, residuals = [], []
    known = _training_subjects(market.rows.taken(recent), recent, until.toordinal())
    for subjects in (*known, *_cold_subjects(market.rows.taken(recent), known)):
        value, seen = _compared(book, subjects)
        features.append(seen)
        residuals.append(np.clip(market.rows.log_price[subjects.own] - value, -_WINSOR, _WINSOR))
    x, y = np.concatenate(features), np.concatenate(residuals)
    trees = max(_LEAST_TREES, min(_MOST_TREES, len(y) // _ROWS_PER_TREE))
    return _Core(
        layer=layer,
        value_trees=explained([fit_trees(x, y, loss=loss, iterations=trees) for loss in _LOSSES]),
        spread_blob=fit_trees(x, np.log(np.abs(y) + FLOOR), loss="MAE", iterations=min(trees, _MOST_SPREAD_TREES)),
    )


def _training_subjects(rows: Rows, own: Ints, day: int) -> tuple[Subjects, Subjects]:
    """Each row twice: as after an inspection, and as typed; half of the latter with what a dictionary may know."""
    typed = subjects_of(
        rows,
        day=rows.day,
        known=np.full(len(rows), day),
        own=own,
        hidden=EVERYTHING,
        some=lambda digest: np.flatnonzero(digest % 2 == 0),
    )
    return subjects_of(rows, day=rows.day, known=typed.known, own=own), typed


def _cold_subjects(rows: Rows, known: tuple[Subjects, Subjects]) -> tuple[Subjects, ...]:
    """A tenth of the rows each as the first sale of its community, and as found by its district alone.

    Without them the model would never have met such a subject, and would be as sure of it as of any other.
    """
    return tuple(
        hide_more(subjects.taken(np.flatnonzero(rows.digest % _TENTH == rest)))
        for subjects, (first, second) in zip(known, ((1, 2), (3, 4)), strict=True)
        for rest, hide_more in ((first, as_first_of_community), (second, without_community))
    )


def _fit_layer(market: Market) -> Layer:
    """Effects and index in turn, each fitted on prices freed of the other; the covariances are still to be fitted."""
    rows, words, names = market.rows, market.vocabularies, market.places.cities.texts
    level, group = np.zeros(len(rows)), _compared_within(rows)
    for _ in range(3):
        hedonics = fit_hedonics(rows, words, group=group, log_price=rows.log_price - level)
        effects = np.nansum(hedonics.contributions(rows, words), axis=1)
        index = fit_index(day=rows.day, city=rows.city, names=names, group=group, log_price=rows.log_price - effects)
        level = index.at(index.rows(names)[rows.city], rows.day)
    return Layer(
        hedonics=hedonics,
        index=index,
        covariances={name: unfitted(parts) for name, parts in KINDS.items()},
        level=float(np.round((rows.log_price - effects - level).mean(), 8)),
    )


def _compared_within(rows: Rows) -> Ints:
    """Groups whose members differ by their attributes alone: communities, or circles where most stand for themselves.

    Houses do: each is its own community, and what is sold twice says little about what a room is worth.
    """
    _, place, count = np.unique(rows.community, return_inverse=True, return_counts=True)
    if (count[place] > 1).mean() >= _HALF:
        return rows.community
    return np.where(rows.circle >= 0, rows.circle, len(rows) + rows.district)


def _fit_covariances(market: Market, bare: Layer, recent: Ints, day: int) -> dict[str, Covariance]:
    """The covariances of `Layer` by name, from neighbourhoods about rows drawn from `recent`."""
    places = max(_LEAST_PLACES, min(_MOST_PLACES, len(recent) // _DEALS_PER_PLACE))
    picked = np.sort(np.random.default_rng(SEED).permutation(recent)[:places])
    return {
        name: fit_covariance(start, _neighbourhoods(market, bare, picked, day, hidden))
        for (name, start), hidden in zip(bare.covariances.items(), (EVERYTHING, NOT_OF_ADDRESS, ()), strict=True)
    }


def _neighbourhoods(market: Market, layer: Layer, picked: Ints, day: int, hidden: Sequence[str]) -> list[Neighbourhood]:
    """The deals around each of the picked rows: their prices about its level, as its valuation would see them."""
    book = ComparableBook(market, layer)
    book.follow()
    rows = market.rows.taken(picked)
    subjects = subjects_of(rows, day=rows.day, known=np.full(len(rows), day), own=picked, hidden=hidden)
    found = []
    for around, residual in book.surroundings(subjects):
        if len(residual) >= _LEAST_NEIGHBOURS:
            middle = np.median(residual)
            found.append(neighbourhood(around, np.clip(residual, middle - _FAR_OFF, middle + _FAR_OFF)))
    return found


def _compared(book: ComparableBook, subjects: Subjects) -> tuple[Floats, Floats]:
    """Layer-1 estimates and features, in chunks."""
    chunks = [np.arange(start, min(start + _CHUNK, len(subjects))) for start in range(0, len(subjects), _CHUNK)]
    compared = [book.compare(subjects.taken(chunk)) for chunk in chunks]
    return (
        np.concatenate([chunk.log_value for chunk in compared]),
        np.concatenate([chunk.features for chunk in compared]),
    )
