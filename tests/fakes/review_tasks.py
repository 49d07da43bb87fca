"""The review queue in memory."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from consumers.review_desk.task import Conclusion, Task, TaskState, one_at_a_time, refusal, task_of
from schemas.events import Decided, ReviewRequested


class MemoryReviewTasks:
    """`ReviewTasks` without a database. `published` are the decisions that went out."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._reviews: dict[str, ReviewRequested] = {}
        self._lock = threading.Lock()
        self.published: list[Decided] = []

    def open(self, review: ReviewRequested, *, traceparent: str | None = None) -> None:  # noqa: ARG002
        with self._lock:
            task, known = task_of(review), self._tasks.get(review.valuation_id)
            if known is not None and known.revision >= task.revision:
                return
            self._tasks[task.valuation_id] = replace(task, version=known.version + 1 if known else 1)
            self._reviews[task.valuation_id] = review

    def open_tasks(self, *, now: datetime, limit: int = 200) -> tuple[Task, ...]:
        return tuple(task if task.is_held(now) else _queued(task) for task in self._in_order()[:limit])

    def find(self, valuation_id: str) -> tuple[Task, ReviewRequested] | None:
        task = self._tasks.get(valuation_id)
        return None if task is None else (task, self._reviews[valuation_id])

    def claim_next(self, reviewer: str, *, now: datetime, lease_until: datetime) -> Task | None:
        with self._lock:
            held = self._held(reviewer, now)
            if held is not None:
                return held
            free = [task for task in self._in_order() if not task.is_held(now)]
            return self._claimed(free[0], reviewer, now, lease_until) if free else None

    def claim(self, valuation_id: str, reviewer: str, *, now: datetime, lease_until: datetime) -> Task:
        with self._lock:
            held, task = self._held(reviewer, now), self._tasks.get(valuation_id)
            if held is not None and held.valuation_id == valuation_id:
                return held
            if held is not None:
                raise one_at_a_time(held)
            if task is None or task.state is TaskState.DECIDED or task.is_held(now):
                raise refusal(task)
            return self._claimed(task, reviewer, now, lease_until)

    def keep(
        self,
        valuation_id: str,
        reviewer: str,
        *,
        now: datetime,
        lease_until: datetime,
        draft: Mapping[str, Any] | None = None,
    ) -> Task:
        task = self._mine(valuation_id, reviewer, now)
        kept = replace(task, lease_until=lease_until, draft=task.draft if draft is None else dict(draft))
        self._tasks[valuation_id] = kept
        return kept

    def release(self, valuation_id: str, reviewer: str, *, now: datetime) -> Task:
        task = _queued(self._mine(valuation_id, reviewer, now))
        self._tasks[valuation_id] = replace(task, version=task.version + 1)
        return self._tasks[valuation_id]

    def decide(self, decided: Decided, conclusion: Conclusion, *, version: int) -> None:  # noqa: ARG002
        with self._lock:
            task = self._mine(decided.valuation_id, decided.reviewer, decided.decided_at)
            if task.version != version:
                raise refusal(task)
            self._tasks[task.valuation_id] = replace(
                task, state=TaskState.DECIDED, lease_until=None, draft={}, version=task.version + 1
            )
            self.published.append(decided)

    def _in_order(self) -> list[Task]:
        still_open = [task for task in self._tasks.values() if task.state is not TaskState.DECIDED]
        return sorted(still_open, key=lambda task: (-task.priority, task.due_at, task.valuation_id))

    def _held(self, reviewer: str, now: datetime) -> Task | None:
        return next((task for task in self._tasks.values() if task.held_by(reviewer, now)), None)

    def _mine(self, valuation_id: str, reviewer: str, now: datetime) -> Task:
        task = self._tasks.get(valuation_id)
        if task is None or not task.held_by(reviewer, now):
            raise refusal(task)
        return task

    def _claimed(self, task: Task, reviewer: str, now: datetime, lease_until: datetime) -> Task:
        self._tasks[task.valuation_id] = replace(
            task,
            state=TaskState.CLAIMED,
            reviewer=reviewer,
            claimed_at=now,
            lease_until=lease_until,
            version=task.version + 1,
        )
        return self._tasks[task.valuation_id]


def _queued(task: Task) -> Task:
    return replace(task, state=TaskState.QUEUED, reviewer=None, claimed_at=None, lease_until=None)
