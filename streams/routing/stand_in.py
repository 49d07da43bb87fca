"""The scorer's stand-in: started in its place when it cannot run, so that requests reach people instead of waiting."""

from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.catalogue import SCORED
from schemas.codes import Reason
from schemas.events import Enriched, Scored
from streams.runtime.stage import Outcome, Output


class StandInStage:
    """`Enriched` → `Scored` without a value, because the system is degraded.

    It takes over the scorer's consumer group: what the scorer had not confirmed comes here, nothing twice.
    """

    name = "stand-in"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def handle(self, batch: Sequence[Enriched], /) -> Sequence[Outcome]:
        """One `Scored` for each request, on its own lane."""
        now = self._clock()
        return [_without_value(enriched, now) for enriched in batch]


def _without_value(enriched: Enriched, now: datetime) -> Outcome:
    scored = Scored(
        valuation_id=enriched.valuation_id,
        request=enriched.request,
        address=enriched.address,
        attributes=enriched.attributes,
        coverage=enriched.coverage,
        valuation=None,
        scored_at=now,
        concerns=(*enriched.concerns, Reason.SYSTEM_DEGRADED),
        reference_version=enriched.reference_version,
        tags=enriched.tags,
        verification=enriched.verification,
        degraded_sources=enriched.degraded_sources,
    )
    return Outcome(outputs=(Output(topic=SCORED, event=scored, lane=enriched.request.lane),))
