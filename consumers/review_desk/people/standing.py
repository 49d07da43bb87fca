"""People as they count today: what the register says, less what the rules about people take away for the time being."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from consumers.review_desk.people.eligibility import admitted, effective_grade
from consumers.review_desk.people.sessions import today
from consumers.review_desk.people.staff import Person
from consumers.review_desk.people.staff_register import StaffRegister


class Standing:
    """Reads the register for those who hand out work: newcomers are G1, others' people no reviewers."""

    def __init__(
        self,
        staff: StaffRegister,
        *,
        agreement: Callable[[str], Decimal | None],
        clock: Callable[[], datetime],
    ) -> None:
        """`agreement`: the share of a newcomer's decisions that others agreed with; `None` while too few are read."""
        self._staff, self._agreement, self._clock = staff, agreement, clock

    def person(self, username: str) -> Person | None:
        """Return somebody as they count today: read afresh, in one query by the key (two for a newcomer)."""
        found = self._staff.person(username)
        return None if found is None else self.of(found)

    def people(self) -> tuple[Person, ...]:
        """Return everybody, by user name, as they count today; those retired have no roles."""
        return tuple(map(self.of, self._staff.people()))

    def of(self, person: Person) -> Person:
        """Return the person with the roles and the grade of today."""
        on = today(self._clock())
        grade = effective_grade(person, on, None)
        if grade is not person.grade:  # a newcomer: only then is it worth asking
            grade = effective_grade(person, on, self._agreement(person.username))
        return replace(admitted(person, on), grade=grade)
