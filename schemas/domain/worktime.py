"""The desk clock: contractual times for people run only while the desk is open on Chinese working days.

Working days are the national calendar's, with 调休 make-up days, as the package `chinesecalendar` knows them year by
year. A year that has not been announced yet counts Monday to Friday and is *provisional*: see `is_provisional`.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

import chinese_calendar

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991, so no zone database is needed
_SATURDAY = 5


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
    opening, closing = _first_opening(start, desk)
    if duration <= closing - opening:
        return (opening + duration).astimezone(UTC)
    days, rest = divmod(duration - (closing - opening), desk.day)
    if not rest:
        days, rest = days - 1, desk.day  # ends as that day closes
    last = _working_day_after(opening.date(), days + 1)
    return (datetime.combine(last, desk.opens, SHANGHAI) + rest).astimezone(UTC)


def desk_time_between(start: datetime, end: datetime, desk: Desk = DESK) -> timedelta:
    """Desk time from `start` to `end`; zero when `end` is not after `start`. Raises `ValueError` for naive instants."""
    _require_zone(end)
    opening, closing = _first_opening(start, desk)
    if end <= closing:
        return max(timedelta(0), end - opening)
    last = shanghai_date(end)
    passed = closing - opening + _working_days_between(opening.date(), last) * desk.day
    if is_working_day(last) and last > opening.date():
        passed += min(desk.day, max(timedelta(0), end - datetime.combine(last, desk.opens, SHANGHAI)))
    return passed


def shanghai_date(at: datetime) -> date:
    """The calendar day in Shanghai of an instant."""
    return at.astimezone(SHANGHAI).date()


def _first_opening(start: datetime, desk: Desk) -> tuple[datetime, datetime]:
    """The first opening time that is not over at `start`, cut there, in Shanghai wall time."""
    _require_zone(start)
    on = shanghai_date(start)
    closing = datetime.combine(on, desk.closes, SHANGHAI)
    if is_working_day(on) and start < closing:
        return max(start.astimezone(SHANGHAI), datetime.combine(on, desk.opens, SHANGHAI)), closing
    on = _working_day_after(on, 1)
    return datetime.combine(on, desk.opens, SHANGHAI), datetime.combine(on, desk.closes, SHANGHAI)


@lru_cache(maxsize=64)
def _working_days(year: int) -> tuple[date, ...]:
    every = (date.fromordinal(day) for day in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1))
    return tuple(filter(is_working_day, every))


def _working_day_after(on: date, number: int) -> date:
    """The `number`-th working day (1: the next) after a day. By years: a long queue asks for days years ahead."""
    year, days = on.year, _working_days(on.year)
    index = bisect_right(days, on) + number - 1
    while index >= len(days):
        index -= len(days)
        year += 1
        days = _working_days(year)
    return days[index]


def _working_days_between(first: date, last: date) -> int:
    """How many working days lie between two days, neither of them counted."""
    years = sum(len(_working_days(year)) for year in range(first.year, last.year))
    return max(0, years + bisect_left(_working_days(last.year), last) - bisect_right(_working_days(first.year), first))


def _require_zone(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, got the naive {at}")
