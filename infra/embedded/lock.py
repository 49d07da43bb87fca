"""A lock on a folder that the kernel releases when its holder dies."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_NAME = "lock"


class FolderInUseError(RuntimeError):
    """Another process works in this folder. Stop it, or choose another folder."""

    def __init__(self, folder: Path, holder: int | None) -> None:
        self.folder, self.holder = folder, holder
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{folder} is in use by {who}; stop it (kill {holder or 'PID'}) or choose another folder")


def lock_holder(folder: Path) -> int | None:
    """Return the pid that holds the lock of `folder`, 0 when it is held by an unnamed one, None when it is free."""
    path = folder / LOCK_NAME
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(file.read()) or 0
    return None


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of `folder`, made when missing.

    Args:
        folder: What is locked; the lock is a file in it.
        wait: Wait for the other holder instead of raising.

    Raises:
        FolderInUseError: Another process (or another lock of this one) holds it and `wait` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            raise FolderInUseError(folder, _named(file.read())) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid()}))
        file.flush()
        yield  # the file is kept: removing it would let two processes lock two files of one name


def _named(text: str) -> int | None:
    try:
        return int(json.loads(text)["pid"])
    except (ValueError, KeyError, TypeError):
        return None
