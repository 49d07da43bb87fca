"""How far values agree: a reviewer's with a second reading or a known answer, the model's with a reviewer's. Pure.

The rule is the contract's (C-04): deviation = (value - reference) / reference, compared unrounded, the border agrees.
Two answers of which one gives no value agree when their outcomes are the same; they have no deviation. Fewer than
`LEAST_SAMPLE` pairs are counted, but said to be insufficient.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from statistics import fmean
from typing import Final

from consumers.review_desk.people.staff import Family, families_of
from schemas.codes import ReviewOutcome
from schemas.domain.contract import DEVIATION, LEAST_SAMPLE
from schemas.domain.measures import wilson

AUTOMATIC: Final = "AUTOMATIC"
"""Stands for a reviewer where the value compared is the model's."""


class Check(StrEnum):
    """What a decision was checked by: another reviewer, a known answer; or an automatic answer by a reviewer."""

    SECOND_READING = "SECOND_READING"
    SEEDED = "SEEDED"
    AUDIT = "AUDIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRules:
    """Tolerances and shares (assumed, but for the 10 % of the contract).

    `newcomer_*`: of newcomers more is read again (5 % would take them six hundred decisions to be judged by), and
    their agreement is said from so many readings on, within a narrower tolerance.
    `gap_below`: a family of reasons in which a smaller share of at least `gap_least` agrees is a gap in somebody's
    skills.
    """

    tolerance: Decimal = DEVIATION.value
    newcomer_tolerance: Decimal = Decimal("0.05")
    newcomer_share: Decimal = Decimal("0.20")
    newcomer_decisions: int = LEAST_SAMPLE.value
    gap_below: Decimal = Decimal("0.85")
    gap_least: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An answer and what it is measured by. Values are totals in yuan; `None` where the outcome is no value.

    `task_id` is the answer's task, `reader` who gave the reference (empty for a known answer).
    """

    task_id: str
    check: Check
    reviewer: str
    reader: str
    queue: str
    reasons: tuple[str, ...]
    read_on: date
    outcome: ReviewOutcome
    reference_outcome: ReviewOutcome
    value: int | None = None
    reference: int | None = None

    @property
    def deviation(self) -> float | None:
        """(value - reference) / reference; `None` where one of them is no value."""
        if self.value is None or self.reference is None:
            return None
        return (self.value - self.reference) / self.reference

    def agrees(self, tolerance: Decimal) -> bool:
        """Whether both say the same: values within the tolerance, else the same outcome."""
        if self.value is None or self.reference is None:
            return self.outcome is self.reference_outcome
        return abs(self.value - self.reference) <= tolerance * self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of `n` pairs `within_5` and `within_10` agree; intervals are Wilson's (95 %).

    `mean_deviation` is signed and over pairs of two values: above zero the answers are higher than what they are
    measured by. Shares and it are `None` without pairs. `is_enough`: not insufficient.
    """

    n: int
    within_5: int
    within_10: int
    share_5: float | None
    share_10: float | None
    interval_5: tuple[float, float]
    interval_10: tuple[float, float]
    mean_deviation: float | None
    is_enough: bool


def figures(pairs: Iterable[Pair], rules: QualityRules) -> Figures:
    """The figures of pairs, whoever's they are."""
    counted = list(pairs)
    n = len(counted)
    near = sum(one.agrees(rules.newcomer_tolerance) for one in counted)
    within = sum(one.agrees(rules.tolerance) for one in counted)
    deviations = [one.deviation for one in counted if one.deviation is not None]
    return Figures(
        n=n,
        within_5=near,
        within_10=within,
        share_5=near / n if n else None,
        share_10=within / n if n else None,
        interval_5=wilson(near, n),
        interval_10=wilson(within, n),
        mean_deviation=fmean(deviations) if deviations else None,
        is_enough=n >= LEAST_SAMPLE.value,
    )


def figures_by(pairs: Iterable[Pair], key: Callable[[Pair], str], rules: QualityRules) -> dict[str, Figures]:
    """The figures of each reviewer, queue or whatever the key names, in the order of the names."""
    grouped: dict[str, list[Pair]] = {}
    for pair in pairs:
        grouped.setdefault(key(pair), []).append(pair)
    return {name: figures(grouped[name], rules) for name in sorted(grouped)}


def by_family(pairs: Iterable[Pair], rules: QualityRules) -> dict[Family, Figures]:
    """The figures of each family of reasons. A case with reasons of two families counts in both."""
    counted = list(pairs)
    found = {family: [one for one in counted if family in families_of(one.reasons)] for family in Family}
    return {family: figures(members, rules) for family, members in found.items() if members}


def skill_gaps(pairs: Iterable[Pair], rules: QualityRules) -> tuple[Family, ...]:
    """The families in which too few of a reviewer's values agree, the weakest first (what to train next)."""
    shares = {
        family: one.within_10 / one.n
        for family, one in by_family(pairs, rules).items()
        if one.n >= rules.gap_least and one.within_10 < rules.gap_below * one.n
    }
    return tuple(sorted(shares, key=lambda family: (shares[family], family)))


def newcomer_agreement(pairs: Iterable[Pair], rules: QualityRules) -> Decimal | None:
    """The share that decides whether a newcomer may decide alone (K-06): second readings within 5 % of the decision.

    `None` while fewer than 30 have been read: too few to say. Known answers and audits do not count in it.
    """
    read = [one for one in pairs if one.check is Check.SECOND_READING]
    if len(read) < rules.newcomer_decisions:
        return None
    return Decimal(sum(one.agrees(rules.newcomer_tolerance) for one in read)) / len(read)
