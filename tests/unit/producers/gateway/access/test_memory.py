from datetime import timedelta

from producers.gateway.access.memory import LocalNonces
from producers.gateway.access.rate_limit import Rate, RateLimits
from tests.fakes.answers import NOON


def test_expired_nonces_are_dropped_within_a_minute_and_live_ones_are_kept():
    nonces, minute = LocalNonces(), timedelta(minutes=1)
    for number in range(100):
        assert nonces.take("key", str(number), expires_at=NOON + minute, now=NOON)
    assert not nonces.take("key", "1", expires_at=NOON + minute, now=NOON + minute)
    assert nonces.held == 100
    assert nonces.take("key", "new", expires_at=NOON + 9 * minute, now=NOON + 3 * minute)
    assert nonces.held == 1
    assert not nonces.take("key", "new", expires_at=NOON + 9 * minute, now=NOON + 8 * minute)


def test_buckets_are_bounded_and_the_one_not_asked_for_the_longest_goes_first():
    limits = RateLimits(Rate(per_second=1, burst=1), most=2)
    assert [limits.refused_for_s(name, 0.0) for name in ("a", "b", "a", "c")] == [None, None, 1, None]
    assert limits.held == 2
    assert limits.refused_for_s("a", 0.0) == 1
    assert limits.refused_for_s("b", 0.0) is None


def test_what_is_called_more_often_has_counts_of_its_own():
    limits = RateLimits(Rate(per_second=1, burst=1), {"a": Rate(per_second=1, burst=2)})
    more = limits.times(3)
    assert sum(more.refused_for_s("a", 0.0) is None for _ in range(10)) == 6
    assert sum(more.refused_for_s("b", 0.0) is None for _ in range(10)) == 3
    assert limits.refused_for_s("a", 0.0) is None
