"""Who gives a command, as they are now: a page may have been open since before a certificate ran out."""

from collections.abc import Callable
from dataclasses import replace

from consumers.review_desk.people.staff import Person


def as_they_are(person: Person, current: Callable[[str], Person | None] | None) -> Person:
    """Return the person as the register has them at this moment; who has left it has no roles and no regions.

    `current` reads somebody by user name; without it the person counts as they come.
    """
    if current is None:
        return person
    return current(person.username) or replace(person, is_active=False, roles=frozenset(), regions=frozenset())
