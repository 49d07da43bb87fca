"""The artefact of the tagger: one zip, the same bytes for the same training, nothing in it that could run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from infra.storage.packing import (
    MANIFEST,
    UnusableArtefactError,
    as_json,
    as_npy,
    expect,
    from_npy,
    packed,
    unpacked,
)
from schemas.codes import ADDRESS_SEGMENT, ADDRESS_TAGGER
from streams.enrichment.tagging import lexicon
from streams.enrichment.tagging.features import GRAMS, MARKS, Vocabulary
from streams.enrichment.tagging.network import REACHES, Network

FORMAT: Final = 1
_PARAMETERS: Final = "parameters/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """All that is learned: parameters as float16 (half the size; the figures are those of the rounded numbers)."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    parameters: Mapping[str, NDArray[np.float16]]

    @property
    def network(self) -> Network:
        """The network, arranged for use."""
        return Network.of(self.parameters)


def pack(learned: Learned, manifest: Mapping[str, Any]) -> bytes:
    """The artefact. The manifest gains the digest of every member, the version and what it must fit to."""
    members = {
        "labels.json": as_json(learned.labels),
        "vocabulary.json": as_json(learned.vocabulary.as_lists()),
        **{f"{_PARAMETERS}{name}.npy": as_npy(array) for name, array in sorted(learned.parameters.items())},
    }
    described = {
        **{name: value for name, value in manifest.items() if name != "version"},
        "name": ADDRESS_TAGGER,
        "segment": ADDRESS_SEGMENT,
        "format": FORMAT,
        "feature_set_version": feature_set_version(),
        "members": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
    }
    # By content: two different artefacts can never bear the same version, equal ones always do.
    described["version"] = f"{manifest['stem']}-{hashlib.sha256(as_json(described)).hexdigest()[:8]}"
    return packed({MANIFEST: as_json(described), **members})


def unpack(artefact: bytes) -> tuple[Learned, dict[str, Any]]:
    """What was learned, and the manifest.

    Raises:
        UnusableArtefactError: It is no tagger, a member was changed, or it is of another format or set of features.
    """
    with unpacked(artefact) as members:
        manifest = json.loads(members.pop(MANIFEST))
        expect("name", manifest["name"], ADDRESS_TAGGER)
        expect("format", manifest["format"], FORMAT)
        expect("feature set", manifest["feature_set_version"], feature_set_version())
        _refuse_changed(members, manifest["members"])
        learned = Learned(
            labels=tuple(json.loads(members["labels.json"])),
            vocabulary=Vocabulary.from_lists(json.loads(members["vocabulary.json"])),
            parameters={
                name.removeprefix(_PARAMETERS).removesuffix(".npy"): from_npy(content)
                for name, content in members.items()
                if name.startswith(_PARAMETERS)
            },
        )
    return learned, manifest


def feature_set_version() -> str:
    """A name for what the network reads: the kinds of marks and the length of what it is told of a token."""
    text = f"{GRAMS}|{MARKS}|{'|'.join(lexicon.KINDS)}|{REACHES}"
    return "at-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _refuse_changed(members: Mapping[str, bytes], stated: Mapping[str, str]) -> None:
    found = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    changed = sorted({name for name, _ in found.items() ^ stated.items()})
    if changed:
        raise UnusableArtefactError(
            f"the artefact's {', '.join(changed)} are not what was packed; fetch or train it again"
        )
