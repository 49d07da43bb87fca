"""A circuit breaker: after failures in a row something is left alone for a while, then tried once, then trusted again.

closed → (`trips_after` failures in a row) → open until `opened_until` → half-open: the next attempt is the trial.
A success closes the breaker; a failed trial opens it again for twice as long as before, at most `longest_rest`.
Pure: the caller brings the time and keeps the `Breaker` wherever it keeps its own state.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether an attempt may be made: freely, not now, or as a trial."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """Trips after `trips_after` failures in a row; rests `rest` first, twice as long each time, at most `longest_rest`.

    Raises `ValueError` if no failure would trip it or if the rests are not positive and in order.
    """

    trips_after: int
    rest: timedelta
    longest_rest: timedelta

    def __post_init__(self) -> None:
        if self.trips_after < 1 or not timedelta(0) < self.rest <= self.longest_rest:
            raise ValueError(
                f"a breaker trips after 1 failure or more and rests longer than 0 and at most longest_rest, "
                f"not {self.trips_after} failures, rest {self.rest}, longest_rest {self.longest_rest}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Where one breaker stands. `failures` counts those in a row; `opened_until` is `None` while it is closed."""

    failures: int = 0
    opened_until: datetime | None = None


def state(breaker: Breaker, now: datetime) -> BreakerState:
    """Whether the next attempt is made as ever, is the trial, or has to wait. Its rest ends at `opened_until`."""
    if breaker.opened_until is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < breaker.opened_until else BreakerState.HALF_OPEN


def after_failure(breaker: Breaker, now: datetime, rules: BreakerRules) -> Breaker:
    """What stands after one more failure, which was seen at `now`."""
    failures = breaker.failures + 1
    opened_until = now + _rest(failures, rules) if failures >= rules.trips_after else None
    return Breaker(failures=failures, opened_until=opened_until)


def after_success(breaker: Breaker) -> Breaker:
    """What stands after a success: nothing is held against it any more."""
    return Breaker() if breaker.failures else breaker


def _rest(failures: int, rules: BreakerRules) -> timedelta:
    rest = rules.rest
    for _ in range(failures - rules.trips_after):
        if rest >= rules.longest_rest:
            break
        rest = min(2 * rest, rules.longest_rest)
    return rest
