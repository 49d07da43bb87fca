"""Files on their way in: so many at a time, so large, and gone when they are a job."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from fastapi import Request

from producers.batch.problems import Code, JobRefusedError

MOST_BYTES: Final = 2 << 30  # some ten million rows
MOST_UPLOADS: Final = 2
RETRY_AFTER_S: Final = 30


class Uploads:
    """How many files are being taken in: each is on the disk twice meanwhile, and keeps a processor busy."""

    def __init__(self) -> None:
        self._open = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of the places, while the block runs. Raises `JobRefusedError` when there is none."""
        if self._open >= MOST_UPLOADS:
            why = f"{self._open} files are being taken in; send this one again in {RETRY_AFTER_S} s"
            raise JobRefusedError(Code.TOO_MANY_UPLOADS, why)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


@asynccontextmanager
async def uploaded(request: Request, spool: Path) -> AsyncIterator[tuple[Path, str]]:
    """The body in a file that is there while the block runs, and its sha256."""
    found, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=spool) as file:
        async for piece in request.stream():
            size += len(piece)
            if size > MOST_BYTES:
                raise JobRefusedError(Code.BODY_TOO_LARGE, f"the file has more than {MOST_BYTES >> 20} MiB; split it")
            found.update(piece)
            file.write(piece)
        file.flush()
        yield Path(file.name), found.hexdigest()
