"""How well spans are found: exact borders and tag, over all addresses and by group of tags.

span F1 = 2 · hits / (spans found + spans stated), the harmonic mean of precision and recall, as CoNLL-2003 counts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.enrichment.tagging.spans import Span

Spans = Sequence[Span]

GROUPS: Final = {
    "admin": frozenset({"country", "prov", "city", "district"}),
    "locality": frozenset({"town", "community", "devzone"}),
    "road": frozenset({"road", "subroad", "roadno", "subroadno"}),
    "poi": frozenset({"poi", "subpoi"}),
    "unit": frozenset({"houseno", "cellno", "floorno", "roomno"}),
}
"""Tags outside these (person, assist, redundant, …) count in all, and in no group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All shares between 0 and 1. A group that neither side mentions has no figure and is left out."""

    n: int
    span_f1: float
    span_f1_by_group: dict[str, float]
    all_right: float


def figures(stated: Sequence[Spans], found: Sequence[Spans]) -> Figures:
    """Compare what was found with what a person stated, address by address. Both have the same, positive length."""
    by_group = {
        group: span_f1([_only(spans, tags) for spans in stated], [_only(spans, tags) for spans in found])
        for group, tags in GROUPS.items()
    }
    return Figures(
        n=len(stated),
        span_f1=span_f1(stated, found) or 0.0,
        span_f1_by_group={group: figure for group, figure in by_group.items() if figure is not None},
        all_right=sum(set(a) == set(b) for a, b in zip(stated, found, strict=True)) / len(stated),
    )


def span_f1(stated: Sequence[Spans], found: Sequence[Spans]) -> float | None:
    """Span F1; `None` when there is no span on either side."""
    hits = sum(len(set(a) & set(b)) for a, b in zip(stated, found, strict=True))
    total = sum(map(len, stated)) + sum(map(len, found))
    return 2 * hits / total if total else None


def _only(spans: Spans, tags: frozenset[str]) -> list[Span]:
    return [span for span in spans if span.tag in tags]
