"""Questions that ran out of time. A reply to one of them comes too late, however long ago that was."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from schemas.events import ClarificationTimedOut
from streams.runtime.stage import Change


class ClosedQuestions:
    """Askings (valuation and revision) that a time-out took the place of within the last `keep`. About 0.2 kB each.

    Filled by the reader of `valuation.clarifications` before the stage starts, and followed afterwards. A reply that
    was accepted before is known as such by `RecentRequests`; whoever is refused here has none.
    """

    def __init__(self, *, clock: Callable[[], datetime], keep: timedelta) -> None:
        self._clock, self._keep = clock, keep
        self._timed_out: dict[tuple[str, int], datetime] = {}

    def __contains__(self, asking: tuple[str, int]) -> bool:
        return asking in self._timed_out

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in time-outs as the reader delivers them; other events and deletions are not ours."""
        for change in changes:
            if isinstance(change.event, ClarificationTimedOut):
                asking = change.event.valuation_id, change.event.request.revision + 1
                self._timed_out[asking] = change.event.timed_out_at
        since = self._clock() - self._keep
        while self._timed_out and next(iter(self._timed_out.values())) < since:  # oldest first, nearly
            del self._timed_out[next(iter(self._timed_out))]
