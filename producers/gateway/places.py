"""How much may be open at a time: a stream or a transfer that nobody ends is a place taken from all others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from producers.gateway.problems import Code, ProblemError


@dataclass(slots=True, kw_only=True)
class Places:
    """Counts what is open, by holder and in all. Of one event loop.

    `refusal` is what one too many is told, with `retry_after_s` seconds to wait.
    """

    each: int
    in_all: int
    refusal: Code
    retry_after_s: int
    _taken: Counter[str] = field(default_factory=Counter, init=False)

    @property
    def open(self) -> int:
        """How many are taken now."""
        return self._taken.total()

    @contextmanager
    def taken(self, holder: str) -> Iterator[None]:
        """Hold one. Raises `ProblemError` when the holder has `each` already, or all together have `in_all`."""
        if self._taken[holder] >= self.each or self._taken.total() >= self.in_all:
            raise ProblemError(self.refusal, retry_after_s=self.retry_after_s)
        self._taken[holder] += 1
        try:
            yield
        finally:
            self._taken[holder] -= 1
            self._taken += Counter()  # who holds nothing is forgotten
