"""How telling a token or a gram is: the rarer among known addresses, the more it says when two addresses share it."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from streams.enrichment.pairs.spelled import Spelled

Gram = tuple[str, ...]

_LEAST = 2  # grams seen once are as rare as grams never seen: they need not be kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Rarity:
    """Inverse document frequency of grams among `addresses` different addresses."""

    addresses: int
    counts: Mapping[Gram, int]

    @classmethod
    def of(cls, known: Iterable[Spelled]) -> "Rarity":
        """Counted over addresses, each once."""
        counts: Counter[Gram] = Counter()
        total = 0
        for address in known:
            total += 1
            for grams in address.grams:
                counts.update(grams)
        return cls(addresses=total, counts={gram: count for gram, count in counts.items() if count >= _LEAST})

    def weight(self, gram: Gram) -> float:
        """Natural logarithm of one over the share of addresses that have it; never negative."""
        return math.log((self.addresses + 2) / (self.counts.get(gram, 0) + 2))

    def share(self, grams: Collection[Gram], within: Collection[Gram]) -> float:
        """How much of the weight of `grams` is also in `within`, 0..1; -1 when there is none."""
        total = sum(map(self.weight, grams))
        return sum(self.weight(gram) for gram in grams if gram in within) / total if total > 0 else -1.0
