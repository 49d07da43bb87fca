"""When a waiting task opens to a wider group (requirements 4.4): instants worked out once, compared with many tasks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from consumers.review_desk.policy import DeskPolicy
from schemas.domain.worktime import DESK, SHANGHAI, add_desk_time, is_working_day, shanghai_date

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A task queued at or before one of the first three is open to that group, and one due by the last to experts."""

    now: datetime
    backup: datetime
    neighbour: datetime
    experts: datetime
    experts_due: datetime

    @classmethod
    def at(cls, now: datetime, policy: DeskPolicy) -> Self:
        """What is open at an instant."""
        return cls(
            now=now,
            backup=before(now, policy.overflow_backup),
            neighbour=before(now, policy.overflow_neighbour),
            experts=before(now, policy.overflow_experts),
            experts_due=add_desk_time(now, policy.overflow_experts_left),
        )


def before(now: datetime, waited: timedelta) -> datetime:
    """The latest instant, in UTC, since which that much desk time has passed. The inverse of `add_desk_time`."""
    left, on = waited, shanghai_date(now)
    while left > timedelta(0):
        if is_working_day(on):
            opening = datetime.combine(on, DESK.opens, SHANGHAI)
            closing = min(now, datetime.combine(on, DESK.closes, SHANGHAI))
            if opening < closing:
                if left <= closing - opening:
                    return (closing - left).astimezone(UTC)
                left -= closing - opening
        on -= _ONE_DAY
    return now.astimezone(UTC)


def opens_at(now: datetime, policy: DeskPolicy) -> datetime:
    """When work on something that comes now can begin: at once, or at the next opening while nobody is on duty."""
    return now if policy.duty_pool else add_desk_time(now, timedelta(0))
