"""When the model fails again and again in one place: the rule that sends a part of the market to people. Pure.

A signal is a dispute, or a reviewer's value more than 15 % from the model's. Three in a community within seven days, or
ten in a city or of a model version, make a pattern (assumed, requirement RT7).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from schemas.domain.segments import segment_key

_NAMESPACE: Final = UUID("5c2a7b1e-0d5b-5f0b-9a59-3b1a0f6d9e03")  # fixed for ever: ids of patterns hang on it

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Scope(StrEnum):
    """Where a pattern lies."""

    COMMUNITY = "COMMUNITY"
    CITY = "CITY"
    MODEL = "MODEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRules:
    """How many signals within `window` make a pattern. A correction is a signal beyond `move`; at it, it is none."""

    window: timedelta = timedelta(days=7)
    move: Decimal = Decimal("0.15")
    in_community: int = 3
    in_city: int = 10
    of_model: int = 10

    def fewest(self, scope: Scope) -> int:
        """The number that makes a pattern."""
        return {Scope.COMMUNITY: self.in_community, Scope.CITY: self.in_city, Scope.MODEL: self.of_model}[scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A valuation that was disputed or corrected, and where. `model` is name and version, `None` without a value."""

    valuation_id: str
    at: datetime
    city: str
    property_class: str
    community_id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a pattern is about: a community by its id, a city or a model version by its name."""

    scope: Scope
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What is held: a property class of a city, or one community of it."""

    city: str
    property_class: str
    community_id: str | None = None

    @property
    def key(self) -> str:
        """Its key on `policy.segments`."""
        return segment_key(self.city, self.property_class, self.community_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern: its signals, the oldest first, and the segments it sends to people."""

    subject: Subject
    signals: tuple[Signal, ...]

    @property
    def pattern_id(self) -> str:
        """The same for the same first signal, so that a second check finds the same pattern.

        The instant is part of it: a valuation disputed first and corrected later may begin two patterns, one after the
        other.
        """
        first = self.signals[0]
        began = first.at.astimezone(UTC).isoformat()
        return str(uuid5(_NAMESPACE, f"{self.subject.scope}|{self.subject.name}|{first.valuation_id}|{began}"))

    @property
    def first_at(self) -> datetime:
        """When it began: what was valued automatically since then is to be valued anew."""
        return self.signals[0].at

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Every property class and city it shows in; of a community that alone. A type without a class has none."""
        named = {
            Segment(
                city=signal.city,
                property_class=signal.property_class,
                community_id=signal.community_id if self.subject.scope is Scope.COMMUNITY else None,
            )
            for signal in self.signals
            if signal.property_class
        }
        return tuple(sorted(named, key=lambda segment: segment.key))


def patterns(
    signals: Iterable[Signal], closed: Mapping[Subject, datetime | None], rules: PatternRules
) -> tuple[Pattern, ...]:
    """The patterns in signals of one window, communities first.

    A valuation counts once, with its first signal. `closed`: when the last pattern of a subject was dealt with, `None`
    while it is open. No other fires before, and what came before counts for none after.
    """
    first: dict[str, Signal] = {}
    for signal in sorted(signals, key=lambda one: (one.at, one.valuation_id)):
        first.setdefault(signal.valuation_id, signal)
    found: dict[Subject, list[Signal]] = {}
    for signal in first.values():
        for subject in _subjects(signal):
            dealt_with = closed.get(subject, _NEVER)
            if dealt_with is not None and signal.at > dealt_with:
                found.setdefault(subject, []).append(signal)
    order = list(Scope)
    return tuple(
        Pattern(subject=subject, signals=tuple(found[subject]))
        for subject in sorted(found, key=lambda one: (order.index(one.scope), one.name))
        if len(found[subject]) >= rules.fewest(subject.scope)
    )


def _subjects(signal: Signal) -> Iterable[Subject]:
    if signal.community_id:
        yield Subject(scope=Scope.COMMUNITY, name=signal.community_id)
    if signal.city:
        yield Subject(scope=Scope.CITY, name=signal.city)
    if signal.model:
        yield Subject(scope=Scope.MODEL, name=signal.model)
