"""What is learned of address pairs, how it judges, and its artefact: one file, the same bytes for the same training.

It tells whether two written addresses mean the same unit: the same request under another spelling, the declared
address and the registered one. `compare` judges candidates that a search found for one address, together;
`compare_alone` judges two addresses that merely stand beside each other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from infra.storage.packing import MANIFEST, as_json, as_npy, expect, from_npy, packed, unpacked
from streams.enrichment.pairs.alignment import Pair
from streams.enrichment.pairs.features import Floats, feature_names, matrix, measure
from streams.enrichment.pairs.labelled import Relation
from streams.enrichment.pairs.linear import Linear
from streams.enrichment.pairs.listed import list_features
from streams.enrichment.pairs.rarity import Rarity
from streams.enrichment.pairs.spelled import Spelled, spell
from streams.enrichment.pairs.trees import Judge
from streams.enrichment.pairs.wording import wording
from streams.enrichment.pieces import Tagger
from streams.enrichment.tagging.tagger import AddressTagger

FORMAT: Final = 1
_APART: Final = "\x1f"  # between the tokens of a gram: no address that was normalised holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is thought of one candidate.

    The probabilities add up to 1. `relation` need not be the likeliest: exact matches are rare, and a decision is taken
    for them earlier than at one half.
    """

    none: float
    partial: float
    exact: float
    relation: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class PairModel:
    """All that is learned. `alone` judges a pair by itself, `listed` beside the other candidates of its list."""

    manifest: Mapping[str, Any]
    tagger: Tagger | None
    tagger_artefact: bytes = field(repr=False)
    rarity: Rarity = field(repr=False)
    words: Linear = field(repr=False)
    alone: Judge
    listed: Judge

    @property
    def version(self) -> str:
        """The version, e.g. `20160831-1a2b3c4d`."""
        return str(self.manifest["version"])

    def compare(self, address: str, candidates: Sequence[str], *, in_order: bool = True) -> tuple[Compared, ...]:
        """Each candidate that a search found for an address, judged beside the others; `in_order`: the best first.

        Never raises, whatever is written in them; an address of which nothing can be read matches nothing.
        """
        return self.compare_lists([(address, candidates)], in_order=in_order)[0]

    def compare_lists(
        self, lists: Sequence[tuple[str, Sequence[str]]], *, in_order: bool = True
    ) -> list[tuple[Compared, ...]]:
        """`compare` for many addresses at once: it costs less than one by one."""
        spelled = self.spelled({text for address, candidates in lists for text in (address, *candidates)})
        pairs = [Pair.of(spelled[address], spelled[other]) for address, candidates in lists for other in candidates]
        features, said = self._alone(pairs)
        columns, start = [], 0
        for _, candidates in lists:
            rows = slice(start, start + len(candidates))
            if candidates:
                others = [spelled[text] for text in candidates]
                columns.append(list_features(features[rows], said[rows], others, in_order=in_order))
            start += len(candidates)
        answers = iter(_answers(self.listed, np.column_stack([features, np.vstack(columns)])) if pairs else ())
        return [tuple(next(answers) for _ in candidates) for _, candidates in lists]

    def compare_alone(self, address: str, other: str) -> Compared:
        """Two addresses that no search brought together. Never raises."""
        spelled = self.spelled({address, other})
        features, _ = self._alone([Pair.of(spelled[address], spelled[other])])
        return _answers(self.alone, features)[0]

    def spelled(self, addresses: set[str]) -> dict[str, Spelled]:
        """Each address, cut once."""
        texts = sorted(addresses)
        return dict(zip(texts, spell(texts, self.tagger), strict=True))

    def _alone(self, pairs: Sequence[Pair]) -> tuple[Floats, Floats]:
        """Features of pairs, and what is thought of each by itself."""
        measures = matrix([measure(pair, self.rarity) for pair in pairs])
        features = np.column_stack([measures, self.words.probabilities([wording(pair) for pair in pairs])])
        return features, self.alone.probabilities(features)


def _answers(judge: Judge, features: Floats) -> list[Compared]:
    said = judge.probabilities(features)
    return [
        Compared(none=float(none), partial=float(partial), exact=float(exact), relation=Relation(int(relation)))
        for (none, partial, exact), relation in zip(said, judge.decisions(said), strict=True)
    ]


def feature_set_version() -> str:
    """A name for the exact list of measures, in their order."""
    return "pairs-" + hashlib.sha256("|".join(feature_names()).encode()).hexdigest()[:12]


# ---- the artefact -----------------------------------------------------------------------------------------------


def pack(model: PairModel) -> bytes:
    """The artefact."""
    members = {
        MANIFEST: as_json(model.manifest),
        "rarity.json": as_json(
            {
                "addresses": model.rarity.addresses,
                "counts": {_APART.join(gram): count for gram, count in model.rarity.counts.items()},
            }
        ),
        "words.json": as_json(sorted(model.words.places, key=model.words.places.__getitem__)),
        "weights.npy": as_npy(np.vstack([model.words.weights, model.words.bias])),
        "decisions.json": as_json({"alone": model.alone.weights, "listed": model.listed.weights}),
        **{f"alone-{number}.cbm": blob for number, blob in enumerate(model.alone.blobs)},
        **{f"listed-{number}.cbm": blob for number, blob in enumerate(model.listed.blobs)},
        **({"tagger.zip": model.tagger_artefact} if model.tagger_artefact else {}),
    }
    return packed(members)


def unpack(artefact: bytes) -> PairModel:
    """The model in an artefact.

    Raises:
        UnusableArtefactError: It is none, or of another format or list of measures.
    """
    with unpacked(artefact) as members:
        manifest = json.loads(members[MANIFEST])
        expect("format", manifest["format"], FORMAT)
        expect("feature set", manifest["feature_set_version"], feature_set_version())
        rarity, decisions = json.loads(members["rarity.json"]), json.loads(members["decisions.json"])
        weights = from_npy(members["weights.npy"])
        names = json.loads(members["words.json"])
        tagger = members.get("tagger.zip", b"")
        return PairModel(
            manifest=manifest,
            tagger=AddressTagger.of(tagger) if tagger else None,
            tagger_artefact=tagger,
            rarity=Rarity(
                addresses=rarity["addresses"],
                counts={tuple(gram.split(_APART)): count for gram, count in rarity["counts"].items()},
            ),
            words=Linear(
                places={name: number for number, name in enumerate(names)}, weights=weights[:-1], bias=weights[-1]
            ),
            alone=Judge.of(_forests(members, "alone"), decisions["alone"]),
            listed=Judge.of(_forests(members, "listed"), decisions["listed"]),
        )


def _forests(members: Mapping[str, bytes], judge: str) -> list[bytes]:
    count = sum(name.startswith(f"{judge}-") for name in members)
    return [members[f"{judge}-{number}.cbm"] for number in range(count)]
