"""Skills against demand: where a queue or a reason family hangs on too few people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from consumers.review_desk.people.eligibility import why_no_task
from consumers.review_desk.people.staff import Person

ABLE: Final = 3  # of 1 … 5: works alone
LEAST_ABLE: Final = 2  # with one, a day of leave leaves nobody
CERTIFICATE_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A skill that cases ask for and too few people have: `code`, a queue or a `Family`; `cases`, how many asked."""

    code: str
    cases: int
    able: tuple[str, ...]


def gaps(cases: Mapping[str, int], people: Sequence[Person], on: date) -> tuple[Gap, ...]:
    """The skills with demand and fewer than `LEAST_ABLE` people who work alone in them, the most asked for first.

    Only who may have tasks on that day counts. A main queue counts as a skill of `ABLE`, since it is what they do.
    """
    there = [person for person in people if why_no_task(person, on) is None]
    found = (
        Gap(code=code, cases=count, able=tuple(sorted(one.username for one in there if level(one, code) >= ABLE)))
        for code, count in cases.items()
        if count > 0
    )
    short = (gap for gap in found if len(gap.able) < LEAST_ABLE)
    return tuple(sorted(short, key=lambda gap: (len(gap.able), -gap.cases, gap.code)))


def level(person: Person, code: str) -> int:
    """How good somebody is at a queue or family, 0 … 5."""
    graded = person.skills.get(code, 0)
    return max(graded, ABLE) if code == person.main_queue else graded


def certificate_runs_out(person: Person, on: date) -> bool:
    """Whether the certificate is missing, over, or ends within `CERTIFICATE_SOON`."""
    return person.certified_until is None or person.certified_until < on + CERTIFICATE_SOON
