"""Notices in PostgreSQL: told once per cause, at a bearable pace, and again where a receipt is owed."""

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.notifier.causes import Cause
from consumers.notifier.templates import Templates
from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.telemetry.tracing import child_of
from schemas.catalogue import NOTICES, Topic
from schemas.codec import Codec
from schemas.codes import Audience
from schemas.domain import channels
from schemas.domain.tellings import delivered, tellings
from schemas.events import Noticed, Receipted
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

log = logging.getLogger(__name__)

SOURCE: Final = "consumers/notifier"
_NAMESPACE: Final = uuid5(NAMESPACE_URL, "cn.housevaluation/notice")
_AT_ONCE: Final = 100

_KEEP = """
    insert into notice (notice_id, trigger, audience, channel, subject_id, event, noticed_at, needs_receipt, sent_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_RECENT = "select count(*) from notice where channel is not distinct from %s and audience = %s and sent_at > %s"
_HELD = """
    select distinct on (channel, audience) channel, audience from notice where sent_at is null and not is_stale
"""
_NEXT = """
    select notice_id, event from notice
    where channel is not distinct from %s and audience = %s and sent_at is null and not is_stale
    order by noticed_at, notice_id limit %s for update skip locked
"""
_SENT = "update notice set sent_at = %s where notice_id = %s"
_STALE = "update notice set is_stale = true where sent_at is null and not is_stale and noticed_at < %s"
_DELIVERY = """
    insert into notice_delivery (delivery_id, notice_id, channel, sha256) values (%s, %s, %s, %s) on conflict do nothing
"""
_RECEIVED = """
    update notice set received_at = %s from notice_delivery d
    where d.delivery_id = %s and d.channel = %s and d.sha256 = lower(%s) and notice.notice_id = d.notice_id
        and received_at is null
"""
_OWED = """
    select notice_id, event, sendings from notice
    where needs_receipt and received_at is null and sent_at <= %s and sendings <= %s
    order by sent_at limit %s for update skip locked
"""
_AGAIN = "update notice set sendings = %s, sent_at = %s, paged_at = coalesce(paged_at, %s) where notice_id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many notices one channel's audience gets within `window`, and how long a receipt may take (NT3).

    What is over it waits for its turn. Operations are never limited: what they are told of is rare, and must arrive.
    What is older than `news_for` is told to nobody: after a long outage people want the state of things, not their
    history.
    """

    news_for: timedelta = timedelta(days=1)
    most: int = 3000  # what a channel may ask in a minute
    window: timedelta = timedelta(minutes=1)
    receipt_within: timedelta = timedelta(minutes=30)  # NT3, assumed
    most_sendings: int = 10


