"""The clocks of intake."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.codes import Lane
from schemas.domain.contract import BATCH_LEAST, ONLINE_ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """How long a request may take, and how long its number, a closed question and one of the desk are remembered.

    `online` is contract figure C-02. `batch` is the least time of a batch job (C-05): intake sees one item and not the
    size of its job, so the job's own deadline, which may be later, is kept by the batch producer.
    `trusted_delay` is how far back the channel's own clock is believed: latency then counts from the channel's moment,
    with the broker's and our queueing inside it; a clock that is further off, or ahead, is not used.
    """

    online: timedelta = ONLINE_ANSWER.value
    batch: timedelta = BATCH_LEAST.value
    remembered: timedelta = timedelta(hours=24)
    closed_remembered: timedelta = timedelta(days=30)  # a late reply seldom comes later; the topic keeps twice as long
    asked_remembered: timedelta = timedelta(days=21)  # four desk hours last over the longest holidays, with room
    trusted_delay: timedelta = timedelta(minutes=1)

    def allowance(self, lane: Lane) -> timedelta:
        """Time from receipt to deadline."""
        return self.online if lane is Lane.ONLINE else self.batch
