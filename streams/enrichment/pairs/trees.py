"""CatBoost classifiers of relations, several averaged; the same bytes for the same input, seed and library version."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from catboost import CatBoost, CatBoostClassifier
from numpy.typing import NDArray

from streams.enrichment.pairs.labelled import RELATIONS
from streams.enrichment.pairs.linear import Floats

_SETTINGS: Final[Mapping[str, Any]] = {
    "loss_function": "MultiClass", "classes_count": len(RELATIONS), "depth": 6, "l2_leaf_reg": 6.0,
    "bootstrap_type": "Bernoulli", "subsample": 0.8, "rsm": 0.2, "border_count": 64, "thread_count": 1,
    "verbose": False, "allow_writing_files": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Decides relations from features. `weights` multiply the probabilities before the greatest is taken."""

    forests: tuple[CatBoost, ...]
    blobs: tuple[bytes, ...] = field(repr=False)
    weights: tuple[float, ...]

    @classmethod
    def of(cls, blobs: Iterable[bytes], weights: Sequence[float]) -> "Judge":
        """The judge whose forests were kept as `blobs`."""
        kept = tuple(blobs)
        return cls(forests=tuple(map(_load, kept)), blobs=kept, weights=tuple(weights))

    def probabilities(self, features: Floats) -> Floats:
        """Of each relation, a row for each pair."""
        if not len(features):
            return np.zeros((0, len(RELATIONS)))
        said = [forest.predict(features, prediction_type="Probability", thread_count=1) for forest in self.forests]
        result: Floats = np.mean(said, axis=0)
        return result

    def decisions(self, probabilities: Floats) -> NDArray[np.int64]:
        """The relation decided on for each row."""
        return decided(probabilities, self.weights)


def decided(probabilities: Floats, weights: Sequence[float]) -> NDArray[np.int64]:
    """The relation with the greatest weighted probability, for each row."""
    result: NDArray[np.int64] = (probabilities * np.asarray(weights)).argmax(axis=1).astype(np.int64)
    return result


def fit_forest(features: Floats, relations: NDArray[np.int64], *, trees: int, rate: float, seed: int) -> bytes:
    """One classifier, as bytes."""
    forest = CatBoostClassifier(iterations=trees, learning_rate=rate, random_seed=seed, **_SETTINGS)
    forest.fit(features, relations)
    metadata = forest.get_metadata()
    for key in ("train_finish_time", "model_guid"):  # the only parts that differ between equal runs
        metadata[key] = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "forest.cbm")
        forest.save_model(str(path))
        return path.read_bytes()


def _load(blob: bytes) -> CatBoost:
    forest = CatBoost()
    forest.load_model(blob=blob)
    return forest
