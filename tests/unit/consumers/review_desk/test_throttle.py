"""How long the next log-in has to wait."""

from datetime import timedelta
from itertools import pairwise

import pytest

from consumers.review_desk.people.throttle import PER_ADDRESS, PER_USER


@pytest.mark.requirement("SE3")
def test_the_first_failures_cost_nothing_and_each_further_one_doubles_the_wait():
    seconds = [PER_USER.wait_after(failures).total_seconds() for failures in range(1, 10)]
    assert seconds == [0, 0, 0, 0, 0, 2, 4, 8, 16]


def test_no_wait_is_longer_than_the_longest_however_often_somebody_tries():
    waits = [PER_USER.wait_after(failures) for failures in (*range(40), 10**9)]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[-1] == timedelta(minutes=15)


def test_one_address_may_be_many_people():
    assert PER_ADDRESS.wait_after(60) == timedelta(0) < PER_ADDRESS.wait_after(61)
