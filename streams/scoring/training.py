"""From deals to an artefact. Pure and deterministic: equal deals, seed and library versions give equal bytes."""

import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

import catboost
import numpy as np

from schemas.codes import PropertyType
from schemas.domain.knowledge import known_from
from schemas.domain.provenance import is_judgement, is_label
from schemas.events import Community, Deal
from streams.scoring.certainty import COVERAGE
from streams.scoring.comparables import FEATURES
from streams.scoring.fitting import LOSSES, SEED, TooFewDealsError, fit_core
from streams.scoring.leaks import refuse_leaks
from streams.scoring.licences import UNREGISTERED, Licences, learned_from
from streams.scoring.market import Places, market_of, places_of
from streams.scoring.model import (
    FORMAT,
    Model,
    feature_set_version,
    pack,
    refuse_forbidden,
    segment_of,
)
from streams.scoring.out_of_time import calibrated, calibration_steps
from streams.scoring.subjects import EVERYTHING
from streams.scoring.trees import load_trees

MIN_DEALS: Final = 300  # a thinner segment goes to people (requirements VM6)
_LEAST_AREA: Final = 10.0
_BAND: Final = 8.0  # unit prices over or under the city's median by this factor are no market prices


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
        if closed(cleaned) >= MIN_DEALS
    )
    if not artefacts:
        counts = ", ".join(f"{segment} {closed(rows)}" for segment, (rows, _) in kept.items()) or "none"
        raise TooFewDealsError(f"no segment has {MIN_DEALS} usable deals before {until}; there are: {counts}")
    return artefacts


def closed(deals: Iterable[Deal]) -> int:
    """How many of them are deals, and no judgements."""
    return sum(not is_judgement(deal.source) for deal in deals)


def train_segment(
    deals: Sequence[Deal],
    *,
    segment: PropertyType,
    until: date,
    communities: Sequence[Community] = (),
    rejected: Mapping[str, int] | None = None,
    licences: Licences = UNREGISTERED,
) -> Artefact:
    """The artefact of one segment from cleaned deals, judgements among them.

    Raises:
        ForbiddenFeatureError, LeakError: The deals carry numbers that must not be learned from.
    """
    refuse_forbidden([*FEATURES, *EVERYTHING, *{name for deal in deals for name in deal.further}])
    refuse_leaks(deals)
    places = places_of(communities)
    model, spread_blob = fit(deals, places, until=until)
    sources = learned_from(deals, licences)
    days = [deal.deal_date for deal in deals if not is_judgement(deal.source)]
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
            "from": min(days).isoformat(),
            "to": max(days).isoformat(),
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
    are fitted again on everything. Judgements among the deals are labels for layer 2, never comparables, and those made
    with the model's value in sight are left out. `step_days`: how long a model will answer before the next one;
    calibration walks in steps of that length.
    """
    sold = [deal for deal in deals if not is_judgement(deal.source)]
    end = _learned_on(sold, until)
    labels = [
        deal for deal in deals if is_label(deal.source) and known_from(deal.deal_date, deal.known_on) < end
    ]  # later ones wait for a market to be compared with
    steps = calibration_steps(sold, end, step_days)
    window = calibrated(sold, labels, places, steps)
    core = fit_core(market_of(sold, places), end, labels=labels, covariances=window.covariances)
    layer = replace(core.layer, index=core.layer.index.carried(window.drift))
    manifest = {
        "format": FORMAT,
        "feature_set_version": feature_set_version((*FEATURES, *core.layer.hedonics.further)),
        "features": [*FEATURES, *core.layer.hedonics.further],
        "as_of": "known before the value date",
        "target": "log unit price less layer 1, winsorised",
        "value_trees": {"losses": list(LOSSES), "trees": len(core.value_trees.first)},
        "spread_trees": {"loss": "MAE"},
        "labels": len(labels),
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


# ---- inside -----------------------------------------------------------------------------------------------------


def _fault(deal: Deal, until: date) -> str | None:
    if known_from(deal.deal_date, deal.known_on) >= until:
        return "NOT_YET_KNOWN"
    if not np.isfinite(deal.area_m2) or deal.area_m2 <= _LEAST_AREA:
        return "IMPLAUSIBLE_AREA"
    if not np.isfinite(deal.unit_price) or deal.unit_price <= 0:
        return "IMPLAUSIBLE_PRICE"
    return None


def _learned_on(sold: Sequence[Deal], until: date) -> date:
    """The day the model learns as of: `until`, or the day after the newest deal where the data ends earlier.

    A judgement makes no market data newer than it is.
    """
    return min(until, max(known_from(deal.deal_date, deal.known_on) for deal in sold) + timedelta(days=1))
