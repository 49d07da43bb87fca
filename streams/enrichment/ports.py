"""What enrichment needs from outside."""

from collections.abc import Callable
from typing import Protocol

from streams.enrichment.pieces import Tagger

Unpack = Callable[[bytes], Tagger]
"""Makes a tagger of a released artefact. Raises `PermanentError` or `ValueError` for bytes that are none."""


class ArtefactStore(Protocol):
    """Where released artefacts lie."""

    def fetch(self, uri: str, sha256: str) -> bytes:
        """The artefact at `uri`. Raises `ArtefactMismatchError` if its digest differs, `OSError` if it is not there."""
        ...
