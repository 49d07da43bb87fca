"""What the ledger says itself, as records: in the trace of the valuation it speaks of."""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consumers.ledger.entry import revision_of
from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from schemas.codec import Codec
from schemas.events import ClarificationTimedOut, DeviationBreached, DisputeOpened, Resulted
from schemas.headers import event_headers, event_type, fact_of
from schemas.ids import event_id

_SOURCE: Final = "consumers/ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes records of events. `randomness` makes span ids."""

    codec: Codec
    randomness: random.Random

    def record(
        self,
        event: Resulted | ClarificationTimedOut | DisputeOpened,
        topic: str,
        *,
        at: datetime,
        traceparent: str | None,
    ) -> Record:
        """The record of an answer, a time-out or an opened dispute. The same event always has the same id."""
        fact = event_id(event.valuation_id, fact_of(event), revision_of(event))
        return self._record(event, topic, fact, at, traceparent)

    def breach(self, event: DeviationBreached, topic: str, *, at: datetime, traceparent: str | None) -> Record:
        """The record of a breach. A corrected appraisal that still deviates is another breach, with another id."""
        case = f"{event.valuation_id}|{event.appraisal_id}|{event.found_at.isoformat()}"
        return self._record(event, topic, event_id(case, event_type(event), 0), at, traceparent)

    def _record(
        self,
        event: Resulted | ClarificationTimedOut | DisputeOpened | DeviationBreached,
        topic: str,
        fact: str,
        at: datetime,
        traceparent: str | None,
    ) -> Record:
        return Record(
            topic=topic,
            key=event.valuation_id.encode(),
            value=self.codec.encode(event),
            headers=event_headers(
                event_id=fact,
                event_type=event_type(event),
                source=_SOURCE,
                at=at,
                traceparent=child_of(traceparent.encode() if traceparent else None, self.randomness),
            ),
        )
