"""How many cases will come, and how many people they need.

Arrivals: a seasonal mean by weekday and hour, shrunk towards the hour's mean over all days, because a few weeks say
little about one cell (shrinkage as for any mean of few observations: James & Stein 1961; the weight is a prior of
`PRIOR_DAYS` days). What comes while the desk is closed counts at the next opening, where it lands on people; a make-up
Saturday is a working day.

People: the larger of two answers. Load over occupancy keeps them busy no more than `OCCUPANCY` of their time; Erlang C
(A. K. Erlang 1917; Gans, Koole & Mandelbaum 2003, section 3) keeps the wait for a person short, for cases that somebody
at a counter waits for.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from schemas.domain.worktime import DESK, SHANGHAI, add_desk_time, is_working_day

PRIOR_DAYS: Final = 4.0  # a cell speaks for itself about as loudly as its prior after a month
LEAST_DAYS: Final = 4  # of one weekday; with fewer, the forecast says that it is thin
OCCUPANCY: Final = 0.85  # assumed: people who are busy all the time queue up work behind every pause
HANDLING_UNTIL_KNOWN: Final = timedelta(minutes=20)  # assumed, until the desk has decided anything
_HOURS: Final = 24
_MOST_PEOPLE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedHour:
    """One hour to come. `arrivals`: cases expected; `seen_days`: past days of this weekday it rests on."""

    starts_at: datetime
    arrivals: float
    seen_days: int

    @property
    def is_thin(self) -> bool:
        """Whether too little was seen to plan by."""
        return self.seen_days < LEAST_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededHour:
    """An hour with the people it needs. `planned`: how many are on the roster."""

    expected: ExpectedHour
    needed: int
    planned: int

    @property
    def missing(self) -> int:
        """How many more should be planned; 0 when there are enough."""
        return max(0, self.needed - self.planned)


def expected_arrivals(
    history: Iterable[datetime], observed: tuple[date, date], days: Sequence[date]
) -> tuple[ExpectedHour, ...]:
    """The hours of `days` while the desk is open, with the arrivals expected in each.

    Args:
        history: When cases came, day and night.
        observed: First and last day (inclusive) on which arrivals were counted; days without any count as well.
        days: Days to come, Shanghai time; days of rest have no hours.
    """
    past = _days(*observed)
    landed = (add_desk_time(at, timedelta(0)).astimezone(SHANGHAI) for at in history)
    counts = Counter((local.date(), local.hour) for local in landed)
    return tuple(
        _expected(day, hour, past, counts) for day in days if is_working_day(day) for hour in range(*_open_hours())
    )


def staff_by_occupancy(arrivals: float, handling: timedelta, occupancy: float = OCCUPANCY) -> int:
    """People for an hour's arrivals: the load in person-hours over the share of time they may be busy."""
    load = arrivals * (handling / timedelta(hours=1))
    return math.ceil(round(load / occupancy, 9))  # 1.0000000002 people are one


def probability_of_waiting(people: int, load: float) -> float:
    """Erlang C: the chance that a case finds everybody busy. `load` in person-hours an hour (erlang)."""
    if load <= 0:
        return 0.0
    if load >= people:
        return 1.0
    blocked = 1.0  # Erlang B, by its recursion over the number of people, which never overflows
    for servers in range(1, people + 1):
        blocked = load * blocked / (servers + load * blocked)
    return blocked / (1 - (load / people) * (1 - blocked))


def staff_by_waiting(arrivals: float, handling: timedelta, *, within: timedelta, share: float) -> int:
    """The fewest people with whom `share` of the cases get one `within` that time (Erlang C)."""
    load = arrivals * (handling / timedelta(hours=1))
    people = math.ceil(load)
    while people < _MOST_PEOPLE and _served_within(people, load, handling, within) < share:
        people += 1
    return people


def mean_handling(spans: Sequence[timedelta]) -> timedelta:
    """The mean time a case takes, shrunk towards the assumed one by as many cases as `PRIOR_DAYS` has days."""
    weight = PRIOR_DAYS
    total = sum(spans, timedelta()) + weight * HANDLING_UNTIL_KNOWN
    return total / (len(spans) + weight)


def needed_people(
    expected: Sequence[ExpectedHour],
    handling: timedelta,
    shifts: Sequence[tuple[datetime, datetime]],
    *,
    within: timedelta,
    share: float,
) -> tuple[NeededHour, ...]:
    """Each hour with the people it needs and those planned. `shifts`: from and until; one counts who covers it all."""
    return tuple(
        NeededHour(
            expected=hour,
            needed=max(
                staff_by_occupancy(hour.arrivals, handling),
                staff_by_waiting(hour.arrivals, handling, within=within, share=share),
            ),
            planned=sum(since <= hour.starts_at and hour.starts_at + timedelta(hours=1) <= to for since, to in shifts),
        )
        for hour in expected
    )


def _expected(day: date, hour: int, past: Sequence[date], counts: Counter[tuple[date, int]]) -> ExpectedHour:
    working = [one for one in past if is_working_day(one)]
    same = [one for one in working if one.weekday() == day.weekday()]
    prior = sum(counts[one, hour] for one in working) / len(working) if working else 0.0
    arrivals = (sum(counts[one, hour] for one in same) + PRIOR_DAYS * prior) / (len(same) + PRIOR_DAYS)
    starts_at = datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)
    return ExpectedHour(starts_at=starts_at, arrivals=arrivals, seen_days=len(same))


def _served_within(people: int, load: float, handling: timedelta, within: timedelta) -> float:
    if load >= people:
        return 1.0 if load == 0 else 0.0
    return 1 - probability_of_waiting(people, load) * math.exp(-(people - load) * (within / handling))


def _open_hours() -> tuple[int, int]:
    return DESK.opens.hour, DESK.closes.hour + bool(DESK.closes.minute)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
