"""What is turned away when more comes in than can be answered, and in which order.

Pressure is the number of valuations being waited for, as a part of how many may be. The slower answers come, the fewer
may wait: those beyond would only wait in vain. Reads cost little and are turned away with the rest of their channel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

from schemas.domain.channels import Channel, Profile, ReplyMode, Scope
from schemas.domain.contract import ONLINE_ANSWER


class Rank(Enum):
    """Who goes first; the value is the pressure above which a rank is turned away."""

    BATCH = 0.5  # has hours
    OPEN = 0.65  # the website and the official account: anybody, and all at once when a campaign runs
    CUSTOMER = 0.8
    STAFF = 1.0  # somebody sits with a customer
    INTERNAL = float("inf")  # the probe measures what the others would have got


def rank_of(channel: Channel, scope: Scope) -> Rank:
    """Where a call stands."""
    if scope is Scope.BATCHES_WRITE:
        return Rank.BATCH
    match channel.profile:
        case Profile.PUBLIC:
            return Rank.OPEN
        case Profile.CUSTOMER:
            return Rank.OPEN if channel.reply is ReplyMode.TEMPLATE_MESSAGE else Rank.CUSTOMER
        case Profile.STAFF:
            return Rank.STAFF
        case Profile.INTERNAL:
            return Rank.INTERNAL


def is_shed(rank: Rank, pressure: float) -> bool:
    """Whether a call of this rank is turned away."""
    return pressure > rank.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much one instance bears: `waiting` valuations at once while they are answered within `usual_s` seconds."""

    waiting: int = 400
    usual_s: float = ONLINE_ANSWER.value.total_seconds() / 2
    least: float = 0.25  # of `waiting`, however slow answers are: few who wait long are no crowd


_WEIGHT: Final = 0.1  # of the newest answer's time: about twenty answers turn the mean
_FORGOTTEN_S: Final = 30.0  # without any answer, the mean means nothing any more


class Load:
    """What one instance is waiting for. Of one event loop; times are a monotonic clock's seconds."""

    def __init__(self, capacity: Capacity | None = None) -> None:
        self._capacity = capacity or Capacity()
        self._waiting = 0
        self._mean_s = 0.0
        self._measured_at_s = 0.0

    def pressure(self, now_s: float) -> float:
        """0 for nobody waiting, 1 for as many as may."""
        mean_s = self._mean_s if now_s - self._measured_at_s < _FORGOTTEN_S else 0.0
        slowed = max(self._capacity.least, min(1.0, self._capacity.usual_s / mean_s)) if mean_s else 1.0
        return self._waiting / (self._capacity.waiting * slowed)

    def entered(self) -> None:
        """A valuation is being waited for."""
        self._waiting += 1

    def left(self, *, began_s: float, now_s: float) -> None:
        """It was answered, one way or another."""
        self._waiting -= 1
        self._mean_s += _WEIGHT * (now_s - began_s - self._mean_s)
        self._measured_at_s = now_s

    @contextmanager
    def waiting(self, monotonic_s: Callable[[], float]) -> Iterator[None]:
        """`entered` and `left` around a block."""
        began_s = monotonic_s()
        self.entered()
        try:
            yield
        finally:
            self.left(began_s=began_s, now_s=monotonic_s())
