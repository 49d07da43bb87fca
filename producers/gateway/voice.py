"""What the gateway says besides requests: disputes, work orders, receipts and refusals, as safely as a request."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from infra.kafka.producer import Record
from infra.telemetry.tracing import child_of
from producers.gateway.ports import Publisher
from producers.gateway.problems import Code, ProblemError
from producers.gateway.request_record import SOURCE
from producers.gateway.service import RETRY_AFTER_S
from schemas.catalogue import DISPUTES, RECEIPTS, RESULTS, WORK_ORDERS, Topic
from schemas.codec import Codec
from schemas.errors import PublishError
from schemas.events import Disputed, Receipted, Resulted, WorkOrderRaised
from schemas.headers import event_headers, event_type, fact_of
from schemas.ids import event_id

_ACKNOWLEDGEMENT_S: Final = 5.0  # by the broker; longer than an election, shorter than a caller's patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Publishes and returns once the broker has it. `randomness` makes span ids.

    Every method raises `ProblemError` UNAVAILABLE when the broker does not confirm; to be sent again then.
    """

    publisher: Publisher
    codec: Codec
    randomness: random.Random = field(default_factory=random.Random)
    disputes: Topic = DISPUTES
    work_orders: Topic = WORK_ORDERS
    receipts: Topic = RECEIPTS
    results: Topic = RESULTS
    acknowledgement_s: float = _ACKNOWLEDGEMENT_S

    async def dispute(self, disputed: Disputed, *, revision: int, parent: str) -> None:
        """Say that a channel does not accept a value. `revision` is that of the answer; again it is the same event."""
        case = f"{disputed.valuation_id}|{disputed.reason_code}|{disputed.text or ''}"
        fact = event_id(case, event_type(disputed), revision)
        record = _Record(disputed, self.disputes.named(), disputed.valuation_id, fact, disputed.raised_at)
        await self._say(record, parent)

    async def work_order(self, raised: WorkOrderRaised, *, parent: str) -> None:
        """Say that a channel wants something besides a value."""
        fact = event_id(raised.work_order_id, event_type(raised), 1)
        await self._say(_Record(raised, self.work_orders.named(), raised.work_order_id, fact, raised.raised_at), parent)

    async def receipt(self, receipted: Receipted, *, parent: str) -> None:
        """Say that a bank system has a delivery."""
        case = f"{receipted.delivery_id}|{receipted.sha256}|{receipted.stored}|{receipted.embedded_at_target}"
        fact = event_id(case, event_type(receipted), 1)
        await self._say(
            _Record(receipted, self.receipts.named(), receipted.delivery_id, fact, receipted.received_at), parent
        )

    async def refusal(self, resulted: Resulted, *, parent: str) -> None:
        """Say that a request was refused before intake saw it."""
        fact = event_id(resulted.valuation_id, fact_of(resulted), resulted.revision)
        topic = self.results.named(resulted.lane)
        await self._say(_Record(resulted, topic, resulted.valuation_id, fact, resulted.resulted_at), parent)

    async def _say(self, said: "_Record", parent: str) -> None:
        headers = event_headers(
            event_id=said.fact,
            event_type=event_type(said.event),
            source=SOURCE,
            at=said.at,
            traceparent=child_of(parent.encode(), self.randomness),
        )
        value = self.codec.encode(said.event)
        record = Record(topic=said.topic, key=said.key.encode(), value=value, headers=headers)
        try:
            async with asyncio.timeout(self.acknowledgement_s):
                await self.publisher.publish_async([record])
        except (PublishError, TimeoutError):
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S) from None


@dataclass(frozen=True, slots=True)
class _Record:
    """An event on its way. `fact` is its id: said again it is the same."""

    event: Disputed | WorkOrderRaised | Receipted | Resulted
    topic: str
    key: str
    fact: str
    at: datetime
