"""One end for every valuation: of several final answers the first counts, here as everywhere (docs/commands.md).

A second one can only come of a race: of a cancellation with a value or a reviewer's decision. What people decide anew
after a dispute supersedes the first, and is told.
"""

from collections.abc import Iterable
from typing import Final, TypeGuard

from psycopg import Connection
from psycopg.rows import TupleRow

from schemas.codes import Status
from schemas.events import Reported, Resulted

# A refusal of one message is a last word too, but not the valuation's.
_ENDS: Final = """
    select subject_id, event_id, body::jsonb->'data'->>'status' from delivery
    where subject_id = any(%s) and kind = 'RESULT' and is_final
        and body::jsonb->'data'->>'status' <> 'REJECTED_INVALID'
"""


class Ends:
    """The ends of some valuations that were told: those in the table, and those of this batch as they are noted."""

    def __init__(self, connection: Connection[TupleRow], events: Iterable[object]) -> None:
        """Look up the ends of the valuations that the events are about, in one query."""
        self._ends: dict[str, dict[str, str]] = {}
        subjects = {event.valuation_id for event in events if _may_be_behind(event)}
        if subjects:
            for subject, event_id, status in connection.execute(_ENDS, [list(subjects)]).fetchall():
                self._ends.setdefault(subject, {})[event_id] = status

    def note(self, event: object, event_id: str) -> None:
        """An answer of this batch is told: where it is an end, what follows it in the batch is behind it."""
        if isinstance(event, Resulted) and event.status.is_final and event.status is not Status.REJECTED_INVALID:
            self._ends.setdefault(event.valuation_id, {})[event_id] = event.status

    def are_before(self, event: object, event_id: str) -> bool:
        """Whether an answer or a report came behind the end of its valuation, so that it is to be told to nobody."""
        if not _may_be_behind(event):
            return False
        others = {end for identity, end in self._ends.get(event.valuation_id, {}).items() if identity != event_id}
        is_second = isinstance(event, Resulted) and event.status.is_final and bool(others)
        return Status.CANCELLED in others or is_second


def _may_be_behind(event: object) -> TypeGuard[Resulted | Reported]:
    match event:
        case Resulted(status=Status.RECEIVED):  # the first word of all, and one for each row of a batch
            return False
        case Resulted(revision=revision, supersedes=None):
            return revision > 0
        case Reported(supersedes_report_no=None):
            return True
        case _:
            return False
