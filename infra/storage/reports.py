"""The report store: each report under its own digest, in a folder or any store that fsspec knows."""

import hashlib
from dataclasses import dataclass
from typing import Final

import fsspec

from schemas.errors import TransientError

_SUFFIX: Final = ".pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report as it was read back from the store. `sha256` is in hexadecimal."""

    uri: str
    sha256: str
    size_bytes: int


class ReportStore:
    """Content-addressed: the same bytes always have the same `uri`, so a replay writes the same object again."""

    def __init__(self, uri: str) -> None:
        """`uri` is a folder or an fsspec URL such as `s3://bucket/reports`."""
        self._files, root = fsspec.core.url_to_fs(uri)
        self._root = root.rstrip("/")

    def put(self, content: bytes, /) -> StoredReport:
        """Store a report and read it back, so that what is announced is there.

        Raises:
            TransientError: The store is away, or gives back something else.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        folder = f"{self._root}/{sha256[:2]}"  # a folder with a million entries is slow on most file systems
        path = f"{folder}/{sha256}{_SUFFIX}"
        try:
            self._files.makedirs(folder, exist_ok=True)
            self._files.pipe_file(path, content)
            kept: bytes = self._files.cat_file(path)
        except OSError as error:
            raise TransientError(f"the report store does not take {sha256}: {type(error).__name__}") from error
        if hashlib.sha256(kept).hexdigest() != sha256:
            raise TransientError(f"the report store gave back other bytes than {sha256}")
        return StoredReport(uri=self._files.unstrip_protocol(path), sha256=sha256, size_bytes=len(kept))

    def read(self, uri: str) -> bytes:
        """Return a report's bytes. Raises `OSError` (`FileNotFoundError`) when they cannot be had."""
        files, path = fsspec.core.url_to_fs(uri)
        content: bytes = files.cat_file(path)
        return content
