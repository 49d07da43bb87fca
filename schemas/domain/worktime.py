"""The desk clock: contractual times for people run only while the desk is open on Chinese working days.

Working days are the national calendar's, with 调休 make-up days, as the package `chinesecalendar` knows them year by
year. A year that has not been announced yet counts Monday to Friday and is *provisional*: see `is_provisional`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

import chinese_calendar

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991, so no zone database is needed
_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Opening hours in Shanghai wall time, the same on every working day and without a lunch break."""

    opens: time = time(9)
    closes: time = time(17)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError(f"a desk must close after it opens, got {self.opens}-{self.closes}")

    @property
    def day(self) -> timedelta:
        """Desk time in one working day."""
        return datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)


DESK = Desk()


@lru_cache(maxsize=4096)  # eleven years of days; the package builds sets on each call
def is_working_day(on: date) -> bool:
    """Whether the desk works on that day of the Shanghai calendar. In a provisional year: Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(on))
    except NotImplementedError:
        return on.weekday() < _SATURDAY


@lru_cache(maxsize=64)
def is_provisional(year: int) -> bool:
    """Whether the year's holidays are not known, so that clocks running into it may still move."""
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return True
    return False


def due_at(received: datetime, working_days: int, desk: Desk = DESK) -> datetime:
    """The last instant that is in time (it passes), in UTC, for a clock of whole working days."""
    return add_desk_time(received, working_days * desk.day, desk)


def add_desk_time(start: datetime, duration: timedelta, desk: Desk = DESK) -> datetime:
    """The instant, in UTC, at which that much desk time has passed since `start`.

    A start outside opening hours counts from the next opening. A clock that runs out exactly at closing time ends
    there, not at the next opening. Raises `ValueError` for a naive start or a negative duration.
    """
    if duration < timedelta(0):
        raise ValueError(f"a duration must not be negative, got {duration}")
    left = duration
    for opening, closing in _openings(start, desk):
        if left <= closing - opening:
            return (opening + left).astimezone(UTC)
        left -= closing - opening
    raise AssertionError("the calendar does not end")  # pragma: no cover


def desk_time_between(start: datetime, end: datetime, desk: Desk = DESK) -> timedelta:
    """Desk time from `start` to `end`; zero when `end` is not after `start`. Raises `ValueError` for naive instants."""
    _require_zone(end)
    passed = timedelta(0)
    for opening, closing in _openings(start, desk):
        if opening >= end:
            break
        passed += min(closing, end) - opening
    return passed


def shanghai_date(at: datetime) -> date:
    """The calendar day in Shanghai of an instant."""
    return at.astimezone(SHANGHAI).date()


def _openings(start: datetime, desk: Desk) -> Iterator[tuple[datetime, datetime]]:
    """The remaining opening times from `start` on, the first one cut at `start`."""
    _require_zone(start)
    on = shanghai_date(start)
    while True:
        if is_working_day(on):
            opening = max(start, datetime.combine(on, desk.opens, SHANGHAI))
            closing = datetime.combine(on, desk.closes, SHANGHAI)
            if opening < closing:
                yield opening, closing
        on += _ONE_DAY


def _require_zone(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, got the naive {at}")
