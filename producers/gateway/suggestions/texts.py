"""Many short texts in one block of bytes: a third of what as many Python strings take."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """An immutable list of texts. `ends` are where each of them ends in `block`, behind a leading 0."""

    block: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Keep these texts. Half a surrogate pair, which no source should send, becomes a question mark."""
        encoded = [text.encode("utf-8", errors="replace") for text in texts]
        ends = np.fromiter(accumulate(map(len, encoded), initial=0), np.int64, len(encoded) + 1)
        return cls(block=np.frombuffer(b"".join(encoded), np.uint8), ends=ends)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> str:
        return self.block[self.ends[index] : self.ends[index + 1]].tobytes().decode()

    def kept(self, keep: npt.NDArray[np.bool_]) -> "Texts":
        """Only the texts marked, in order."""
        lengths = np.diff(self.ends)
        ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths[keep])))
        return Texts(block=self.block[np.repeat(keep, lengths)], ends=ends)

    def followed_by(self, other: "Texts") -> "Texts":
        """These and then those."""
        return Texts(
            block=np.concatenate((self.block, other.block)),
            ends=np.concatenate((self.ends, self.ends[-1] + other.ends[1:])),
        )
