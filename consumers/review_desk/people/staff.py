"""Who works at the desk: roles, grades, skills, and what a person must be to be given a task at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from consumers.review_desk.regions import Region
from schemas.codes import Reason


class Role(StrEnum):
    """估值员, 高级估值师, 班长, 质检, 审计, 系统管理员. What each may do: `access.py`."""

    REVIEWER = "REVIEWER"
    SENIOR = "SENIOR"
    SUPERVISOR = "SUPERVISOR"
    QA = "QA"
    AUDITOR = "AUDITOR"
    ADMIN = "ADMIN"


class Grade(StrEnum):
    """G1 new (under two months), G2 reviewer, G3 senior, G4 expert. In order: a later one is higher."""

    G1 = "G1"
    G2 = "G2"
    G3 = "G3"
    G4 = "G4"


class Family(StrEnum):
    """Reason families: what makes a case hard, and so what a skill is graded by."""

    ADDRESS = "ADDRESS"
    THIN_MARKET = "THIN_MARKET"
    OUTLIER = "OUTLIER"
    DISPUTE = "DISPUTE"


_FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        Reason.ADDR_AMBIGUOUS: Family.ADDRESS,
        Reason.ADDR_PARTIAL: Family.ADDRESS,
        Reason.ADDR_UNKNOWN: Family.ADDRESS,
        Reason.AREA_IMPLAUSIBLE: Family.OUTLIER,
        Reason.VERIFY_MISMATCH: Family.ADDRESS,
        Reason.VERIFY_NOT_FOUND: Family.ADDRESS,
        Reason.THIN_COMPARABLES: Family.THIN_MARKET,
        Reason.WIDE_RANGE: Family.THIN_MARKET,
        Reason.LOW_CONFIDENCE: Family.THIN_MARKET,
        Reason.COMPARISON_RULE_UNMET: Family.THIN_MARKET,
        Reason.UNSEEN_TYPE: Family.THIN_MARKET,
        Reason.NO_MODEL: Family.THIN_MARKET,
        Reason.OUTLIER_PRICE: Family.OUTLIER,
        Reason.MODEL_DISAGREEMENT: Family.OUTLIER,
        Reason.HIGH_VALUE: Family.OUTLIER,
        Reason.DISPUTE: Family.DISPUTE,
    }
)


def families_of(reasons: Iterable[str]) -> frozenset[Family]:
    """What makes a case with these reasons hard; nothing for reasons that say nothing of the case."""
    return frozenset(_FAMILIES[reason] for reason in reasons if reason in _FAMILIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A region's desk for a property class (RESIDENTIAL, VILLA, COMMERCIAL; empty: a type without a class)."""

    region: Region
    property_class: str

    def __str__(self) -> str:
        """`YANGTZE_DELTA/RESIDENTIAL`: as stored and as used for keys."""
        return f"{self.region}/{self.property_class}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone with an account at the desk.

    `skills`: queue code or `Family` → 1 (may try) … 5 (teaches). `main_queue` is the one main skill. Only people of the
    `operator` at a `mainland` site, with a certificate valid today, are ever given a task. `conflicts`: communities
    this person may not value (own home, relatives). Cases outside `regions` are neither given nor shown. `signing_no`
    stands on reports in the place of a name; empty: the register gives the next one.
    """

    username: str
    name: str
    grade: Grade
    roles: frozenset[Role]
    regions: frozenset[Region] = frozenset(Region)
    main_queue: str = ""
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    employer: str = "operator"
    site: str = "mainland"
    hired_on: date = date(2020, 1, 1)
    certified_until: date | None = None
    conflicts: frozenset[str] = frozenset()
    is_active: bool = True
    signing_no: str = field(default="", compare=False)  # the register's, not what makes somebody who they are

    def has(self, *roles: Role) -> bool:
        """Whether the person has one of these roles."""
        return not self.roles.isdisjoint(roles)
