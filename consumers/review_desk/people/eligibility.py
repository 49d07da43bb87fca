"""Who may do reviewers' work at all, and under which grade: the promises of the contract about people, as pure rules.

The register says what people are; these rules say what follows on a given day. Days are of Shanghai.
"""

from calendar import monthrange
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from consumers.review_desk.people.staff import Grade, Person, Role

OPERATOR: Final = "operator"
MAINLAND: Final = "mainland"
REVIEWING: Final = frozenset({Role.REVIEWER, Role.SENIOR})
_NEW_MONTHS: Final = 2
_SENIOR_MONTHS: Final = 12
_SENIOR_GRADES: Final = frozenset({Grade.G3, Grade.G4})
_AGREEMENT_TO_PROMOTE: Final = Decimal("0.95")


def why_not_reviewer(person: Person, on: date) -> str | None:
    """Say in Chinese why somebody may not work as a reviewer on a day; `None`: nothing speaks against it."""
    if not person.is_active:
        return "该人员已停用"
    if person.employer != OPERATOR:
        return "非本项目运营方人员，不得承担估值工作"
    if person.site != MAINLAND:
        return "不在境内场所，不得承担估值工作"
    if person.grade in _SENIOR_GRADES and on < months_after(person.hired_on, _SENIOR_MONTHS):
        return f"{person.grade}级人员须任职满一年"
    return None


def why_no_task(person: Person, on: date) -> str | None:
    """Say in Chinese why somebody may have no task on a day: as above, no reviewer's role, or no valid certificate."""
    if not person.has(*REVIEWING):
        return "没有估值岗位权限"
    if person.certified_until is None:
        return "尚未取得上岗证书"
    if person.certified_until < on:
        return "上岗证书已过期"
    return why_not_reviewer(person, on)


def admitted(person: Person, on: date) -> Person:
    """Return the person with the roles they may use on a day: no reviewer's role where `why_not_reviewer` objects."""
    if not person.is_active:
        return replace(person, roles=frozenset())
    if why_not_reviewer(person, on) is None:
        return person
    return replace(person, roles=person.roles - REVIEWING)


def effective_grade(person: Person, on: date, agreement: Decimal | None) -> Grade:
    """Return the grade that counts on a day.

    In the first two months it is G1, whatever the register says, until `agreement` reaches 95 %: the share of their
    decisions that a second person agreed with; `None` while too few have been read to say.
    """
    is_new = on < months_after(person.hired_on, _NEW_MONTHS)
    promoted = agreement is not None and agreement >= _AGREEMENT_TO_PROMOTE
    return Grade.G1 if is_new and not promoted else person.grade


def months_after(day: date, months: int) -> date:
    """Return the same day of the month that many months later; the month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
