"""A trained model of one segment, and its artefact: one file, the same bytes for the same training."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from catboost import CatBoost

from infra.storage.packing import MANIFEST, as_json, as_npy, expect, from_npy, packed, unpacked
from schemas.codes import PropertyType
from schemas.domain.forbidden_inputs import forbidden_among
from schemas.domain.segments import model_segment
from schemas.errors import PermanentError
from streams.scoring.attributes import Floats
from streams.scoring.certainty import Certainty
from streams.scoring.comparables import FEATURES, Comparison, Layer
from streams.scoring.covariance import Covariance
from streams.scoring.hedonics import FIELDS, Hedonics
from streams.scoring.index import PriceIndex
from streams.scoring.trees import Explained, load_trees

FORMAT: Final = 3


class ForbiddenFeatureError(PermanentError):
    """A feature set holds what must never be learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Both layers for a batch: log unit price, its additive parts (n x FACTORS), and how sure it is."""

    log_value: Floats
    base: Floats
    parts: Floats
    half_width: Floats
    fsd: Floats
    p10: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All that is learned of one segment."""

    manifest: Mapping[str, Any]
    layer: Layer
    value_trees: Explained
    spread_trees: CatBoost
    certainty: Certainty

    @property
    def version(self) -> str:
        """The version, e.g. `20160831-1a2b3c4d`."""
        return str(self.manifest["version"])

    @property
    def segment(self) -> str:
        """The property type it values."""
        return str(self.manifest["segment"])

    @property
    def calibration_id(self) -> str:
        """Which window of deals the certainty was calibrated on."""
        return str(self.manifest["calibration"]["id"])

    @property
    def feature_set_version(self) -> str:
        """The name of its exact feature list."""
        return str(self.manifest["feature_set_version"])

    @property
    def learned_to(self) -> date | None:
        """The day of the newest deal it learned from; `None` for a model that was never packed."""
        data = self.manifest.get("data")
        return None if data is None else date.fromisoformat(data["to"])

    def estimate(self, comparison: Comparison) -> Estimate:
        """Add layer 2 and the certainty to layer 1: one CatBoost call each for the whole batch."""
        moved_by = self.value_trees.parts(comparison.features)
        moved = moved_by.sum(axis=1) + self.value_trees.bias
        spread = spread_of(self.spread_trees, comparison.features)
        return Estimate(
            log_value=comparison.log_value + moved,
            base=comparison.base + self.value_trees.bias,
            parts=comparison.parts + moved_by,
            half_width=self.certainty.half_width(spread, comparison.features, comparison.silent),
            fsd=self.certainty.fsd(spread, comparison.features, comparison.silent),
            p10=self.certainty.p10(spread, comparison.features, moved, comparison.silent),
        )


def segment_of(property_type: PropertyType) -> PropertyType:
    """The segment that values a property, as scoring keeps it; see `model_segment`."""
    return PropertyType(model_segment(property_type))


def spread_of(trees: CatBoost, features: Floats) -> Floats:
    """Forecast of the absolute log error, before calibration."""
    result: Floats = np.exp(np.clip(trees.predict(features, thread_count=1), -6.0, 0.5))
    return result


def feature_set_version(features: Iterable[str] = FEATURES) -> str:
    """A name for the exact list of features and fields, in their order."""
    return "fs-" + hashlib.sha256("|".join([*features, *FIELDS]).encode()).hexdigest()[:12]


def refuse_forbidden(features: Iterable[str]) -> None:
    """Raise `ForbiddenFeatureError`, naming all features that must never be learned from."""
    found = forbidden_among(features)
    if found:
        raise ForbiddenFeatureError(f"these features may not be learned from: {', '.join(found)}")


def pack(model: Model, spread_blob: bytes) -> bytes:
    """The artefact."""
    layer = {
        "hedonics": model.layer.hedonics.as_json(),
        "index": model.layer.index.as_json(),
        "covariances": {name: one.as_json() for name, one in model.layer.covariances.items()},
        "level": model.layer.level,
    }
    members = {
        MANIFEST: as_json(model.manifest),
        "layer.json": as_json(layer),
        "certainty.json": as_json(model.certainty.as_json()),
        "value.cbm": model.value_trees.blob,
        "spread.cbm": spread_blob,
        "leaves.npy": as_npy(model.value_trees.by_leaf),
        "trees.json": as_json({"first": model.value_trees.first.tolist(), "bias": model.value_trees.bias}),
    }
    return packed(members)


def unpack(artefact: bytes) -> Model:
    """The model in an artefact.

    Raises:
        UnusableArtefactError: It is none, or of another format or feature list.
    """
    with unpacked(artefact) as members:
        manifest = json.loads(members[MANIFEST])
        expect("format", manifest["format"], FORMAT)
        layer, trees = json.loads(members["layer.json"]), json.loads(members["trees.json"])
        hedonics = Hedonics.from_json(layer["hedonics"])
        expect("feature set", manifest["feature_set_version"], feature_set_version((*FEATURES, *hedonics.further)))
        return Model(
            manifest=manifest,
            layer=Layer(
                hedonics=hedonics,
                index=PriceIndex.from_json(layer["index"]),
                covariances={name: Covariance.from_json(one) for name, one in layer["covariances"].items()},
                level=layer["level"],
            ),
            value_trees=Explained(
                model=load_trees(members["value.cbm"]),
                blob=members["value.cbm"],
                first=np.array(trees["first"], np.int64),
                by_leaf=from_npy(members["leaves.npy"]),
                bias=trees["bias"],
            ),
            spread_trees=load_trees(members["spread.cbm"]),
            certainty=Certainty.from_json(json.loads(members["certainty.json"])),
        )
