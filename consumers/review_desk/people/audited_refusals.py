"""A refusal for lack of right is audited even though the command it refuses is undone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from consumers.review_desk.people.staff import Person
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import NotAllowedError
from infra.postgres import audit
from infra.postgres.audit import Act

DESK: Final = "desk"  # the subject of what concerns no one valuation


@contextmanager
def refusals_audited(
    store: TaskStore, clock: Callable[[], datetime], person: Person, command: str, task_id: str | None = None
) -> Iterator[None]:
    """Note a `NotAllowedError` of the block on the chain of its valuation, in a transaction of its own."""
    try:
        yield
    except NotAllowedError as error:
        found = store.find(task_id) if task_id else None
        details = {"command": command, "why": error.why, "task_id": task_id}
        act = Act(actor=person.username, action="REFUSED", at=clock(), details=details)
        with store.pool.connection() as connection:
            audit.append(connection, found[0].valuation_id if found else DESK, act)
        raise
