"""The model store: artefacts under their own digest, in a folder or any store that fsspec knows."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import fsspec

from schemas.errors import PermanentError

_ARTEFACT: Final = "artefact.zip"
_MANIFEST: Final = "manifest.json"


class ArtefactMismatchError(PermanentError):
    """What lies in the store is not what was released."""


class ModelStore:
    """Artefacts by name and version. Writing the same artefact twice is the same as once."""

    def __init__(self, uri: str) -> None:
        """`uri` is a folder or an fsspec URL such as `s3://bucket/models`."""
        self._files, self._root = fsspec.core.url_to_fs(uri)
        self._root = self._root.rstrip("/")

    def keep(self, artefact: bytes, manifest: Mapping[str, Any]) -> tuple[str, str]:
        """Store an artefact with its manifest beside it; gives its URI and sha256.

        Raises:
            ArtefactMismatchError: Another artefact already bears this name and version.
        """
        sha256 = hashlib.sha256(artefact).hexdigest()
        folder = f"{self._root}/{manifest['name']}/{manifest['version']}"
        path = f"{folder}/{_ARTEFACT}"
        if self._files.exists(path):
            self.fetch(self._files.unstrip_protocol(path), sha256)
        else:
            self._files.makedirs(folder, exist_ok=True)
            self._files.pipe_file(path, artefact)
        described = {**manifest, "artefact_sha256": sha256}
        self._files.pipe_file(
            f"{folder}/{_MANIFEST}", json.dumps(described, ensure_ascii=False, sort_keys=True, indent=1).encode()
        )
        return self._files.unstrip_protocol(path), sha256

    def fetch(self, uri: str, sha256: str) -> bytes:
        """The artefact at `uri`, verified.

        Raises:
            ArtefactMismatchError: Its digest is not `sha256`.
            OSError: It is not there, or the store is away.
        """
        files, path = fsspec.core.url_to_fs(uri)
        artefact: bytes = files.cat_file(path)
        found = hashlib.sha256(artefact).hexdigest()
        if found != sha256:
            raise ArtefactMismatchError(
                f"artefact {uri} has sha256 {found}, released was {sha256}; it was changed or damaged: release it again"
            )
        return artefact

    def manifests(self) -> list[dict[str, Any]]:
        """What is in the store, by name and version."""
        paths = sorted(self._files.glob(f"{self._root}/*/*/{_MANIFEST}"))
        return [json.loads(self._files.cat_file(path)) for path in paths]
