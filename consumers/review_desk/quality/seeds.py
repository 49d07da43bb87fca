"""Tasks that check somebody and must not show it: second readings and known answers, made to look like any other. Pure.

What could give one away is made new: its own id, and times and evidence as of a request that comes in at some moment
of the day, for a sample that came in all at once would be known by that. The case itself stays as it was asked.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskState, TaskUnavailableError, about_the_same_case
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import add_desk_time, due_at, shanghai_date
from schemas.events import ReviewRequested

_NAMESPACE: Final = UUID("0b1f4f53-6c0e-5a34-8f7e-7d2f0c1f6a02")  # fixed for ever: ids of checking tasks hang on it
_SPREAD: Final = timedelta(hours=6)  # desk time; the last has still come in before the desk closes
_LOTS: Final = 1 << 32
_LOWEST_BAND: Final = 99  # an ordinary request of the least pressing kind; never zero for all, which would tell
_STALE: Final = timedelta(days=90)  # an older case asks for a price nobody would give today


class Basis(StrEnum):
    """Whose word a known answer is: an offline appraisal, a deal, or quality control's own."""

    OFFLINE_APPRAISAL = "OFFLINE_APPRAISAL"
    DEAL = "DEAL"
    QA = "QA"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """What is right for a case: a total in yuan, whose word that is, and its number there (no name of a person)."""

    value: int
    basis: Basis
    source: str = ""


def second_reading(first: Task, review: ReviewRequested, handled_by: Iterable[str], now: datetime) -> Task:
    """The task of reading a decided case anew: blind, and never for who decided or approved it, alone or in a panel.

    `handled_by`: who ever had this case in hands. Drawn `now`, it comes in within the desk's next hours: `received_at`
    says when.
    """
    seen = _people(first.reviewer, *first.excluded, *handled_by)
    return _checking(first, review, Kind.SECOND_READING, _id(first.task_id, Kind.SECOND_READING), seen, now)


def seeded(origin: Task, review: ReviewRequested, handled_by: Iterable[str], *, number: int, now: datetime) -> Task:
    """The task of a known answer, with the evidence of a decided case. `number` counts those of one case, from 1.

    `handled_by`: who ever had this case in hands, in whatever kind of task; none of them gets it.

    Raises:
        TaskUnavailableError: The case is not decided, was one of the desk's own, or is too old to be priced as of now.
    """
    if origin.state is not TaskState.DECIDED or origin.internal:
        raise TaskUnavailableError("只有已办结的对外案件可用作已知答案任务", origin)
    if now - origin.received_at > _STALE:
        raise TaskUnavailableError("案件受理已超过90日，价格已不可比，请另选案件", origin)
    seen = _people(origin.reviewer, *origin.excluded, *handled_by)
    return _checking(origin, review, Kind.SEEDED, _id(origin.task_id, f"{Kind.SEEDED}|{number}"), seen, now)


def comes_in_at(task_id: str, now: datetime) -> datetime:
    """When a task drawn now comes in: by its lot, within the next six hours of desk time."""
    lot = int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:4])
    return add_desk_time(now, _SPREAD * (lot / _LOTS))


def as_received(review: ReviewRequested, at: datetime) -> ReviewRequested:
    """The evidence as if the request had come in then. One about a day in the past keeps that day."""
    request = review.scored.request
    asks_for_receipt = request.value_date == shanghai_date(request.received_at)
    fresh = replace(
        request,
        received_at=at,
        deadline_at=at + (request.deadline_at - request.received_at),
        value_date=shanghai_date(at) if asks_for_receipt else request.value_date,
    )
    return replace(
        review,
        scored=replace(review.scored, request=fresh, scored_at=at),
        priority=min(review.priority, _LOWEST_BAND),
        requested_at=at,
        due_at=due_at(at, MANUAL_ANSWER.value),
    )


def refuse_own(origin: Task, planter: str) -> None:
    """Nobody is reviewer and quality control on one case. Raises `NotAllowedError`."""
    if planter == origin.reviewer:
        raise NotAllowedError("不能以本人办理的案件设置已知答案任务")


def _checking(
    origin: Task, review: ReviewRequested, kind: Kind, task_id: str, excluded: tuple[str, ...], now: datetime
) -> Task:
    at = comes_in_at(task_id, now)
    fresh = as_received(review, at)
    return replace(
        about_the_same_case(origin, task_id=task_id, kind=kind, at=at),
        priority=fresh.priority,
        received_at=at,
        due_at=fresh.due_at,
        state=TaskState.PARKED,
        parked_until=at,
        excluded=excluded,
    )


def _people(*usernames: str | None) -> tuple[str, ...]:
    return tuple(sorted({name for name in usernames if name}))


def _id(task_id: str, what: str) -> str:
    return str(uuid5(_NAMESPACE, f"{task_id}|{what}"))
