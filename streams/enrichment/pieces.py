"""What the learned tagger says of an address: pieces of the normalised text, each with its level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """`text[start:end]` of a normalised address, and the level the tagger gives it (road, poi, houseno, …)."""

    level: str
    text: str
    start: int
    end: int


class Tagger(Protocol):
    """Cuts addresses it has learned to read. A batch costs less than its addresses one by one."""

    @property
    def version(self) -> str:
        """Which artefact it is, e.g. `20160831-1a2b3c4d`."""
        ...

    def pieces(self, texts: Sequence[str]) -> list[tuple[Piece, ...]]:
        """The pieces of each normalised address, in order of the text, without overlap. Never raises."""
        ...
