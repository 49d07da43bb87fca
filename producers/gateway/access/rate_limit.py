"""How often a channel, or one of its addresses, may ask: token buckets in this instance's memory."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MOST_BUCKETS: Final = 20_000  # some 200 bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`per_second` requests in the long run, and up to `burst` at once."""

    per_second: float
    burst: int

    def times(self, factor: int) -> "Rate":
        """As often again."""
        return Rate(per_second=self.per_second * factor, burst=self.burst * factor)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimits:
    """Counts by name. Time is a monotonic clock in seconds, given by the caller.

    Holds `most` buckets; the one that was asked for longest ago is given up, and begins full again.
    """

    def __init__(self, default: Rate, by_name: Mapping[str, Rate] | None = None, *, most: int = MOST_BUCKETS) -> None:
        self._default, self._by_name, self._most = default, dict(by_name or {}), most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    @property
    def held(self) -> int:
        """How many there are."""
        return len(self._buckets)

    def times(self, factor: int) -> "RateLimits":
        """Empty counts for what is called more often."""
        by_name = {name: rate.times(factor) for name, rate in self._by_name.items()}
        return RateLimits(self._default.times(factor), by_name, most=self._most)

    def refused_for_s(self, name: str, now_s: float) -> int | None:
        """Take one token. `None`: go on; else whole seconds (at least 1) after which a token is there again."""
        rate = self._by_name.get(name, self._default)
        bucket = self._buckets.setdefault(name, _Bucket(float(rate.burst), now_s))
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        bucket.tokens = min(rate.burst, bucket.tokens + (now_s - bucket.at_s) * rate.per_second)
        bucket.at_s = now_s
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return None
        return max(1, math.ceil((1 - bucket.tokens) / rate.per_second))
