"""What channels have withdrawn: a stage that still has something of it under way answers nobody.

It is a courtesy and no gate: of two final answers of a valuation the first on its topic stands for every reader,
whatever follows. Without this view a reviewer would be asked, or a report drawn, for nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from schemas.catalogue import FOR_PEOPLE
from schemas.codes import Action
from schemas.events import Withdrawn
from streams.runtime.stage import Change

WITHDRAWN: Final = "withdrawn by its channel"
_EVERY_ASKING: Final = 1 << 31


class Withdrawals:
    """A `ReferenceView` of `valuation.withdrawals`: what its topic holds, and no more, about 0.2 kB each.

    What a worker forgets so while it runs another would not find when it starts.
    """

    def __init__(self) -> None:
        self._up_to: dict[str, int] = {}
        self._since: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._up_to)

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take records in, in any order and any number of times."""
        for change in changes:
            event = change.event
            if isinstance(event, Withdrawn):
                up_to = _EVERY_ASKING if event.action is Action.CANCEL else event.revision
                self._up_to[event.valuation_id] = max(up_to, self._up_to.get(event.valuation_id, 0))
                self._since[event.valuation_id] = event.withdrawn_at
                self._since.move_to_end(event.valuation_id)
                self._forget(event.withdrawn_at - FOR_PEOPLE)

    def cover(self, valuation_id: str, revision: int, *, supersedes: str | None = None) -> bool:
        """Whether what is said of an asking answers nobody any more.

        What `supersedes` an answer came of a dispute, which only an answer that stands can have.
        """
        return supersedes is None and revision <= self._up_to.get(valuation_id, 0)

    def have_ended(self, valuation_id: str, *, supersedes: str | None = None) -> bool:
        """Whether CANCELLED is the end of a valuation, so that no other final answer is. What `supersedes`: see above.

        An answer of an asking that was taken from the model may yet be its end: it came first then.
        """
        return supersedes is None and self._up_to.get(valuation_id) == _EVERY_ASKING

    def _forget(self, before: datetime) -> None:
        """The oldest first, as they were read; one out of order is forgotten with those around it."""
        while self._since and next(iter(self._since.values())) < before:
            valuation_id, _ = self._since.popitem(last=False)
            del self._up_to[valuation_id]
