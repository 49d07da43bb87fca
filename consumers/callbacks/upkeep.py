"""Once a second: what is due on topics is put there again, and what was tried for long enough is parked."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import deliveries
from consumers.callbacks.deliveries import Claimed
from consumers.callbacks.endpoints import Mode, modes
from consumers.callbacks.meters import Meters
from consumers.callbacks.retrying import TOPIC_RETRIES, pause
from consumers.callbacks.voice import Voice
from infra.postgres import outbox

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
        for channel in deliveries.channels_with_due(connection, now):
            mode = registered.get(channel, Mode.TOPIC)
            if mode is not Mode.WEBHOOK:
                due = deliveries.claim(connection, channel, now=now, lease=_NO_LEASE, limit=_AT_ONCE)
                self._on_its_topic(connection, due, mode, now)
        self._park(connection, now)

    def _on_its_topic(
        self, connection: Connection[TupleRow], due: Sequence[Claimed], mode: Mode, now: datetime
    ) -> None:
        outbox.write(connection, [self.voice.record(one.delivered, at=now, traceparent=one.traceparent) for one in due])
        for one in due:
            identity = one.delivered.delivery_id
            if mode is Mode.TOPIC:
                deliveries.mark_sent(connection, identity)
                continue
            again_at = now + pause(one.attempts, TOPIC_RETRIES, self.randomness.random())
            deliveries.fail(connection, identity, again_at=again_at, fault=NO_RECEIPT, by_endpoint=False)

    def _park(self, connection: Connection[TupleRow], now: datetime) -> None:
        parked = deliveries.park(connection, now)
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
