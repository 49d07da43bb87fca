"""Questions of the desk: a reply to one is another asking than a reply to enrichment's, and goes back to people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.codes import ReviewOutcome
from schemas.domain.worktime import add_desk_time, desk_time_between
from schemas.events import Decided
from streams.runtime.stage import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskQuestion:
    """One question: of which revision, since when, and until when the case was to be decided then."""

    revision: int
    asked_at: datetime
    due_at: datetime

    def due_after(self, resumed_at: datetime) -> datetime:
        """Until when the case is to be decided now: the clock stood still while the desk waited."""
        return add_desk_time(self.due_at, desk_time_between(self.asked_at, resumed_at))


class DeskQuestions:
    """A `ReferenceView` of `valuation.decisions`: what the desk asked within the last `keep`. About 0.3 kB each.

    A question is known here before its channel can know of it: settling makes it out of the same decision.
    """

    def __init__(self, *, clock: Callable[[], datetime], keep: timedelta) -> None:
        self._clock, self._keep = clock, keep
        self._asked: dict[str, DeskQuestion] = {}

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in decisions as the reader delivers them; other events, outcomes and deletions are not ours."""
        for change in changes:
            event = change.event
            if isinstance(event, Decided) and event.outcome is ReviewOutcome.CLARIFY:
                self._note(event)
        since = self._clock() - self._keep
        while self._asked and next(iter(self._asked.values())).asked_at < since:  # oldest first, nearly
            del self._asked[next(iter(self._asked))]

    def find(self, valuation_id: str) -> DeskQuestion | None:
        """The latest question of the desk about a valuation; `None` when it asked nothing."""
        return self._asked.get(valuation_id)

    def _note(self, decided: Decided) -> None:
        revision = decided.review.scored.request.revision
        known = self._asked.pop(decided.valuation_id, None)
        if known is None or known.revision <= revision:
            known = DeskQuestion(revision=revision, asked_at=decided.decided_at, due_at=decided.review.due_at)
        self._asked[decided.valuation_id] = known
