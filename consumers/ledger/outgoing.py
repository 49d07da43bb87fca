"""What the ledger says itself, as records: in the trace of the valuation it speaks of."""

import random
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from consumers.ledger.entry import revision_of, revocation_id
from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from schemas.codec import Codec
from schemas.codes import Status
from schemas.events import (
    Accepted,
    ClarificationTimedOut,
    DeviationBreached,
    DisputeOpened,
    ReportRevoked,
    Resulted,
    ReusableAnswer,
    Withdrawn,
)
from schemas.headers import ANSWERS, RESENT_FOR, Header, event_headers, event_type, fact_of
from schemas.ids import event_id

_SOURCE: Final = "consumers/ledger"
_RESULTED: Final = "cn.housevaluation.Resulted"

Said = (
    Resulted
    | Accepted
    | ClarificationTimedOut
    | DisputeOpened
    | DeviationBreached
    | Withdrawn
    | ReportRevoked
    | ReusableAnswer
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes records of events. `randomness` makes span ids."""

    codec: Codec
    randomness: random.Random

    def record(
        self,
        event: Resulted | Accepted | ClarificationTimedOut | DisputeOpened | Withdrawn,
        topic: str,
        *,
        at: datetime,
        traceparent: str | None,
        answers: UUID | None = None,
    ) -> Record:
        """The record of what the ledger says of a valuation. The same event always has the same id.

        `answers` is the id of the command that is answered by it, if it is one that is.
        """
        revision = event.revision if isinstance(event, Withdrawn) else revision_of(event)
        record = self._record(event, topic, event_id(event.valuation_id, fact_of(event), revision), at, traceparent)
        named = [] if answers is None else [(ANSWERS, str(answers).encode())]
        return replace(record, headers=[*record.headers, *named])

    def again(  # noqa: PLR0913 - what an event was published with
        self,
        wire: bytes,
        topic: str,
        *,
        valuation_id: str,
        answer_id: str,
        status: Status,
        at: datetime,
        traceparent: str | None,
        resent_for: str,
    ) -> Record:
        """The record of an answer that was given before, byte for byte: the same event, with the same id and time.

        `resent_for` is the id of the command that asked, so that it is told from a mere redelivery.
        """
        return Record(
            topic=topic,
            key=valuation_id.encode(),
            value=wire,
            headers=[
                *self._headers(answer_id, f"{_RESULTED}.{status}", at, traceparent),
                (RESENT_FOR, resent_for.encode()),
            ],
        )

    def reusable(self, answer: ReusableAnswer, topic: str, *, at: datetime, traceparent: str | None) -> Record:
        """The record of an answer that may be issued again, or no more: the latter is another fact."""
        fact = event_id(answer.valuation_id, event_type(answer), 1 if answer.valuation else 2)
        return replace(self._record(answer, topic, fact, at, traceparent), key=answer.reuse_key.encode())

    def breach(self, event: DeviationBreached, topic: str, *, at: datetime, traceparent: str | None) -> Record:
        """The record of a breach. A corrected appraisal that still deviates is another breach, with another id."""
        case = f"{event.valuation_id}|{event.appraisal_id}|{event.found_at.isoformat()}"
        return self._record(event, topic, event_id(case, event_type(event), 0), at, traceparent)

    def revocation(self, event: ReportRevoked, topic: str, *, at: datetime, traceparent: str | None) -> Record:
        """The record of a report that no longer counts. Each report is revoked once."""
        return self._record(event, topic, revocation_id(event), at, traceparent)

    def _record(
        self,
        event: Said,
        topic: str,
        fact: str,
        at: datetime,
        traceparent: str | None,
    ) -> Record:
        return Record(
            topic=topic,
            key=event.valuation_id.encode(),
            value=self.codec.encode(event),
            headers=self._headers(fact, event_type(event), at, traceparent),
        )

    def _headers(self, fact: str, kind: str, at: datetime, traceparent: str | None) -> list[Header]:
        return event_headers(
            event_id=fact,
            event_type=kind,
            source=_SOURCE,
            at=at,
            traceparent=child_of(traceparent.encode() if traceparent else None, self.randomness),
        )
