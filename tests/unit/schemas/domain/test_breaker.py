"""The breaker on a given clock: trips, rests, tries once, recovers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.breaker import Breaker, BreakerRules, BreakerState, after_failure, after_success, state

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = BreakerRules(trips_after=3, rest=MINUTE, longest_rest=10 * MINUTE)


def failed(times, breaker=Breaker(), now=NOW, rules=RULES):  # noqa: B008 - frozen
    for _ in range(times):
        breaker = after_failure(breaker, now, rules)
    return breaker


@pytest.mark.requirement("RT8")
def test_it_trips_at_the_last_failure_of_the_row_and_not_before():
    assert state(failed(2), NOW) is BreakerState.CLOSED
    assert state(failed(3), NOW) is BreakerState.OPEN


@pytest.mark.requirement("RT8")
def test_a_success_between_failures_begins_the_row_anew():
    assert state(failed(2, after_success(failed(2))), NOW) is BreakerState.CLOSED


@pytest.mark.requirement("RT8")
def test_it_rests_until_its_moment_and_then_lets_one_trial_through():
    tripped = failed(3)
    assert tripped.opened_until == NOW + MINUTE
    assert state(tripped, NOW + MINUTE - timedelta.resolution) is BreakerState.OPEN
    assert state(tripped, NOW + MINUTE) is BreakerState.HALF_OPEN


@pytest.mark.requirement("RT8")
def test_a_good_trial_closes_it_and_forgets_everything():
    assert after_success(failed(5)) == Breaker()
    assert state(after_success(failed(5)), NOW) is BreakerState.CLOSED


@pytest.mark.requirement("RT8")
def test_a_failed_trial_opens_it_for_twice_as_long_up_to_the_longest_rest():
    rests = [failed(times).opened_until - NOW for times in range(3, 10)]
    assert rests == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 10 * MINUTE, 10 * MINUTE, 10 * MINUTE]


@pytest.mark.parametrize(
    "wrong",
    [
        {"trips_after": 0, "rest": MINUTE, "longest_rest": MINUTE},
        {"trips_after": 1, "rest": timedelta(0), "longest_rest": MINUTE},
        {"trips_after": 1, "rest": 2 * MINUTE, "longest_rest": MINUTE},
    ],
)
def test_rules_that_could_never_work_are_refused(wrong):
    with pytest.raises(ValueError, match="a breaker trips after 1 failure or more"):
        BreakerRules(**wrong)


steps = st.lists(st.tuples(st.booleans(), st.timedeltas(timedelta(0), timedelta(days=2))), max_size=60)
rules = st.builds(
    lambda trips, rest, more: BreakerRules(trips_after=trips, rest=rest, longest_rest=rest + more),
    st.integers(1, 6),
    st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
    st.timedeltas(timedelta(0), timedelta(days=1)),
)


@pytest.mark.requirement("RT8")
@given(steps, rules)
def test_whatever_happens_it_is_open_only_after_enough_failures_and_never_for_too_long(happened, in_force):
    breaker, now, row = Breaker(), NOW, 0
    for good, passed in happened:
        now += passed
        row = 0 if good else row + 1
        breaker = after_success(breaker) if good else after_failure(breaker, now, in_force)
        assert breaker.failures == row
        assert (state(breaker, now) is BreakerState.OPEN) == (row >= in_force.trips_after)
        assert state(breaker, now + in_force.longest_rest) is not BreakerState.OPEN, "it always comes to a trial"
        if row >= in_force.trips_after:
            assert in_force.rest <= breaker.opened_until - now <= in_force.longest_rest


@pytest.mark.requirement("RT8")
@given(rules, st.integers(1, 40))
def test_each_further_failure_never_shortens_the_rest(in_force, times):
    before, after = failed(times, rules=in_force), failed(times + 1, rules=in_force)
    assert (before.opened_until or NOW) <= (after.opened_until or NOW)
