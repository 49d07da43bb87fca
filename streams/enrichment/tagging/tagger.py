"""The learned address tagger, as a stage uses it: numpy alone, no state but what was learned."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from streams.enrichment.pieces import Piece
from streams.enrichment.tagging.artefact import Learned, unpack
from streams.enrichment.tagging.decode import decode
from streams.enrichment.tagging.spans import Span, spans
from streams.enrichment.tagging.tokens import tokenise

_TOGETHER = 64  # addresses in one pass: their numbers stay in the cache of the machine
_LONGEST = 128  # tokens that are read; a normalised address has at most 256 characters, a real one never 100 tokens


class AddressTagger:
    """`streams.enrichment.pieces.Tagger`. May be shared by threads: nothing changes after it was made."""

    def __init__(self, learned: Learned, version: str) -> None:
        self._vocabulary = learned.vocabulary
        self._labels = learned.labels
        self._network = learned.network
        self._transitions: list[list[float]] = learned.parameters["transitions"].astype(np.float32).tolist()
        self._version = version

    @classmethod
    def of(cls, artefact: bytes) -> "AddressTagger":
        """The tagger in an artefact. Raises `UnusableArtefactError`."""
        learned, manifest = unpack(artefact)
        return cls(learned, str(manifest["version"]))

    @property
    def version(self) -> str:
        """Which artefact it is."""
        return self._version

    def pieces(self, texts: Sequence[str]) -> list[tuple[Piece, ...]]:
        """The pieces of normalised addresses; nothing for an empty one. What lies behind token 128 is not read."""
        cut = [tokenise(text) for text in texts]
        return [
            tuple(_pieces(text, tokens, found)) for text, tokens, found in zip(texts, cut, self.tag(cut), strict=True)
        ]

    def tag(self, addresses: Sequence[Sequence[str]]) -> list[tuple[Span, ...]]:
        """The spans of addresses given as tokens."""
        found: list[tuple[Span, ...]] = [()] * len(addresses)
        worth = [number for number, tokens in enumerate(addresses) if tokens]
        for first in range(0, len(worth), _TOGETHER):
            numbers = worth[first : first + _TOGETHER]
            for number, labels in zip(numbers, self._labelled([addresses[n][:_LONGEST] for n in numbers]), strict=True):
                found[number] = spans(labels)
        return found

    def _labelled(self, addresses: Sequence[Sequence[str]]) -> Iterator[list[str]]:
        encoded = self._vocabulary.encode(addresses)
        for path in decode(self._network.scores(encoded), encoded.lengths, self._transitions):
            yield [self._labels[label] for label in path]


def _pieces(text: str, tokens: Sequence[str], found: Sequence[Span]) -> Iterator[Piece]:
    borders = [0, *accumulate(map(len, tokens))]
    for start, end, tag in found:
        first, last = borders[start], borders[end]
        yield Piece(level=tag, text=text[first:last], start=first, end=last)
