"""One end for every valuation: of several final answers the first counts, here as everywhere (docs/commands.md).

A second one can only come of a race: of a cancellation with a value or a reviewer's decision, or of two askings. What
people decide anew after a dispute supersedes the first, and is told. Where an end was told, the interim answers and
reports of any asking without one are behind it too.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeGuard

from psycopg import Connection
from psycopg.rows import TupleRow

from schemas.codes import Status
from schemas.domain.ends import is_end, is_of_a_dispute
from schemas.events import Reported, Resulted

_ENDS: Final = """
    select subject_id, event_id, body::jsonb->'data'->>'status', revision from delivery
    where subject_id = any(%s) and kind = 'RESULT' and is_final and revision > 0
"""


class _End(NamedTuple):
    status: str
    revision: int


class Ends:
    """The ends of some valuations that were told: those in the table, and those of this batch as they are noted."""

    def __init__(self, connection: Connection[TupleRow], events: Iterable[object]) -> None:
        """Look up the ends of the valuations that the events are about, in one query."""
        self._ends: dict[str, dict[str, _End]] = {}
        subjects = {event.valuation_id for event in events if _may_be_behind(event)}
        if subjects:
            for subject, event_id, status, revision in connection.execute(_ENDS, [list(subjects)]).fetchall():
                self._ends.setdefault(subject, {})[event_id] = _End(status, revision)

    def note(self, event: object, event_id: str) -> None:
        """An answer of this batch is told: where it is an end, what follows it in the batch is behind it."""
        if isinstance(event, Resulted) and is_end(event):
            self._ends.setdefault(event.valuation_id, {})[event_id] = _End(event.status, event.revision)

    def are_before(self, event: object, event_id: str) -> bool:
        """Whether an answer or a report came behind the end of its valuation, so that it is to be told to nobody."""
        if not _may_be_behind(event):
            return False
        others = [end for identity, end in self._ends.get(event.valuation_id, {}).items() if identity != event_id]
        if not others or (isinstance(event, Resulted) and is_end(event)):
            return bool(others)
        is_cancelled = any(end.status == Status.CANCELLED for end in others)
        return is_cancelled or event.revision not in {end.revision for end in others}


def _may_be_behind(event: object) -> TypeGuard[Resulted | Reported]:
    match event:
        case Resulted(status=Status.RECEIVED):  # the first word of all, and one for each row of a batch
            return False
        case Resulted():
            return event.revision > 0 and not is_of_a_dispute(event)
        case Reported(supersedes_report_no=None):
            return True
        case _:
            return False
