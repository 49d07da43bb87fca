"""Fit both layers to the deals of a market: effects, index, covariances, and the trees on what they leave over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from schemas.domain.knowledge import known_from
from schemas.events import Deal
from streams.scoring.attributes import Floats, Ints
from streams.scoring.certainty import FLOOR
from streams.scoring.comparables import ComparableBook, Layer
from streams.scoring.covariance import KINDS, Covariance, unfitted
from streams.scoring.hedonics import Hedonics, fit_hedonics
from streams.scoring.index import fit_index
from streams.scoring.likelihood import Neighbourhood, fit_covariance, neighbourhood
from streams.scoring.market import Market, Rows, rows_of
from streams.scoring.subjects import (
    EVERYTHING,
    NOT_OF_ADDRESS,
    NOT_OF_BUILDING,
    Subjects,
    as_first_of_community,
    subjects_of,
    without_community,
)
from streams.scoring.trees import Explained, explained, fit_trees

SEED: Final = 17
LOSSES: Final = ("RMSE", "MAE")  # their mean is a little better than either
_LEAST_TREES, _MOST_TREES, _ROWS_PER_TREE = 60, 1_200, 28  # of each loss: little data bears few trees
_MOST_SPREAD_TREES: Final = 200
_MAX_ROWS: Final = 20_000  # deals that layer 2 learns from; all others serve as comparables
_MAX_OF_EFFECTS: Final = 400_000  # deals that the effects of attributes are learned from; no more digits come of more
_YEAR: Final = 365
_PIECE: Final = 200_000
_LEAST_PLACES, _MOST_PLACES, _DEALS_PER_PLACE = 6, 60, 80  # neighbourhoods that the covariances are fitted on
_LEAST_NEIGHBOURS: Final = 20
_FAR_OFF: Final = 0.6  # a residual counts at most this much in that fit
_TENTH: Final = 10
_HALF: Final = 0.5
_CHUNK: Final = 2_000  # subjects compared at once: keeps the pairs in the cache of the machine
_WINSOR: Final = 0.35  # a residual counts at most this much in training; evaluation keeps it whole


class TooFewDealsError(ValueError):
    """There is not enough to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Both layers, learned together: `spread_blob` are the trees that forecast the absolute error of the value."""

    layer: Layer
    value_trees: Explained
    spread_blob: bytes


def fit_core(
    market: Market, until: date, *, labels: Sequence[Deal] = (), covariances: Mapping[str, Covariance] | None = None
) -> Core:
    """Both layers from all deals of a market; each row by all others, without its own price.

    `labels`: judgements, which teach layer 2 from the day they were known. `covariances`: those of an earlier fit; they
    hardly move from one month to the next and are the dearest to fit.
    """
    day = until.toordinal()
    recent = _recent(market.rows)
    bare = _fit_layer(market)
    layer = replace(bare, covariances=covariances or _fit_covariances(market, bare, recent, day))
    book = ComparableBook(market, layer)
    rows = market.rows.taken(recent)
    known = _training_subjects(rows, recent, day)
    asked = [(subjects, market.rows.log_price[subjects.own]) for subjects in (*known, *_cold_subjects(rows, known))]
    judged = rows_of(
        [label for label in labels if known_from(label.deal_date, label.known_on) < until],
        market.places,
        market.vocabularies,
    )
    nobody = np.full(len(judged), -1, np.int64)
    asked += [(subjects, judged.log_price) for subjects in _training_subjects(judged, nobody, day) if len(judged)]
    features, residuals = [], []
    for subjects, log_price in asked:
        value, seen, _ = compared(book, subjects)
        features.append(seen)
        residuals.append(np.clip(log_price - value, -_WINSOR, _WINSOR))
    x, y = np.concatenate(features), np.concatenate(residuals)
    trees = max(_LEAST_TREES, min(_MOST_TREES, len(y) // _ROWS_PER_TREE))
    return Core(
        layer=layer,
        value_trees=explained([fit_trees(x, y, loss=loss, iterations=trees) for loss in LOSSES]),
        spread_blob=fit_trees(x, np.log(np.abs(y) + FLOOR), loss="MAE", iterations=min(trees, _MOST_SPREAD_TREES)),
    )


def _recent(rows: Rows) -> Ints:
    """Rows that layer 2 learns from: the latest, or a draw of the last year where it holds more than enough."""
    order = np.argsort(rows.day, kind="stable")
    of_year = order[rows.day[order] > rows.day.max() - _YEAR] if len(rows) else order
    if len(of_year) <= _MAX_ROWS:
        return np.sort(order[-_MAX_ROWS:])
    return np.sort(np.random.default_rng(SEED).permutation(of_year)[:_MAX_ROWS])


def _training_subjects(rows: Rows, own: Ints, day: int) -> tuple[Subjects, Subjects]:
    """Each row twice: as after an inspection, and as typed.

    Of the typed ones a third each with nothing else known, with what a full address tells, and with what a dictionary
    of buildings may know.
    """
    known = np.full(len(rows), day)
    return (
        subjects_of(rows, day=rows.day, known=known, own=own),
        subjects_of(rows, day=rows.day, known=known, own=own, views=(EVERYTHING, NOT_OF_ADDRESS, NOT_OF_BUILDING)),
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
    """Effects and index in turn, each fitted on prices freed of the other; the covariances are still to be fitted."""
    rows, words, names = market.rows, market.vocabularies, market.places.cities.texts
    level, group = np.zeros(len(rows)), compared_within(rows)
    drawn = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:_MAX_OF_EFFECTS])
    taught = rows.taken(drawn)
    for _ in range(3):
        hedonics = fit_hedonics(taught, words, group=group[drawn], log_price=taught.log_price - level[drawn])
        effects = effects_of(hedonics, market)
        index = fit_index(day=rows.day, city=rows.city, names=names, group=group, log_price=rows.log_price - effects)
        level = index.at(index.rows(names)[rows.city], rows.day)
    return Layer(
        hedonics=hedonics,
        index=index,
        covariances={name: unfitted(parts) for name, parts in KINDS.items()},
        level=float(np.round((rows.log_price - effects - level).mean(), 8)),
    )


def effects_of(hedonics: Hedonics, market: Market) -> Floats:
    """What the attributes of every deal add to its log price, piece by piece: the columns of millions would not fit."""
    places = (np.arange(start, min(start + _PIECE, len(market.rows))) for start in range(0, len(market.rows), _PIECE))
    pieces = [
        np.nansum(hedonics.contributions(market.rows.taken(place), market.vocabularies), axis=1) for place in places
    ]
    return np.concatenate([np.zeros(0), *pieces])


def compared_within(rows: Rows) -> Ints:
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


def compared(book: ComparableBook, subjects: Subjects) -> tuple[Floats, Floats, Floats]:
    """Layer-1 estimates, features, and days of silence, in chunks."""
    chunks = [np.arange(start, min(start + _CHUNK, len(subjects))) for start in range(0, len(subjects), _CHUNK)]
    pieces = [book.compare(subjects.taken(chunk)) for chunk in chunks]
    return (
        np.concatenate([piece.log_value for piece in pieces]),
        np.concatenate([piece.features for piece in pieces]),
        np.concatenate([piece.silent for piece in pieces]),
    )
