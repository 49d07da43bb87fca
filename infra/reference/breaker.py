"""A breaker for each source: after bad deliveries in a row its loads rest, so that a broken export cannot go on.

closed → (`TRIPS_AFTER` bad deliveries in a row) → open until `closed_until` → half-open: the next load is the trial.
A good one closes the breaker, a bad one opens it again for twice as long. What was loaded before stays. Pure.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from schemas.events import SourceDelivery

TRIPS_AFTER: Final = 3
MOST_REFUSED: Final = 0.5  # a larger share of refused rows is a broken export, not dirt; files at hand have 0-6 %
LEAST_ROWS: Final = 200  # of fewer rows a share says little
_REST: Final = timedelta(hours=1)
_LONGEST_REST: Final = timedelta(days=1)


class BreakerState(StrEnum):
    """Where a source's breaker stands."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class DeliveryRefusedError(ValueError):
    """A delivery is not taken, or not to its end; the message says why and what to do."""


def state_of(latest: SourceDelivery | None, now: datetime) -> BreakerState:
    """Whether a source's next load is taken, is the trial, or has to wait."""
    if latest is None or latest.closed_until is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < latest.closed_until else BreakerState.HALF_OPEN


def refuse_while_open(latest: SourceDelivery | None, now: datetime) -> None:
    """Raise `DeliveryRefusedError` while the source's loads rest."""
    if latest is not None and latest.closed_until is not None and state_of(latest, now) is BreakerState.OPEN:
        raise DeliveryRefusedError(
            f"source {latest.source} rests until {latest.closed_until:%Y-%m-%d %H:%M} UTC after {latest.failures} bad "
            f"deliveries in a row, the last: {latest.fault}. What it delivered before stays. Mend the export, then "
            "load it after that time, or at once with --try-anyway"
        )


def too_many_refused(loaded: int, rejected: int) -> str | None:
    """What is wrong with a delivery of so many good and refused rows; `None` where nothing is."""
    total = loaded + rejected
    if total < LEAST_ROWS or rejected <= MOST_REFUSED * total:
        return None
    return f"{rejected:,} of {total:,} rows were refused, more than {MOST_REFUSED:.0%}"


def after(
    latest: SourceDelivery | None, source: str, *, loaded: int, rejected: int, fault: str | None, now: datetime
) -> SourceDelivery:
    """What stands after a delivery; `fault` is `None` for a good one."""
    failures = 0 if fault is None else (latest.failures if latest else 0) + 1
    return SourceDelivery(
        source=source,
        delivered_at=now,
        loaded=loaded,
        rejected=rejected,
        failures=failures,
        fault=fault,
        closed_until=now + _rest(failures) if failures >= TRIPS_AFTER else None,
    )


def _rest(failures: int) -> timedelta:
    rest = _REST
    for _ in range(failures - TRIPS_AFTER):
        rest = min(2 * rest, _LONGEST_REST)
    return rest
