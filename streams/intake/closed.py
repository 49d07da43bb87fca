"""Questions that ran out of time. A reply to one of them comes too late, however long ago that was."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from schemas.events import ClarificationTimedOut
from streams.runtime.stage import Change


class ClosedQuestions:
    """Valuations whose question timed out within the last `keep`. About 0.2 kB each.

    Filled by the reader of `valuation.clarifications` before the stage starts, and followed afterwards. A reply that
    was accepted before is known as such by `RecentRequests`; whoever is refused here has none.
    """

    def __init__(self, *, clock: Callable[[], datetime], keep: timedelta) -> None:
        self._clock, self._keep = clock, keep
        self._timed_out: dict[str, datetime] = {}

    def __contains__(self, valuation_id: str) -> bool:
        return valuation_id in self._timed_out

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in time-outs as the reader delivers them; other events and deletions are not ours."""
        for change in changes:
            if isinstance(change.event, ClarificationTimedOut):
                self._timed_out[change.event.valuation_id] = change.event.timed_out_at
        since = self._clock() - self._keep
        while self._timed_out and next(iter(self._timed_out.values())) < since:  # oldest first, nearly
            del self._timed_out[next(iter(self._timed_out))]
