"""Named files in a folder or any store that fsspec knows: what is handed over as a file, such as reconciliations."""

import fsspec


class FileStore:
    """Writing the same name again replaces it."""

    def __init__(self, uri: str) -> None:
        """`uri` is a folder or an fsspec URL such as `s3://bucket/reconciliation`."""
        self._files, root = fsspec.core.url_to_fs(uri)
        self._root = root.rstrip("/")

    def keep(self, name: str, content: bytes) -> None:
        """Store under a name such as `2026-03-02/APP.csv`. Raises `OSError` when the store is away."""
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        """The bytes of a name. Raises `OSError` (`FileNotFoundError`) when they cannot be had."""
        content: bytes = self._files.cat_file(f"{self._root}/{name}")
        return content
