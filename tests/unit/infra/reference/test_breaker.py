"""The breaker of a source on a given clock: trips, rests, tries once, recovers."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.reference.breaker import DeliveryRefusedError, after, refuse_while_open, too_many_refused
from schemas.domain.breaker import BreakerState
from schemas.domain.deliveries import state_of

NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def delivered(latest, *faults, now=NOW):
    for fault in faults:
        latest = after(latest, "a", loaded=10, rejected=0, fault=fault, now=now)
    return latest


@pytest.mark.requirement("VM7")
def test_three_bad_deliveries_in_a_row_trip_it_and_two_do_not():
    twice = delivered(None, "broken", "broken")
    assert state_of(twice, NOW) is BreakerState.CLOSED
    assert state_of(delivered(twice, None, "broken"), NOW) is BreakerState.CLOSED  # a good one between them
    tripped = delivered(twice, "no column price")
    assert state_of(tripped, NOW) is BreakerState.OPEN
    with pytest.raises(
        DeliveryRefusedError, match=r"source a rests until 2026-07-01 03:00 UTC.*3 bad.*no column price"
    ):
        refuse_while_open(tripped, NOW)


@pytest.mark.requirement("VM7")
def test_after_its_rest_one_trial_decides():
    tripped = delivered(None, "x", "x", "x")
    later = NOW + HOUR
    assert state_of(tripped, later - timedelta(seconds=1)) is BreakerState.OPEN
    assert state_of(tripped, later) is BreakerState.HALF_OPEN
    refuse_while_open(tripped, later)
    assert state_of(delivered(tripped, None, now=later), later) is BreakerState.CLOSED
    again = delivered(tripped, "x", now=later)
    assert (state_of(again, later), again.closed_until) == (BreakerState.OPEN, later + 2 * HOUR)


def test_a_rest_never_exceeds_a_day():
    assert delivered(None, *["x"] * 40).closed_until == NOW + timedelta(days=1)


@pytest.mark.requirement("VM7")
@pytest.mark.parametrize(
    ("loaded", "rejected", "bad"),
    [(100, 100, False), (99, 101, True), (0, 199, False), (0, 200, True), (10_000, 400, False)],
)
def test_a_delivery_is_bad_when_more_than_half_of_enough_rows_are_refused(loaded, rejected, bad):
    assert (too_many_refused(loaded, rejected) is not None) is bad
