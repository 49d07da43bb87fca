"""What intake remembers: the requests of the last 24 hours, so that a repeat is known and a conflict refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.codes import Lane, Occasion
from schemas.events import Accepted, Request
from streams.intake.acceptance import FIRST_REVISION
from streams.runtime.stage import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One accepted request: enough to recognise it and to acknowledge it again in the same words."""

    digest: bytes
    received_at: datetime
    deadline_at: datetime
    accepted_at: datetime
    chosen_community_id: str | None = None

    @property
    def is_told_apart(self) -> bool:
        """Whether it has a digest: the time-out of a question about what a reviewer returned knows none."""
        return bool(self.digest)

    def is_for(self, digest: str, chosen_community_id: str | None) -> bool:
        """Whether a request with this hex digest and this choice is the same again."""
        return self.digest.hex() == digest and self.chosen_community_id == chosen_community_id


def remembered(accepted: Accepted) -> Remembered:
    """What is kept of an accepted request: no address, no reference, nothing personal."""
    request = accepted.request
    return Remembered(
        digest=bytes.fromhex(accepted.digest),
        received_at=request.received_at,
        deadline_at=request.deadline_at,
        accepted_at=accepted.accepted_at,
        chosen_community_id=request.chosen_community_id,
    )


class RecentRequests:
    """Valuation and revision → the first asking, and each clarification reply, for `keep` after its acceptance.

    Filled by the reader of `valuation.accepted` before the stage starts, and followed afterwards; what this process
    accepts is added at once by the stage. To lose it is safe: a repeat then goes through, to be absorbed downstream.
    About 0.5 kB a request. First askings are kept of `lane` only, so that a batch of a million rows costs the online
    workers nothing; a number used on both lanes is absorbed downstream. What ended a question, a reply or its time-out,
    is kept of both: a row of a batch may be answered online, while its time-out comes back on the batch lane. What a
    reviewer returned is not kept: no channel sent it, so none can repeat it.
    """

    def __init__(self, *, clock: Callable[[], datetime], keep: timedelta, lane: Lane) -> None:
        self._clock, self._keep, self._lane = clock, keep, lane
        self._first: dict[tuple[str, int], Remembered] = {}
        self._reply: dict[tuple[str, int], Remembered] = {}

    def __len__(self) -> int:
        return len(self._first) + len(self._reply)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in accepted requests as the reader delivers them; other events and deletions are not ours."""
        self.remember(tuple(change.event for change in changes if isinstance(change.event, Accepted)))

    def remember(self, accepted: Sequence[Accepted]) -> None:
        """Let go of what is too old and add requests. Of two with one id the first stays while remembered."""
        since = self._clock() - self._keep
        self._forget(self._first, since)
        self._forget(self._reply, since)
        for event in accepted:
            if event.accepted_at >= since and self._concerns_us(event.request):
                self._add(self._of(event.request.revision), event, since)

    def find(self, valuation_id: str, revision: int) -> Remembered | None:
        """The remembered asking (revision 1) or reply of a valuation; `None` when unknown or too old."""
        found = self._of(revision).get((valuation_id, revision))
        if found is None or found.accepted_at < self._clock() - self._keep:
            return None
        return found

    def _concerns_us(self, request: Request) -> bool:
        if request.occasion is Occasion.RETURNED:
            return False
        return request.revision != FIRST_REVISION or request.lane == self._lane

    @staticmethod
    def _add(requests: dict[tuple[str, int], Remembered], event: Accepted, since: datetime) -> None:
        asking = event.valuation_id, event.request.revision
        known = requests.get(asking)
        if known is not None and known.accepted_at >= since:
            return
        requests.pop(asking, None)  # an outlived entry makes way, so that the new one stands last
        requests[asking] = remembered(event)

    def _of(self, revision: int) -> dict[tuple[str, int], Remembered]:
        return self._first if revision == FIRST_REVISION else self._reply

    @staticmethod
    def _forget(requests: dict[tuple[str, int], Remembered], since: datetime) -> None:
        # Oldest first by insertion, nearly: partitions are read side by side, so an entry may outlive its time by
        # as much as they are apart. `find` does not return it then.
        while requests:
            oldest = next(iter(requests))
            if requests[oldest].accepted_at >= since:
                return
            del requests[oldest]
