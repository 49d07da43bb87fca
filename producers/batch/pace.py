"""How many rows may be on their way: few while the online lane suffers, more while it does not."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_ENOUGH: Final = 5  # latencies; fewer say nothing of a lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the pace keeps to.

    At least `chunk` rows go out together, and stay together: a stage then works on all of them at once, which costs a
    fraction of what rows one by one do. The window lies between `least` and `most` rows on their way, all jobs
    together: `most` is some six seconds of the lane at its fastest on one machine (350 answers/s), so that every one of
    its stages has full batches, and can still be withdrawn. The online lane suffers when the slowest twentieth of its
    answers takes longer than `slow_s` (C-02 wants ten seconds), or when more than `lag` of its records wait.
    """

    chunk: int = 500
    least: int = 50
    most: int = 2_000
    slow_s: float = 2.0
    lag: int = 200


def next_window(window: int, *, suffers: bool, limits: Limits) -> int:
    """The window after a look at the online lane: halved at once, won back by a tenth a look."""
    wanted = window // 2 if suffers else window + max(1, window // 10)
    return max(limits.least, min(limits.most, wanted))


def worth_filling(window: int, limits: Limits) -> int:
    """How much room in a window is worth filling: a part of it, so that others are on their way meanwhile."""
    return max(1, min(limits.chunk, window // 2))


class OnlineWatch:
    """What the online lane's answers took lately. Filled by one thread, read by another: `append` is atomic.

    `behind_at`: when answers were last read that had waited; until then silence says nothing of a job.
    """

    def __init__(self, monotonic_s: Callable[[], float], within_s: float = 30.0, most: int = 500) -> None:
        self._monotonic_s, self._within_s = monotonic_s, within_s
        self._taken: deque[tuple[float, float]] = deque(maxlen=most)
        self.behind_at: datetime | None = None

    def took(self, seconds: float) -> None:
        """Note one answer."""
        self._taken.append((self._monotonic_s(), seconds))

    def fell_behind(self, at: datetime) -> None:
        """Note that answers are read late."""
        self.behind_at = at

    def p95_s(self) -> float | None:
        """What nineteen of twenty recent answers took at most; `None` while there are too few."""
        since = self._monotonic_s() - self._within_s
        taken = sorted(seconds for at, seconds in tuple(self._taken) if at >= since)
        return taken[int(0.95 * (len(taken) - 1))] if len(taken) >= _ENOUGH else None


def suffers(watch: OnlineWatch, lag: int, limits: Limits) -> bool:
    """Whether the batch lane has to make room."""
    p95_s = watch.p95_s()
    return lag > limits.lag or (p95_s is not None and p95_s > limits.slow_s)
