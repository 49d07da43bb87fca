"""Deliveries as records of the bank's topics, in the trace of the event they tell of."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from schemas.catalogue import BANK_ANSWERS, RECEIPTS, Topic
from schemas.codec import Codec
from schemas.events import Delivered, Receipted
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

_SOURCE: Final = "consumers/callbacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes the records. `topics`: channel -> its own; `receipts`: where they go; `randomness` makes span ids."""

    codec: Codec
    randomness: random.Random
    topics: Mapping[str, Topic] = field(default_factory=lambda: BANK_ANSWERS)
    receipts: Topic = RECEIPTS

    def record(self, delivered: Delivered, *, at: datetime, traceparent: str | None = None) -> Record:
        """The record on the channel's topic. A second sending has the same id: readers absorb it."""
        topic, key = self.topics[delivered.channel], delivered.subject_id
        return self._record(delivered, topic, key, event_id=delivered.delivery_id, at=at, traceparent=traceparent)

    def receipt(self, delivered: Delivered, *, at: datetime, traceparent: str | None = None) -> Record:
        """A receipt in the channel's place: its webhook said 2xx, and who waits for receipts reads them on Kafka."""
        receipted = Receipted(
            delivery_id=delivered.delivery_id, channel=delivered.channel, received_at=at, sha256=delivered.sha256
        )
        fact = event_id(delivered.delivery_id, event_type(receipted), 0)
        key = delivered.delivery_id
        return self._record(receipted, self.receipts, key, event_id=fact, at=at, traceparent=traceparent)

    def _record(
        self,
        event: Delivered | Receipted,
        topic: Topic,
        key: str,
        *,
        event_id: str,
        at: datetime,
        traceparent: str | None,
    ) -> Record:
        return Record(
            topic=topic.named(),
            key=key.encode(),
            value=self.codec.encode(event),
            headers=event_headers(
                event_id=event_id,
                event_type=event_type(event),
                source=_SOURCE,
                at=at,
                traceparent=child_of(traceparent.encode() if traceparent else None, self.randomness),
            ),
        )
