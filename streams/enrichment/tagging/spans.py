"""BIO labels and the spans they mean."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"


class Span(NamedTuple):
    """Tokens `start` up to, not including, `end`, and their tag."""

    start: int
    end: int
    tag: str


def spans(labels: Sequence[str]) -> tuple[Span, ...]:
    """What labels mean, in order. An `I-` that continues nothing begins a span: no label is lost by a missing `B-`."""
    found: list[Span] = []
    start, tag = 0, ""
    for place, label in enumerate((*labels, OUTSIDE)):
        if tag and label != f"I-{tag}":
            found.append(Span(start, place, tag))
            tag = ""
        if label != OUTSIDE and not tag:
            start, tag = place, label[2:]
    return tuple(found)


def labels_of(found: Iterable[Span], count: int) -> tuple[str, ...]:
    """The labels of `count` tokens that mean these spans."""
    labels = [OUTSIDE] * count
    for start, end, tag in found:
        labels[start:end] = [f"B-{tag}", *[f"I-{tag}"] * (end - start - 1)]
    return tuple(labels)
