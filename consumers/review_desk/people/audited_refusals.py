"""A refusal for lack of right is audited even though the command it refuses is undone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Final

from consumers.review_desk.people.staff import Person
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import NotAllowedError
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool

DESK: Final = "desk"  # the subject of what concerns no one valuation


@contextmanager
def refusals_kept(
    pool: Pool,
    clock: Callable[[], datetime],
    actor: str,
    details: Mapping[str, Any],
    subject: Callable[[], str],
) -> Iterator[None]:
    """Write a `NotAllowedError` of the block down in a transaction of its own, with `details` and why.

    `subject` gives the chain it goes to; it is asked only then.
    """
    try:
        yield
    except NotAllowedError as error:
        act = Act(actor=actor, action="REFUSED", at=clock(), details={**details, "why": error.why})
        chain = subject()
        with pool.connection() as connection:
            audit.append(connection, chain, act)
        raise


def refusals_audited(
    store: TaskStore, clock: Callable[[], datetime], person: Person, command: str, task_id: str | None = None
) -> AbstractContextManager[None]:
    """Note a `NotAllowedError` of the block on the chain of its valuation, else on the desk's own."""
    details = {"command": command, "task_id": task_id}
    return refusals_kept(store.pool, clock, person.username, details, lambda: subject_of_task(store, task_id) or DESK)


def subject_of_task(store: TaskStore, task_id: str | None) -> str | None:
    """The chain of a task's valuation; `None` without a task, or for one that is none."""
    found = store.find(task_id) if task_id else None
    return found[0].valuation_id if found else None
