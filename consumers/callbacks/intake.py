"""From events to deliveries: each once for each channel, on its topic at once, and kept until it is acknowledged."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.callbacks import days, deliveries, holding, receipts, resending
from consumers.callbacks.deliveries import New
from consumers.callbacks.endpoints import Mode, modes
from consumers.callbacks.ends import Ends
from consumers.callbacks.meters import Meters
from consumers.callbacks.retrying import awaited
from consumers.callbacks.voice import Voice
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.domain.tellings import delivered, tellings
from schemas.events import Receipted
from schemas.headers import CE_ID, RESENT_FOR, TRACEPARENT, header


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The effects of the ingest loop. A record seen twice adds nothing: deliveries and receipts have derived keys."""

    voice: Voice
    clock: Callable[[], datetime]
    randomness: random.Random
    meters: Meters

    def __call__(self, connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
        """Keep deliveries, put them into the outbox, and take receipts.

        A batch has records of several topics: a result and its report are told in the order of the broker's stamps.
        """
        now, registered = self.clock(), modes(connection)
        ordered = sorted(batch, key=lambda received: received.appended_at)
        self._keep(connection, _news(connection, ordered, registered, now), registered, now)
        for one in ordered:  # after the deliveries: what they are about was committed before it was sent
            if isinstance(one.event, Receipted):
                verdict = receipts.take(connection, one.event, now=now, draw=self.randomness.random())
                self.meters.receipts.add(of="REPEATED" if verdict is None else verdict.value)

    def _keep(
        self, connection: Connection[TupleRow], news: Sequence[New], registered: Mapping[str, Mode], now: datetime
    ) -> None:
        added = deliveries.add(connection, news)
        first = {new.delivered.delivery_id: new for new in reversed(news) if new.delivered.delivery_id in added}
        new_ones = [new for new in news if first.get(new.delivered.delivery_id) is new]
        told = [new for new in new_ones if new.held_until is None]
        said = [self.voice.record(new.delivered, at=now, traceparent=new.traceparent) for new in told]
        outbox.write(connection, said)
        days.make_again(connection, ((new.delivered.channel, new.telling.occurred_at) for new in told), now)
        for new in new_ones:
            self.meters.made.add(of=new.delivered.channel)
        for new in news:
            if new.resent_for is not None and first.get(new.delivered.delivery_id) is not new:
                self._tell_again(connection, new, now)
        ready = holding.release(connection, {new.delivered.subject_id for new in news}, now)
        holding.tell(connection, ready, registered, self.voice, now)
        for verdict in receipts.take_early(connection, added, now=now, draw=self.randomness.random()):
            self.meters.receipts.add(of=verdict.value)

    def _tell_again(self, connection: Connection[TupleRow], new: New, now: datetime) -> None:
        """The channel asked for an answer that it was given: it has the same one again, by every way it has."""
        known = resending.asked_for(connection, new)
        if known is not None:
            outbox.write(connection, [self.voice.record(known, at=now, traceparent=new.traceparent)])


def _news(
    connection: Connection[TupleRow], batch: Sequence[Received], registered: Mapping[str, Mode], now: datetime
) -> list[New]:
    """The deliveries of a batch; receipts have none, nor has what came behind the end of its valuation."""
    telling = [one for one in batch if not isinstance(one.event, Receipted)]
    ends, news = Ends(connection, (one.event for one in telling)), list[New]()
    for one in telling:
        # A record without an id is known by its bytes: a bank's own producer may leave the header out.
        event_id = header(one.headers, CE_ID) or sha256(one.value).hexdigest()
        if ends.are_before(one.event, event_id):
            continue
        made = _of_one(one, event_id, registered, now)
        news.extend(made)
        if made:
            ends.note(one.event, event_id)
    return news


def _of_one(one: Received, event_id: str, registered: Mapping[str, Mode], now: datetime) -> list[New]:
    news = []
    for telling in tellings(one.event, one.lane):
        is_held = telling.kind in holding.WAITING_KINDS
        awaited_from, give_up_at = (None, None) if is_held else awaited(registered.get(telling.channel), now)
        news.append(
            New(
                delivered=delivered(telling, event_id, now),
                telling=telling,
                traceparent=header(one.headers, TRACEPARENT),
                awaited_from=awaited_from,
                give_up_at=give_up_at,
                held_until=now + holding.AT_MOST if is_held else None,
                resent_for=header(one.headers, RESENT_FOR),
            )
        )
    return news
