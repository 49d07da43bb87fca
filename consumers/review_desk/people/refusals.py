"""Asking for a right where nothing else is locked: a refusal is audited on the desk's own chain."""

from datetime import datetime

from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.staff import Person
from consumers.review_desk.task import NotAllowedError
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool


def demand(pool: Pool, person: Person, permission: Permission, at: datetime) -> None:
    """Refuse who may not. Raises `NotAllowedError`, after it was audited."""
    try:
        require(person, permission)
    except NotAllowedError:
        act = Act(actor=person.username, action="REFUSED", at=at, details={"wanted": str(permission)})
        with pool.connection() as connection:
            audit.append(connection, "desk", act)
        raise
