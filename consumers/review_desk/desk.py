"""What a reviewer can do, for the JSON interface and the pages alike."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from consumers.review_desk.accounts import Reviewer
from consumers.review_desk.case import Case, case_of
from consumers.review_desk.ports import ReviewTasks
from consumers.review_desk.task import (
    Conclusion,
    DeskPolicy,
    IncompleteDecisionError,
    Task,
    decided_event,
    refusal,
    violations,
)
from schemas.events import ReviewRequested


class Desk:
    """The commands of a reviewer. Refusals are `TaskUnavailableError`, incomplete input `IncompleteDecisionError`."""

    def __init__(self, tasks: ReviewTasks, *, policy: DeskPolicy, clock: Callable[[], datetime]) -> None:
        self._tasks, self.policy, self.clock = tasks, policy, clock

    def waiting(self) -> tuple[Task, ...]:
        """Return the open tasks in their order."""
        return self._tasks.open_tasks(now=self.clock())

    def claim_next(self, reviewer: Reviewer) -> Task | None:
        """Hand out the next task, or the one in hand; `None` when nothing is free."""
        now = self.clock()
        return self._tasks.claim_next(reviewer.username, now=now, lease_until=now + self.policy.lease)

    def claim(self, valuation_id: str, reviewer: Reviewer) -> Task:
        """Hand out this task."""
        now = self.clock()
        return self._tasks.claim(valuation_id, reviewer.username, now=now, lease_until=now + self.policy.lease)

    def case(self, valuation_id: str, reviewer: Reviewer) -> Case:
        """Return the case in the reviewer's hands. Nobody reads the evidence of a task that is not theirs."""
        return case_of(*self._held(valuation_id, reviewer))

    def keep(self, valuation_id: str, reviewer: Reviewer, draft: Mapping[str, Any] | None = None) -> Task:
        """Give a sign of life, and keep the draft."""
        now = self.clock()
        return self._tasks.keep(
            valuation_id, reviewer.username, now=now, lease_until=now + self.policy.lease, draft=draft
        )

    def release(self, valuation_id: str, reviewer: Reviewer) -> Task:
        """Give the task back."""
        return self._tasks.release(valuation_id, reviewer.username, now=self.clock())

    def decide(self, valuation_id: str, reviewer: Reviewer, conclusion: Conclusion, *, version: int) -> None:
        """Decide. The event goes out by itself afterwards."""
        task, review = self._held(valuation_id, reviewer)
        found = violations(conclusion, review, self.policy)
        if found:
            raise IncompleteDecisionError(found)
        now = self.clock()
        decided = decided_event(
            review,
            conclusion,
            reviewer=reviewer.username,
            grade=reviewer.grade,
            claimed_at=task.claimed_at or now,
            decided_at=now,
            policy=self.policy,
        )
        self._tasks.decide(decided, conclusion, version=version)

    def _held(self, valuation_id: str, reviewer: Reviewer) -> tuple[Task, ReviewRequested]:
        found = self._tasks.find(valuation_id)
        if found is None:
            raise refusal(None)
        if not found[0].held_by(reviewer.username, self.clock()):
            raise refusal(found[0])
        return found
