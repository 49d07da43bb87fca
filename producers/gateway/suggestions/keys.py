"""Beginnings of texts as sorted numbers: a prefix is found by bisection, and its best few without sorting the rest.

A text's first characters are packed into two 64-bit words, so that order of numbers is order of texts. What lies
beyond the two words is not compared here; the caller looks at the text itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint16]
Whole = npt.NDArray[np.int64]
_WORD_BITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """How wide a character is. Each word holds `per_word` of them; 0 stands for the end of a text."""

    bits: int

    @property
    def per_word(self) -> int:
        """Characters in one word."""
        return _WORD_BITS // self.bits


CHARACTERS: Final = Alphabet(bits=16)  # four a word: most names of communities are told apart by eight
LETTERS: Final = Alphabet(bits=6)  # ten a word: a to z and digits


def character_codes(text: str) -> Codes:
    """A number for each character. Those beyond the basic plane share one: the text itself tells them apart."""
    points = np.frombuffer(text.encode("utf-32-le", errors="replace"), np.uint32)
    return np.minimum(points, 0xFFFF).astype(np.uint16)


def letter_codes(text: str) -> Codes:
    """A number for each letter or digit in ASCII, in either case; all other characters share one."""
    points = np.frombuffer(text.encode("utf-32-le", errors="replace"), np.uint32)
    return _LETTER_CODES[np.minimum(points, len(_LETTER_CODES) - 1)]


def _letter_codes() -> Codes:
    codes = np.full(129, 37, np.uint16)  # the last place stands for all that is no ASCII
    for number, (lower, upper) in enumerate(
        zip("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=True)
    ):
        codes[ord(lower)] = codes[ord(upper)] = number + 1
    for digit in range(10):
        codes[ord("0") + digit] = 27 + digit
    return codes


_LETTER_CODES: Final = _letter_codes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Places `start` to `end` of the sorted keys begin as asked; up to `whole_end` they are no longer than that."""

    start: int
    whole_end: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Sorted keys. `owner` is whose text it is, `rank` its order among all (lower is better), `place` where it lies."""

    alphabet: Alphabet
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    owner: npt.NDArray[np.int32]
    rank: npt.NDArray[np.uint32]
    place: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.high)

    def span(self, codes: Codes) -> Span:
        """Where the keys are that begin with these characters. `codes` is not empty."""
        width = self.alphabet.per_word
        first, last = self._bounds(codes[:width])
        start, end = _between(self.high, first, last)
        if len(codes) < width:
            whole = start + int(np.searchsorted(self.high[start:end], first, "right"))
            return Span(start=start, whole_end=whole, end=end)
        first, last = self._bounds(codes[width : 2 * width])
        below, above = _between(self.low[start:end], first, last)
        whole = int(np.searchsorted(self.low[start:end], first, "right"))
        return Span(start=start + below, whole_end=start + whole, end=start + above)

    def best(self, start: int, end: int, most: int, where: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp]:
        """Where the best of a stretch are, at most so many, best first. `where` says which places count."""
        if where is None:
            return start + _smallest(self.rank[start:end], most)
        inside = np.flatnonzero(where[self.place[start:end]])
        return start + inside[_smallest(self.rank[start:end][inside], most)]

    def _bounds(self, codes: Codes) -> tuple[np.uint64, np.uint64]:
        """The lowest and highest word that begin with these characters."""
        free = self.alphabet.bits * (self.alphabet.per_word - len(codes))
        word = 0
        for code in codes.tolist():
            word = word << self.alphabet.bits | code
        return np.uint64(word << free), np.uint64(word << free | ((1 << free) - 1))


def _between(words: npt.NDArray[np.uint64], first: np.uint64, last: np.uint64) -> tuple[int, int]:
    return int(np.searchsorted(words, first, "left")), int(np.searchsorted(words, last, "right"))


def _smallest(ranks: npt.NDArray[np.uint32], most: int) -> npt.NDArray[np.intp]:
    """Indices of the smallest, in order. Linear in their number: 100,000 take a fifth of a millisecond."""
    if len(ranks) > most:
        chosen = np.argpartition(ranks, most)[:most]
        return chosen[np.argsort(ranks[chosen], kind="stable")]
    return np.argsort(ranks, kind="stable")


def packed(alphabet: Alphabet, codes: Codes, starts: Whole, ends: Whole) -> tuple[npt.NDArray[np.uint64], ...]:
    """Two words for each stretch `starts` to `ends` of `codes`."""
    width, bits = alphabet.per_word, np.uint64(alphabet.bits)
    padded = np.append(codes, np.zeros(1, np.uint16))
    words = []
    for word in range(2):
        value = np.zeros(len(starts), np.uint64)
        for offset in range(word * width, (word + 1) * width):
            at = starts + offset
            code = np.where(at < ends, padded[np.minimum(at, len(codes))], 0)
            value = value << bits | code.astype(np.uint64)
        words.append(value)
    return tuple(words)


def sorted_keys(
    alphabet: Alphabet,
    *,
    high: npt.NDArray[np.uint64],
    low: npt.NDArray[np.uint64],
    owner: npt.NDArray[np.int32],
    rank: npt.NDArray[np.uint32],
    place: npt.NDArray[np.uint32],
) -> Keys:
    """Keys in order. The sort does not hold the interpreter's lock, so that answers go on meanwhile."""
    order = np.lexsort((low, high))
    return Keys(
        alphabet=alphabet,
        high=high[order],
        low=low[order],
        owner=owner[order],
        rank=rank[order],
        place=place[order],
    )
