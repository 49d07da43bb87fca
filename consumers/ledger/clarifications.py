"""Requirement AD2: a question about an address is asked once more at half of its time, and closed at its end.

Every question has a row in `clarification` until nothing is left to do for it, so a restart forgets none. What comes
of a time-out (a person values it, or it expires) is not decided here: reply and time-out meet at intake, where the
first of them wins, and enrichment knows the place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.outgoing import Voice
from consumers.ledger.seen import seen_up_to
from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import Topic
from schemas.codes import Lane, Reason, Status
from schemas.domain import channels
from schemas.domain.clarification import ClarificationPolicy, reminder_text
from schemas.events import Accepted, ClarificationTimedOut, Resulted
from schemas.json_events import event_from_json

_AT_ONCE: Final = 500
# One clarification only: a reminder, or a question asked again, is the same question.
_NEW = """
    insert into clarification (valuation_id, reply_by, next_at)
    select * from unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) on conflict (valuation_id) do nothing
"""
_DUE = """
    select c.valuation_id, c.reply_by, coalesce(v.status = 'NEEDS_CLARIFICATION', false) as is_open, v.traceparent,
        q.wire as question, a.payload as accepted
    from clarification c join valuation v using (valuation_id)
        join ledger_event a on a.valuation_id = c.valuation_id and a.kind = 'Accepted' and a.revision = 1
        left join ledger_event q on q.event_id = v.answer_id
    where c.next_at < %s order by c.next_at limit %s for update of c skip locked
"""
_NEXT = """
    update clarification c set next_at = n.next_at
    from unnest(%s::uuid[], %s::timestamptz[]) as n (valuation_id, next_at) where c.valuation_id = n.valuation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A question whose moment has come. `question` and `accepted` are the events, as the ledger keeps them."""

    valuation_id: UUID
    reply_by: datetime
    is_open: bool
    traceparent: str | None
    question: bytes | None
    accepted: dict[str, Any]


def note_questions(connection: Connection[TupleRow], batch: Iterable[Received], policy: ClarificationPolicy) -> None:
    """Begin the clock of every question in a batch of the ledger, inside its transaction."""
    asked = sorted((_row(one.event, policy) for one in batch if _is_question(one.event)), key=lambda row: row[0])
    if asked:
        connection.execute(_NEW, [list(column) for column in zip(*asked, strict=True)])


def _is_question(event: object) -> bool:
    if not isinstance(event, Resulted) or event.status is not Status.NEEDS_CLARIFICATION:
        return False
    return channels.find(event.channel) is not None


def _row(asked: Resulted, policy: ClarificationPolicy) -> tuple[UUID, datetime, datetime]:
    profile = channels.channel(asked.channel).profile
    reply_by = asked.due_at or policy.reply_by(asked.resulted_at, profile)  # a question of an earlier release has none
    return UUID(asked.valuation_id), reply_by, min(policy.remind_at(asked.resulted_at, profile), reply_by)


class ClarificationClock:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox."""

    def __init__(self, *, consumer: str, results: Topic, clarifications: Topic, voice: Voice) -> None:
        self._consumer, self._results, self._clarifications = consumer, results, clarifications
        self._voice = voice

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Remind of every question at half of its time and close it at the end, each once."""
        seen = seen_up_to(connection, self._consumer, self._results.names, now)
        if seen is None:
            return
        due = self._due(connection, seen)
        if not due:
            return
        outbox.write(connection, [self._record(one, seen, now) for one in due if one.is_open])
        following = [one.reply_by if one.is_open and seen <= one.reply_by else None for one in due]
        connection.execute(_NEXT, [[one.valuation_id for one in due], following])

    @staticmethod
    def _due(connection: Connection[TupleRow], seen: datetime) -> Sequence[Due]:
        with connection.cursor(row_factory=class_row(Due)) as cursor:
            return cursor.execute(_DUE, [seen, _AT_ONCE]).fetchall()

    def _record(self, due: Due, seen: datetime, now: datetime) -> Record:
        event: Resulted | ClarificationTimedOut
        accepted = event_from_json(Accepted, due.accepted)
        if seen <= due.reply_by:
            question = self._voice.codec.decode(due.question, Resulted)
            event, topic = reminder(question, due.reply_by, now), self._results
        else:
            event, topic = timed_out(accepted, due.reply_by, now), self._clarifications
        lane = Lane(accepted.request.lane)
        return self._voice.record(event, topic.named(lane), at=now, traceparent=due.traceparent)


def reminder(question: Resulted, reply_by: datetime, now: datetime) -> Resulted:
    """The question once more, saying until when a reply is in time."""
    return replace(
        question,
        resulted_at=now,
        reasons=(*question.reasons, Reason.CLARIFICATION_REMINDER),
        reason_text=reminder_text(question.reason_text, reply_by),
        due_at=reply_by,
    )


def timed_out(accepted: Accepted, reply_by: datetime, now: datetime) -> ClarificationTimedOut:
    """What intake is told of a question that nobody answered."""
    return ClarificationTimedOut(
        valuation_id=accepted.valuation_id,
        request=accepted.request,
        digest=accepted.digest,
        reply_by=reply_by,
        timed_out_at=now,
    )
