"""What a channel is told while it waits: its place in the queue, and when the case will be decided at the desk's pace.

Told first when a case is queued, again when the expected time has moved by more than half an hour of desk time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consumers.review_desk.clock.rules import Clocked
from consumers.review_desk.policy import DeskPolicy
from schemas.domain.worktime import add_desk_time, desk_time_between
from schemas.events import ReviewProgressed, ReviewRequested

_ENOUGH: Final = 3  # decisions from which a pace can be told
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task stands in its queue (1: the next), and when it will be decided."""

    task: Clocked
    position: int
    expected_at: datetime


def per_task(decided: int, over: timedelta, policy: DeskPolicy) -> timedelta:
    """Desk time in which a queue gets one task done: as observed `over` so much desk time, else as usual."""
    if decided < _ENOUGH or over <= timedelta(0):
        return _HOUR / policy.usual_pace
    return over / decided


def places(
    in_order: Iterable[Clocked], decided: Mapping[str, int], now: datetime, policy: DeskPolicy
) -> Iterator[Place]:
    """The place of every task that waits for a channel. Samples have places too: they are work like any other."""
    over = desk_time_between(now - policy.pace_over, now)
    ahead: dict[str, int] = {}
    for task in in_order:
        if not task.is_in_line:
            continue
        position = ahead[task.queue] = ahead.get(task.queue, 0) + 1
        if task.is_promised:
            takes = per_task(decided.get(task.queue, 0), over, policy) * position
            yield Place(task=task, position=position, expected_at=add_desk_time(now, takes))


def is_news(place: Place, policy: DeskPolicy) -> bool:
    """Whether the channel has to be told: nothing yet of this asking, or of quite another time."""
    task = place.task
    if task.told_revision != task.revision or task.expected_at is None:
        return True
    earlier, later = sorted((task.expected_at, place.expected_at))
    return desk_time_between(earlier, later) > policy.told_again_after


def progress_of(place: Place, review: ReviewRequested, now: datetime) -> ReviewProgressed:
    """The event that tells of it. Its number grows with the second, as those of a survey's word do."""
    task = place.task
    return ReviewProgressed(
        valuation_id=task.valuation_id,
        review=review,
        number=max(1, (now - task.received_at) // timedelta(seconds=1)),
        due_at=task.due_at,
        progressed_at=now,
        position=place.position,
        expected_at=place.expected_at,
        desk=str(task.region),
    )
