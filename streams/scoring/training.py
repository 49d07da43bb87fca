"""From deals to an artefact. Pure and deterministic: equal deals, seed and library versions give equal bytes."""

import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

import catboost
import numpy as np

from schemas.codes import PropertyType
from schemas.domain.measures import Measures, measure
from schemas.events import Community, Deal
from streams.scoring.attributes import NUMBERS, TEXTS, Floats, Ints, hide
from streams.scoring.certainty import COVERAGE, FLOOR, Certainty, Outcomes, calibrate
from streams.scoring.comparables import FEATURES, ComparableBook, Kernel, Layer, Subjects
from streams.scoring.hedonics import fit_hedonics
from streams.scoring.index import fit_index
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
from streams.scoring.trees import Explained, fit_trees, leaf_tables, load_trees

MIN_DEALS: Final = 300  # a thinner segment goes to people (requirements VM6)
SEED: Final = 17
_VALUE_TREES, _SPREAD_TREES = 260, 150
_MAX_ROWS: Final = 20_000  # latest deals that layer 2 learns from; older ones serve as comparables only
_TUNING_ROWS: Final = 2_500
_TENTH: Final = 10
_CHUNK: Final = 2_000  # subjects compared at once: keeps the pairs in the cache of the machine
_WINSOR: Final = 0.35  # a residual counts at most this much in training; evaluation keeps it whole
_CALIBRATION_SHARE, _MIN_CALIBRATION, _MAX_CALIBRATION = 0.3, 7, 56  # of the history; days
_LEAST_CALIBRATION: Final = 50  # deals
_MAX_DAYS: Final = 365.0  # a kernel never fades more slowly, however short the history it was fitted on
EVERYTHING: Final = (*NUMBERS, *TEXTS)
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


