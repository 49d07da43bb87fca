"""What a verification asks: any number of sources, each behind the same two questions.

A new source (a land registry's interface, a data supplier's file) is one class with these two methods and one more
argument where `EnrichmentView` lists its sources; nothing else changes.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from streams.enrichment.verification.house import Field, House

Value = str | int | float | frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One fact that a source has about a house, with its evidence.

    `value` is compared (`comparing`), `shown` is what people read. `source` is the name under which deliveries and
    licences know the source, `evidence` its row there, `said_by` its Chinese name in texts. `is_typical`: it is true of
    the community at large, so it can agree with a house and never disprove one. `years_apart`: by how much two years of
    one house may differ there.
    """

    field: Field
    value: Value
    shown: str
    source: str
    evidence: str | None
    said_by: str
    known_on: date | None = None
    is_typical: bool = False
    years_apart: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A source that lists all there are does not list it."""

    field: Field
    source: str
    said_by: str


Finding = Known | Absent


def plain(number: float) -> str:
    """A number as people write it: 12345.67, 98.2, 120."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


class VerificationSource(Protocol):
    """A source of facts about houses. Pure and in memory: asked on the way of every request."""

    def asked(self, house: House, /) -> tuple[str, ...]:
        """The names of the sources that an answer about this house rests on; one of them down, and it does not count.

        Empty where this one has nothing to say about such a house at all.
        """
        ...

    def findings(self, house: House, /) -> tuple[Finding, ...]:
        """All it knows of the house. Never guesses: what it does not list and cannot rule out is no finding."""
        ...
