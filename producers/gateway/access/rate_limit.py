"""How often a channel may ask: a token bucket per channel, in this instance's memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`per_second` requests in the long run, and up to `burst` at once."""

    per_second: float
    burst: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimits:
    """Counts per channel. Time is a monotonic clock in seconds, given by the caller."""

    def __init__(self, default: Rate, by_channel: Mapping[str, Rate] | None = None) -> None:
        self._default = default
        self._by_channel = dict(by_channel or {})
        self._buckets: dict[str, _Bucket] = {}

    def refused_for_s(self, channel: str, now_s: float) -> int | None:
        """Take one token. `None`: go on; else whole seconds (at least 1) after which a token is there again."""
        rate = self._by_channel.get(channel, self._default)
        bucket = self._buckets.setdefault(channel, _Bucket(float(rate.burst), now_s))
        bucket.tokens = min(rate.burst, bucket.tokens + (now_s - bucket.at_s) * rate.per_second)
        bucket.at_s = now_s
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return None
        return max(1, math.ceil((1 - bucket.tokens) / rate.per_second))
