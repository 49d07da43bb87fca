"""What the network reads: for every token the numbers of its symbol and n-grams, and its marks.

An n-gram has a number when it was seen often enough in training; all others share one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from streams.enrichment.tagging import lexicon
from streams.enrichment.tagging.tokens import AFTER, BEFORE, symbols

Ints = NDArray[np.intp]
Floats = NDArray[np.float32]

PADDING, UNSEEN = 0, 1
"""Number of what is no token (in training batches), and of what was not seen often enough."""
_RESERVED: Final = 2
_LEVELS: Final = len(lexicon.KINDS) // 2  # a name in full and shortened are of one level
SAID_BEFORE, SAID_AGAIN = lexicon.MARKS, lexicon.MARKS + 1
NAMED_BEFORE: Final = lexicon.MARKS + 2
NAMED_AFTER: Final = NAMED_BEFORE + _LEVELS
MARKS: Final = NAMED_AFTER + _LEVELS
"""Marks of a token: those of the lexicon; whether what stands here was said before or is said again; and, for each
level of divisions, whether one is named before or after it. A second 杭州市 is redundant, however far the first is."""
GRAMS: Final = 4
"""Numbers of a token: its symbol, the bigram with the token before, with the token after, the trigram around it."""
_LEAST: Final = (2, 3, 4)  # how often a symbol, bigram, trigram must be seen; rarer ones teach noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Addresses, one behind the other: `grams` is tokens x `GRAMS`, `marks` is tokens x `MARKS` of 0 and 1."""

    lengths: tuple[int, ...]
    grams: Ints
    marks: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Numbers of symbols, bigrams (two symbols, a blank between) and trigrams."""

    numbers: tuple[dict[str, int], dict[str, int], dict[str, int]]

    @classmethod
    def of(cls, addresses: Iterable[Sequence[str]]) -> Self:
        """What is seen often enough in these addresses, given as tokens."""
        counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
        for tokens in addresses:
            for count, seen in zip(counts, _grams(tokens), strict=True):
                count.update(seen)
        return cls.from_lists(
            [sorted(g for g, n in count.items() if n >= least) for count, least in zip(counts, _LEAST, strict=True)]
        )

    @classmethod
    def from_lists(cls, lists: Sequence[Sequence[str]]) -> Self:
        """As `as_lists` gave them."""
        one, two, three = ({gram: n for n, gram in enumerate(grams, start=_RESERVED)} for grams in lists)
        return cls(numbers=(one, two, three))

    def as_lists(self) -> list[list[str]]:
        """Symbols, bigrams and trigrams in the order of their numbers."""
        return [list(numbers) for numbers in self.numbers]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many numbers there are of each, the reserved ones included."""
        one, two, three = (len(numbers) + _RESERVED for numbers in self.numbers)
        return one, two, three

    def encode(self, addresses: Sequence[Sequence[str]]) -> Encoded:
        """Addresses, given as tokens, in numbers. None of them may be empty."""
        one, two, three = (numbers.get for numbers in self.numbers)
        names = lexicon.names()
        single: list[int] = []
        before: list[int] = []
        after: list[int] = []
        around: list[int] = []
        rows: list[int] = []
        columns: list[int] = []
        named: list[tuple[slice, int]] = []
        first = 0
        for tokens in addresses:
            seen, pairs, triples = _grams(tokens)
            last = first + len(tokens)
            single += [one(gram, UNSEEN) for gram in seen]
            numbered = [two(gram, UNSEEN) for gram in pairs]
            before += numbered[:-1]
            after += numbered[1:]
            around += [three(gram, UNSEEN) for gram in triples]
            found = lexicon.marks(tokens, names)
            for token, mark in found:
                rows.append(first + token)
                columns.append(mark)
            for token, mark in _repeated(pairs):
                rows.append(first + token)
                columns.append(mark)
            for level, (start, end) in _named(found).items():
                named.append((slice(end + first + 1, last), NAMED_BEFORE + level))
                named.append((slice(first, start + first), NAMED_AFTER + level))
            first = last
        marked = np.zeros((first, MARKS), np.float32)
        marked[rows, columns] = 1.0
        for stretch, mark in named:
            marked[stretch, mark] = 1.0
        return Encoded(
            lengths=tuple(map(len, addresses)),
            grams=np.array(single + before + after + around, np.intp).reshape(GRAMS, first).T,  # flat lists are quicker
            marks=marked,
        )


def _grams(tokens: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Symbols, the bigrams around them (one more), the trigrams centred on them."""
    seen = symbols(tokens)
    framed = [BEFORE, *seen, AFTER]
    pairs = [f"{a} {b}" for a, b in pairwise(framed)]
    triples = [f"{a} {b}" for a, b in zip(pairs, framed[2:], strict=False)]
    return seen, pairs, triples


def _repeated(pairs: Sequence[str]) -> list[tuple[int, int]]:
    """Tokens of pairs that occur twice, with the mark of the first or a later one; `pairs[i]` ends at token i."""
    if len(set(pairs)) == len(pairs):
        return []
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair, []).append(place)
    found = set()
    for pair, of_pair in places.items():
        if len(of_pair) > 1 and not pair.startswith("d"):  # numbers of one length are no repetition
            first, *later = of_pair
            found |= {(token, SAID_AGAIN) for token in (first - 1, first)}
            found |= {(token, SAID_BEFORE) for place in later for token in (place - 1, place)}
    return sorted(mark for mark in found if 0 <= mark[0] < len(pairs) - 1)


def _named(marks: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """For each level of divisions that is named: where the last name of it begins, and where the first one ends."""
    found: dict[int, tuple[int, int]] = {}
    for token, mark in marks:
        kind, place = divmod(mark, lexicon.PLACES)
        level = kind % _LEVELS
        start, end = found.get(level, (-1, 1 << 30))
        if place == 0:
            found[level] = (max(start, token), end)
        elif place == lexicon.PLACES - 1:
            found[level] = (start, min(end, token))
    return found
