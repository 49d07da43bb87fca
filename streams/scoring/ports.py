"""What scoring needs from outside."""

from typing import Protocol


class ArtefactStore(Protocol):
    """Where released models lie."""

    def fetch(self, uri: str, sha256: str) -> bytes:
        """The artefact at `uri`. Raises `ArtefactMismatchError` if its digest differs, `OSError` if it is not there."""
        ...