def train(deals: Iterable[Deal], *, until: date, communities: Sequence[Community] = ()) -> tuple[Artefact, ...]:
    """One artefact for each segment with enough deals known before `until`.

    Raises:
        TooFewDealsError: No segment has enough.
    """
    by_segment: dict[PropertyType, list[Deal]] = defaultdict(list)
    for deal in deals:
        by_segment[segment_of(deal.property_type)].append(deal)
    kept = {segment: clean(rows, until=until) for segment, rows in sorted(by_segment.items())}
    artefacts = tuple(
        train_segment(cleaned, segment=segment, until=until, communities=communities, rejected=rejected)
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
) -> Artefact:
    """The artefact of one segment from cleaned deals."""
    refuse_forbidden([*FEATURES, *EVERYTHING])
    places = places_of(communities)
    model, spread_blob = fit(deals, places, until=until)
    named = {
        **model.manifest,
        "name": f"avm-{segment.value.lower()}",
        "segment": segment.value,
        # By content: two different artefacts can never bear the same version, equal ones always do.
        "version": f"{until:%Y%m%d}-{hashlib.sha256(pack(model, spread_blob)).hexdigest()[:8]}",
        "data": {
            "sha256": data_digest(deals),
            "deals": len(deals),
            "from": min(deal.deal_date for deal in deals).isoformat(),
            "to": max(deal.deal_date for deal in deals).isoformat(),
            "known_before": until.isoformat(),
            "rejected": dict(rejected or {}),
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


def fit(deals: Sequence[Deal], places: Places, *, until: date) -> tuple[Model, bytes]:
    """The model, with a manifest that lacks only its name and data, and its spread trees as bytes.

    Certainty is calibrated on the latest weeks by a model that learned from the weeks before them; then both layers
    are fitted again on everything.
    """
    end = _learned_on(deals, until)
    start = _calibration_start(deals, end)
    certainty, window = _calibrated(deals, places, start)
    core = _fit_core(market_of(deals, places), end)
    manifest = {
        "format": FORMAT,
        "feature_set_version": feature_set_version(),
        "features": list(FEATURES),
        "as_of": "known before the value date",
        "target": "log unit price less layer 1, winsorised",
        "value_trees": {"loss": "RMSE", "iterations": _VALUE_TREES},
        "spread_trees": {"loss": "MAE", "iterations": _SPREAD_TREES},
        "seed": SEED,
        "threads": 1,
        "calibration": {
            "id": f"{start:%Y%m%d}-{end:%Y%m%d}",
            "rows": [evidence.rows for evidence in certainty.classes],
            "coverage": COVERAGE,
            "settings": {name: figures.as_json() for name, figures in window.items()},
        },
        "libraries": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "catboost": catboost.__version__,
        },
    }
    model = Model(
        manifest=manifest,
        layer=core.layer,
        value_trees=core.value_trees,
        spread_trees=load_trees(core.spread_blob),
        certainty=certainty,
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
    numeric, texts = rows.numeric, rows.texts
    if hidden:
        numeric, texts = hide(numeric, texts, hidden)
    if some is not None:
        at = some(rows.digest)
        numeric[at], texts[at] = hide(rows.numeric[at], rows.texts[at], _NOT_OF_BUILDING)
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


def _calibration_start(deals: Sequence[Deal], end: date) -> date:
    """The latest weeks, a share of the history; further back where they hold too few deals."""
    dates = sorted(deal.deal_date for deal in deals)
    days = int(min(max((end - dates[0]).days * _CALIBRATION_SHARE, _MIN_CALIBRATION), _MAX_CALIBRATION))
    return min(end - timedelta(days=days), dates[-_LEAST_CALIBRATION])


def _calibrated(deals: Sequence[Deal], places: Places, start: date) -> tuple[Certainty, dict[str, Measures]]:
    """Certainty from the deals of the window, each valued by what was known before its own day."""
    before = [deal for deal in deals if (deal.known_on or deal.deal_date) < start]
    core = _fit_core(market_of(before, places), start)
    market = market_of(deals, places)
    book = ComparableBook(market, core.layer)
    rows = np.flatnonzero(market.rows.day >= start.toordinal())
    window = market.rows.taken(rows)
    measures, seen = {}, []
    for name, hidden in (("full", ()), ("area", EVERYTHING)):
        subjects = subjects_of(window, day=window.day, own=rows, hidden=hidden)
        for view, cold in (
            (None, subjects),
            ("new", as_first_of_community(subjects)),
            ("lost", without_community(subjects)),
        ):
            found = _outcomes(book, core, cold, window.log_price)
            seen.append(found)
            if view is None:
                measures[name] = measure(np.exp(window.log_price + found.error), np.exp(window.log_price))
    return calibrate(seen), measures


def _outcomes(book: ComparableBook, core: "_Core", subjects: Subjects, log_price: Floats) -> Outcomes:
    value, features = _compared(book, subjects)
    moved = core.value_trees.parts(features).sum(axis=1) + core.value_trees.bias
    return Outcomes(
        error=value + moved - log_price,
        spread=spread_of(load_trees(core.spread_blob), features),
        features=features,
        moved=moved,
    )


def _fit_core(market: Market, until: date) -> _Core:
    """Both layers from all deals of a market, as if asked on `until`; each row without its own price."""
    day = until.toordinal()
    bare = _fit_layer(market)
    at_day = _price_at(bare, market, day)
    recent = np.sort(np.argsort(market.rows.day, kind="stable")[-_MAX_ROWS:])
    layer = replace(bare, kernel=_fit_kernel(market, bare, at_day, recent, day))
    book = ComparableBook(market, layer)
    features, residuals = [], []
    known = _training_subjects(market.rows.taken(recent), recent, day)
    for subjects in (*known, *_cold_subjects(market.rows.taken(recent), known)):
        value, seen = _compared(book, subjects)
        features.append(seen)
        residuals.append(np.clip(at_day[subjects.own] - value, -_WINSOR, _WINSOR))
    x, y = np.concatenate(features), np.concatenate(residuals)
    blob = fit_trees(x, y, loss="RMSE", iterations=_VALUE_TREES)
    first, by_leaf, bias = leaf_tables(blob)
    return _Core(
        layer=layer,
        value_trees=Explained(model=load_trees(blob), blob=blob, first=first, by_leaf=by_leaf, bias=bias),
        spread_blob=fit_trees(x, np.log(np.abs(y) + FLOOR), loss="MAE", iterations=_SPREAD_TREES),
    )


def _training_subjects(rows: Rows, own: Ints, day: int) -> tuple[Subjects, Subjects]:
    """Each row twice: as after an inspection, and as typed; half of the latter with what a dictionary may know."""
    on = np.full(len(rows), day)
    return (
        subjects_of(rows, day=on, own=own),
        subjects_of(rows, day=on, own=own, hidden=EVERYTHING, some=lambda digest: np.flatnonzero(digest % 2 == 0)),
    )


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
    """Effects and index in turn: each is fitted on prices freed of the other."""
    rows, words, names = market.rows, market.vocabularies, market.places.cities.texts
    level = np.zeros(len(rows))
    for _ in range(3):
        hedonics = fit_hedonics(
            log_area=rows.log_area,
            numeric=rows.numeric,
            texts=rows.texts,
            words=words,
            community=rows.community,
            log_price=rows.log_price - level,
        )
        effects = np.nansum(hedonics.contributions(rows.log_area, rows.numeric, rows.texts, words), axis=1)
        index = fit_index(
            day=rows.day, city=rows.city, names=names, community=rows.community, log_price=rows.log_price - effects
        )
        level = index.at(index.rows(names)[rows.city], rows.day)
    mean = float(np.round((rows.log_price - effects - level).mean(), 8))
    return Layer(hedonics=hedonics, index=index, kernel=Kernel(), level=mean)


def _price_at(layer: Layer, market: Market, day: int) -> Floats:
    """Log prices of all deals, moved by the index to one day."""
    rows, index = market.rows, layer.index
    place = index.rows(market.places.cities.texts)[rows.city]
    return rows.log_price + index.at(place, np.full(len(rows), day)) - index.at(place, rows.day)


def _fit_kernel(market: Market, layer: Layer, at_day: Floats, recent: Ints, day: int) -> Kernel:
    """The kernel with the least (capped) leave-one-out error, by a coordinate search with shrinking steps."""
    book = ComparableBook(market, layer)
    book.follow()
    pick = np.sort(np.random.default_rng(SEED).permutation(recent)[:_TUNING_ROWS])
    seen = []
    for subjects in _training_subjects(market.rows.taken(pick), pick, day):
        effects = book.own_effects(subjects)
        seen.append((subjects, effects, book.candidates(subjects, effects)))

    def loss(kernel: Kernel) -> float:
        book.kernel = kernel
        values = [book.levels(*pairs).plan for pairs in seen]
        return float(np.mean([np.minimum(np.abs(value - at_day[pick]), _WINSOR).mean() for value in values]))

    best = Kernel()
    least = loss(best)
    for step in (2.0, 1.4, 1.2):
        for name in Kernel.__slots__:
            for factor in (step, 1 / step):
                tried = replace(best, **{name: min(round(getattr(best, name) * factor, 6), _MAX_DAYS)})
                found = loss(tried)
                if found < least - 1e-6:
                    best, least = tried, found
    return best


def _compared(book: ComparableBook, subjects: Subjects) -> tuple[Floats, Floats]:
    """Layer-1 estimates and features, in chunks."""
    chunks = [np.arange(start, min(start + _CHUNK, len(subjects))) for start in range(0, len(subjects), _CHUNK)]
    compared = [book.compare(subjects.taken(chunk)) for chunk in chunks]
    return (
        np.concatenate([chunk.log_value for chunk in compared]),
        np.concatenate([chunk.features for chunk in compared]),
    )
