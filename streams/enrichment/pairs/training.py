"""From labelled lists to a model. Pure and deterministic: equal lists, recipe and library versions, equal bytes.

Everything a later step reads from an earlier one (what the words say, what is thought of a pair alone) is worked out
for rows the earlier step did not learn from, address by address: otherwise it would trust an answer that had seen the
label.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.enrichment.pairs import linear
from streams.enrichment.pairs.alignment import Pair
from streams.enrichment.pairs.features import Floats, matrix, measure
from streams.enrichment.pairs.labelled import RELATIONS, LabelledList, Relation, digest, fold_of
from streams.enrichment.pairs.linear import Linear
from streams.enrichment.pairs.listed import list_features
from streams.enrichment.pairs.metrics import Figures, figures
from streams.enrichment.pairs.model import FORMAT, PairModel, feature_set_version, pack
from streams.enrichment.pairs.rarity import Rarity
from streams.enrichment.pairs.spelled import Spelled, spell
from streams.enrichment.pairs.trees import Judge, decided, fit_forest
from streams.enrichment.pairs.wording import wording
from streams.enrichment.tagging.tagger import AddressTagger

Ints = NDArray[np.int64]
Progress = Callable[[str], None]

LEAST_LISTS: Final = 30
_WEIGHTS_OF_PARTIAL: Final = (0.9, 1.0, 1.1, 1.2, 1.3)
_WEIGHTS_OF_EXACT: Final = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0)
_ACCURACY_GIVEN_UP: Final = 0.004  # at most that much below the most accurate decision, for a better macro-F1


class TooFewPairsError(ValueError):
    """There is not enough to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train. The defaults were chosen by cross-validation on rows that no reported figure comes from."""

    seed: int = 17
    folds: int = 5
    forests: int = 3  # averaged, with seeds that follow each other
    trees: int = 400
    rate: float = 0.06
    in_order: bool = True  # whether the candidates' order means something


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The artefact, and what its judges reach on rows they did not learn from (cross-validated)."""

    artefact: bytes
    alone: Figures
    listed: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The pairs of all lists, in a row. `list_of`, `fold_of`: the number of a row's list and its fold."""

    pairs: tuple[Pair, ...]
    relations: Ints
    list_of: Ints
    fold_of: Ints


def train(
    lists: Sequence[LabelledList],
    *,
    stem: str,
    tagger_artefact: bytes = b"",
    recipe: Recipe | None = None,
    progress: Progress = lambda _: None,
) -> Trained:
    """A model that learned from these lists. `stem` begins its version: a day, as `20160831`.

    `tagger_artefact` is that of an address tagger, which then cuts the addresses; without one the rules do.

    Raises:
        TooFewPairsError: There are fewer than `LEAST_LISTS` lists, or a relation is never stated.
    """
    recipe = recipe or Recipe()
    _refuse_too_few(lists)
    tagger = AddressTagger.of(tagger_artefact) if tagger_artefact else None
    rows, rarity = _rows(lists, recipe, lambda texts: spell(texts, tagger))
    progress(f"{len(rows.pairs):,} pairs of {len(lists):,} addresses are cut")
    words, of_words = _learn_words(rows, recipe)
    measures = np.column_stack([matrix([measure(pair, rarity) for pair in rows.pairs]), of_words])
    progress("the words are learned")
    alone, said, of_alone = _learn_judge(measures, rows, recipe)
    progress(f"a pair alone, cross-validated: macro-F1 {of_alone.macro_f1:.4f}, accuracy {of_alone.accuracy:.4f}")
    beside = _beside(measures, said, rows, recipe)
    listed, _, of_listed = _learn_judge(np.column_stack([measures, beside]), rows, recipe)
    progress(f"within its list, cross-validated: macro-F1 {of_listed.macro_f1:.4f}, accuracy {of_listed.accuracy:.4f}")
    model = PairModel(
        manifest=_manifest(lists, tagger_artefact, recipe, stem, {"alone": of_alone, "listed": of_listed}),
        tagger=tagger,
        tagger_artefact=tagger_artefact,
        rarity=rarity,
        words=words,
        alone=alone,
        listed=listed,
    )
    return Trained(artefact=pack(model), alone=of_alone, listed=of_listed)


def decision_weights(probabilities: Floats, relations: Ints) -> tuple[float, ...]:
    """The weights with the best macro-F1 among those that give up next to no accuracy."""
    tried = [
        (weights, figures(relations.tolist(), decided(probabilities, weights).tolist()))
        for weights in product((1.0,), _WEIGHTS_OF_PARTIAL, _WEIGHTS_OF_EXACT)
    ]
    least = max(found.accuracy for _, found in tried) - _ACCURACY_GIVEN_UP
    return max((pair for pair in tried if pair[1].accuracy >= least), key=lambda pair: pair[1].macro_f1)[0]


