"""Columns that grow in place: appending a few rows to millions must not copy the millions."""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from streams.scoring.attributes import Ints

_FEW: Final = 1_000  # rows; so many are moved stretch by stretch, more by one copy of the column
_LEAST_ROOM: Final = 64

T = TypeVar("T", bound=np.generic)


class Column(Generic[T]):
    """An array with room at its end. What `append` adds leaves the arrays that `values` gave before as they were."""

    def __init__(self, empty: NDArray[T]) -> None:
        """`empty` has no rows; it gives the type and, for tables, the width."""
        self._held, self._size = empty, 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[T]:
        """The rows so far, not copied."""
        return self._held[: self._size]

    def append(self, values: NDArray[T]) -> None:
        """Add rows at the end. A wider table widens those before it with NaN."""
        if not len(values):
            return  # of whatever width
        if values.ndim > 1 and values.shape[1] > self._held.shape[1]:
            self._widen(values.shape[1])
        self._make_room(len(values))
        self._held[self._size : self._size + len(values)] = values
        self._size += len(values)

    def insert(self, at: Ints, values: NDArray[T]) -> None:
        """Put `values[i]` before what is now at `at[i]`, which must not fall. Moves what `values` gave before."""
        if len(values) > _FEW:
            self._replace(np.insert(self.values, at, values))
            return
        self._make_room(len(values))
        stop = self._size
        for shift, start in zip(range(len(values), 0, -1), at[::-1].tolist(), strict=True):  # the last stretch first
            self._held[start + shift : stop + shift] = self._held[start:stop]
            stop = start
        self._held[at + np.arange(len(values))] = values
        self._size += len(values)

    def delete(self, at: Ints) -> None:
        """Take out what is at `at`, which must rise. Moves what `values` gave before."""
        if len(at) > _FEW:
            self._replace(np.delete(self.values, at))
            return
        stops = [*at.tolist(), self._size][1:]
        for shift, (start, stop) in enumerate(zip(at.tolist(), stops, strict=True)):
            self._held[start - shift : stop - shift - 1] = self._held[start + 1 : stop]
        self._size -= len(at)

    def _replace(self, values: NDArray[T]) -> None:
        self._held, self._size = values, len(values)

    def _widen(self, width: int) -> None:
        wider = np.full((len(self._held), width), np.nan, self._held.dtype)
        wider[:, : self._held.shape[1]] = self._held
        self._held = wider

    def _make_room(self, more: int) -> None:
        """By half each time: each row is copied twice on the average, however the column grew."""
        if (wanted := self._size + more) > len(self._held):
            room = max(wanted, _LEAST_ROOM, self._size + self._size // 2)
            held = np.empty((room, *self._held.shape[1:]), self._held.dtype)
            held[: self._size] = self.values
            self._held = held


class Register:
    """The ids of rows, by row and back.

    Kept as bytes in one piece: a `str` and an entry of a `dict` for each would take ten times as much.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts: Column[Any] = Column(np.zeros(0, np.int64))
        self._starts.append(np.zeros(1, np.int64))
        self._keys: Column[Any] = Column(np.zeros(0, np.int64))  # checksums of the ids in use, in order …
        self._rows: Column[Any] = Column(np.zeros(0, np.int64))  # … and their rows

    def __len__(self) -> int:
        """Ids in use."""
        return len(self._keys)

    @property
    def rows(self) -> Ints:
        """The rows in use, in no particular order."""
        return self._rows.values

    def append(self, ids: Sequence[str], checksums: Ints) -> None:
        """Ids of the next rows, none of them in use."""
        encoded = [one.encode() for one in ids]
        first, start = len(self._starts) - 1, len(self._text)
        self._text += b"".join(encoded)
        self._starts.append(start + np.cumsum(np.array([len(one) for one in encoded], np.int64)))
        order = np.argsort(checksums, kind="stable")
        at = np.searchsorted(self._keys.values, checksums[order], side="right")
        self._keys.insert(at, checksums[order])
        self._rows.insert(at, first + order)

    def text(self, row: int) -> str:
        """The id of a row, whether it is in use or not."""
        start, stop = self._starts.values[row : row + 2].tolist()
        return self._text[start:stop].decode()

    def row(self, one: str) -> int:
        """The row in use of an id, -1 if there is none."""
        at = self._place(one)
        return -1 if at < 0 else int(self._rows.values[at])

    def forget(self, ids: Sequence[str]) -> None:
        """Ids are in use no longer; all of them were."""
        at = np.array(sorted(self._place(one) for one in ids), np.int64)
        self._keys.delete(at)
        self._rows.delete(at)

    def _place(self, one: str) -> int:
        encoded = one.encode()
        keys, checksum = self._keys.values, crc32(encoded)
        at = int(keys.searchsorted(checksum))
        while at < len(keys) and keys[at] == checksum:  # different ids may have one checksum
            start, stop = self._starts.values[self._rows.values[at] :][:2].tolist()
            if self._text[start:stop] == encoded:
                return at
            at += 1
        return -1


def checksums(ids: Sequence[str]) -> Ints:
    """Of each id a number of 32 bits."""
    return np.fromiter((crc32(one.encode()) for one in ids), np.int64, len(ids))