class Notices:
    """Tells causes, inside the caller's transaction. `topic` is another one than the catalogue's in tests alone."""

    def __init__(
        self,
        templates: Templates,
        codec: Codec,
        *,
        randomness: random.Random,
        limits: Limits | None = None,
        topic: Topic = NOTICES,
    ) -> None:
        self._templates, self._codec, self._randomness = templates, codec, randomness
        self._limits, self._topic = limits or Limits(), topic

    def tell(self, connection: Connection[TupleRow], causes: Iterable[Cause], now: datetime) -> int:
        """Send a notice for each cause that has an approved template and is new; how many were sent at once."""
        sent = 0
        for cause in causes:
            noticed = self._noticed(cause, now)
            if noticed is not None and self._kept(connection, cause, noticed):
                sent += 1
        return sent

    def acknowledge(self, connection: Connection[TupleRow], receipts: Sequence[Receipted]) -> None:
        """Note which notices have arrived, by their own channel's receipts of the very words; others change nothing."""
        for receipt in receipts:
            channel = channels.find(receipt.channel)
            if receipt.stored and channel is not None:
                what = [receipt.received_at, receipt.delivery_id, channel.code, receipt.sha256]
                connection.execute(_RECEIVED, what)

    def each_second(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Send what has waited for its turn, and again what has no receipt in time."""
        self.release(connection, now)
        self.remind(connection, now)

    def release(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Send what waits, as far as the pace allows, the oldest first."""
        connection.execute(_STALE, [now - self._limits.news_for])
        for channel, audience in connection.execute(_HELD).fetchall():
            room = self._limits.most - self._recent(connection, channel, audience, now)
            for notice_id, event in connection.execute(_NEXT, [channel, audience, max(0, room)]).fetchall():
                connection.execute(_SENT, [now, notice_id])
                self._send(connection, self._codec.decode(event, Noticed), 1, now)

    def remind(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Send again what has no receipt in time, and call somebody: a bank that hears nothing must not be left so."""
        since, most = now - self._limits.receipt_within, self._limits.most_sendings
        for notice_id, event, sendings in connection.execute(_OWED, [since, most, _AT_ONCE]).fetchall():
            log.critical("a notice has no receipt", extra={"notice_id": str(notice_id), "sendings": sendings})
            connection.execute(_AGAIN, [sendings + 1, now, now, notice_id])
            if sendings < most:
                self._send(connection, self._codec.decode(event, Noticed), sendings + 1, now)

    def _noticed(self, cause: Cause, now: datetime) -> Noticed | None:
        template = self._templates.find(cause)
        if template is None:
            return None
        if not template.is_approved:
            log.error("a notice is not sent: its template is not approved", extra={"template": template.name})
            return None
        title, text = template.rendered(cause.facts)
        return Noticed(
            notice_id=str(uuid5(_NAMESPACE, f"{cause.trigger}|{cause.audience}|{cause.key}")),
            trigger=cause.trigger,
            audience=cause.audience,
            subject_id=cause.subject_id,
            title=title,
            text=text,
            template=template.name,
            template_version=template.version,
            noticed_at=now,
            channel=cause.channel,
            client_request_id=cause.client_request_id,
            business_ref=cause.business_ref,
            branch_code=cause.branch_code,
            needs_receipt=cause.needs_receipt,
        )

    def _kept(self, connection: Connection[TupleRow], cause: Cause, noticed: Noticed) -> bool:
        """Whether it is new and was sent; what is over the pace is kept for its turn."""
        now = noticed.noticed_at
        is_over = self._is_over(connection, cause, now)
        row = [
            noticed.notice_id,
            noticed.trigger,
            noticed.audience,
            noticed.channel,
            noticed.subject_id,
            self._codec.encode(noticed),
            now,
            noticed.needs_receipt,
            None if is_over else now,
        ]
        if connection.execute(_KEEP, row).rowcount == 0:
            return False
        if is_over:
            return False
        self._send(connection, noticed, 1, now)
        return True

    def _is_over(self, connection: Connection[TupleRow], cause: Cause, now: datetime) -> bool:
        if cause.audience is Audience.OPERATIONS:
            return False
        return self._recent(connection, cause.channel, cause.audience, now) >= self._limits.most

    def _recent(self, connection: Connection[TupleRow], channel: str | None, audience: str, now: datetime) -> int:
        found = connection.execute(_RECENT, [channel, audience, now - self._limits.window]).fetchone()
        return found[0] if found is not None else 0

    def _send(self, connection: Connection[TupleRow], noticed: Noticed, sending: int, now: datetime) -> None:
        """Each sending is an event of its own, so that it becomes a delivery of its own; any receipt of them counts."""
        told = replace(noticed, noticed_at=now)
        fact = event_id(noticed.notice_id, event_type(noticed), sending)
        for telling in tellings(told):
            made = delivered(telling, fact, now)
            connection.execute(_DELIVERY, [made.delivery_id, noticed.notice_id, made.channel, made.sha256])
        outbox.write(connection, [self._record(told, fact)])

    def _record(self, noticed: Noticed, fact: str) -> Record:
        return Record(
            topic=self._topic.named(),
            key=noticed.subject_id.encode(),
            value=self._codec.encode(noticed),
            headers=event_headers(
                event_id=fact,
                event_type=event_type(noticed),
                source=SOURCE,
                at=noticed.noticed_at,
                traceparent=child_of(None, self._randomness),
            ),
        )