# ---- inside -----------------------------------------------------------------------------------------------------


def _refuse_too_few(lists: Sequence[LabelledList]) -> None:
    stated = {relation for one in lists for relation in one.relations}
    missing = [relation.name.lower() for relation in RELATIONS if relation not in stated]
    if len(lists) < LEAST_LISTS or missing:
        what = f"no pair is labelled {', '.join(missing)}" if missing else f"there are {len(lists)} addresses"
        raise TooFewPairsError(
            f"{what}; to learn from pairs, {LEAST_LISTS} addresses with candidates of all three labels are needed"
        )


def _rows(
    lists: Sequence[LabelledList], recipe: Recipe, cut: Callable[[Sequence[str]], list[Spelled]]
) -> tuple[_Rows, Rarity]:
    texts = sorted({text for one in lists for text in (one.address, *one.candidates)})
    spelled = dict(zip(texts, cut(texts), strict=True))
    folds = [fold_of(one.address, recipe.folds, salt=str(recipe.seed)) for one in lists]
    sizes = [len(one.candidates) for one in lists]
    rows = _Rows(
        pairs=tuple(Pair.of(spelled[one.address], spelled[other]) for one in lists for other in one.candidates),
        relations=np.array([relation for one in lists for relation in one.relations], np.int64),
        list_of=np.repeat(np.arange(len(lists)), sizes),
        fold_of=np.repeat(folds, sizes),
    )
    return rows, Rarity.of(spelled.values())


def _learn_words(rows: _Rows, recipe: Recipe) -> tuple[Linear, Floats]:
    """What words say, learned from all rows, and what they say of each row when learned from the others."""
    seen = [wording(pair) for pair in rows.pairs]
    said = np.zeros((len(seen), len(RELATIONS)))
    for fold in range(recipe.folds):
        others, aside = np.flatnonzero(rows.fold_of != fold), np.flatnonzero(rows.fold_of == fold)
        learned = linear.fit([seen[row] for row in others], rows.relations[others])
        said[aside] = learned.probabilities([seen[row] for row in aside])
    return linear.fit(seen, rows.relations), said


def _learn_judge(features: Floats, rows: _Rows, recipe: Recipe) -> tuple[Judge, Floats, Figures]:
    """The judge, what it says of each row when it learned from the others, and the figures of that."""
    said = np.zeros((len(features), len(RELATIONS)))
    for fold in range(recipe.folds):
        others, aside = rows.fold_of != fold, rows.fold_of == fold
        blob = _forest(features[others], rows.relations[others], recipe, recipe.seed)
        said[aside] = Judge.of([blob], (1.0,) * len(RELATIONS)).probabilities(features[aside])
    weights = decision_weights(said, rows.relations)
    blobs = [_forest(features, rows.relations, recipe, recipe.seed + number) for number in range(recipe.forests)]
    found = figures(rows.relations.tolist(), decided(said, weights).tolist())
    return Judge.of(blobs, weights), said, found


def _forest(features: Floats, relations: Ints, recipe: Recipe, seed: int) -> bytes:
    return fit_forest(features, relations, trees=recipe.trees, rate=recipe.rate, seed=seed)


def _beside(measures: Floats, said: Floats, rows: _Rows, recipe: Recipe) -> Floats:
    columns = []
    for number in range(int(rows.list_of[-1]) + 1):
        chosen = np.flatnonzero(rows.list_of == number)
        candidates = [rows.pairs[row].b for row in chosen]
        columns.append(list_features(measures[chosen], said[chosen], candidates, in_order=recipe.in_order))
    return np.vstack(columns)


def _manifest(
    lists: Sequence[LabelledList], tagger_artefact: bytes, recipe: Recipe, stem: str, reached: dict[str, Figures]
) -> dict[str, Any]:
    learned_from = digest(lists)
    content = {
        "format": FORMAT,
        "feature_set_version": feature_set_version(),
        "data": {
            "lists": len(lists),
            "pairs": sum(len(one.candidates) for one in lists),
            "sha256": learned_from,
        },
        "tagger_sha256": hashlib.sha256(tagger_artefact).hexdigest() if tagger_artefact else None,
        "recipe": asdict(recipe),
        "cross_validated": {judge: _shown(found) for judge, found in reached.items()},
    }
    name = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()[:8]
    return {**content, "version": f"{stem}-{name}"}


def _shown(found: Figures) -> dict[str, Any]:
    return {
        "n": found.n,
        "accuracy": round(found.accuracy, 4),
        "macro_f1": round(found.macro_f1, 4),
        "f1": {Relation(relation).name.lower(): round(value, 4) for relation, value in found.f1.items()},
    }
