"""Examples and what they should be read as, in batches of few shapes: every shape is compiled once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.enrichment.tagging.features import GRAMS, MARKS, Vocabulary

LENGTHS: Final = (16, 24, 32, 64)
"""Tokens; every batch is padded to one of them. What lies behind the last is not learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An address in numbers. `labels` are numbers of labels; empty for an unlabelled one."""

    grams: NDArray[np.intp]
    marks: NDArray[np.float32]
    labels: NDArray[np.int32]


def example(vocabulary: Vocabulary, tokens: Sequence[str], labels: Sequence[int] = ()) -> Example:
    """An address in numbers; of a very long one, the beginning."""
    longest = LENGTHS[-1]
    encoded = vocabulary.encode([tokens[:longest]])
    return Example(grams=encoded.grams, marks=encoded.marks, labels=np.array(labels[:longest], np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What an example should be read as: the share of every label at every token, and one path through them."""

    shares: NDArray[np.float32]
    path: NDArray[np.int32]


def stated(example: Example, labels: int) -> Goal:
    """The labels a person gave."""
    return Goal(shares=certain(example.labels, labels), path=example.labels)


def mixed(one: Goal, other: Goal) -> Goal:
    """Half of each; the path is that of the first."""
    return Goal(shares=(one.shares + other.shares) * np.float32(0.5), path=one.path)


def certain(path: Sequence[int] | NDArray[np.int32], labels: int) -> NDArray[np.float32]:
    """The shares of a path that is not doubted."""
    certain: NDArray[np.float32] = np.eye(labels, dtype=np.float32)[np.asarray(path)]
    return certain


def batches(
    examples: Sequence[Example], rows: int, random: np.random.Generator | None = None
) -> Iterator[tuple[list[int], int]]:
    """Numbers of examples of about one length, and the length they are padded to; in random order if `random`."""
    sizes = np.array([min(len(example.grams), LENGTHS[-1]) for example in examples])
    lengths = np.searchsorted(LENGTHS, sizes)
    batches = []
    for which, length in enumerate(LENGTHS):
        chosen = np.nonzero(lengths == which)[0]
        if random is not None:
            chosen = random.permutation(chosen)
        batches += [(chosen[n : n + rows].tolist(), length) for n in range(0, len(chosen), rows)]
    order = range(len(batches)) if random is None else random.permutation(len(batches))
    for number in order:
        chosen, length = batches[number]
        yield [*chosen, *[chosen[0]] * (rows - len(chosen))], length  # always as many: a shape is compiled once


def padded(examples: Sequence[Example], length: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Examples as one batch; what lies behind `length` is cut off."""
    grams = np.zeros((len(examples), length, GRAMS), np.int32)
    marks = np.zeros((len(examples), length, MARKS), np.float32)
    for row, example in enumerate(examples):
        size = min(len(example.grams), length)
        grams[row, :size], marks[row, :size] = example.grams[:size], example.marks[:size]
    return grams, marks


def goals_of(goals: Sequence[Goal], length: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Goals as one batch: shares (rows x tokens x labels) and paths (rows x tokens)."""
    shares = np.zeros((len(goals), length, goals[0].shares.shape[1]), np.float32)
    path = np.zeros((len(goals), length), np.int32)
    for row, goal in enumerate(goals):
        size = min(len(goal.path), length)
        shares[row, :size], path[row, :size] = goal.shares[:size], goal.path[:size]
    return shares, path
