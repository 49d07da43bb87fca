"""What the desk needs of its queue. Kept by the real one and by the fake of the tests (tests/contract)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from consumers.review_desk.task import Conclusion, Task
from schemas.events import Decided, ReviewRequested


class ReviewTasks(Protocol):
    """The queue of review tasks. Each method happens whole or not at all.

    A lease that has run out frees its task at once, with its draft; no clean-up has to run for that.
    Methods that name a reviewer raise `TaskUnavailableError` unless that reviewer holds the task.
    """

    def open(self, review: ReviewRequested, *, traceparent: str | None = None) -> None:
        """Put a task into the queue. A review seen before changes nothing; one of a higher revision replaces it."""
        ...

    def open_tasks(self, *, now: datetime, limit: int = 200) -> tuple[Task, ...]:
        """Return what is not decided, in the order in which it is handed out; a lapsed claim counts as queued."""
        ...

    def find(self, valuation_id: str) -> tuple[Task, ReviewRequested] | None:
        """Return a task with its evidence."""
        ...

    def claim_next(self, reviewer: str, *, now: datetime, lease_until: datetime) -> Task | None:
        """Give the reviewer the first free task, or the one already held; `None` when nothing is free.

        Two reviewers who ask at the same moment get two tasks.
        """
        ...

    def claim(self, valuation_id: str, reviewer: str, *, now: datetime, lease_until: datetime) -> Task:
        """Give the reviewer this task. Refused while another holds it, or while the reviewer holds another."""
        ...

    def keep(
        self,
        valuation_id: str,
        reviewer: str,
        *,
        now: datetime,
        lease_until: datetime,
        draft: Mapping[str, Any] | None = None,
    ) -> Task:
        """Extend the lease, and keep the draft when one is given. The version stays: nothing was decided."""
        ...

    def release(self, valuation_id: str, reviewer: str, *, now: datetime) -> Task:
        """Put the task back into the queue, with its draft."""
        ...

    def decide(self, decided: Decided, conclusion: Conclusion, *, version: int) -> None:
        """Record the decision of `decided.reviewer` at `decided.decided_at`, and publish the event, once.

        Refused with an old `version`, and for a task that was decided already.
        """
        ...
