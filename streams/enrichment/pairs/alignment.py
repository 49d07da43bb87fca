"""Which tokens of two addresses stand in a stretch that both share, and how long that stretch is."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.enrichment.pairs.spelled import Spelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two addresses beside each other: `a` was asked for, `b` is a candidate.

    Runs are those of `shared_runs`, of the words as they are written and as they sound: 翠湖 and 翠胡 share one run of
    sounds. Addresses that were dictated differ so.
    """

    a: Spelled
    b: Spelled
    runs_a: list[int]
    runs_b: list[int]
    sounding_a: list[int]
    sounding_b: list[int]

    @classmethod
    def of(cls, a: Spelled, b: Spelled) -> "Pair":
        """The pair, aligned."""
        runs_a, runs_b = shared_runs(a.texts, b.texts)
        sounding_a, sounding_b = shared_runs(a.sounds, b.sounds)
        return cls(a=a, b=b, runs_a=runs_a, runs_b=runs_b, sounding_a=sounding_a, sounding_b=sounding_b)


def shared_runs(one: Sequence[str], other: Sequence[str]) -> tuple[list[int], list[int]]:
    """For each token of both, the length of the longest common stretch it stands in; 0 where it is not shared.

    Order of the stretches does not matter: 某路3号某小区 shares two of them with 某小区(某路3号). Time is the product
    of the lengths; a normalised address has at most 256 characters.
    """
    runs_of_one, runs_of_other = [0] * len(one), [0] * len(other)
    before = [0] * len(other)  # lengths of common stretches that end in the token before
    for row, token in enumerate(one):
        now = [0] * len(other)
        for column, candidate in enumerate(other):
            if token != candidate:
                continue
            length = (before[column - 1] if column else 0) + 1
            now[column] = length
            if row + 1 < len(one) and column + 1 < len(other) and one[row + 1] == other[column + 1]:
                continue  # it goes on: its end fills in the whole stretch
            for back in range(length):
                runs_of_one[row - back] = max(runs_of_one[row - back], length)
                runs_of_other[column - back] = max(runs_of_other[column - back], length)
        before = now
    return runs_of_one, runs_of_other
