"""Layer 2: few shallow CatBoost trees on what layer 1 leaves over, and their exact split into reasons.

All trees are symmetric, so a leaf fixes every decision and with it the Shapley value of each factor: the values are
worked out once per leaf at training, and a prediction with its reasons is one look-up of leaves by CatBoost.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any, Final

import numpy as np
from catboost import CatBoost, CatBoostRegressor, sum_models

from streams.scoring.attributes import Floats, Ints, total_by
from streams.scoring.comparables import FEATURES
from streams.scoring.hedonics import FACTORS

FACTOR_OF_FEATURE: Final = {
    "log_area": "AREA", "closest_area": "AREA", "nearest_area": "AREA",
    "own_floor_band": "FLOOR", "own_top_without_lift": "FLOOR",
    "their_floor_band": "FLOOR", "floor": "FLOOR", "own_building_type": "BUILDING", "their_building_type": "BUILDING",
    "own_structure": "BUILDING", "their_structure": "BUILDING", "own_total_floors": "BUILDING",
    "their_total_floors": "BUILDING", "total_floors": "BUILDING", "own_has_lift": "BUILDING", "own_built_year": "AGE",
    "their_built_year": "AGE", "built_year": "AGE", "own_renovation": "RENOVATION", "their_renovation": "RENOVATION",
    "own_rooms": "LAYOUT", "their_rooms": "LAYOUT", "own_halls": "LAYOUT", "rooms": "LAYOUT", "own_five_years": "TAX",
    "own_further": "FEATURES",
    "their_five_years": "TAX", "newest_days": "TIME",
}  # fmt: skip
"""Every other feature tells of the place."""
_SETTINGS: Final = {
    "depth": 6, "learning_rate": 0.03, "l2_leaf_reg": 10.0, "bootstrap_type": "Bernoulli", "subsample": 0.7,
    "rsm": 0.6, "border_count": 128, "random_seed": 17, "thread_count": 1, "verbose": False,
    "allow_writing_files": False,
}  # fmt: skip
_FACTOR: Final = [FACTORS.index(FACTOR_OF_FEATURE.get(name, "LOCATION")) for name in FEATURES]
_FURTHER: Final = FACTORS.index("FEATURES")  # behind `FEATURES` stand further numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """CatBoost trees with, for each leaf of each tree, what each factor adds. `bias` + Σ = the prediction."""

    model: CatBoost
    blob: bytes
    first: Ints  # first row of each tree in `by_leaf`
    by_leaf: Floats  # leaves x FACTORS
    bias: float

    def parts(self, features: Floats) -> Floats:
        """What each factor adds to the prediction (n x FACTORS)."""
        leaves = self.model.calc_leaf_indexes(features, thread_count=1).astype(np.int64) + self.first
        result: Floats = self.by_leaf[leaves].sum(axis=1)
        return result


def fit_trees(features: Floats, target: Floats, *, loss: str, iterations: int) -> bytes:
    """A CatBoost model as bytes: the same bytes for the same input, seed and library version."""
    model = CatBoostRegressor(loss_function=loss, iterations=iterations, **_SETTINGS)
    model.fit(features, target)
    return _without_birth(model)


def load_trees(blob: bytes) -> CatBoost:
    """The model in `blob`."""
    model = CatBoost()
    model.load_model(blob=blob)
    return model


def explained(blobs: Sequence[bytes]) -> Explained:
    """The mean of several models as one, with its tables worked out."""
    models = [load_trees(blob) for blob in blobs]
    share = 1 / len(models)
    blob = _without_birth(sum_models(models, [share] * len(models))) if len(models) > 1 else blobs[0]
    tables = [_leaf_tables(model) for model in models]
    leaves = np.array([len(table) for each, _ in tables for table in each])
    return Explained(
        model=load_trees(blob),
        blob=blob,
        first=np.cumsum(leaves) - leaves,
        by_leaf=share * np.concatenate([table for each, _ in tables for table in each]),
        bias=share * sum(bias for _, bias in tables),
    )


def _leaf_tables(model: CatBoost) -> tuple[list[Floats], float]:
    """For each tree what each factor adds in each leaf (leaves x FACTORS), and the bias."""
    stored: dict[str, Any] = json.loads(_saved(model, "json"))
    scale, (bias,) = stored["scale_and_bias"]
    tables: list[Floats] = []
    for tree in stored["oblivious_trees"]:
        factors = [_factor(split["float_feature_index"]) for split in tree["splits"] or ()]
        values = scale * np.array(tree["leaf_values"])
        mean, table = _shapley(factors, values, np.array(tree["leaf_weights"], np.float64))
        bias += mean
        tables.append(table)
    return tables, float(bias)


def _factor(feature: int) -> int:
    return _FACTOR[feature] if feature < len(_FACTOR) else _FURTHER


def _shapley(factors: Sequence[int], values: Floats, weights: Floats) -> tuple[float, Floats]:
    """Mean of the leaves, and each factor's Shapley value in each leaf.

    The worth of a set of factors in a leaf is the weighted mean over the leaves that agree with it on those factors.
    """
    weights = weights + 1e-9  # a leaf no training row fell into still has a value
    leaf = np.arange(len(values))
    players = sorted(set(factors))
    masks = {player: sum(1 << bit for bit, factor in enumerate(factors) if factor == player) for player in players}

    def worth(group: Sequence[int]) -> Floats:
        mask = sum(masks[player] for player in group)
        seen = leaf & mask
        total = total_by(seen, weights * values, len(values))
        mean: Floats = (total / np.maximum(total_by(seen, weights, len(values)), 1e-300))[seen]
        return mean

    worths = {group: worth(group) for size in range(len(players) + 1) for group in combinations(players, size)}
    table = np.zeros((len(values), len(FACTORS)))
    n = len(players)
    for player in players:
        for group, value in worths.items():
            if player not in group:
                share = factorial(len(group)) * factorial(n - len(group) - 1) / factorial(n)
                table[:, player] += share * (worths[tuple(sorted((*group, player)))] - value)
    return float(worths[()][0]), table


def _without_birth(model: CatBoost) -> bytes:
    """The model as bytes, without the only parts that differ between equal runs."""
    metadata = model.get_metadata()
    for key in ("train_finish_time", "model_guid"):
        metadata[key] = ""
    return _saved(model, "cbm")


def _saved(model: Any, form: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"model.{form}")
        model.save_model(str(path), format=form)
        return path.read_bytes()
