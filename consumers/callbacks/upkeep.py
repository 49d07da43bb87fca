"""Once a second: what is due on topics is put there again, what was held or tried for long enough is told or parked."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import deliveries, holding
from consumers.callbacks.deliveries import Claimed, Failure
from consumers.callbacks.endpoints import Mode, modes
from consumers.callbacks.meters import Meters
from consumers.callbacks.parking import park
from consumers.callbacks.retrying import TOPIC_RETRIES, pause
from consumers.callbacks.voice import Voice
from infra.postgres import outbox
from schemas.catalogue import BANK_ANSWERS

log = logging.getLogger(__name__)

NO_RECEIPT: Final = "NO_RECEIPT"
_AT_ONCE: Final = 200
_NO_LEASE: Final = timedelta(0)  # claimed and settled in one transaction
_NAMED: Final = 5  # ids in a log line; the table has all


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Called in a transaction of its own."""

    voice: Voice
    randomness: random.Random
    meters: Meters

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Send again and park."""
        registered = modes(connection)
        modes_of = {channel: registered.get(channel, Mode.TOPIC) for channel in BANK_ANSWERS}
        by_topic = [channel for channel, mode in modes_of.items() if mode is not Mode.WEBHOOK]
        for channel in deliveries.channels_with_due(connection, by_topic, now):
            due = deliveries.claim(connection, channel, now=now, lease=_NO_LEASE, limit=_AT_ONCE)
            self._on_its_topic(connection, due, modes_of[channel], now)
        holding.tell(connection, holding.release_late(connection, now), registered, self.voice, now)
        self._park(connection, now)

    def _on_its_topic(
        self, connection: Connection[TupleRow], due: Sequence[Claimed], mode: Mode, now: datetime
    ) -> None:
        outbox.write(connection, [self.voice.record(one.delivered, at=now, traceparent=one.traceparent) for one in due])
        if mode is Mode.TOPIC:
            deliveries.mark_sent(connection, [one.delivered.delivery_id for one in due])
            return
        failures = [
            Failure(
                delivery_id=one.delivered.delivery_id,
                again_at=now + pause(one.attempts, TOPIC_RETRIES, self.randomness.random()),
                fault=NO_RECEIPT,
            )
            for one in due
        ]
        deliveries.fail(connection, failures)

    def _park(self, connection: Connection[TupleRow], now: datetime) -> None:
        parked = park(connection, now)
        for channel in sorted({one.channel for one in parked}):
            ours = [one for one in parked if one.channel == channel]
            self.meters.parked.add(len(ours), of=channel)
            log.critical(
                "deliveries parked: the bank has not acknowledged them; see `avm callbacks deliveries list --parked`",
                extra={
                    "channel": channel,
                    "deliveries": len(ours),
                    "delivery_ids": [one.delivery_id for one in ours[:_NAMED]],
                    "faults": sorted({one.last_fault or "NOT_TRIED" for one in ours}),
                },
            )
