"""A breaker for each source: after bad deliveries in a row its loads rest, so that a broken export cannot go on.

The rule is that of `schemas.domain.breaker`; a source's breaker is kept in its latest `SourceDelivery`. What was loaded
before stays. Pure.
"""

from datetime import datetime, timedelta
from typing import Final

from schemas.domain.breaker import Breaker, BreakerRules, BreakerState, after_failure, after_success
from schemas.domain.deliveries import breaker_of, state_of
from schemas.events import SourceDelivery

MOST_REFUSED: Final = 0.5  # a larger share of refused rows is a broken export, not dirt; files at hand have 0-6 %
LEAST_ROWS: Final = 200  # of fewer rows a share says little
RULES: Final = BreakerRules(trips_after=3, rest=timedelta(hours=1), longest_rest=timedelta(days=1))


class DeliveryRefusedError(ValueError):
    """A delivery is not taken, or not to its end; the message says why and what to do."""


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
    before = breaker_of(latest) if latest else Breaker()
    breaker = after_success(before) if fault is None else after_failure(before, now, RULES)
    return SourceDelivery(
        source=source,
        delivered_at=now,
        loaded=loaded,
        rejected=rejected,
        failures=breaker.failures,
        fault=fault,
        closed_until=breaker.opened_until,
    )
