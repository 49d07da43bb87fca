"""Requirement AD2: a question about an address is asked once more at half of its time, and closed at its end.

Every question has a row in `clarification` until nothing is left to do for it, so a restart forgets none. What comes
of a time-out (a person values it, or it expires) is not decided here: reply and time-out meet at intake, where the
first of them wins, and enrichment knows the place.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.outgoing import Voice
from consumers.ledger.seen import seen_up_to
from infra.kafka.producer import Record, check
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import Topic
from schemas.codes import Lane, Reason, Status
from schemas.domain import channels
from schemas.domain.clarification import ClarificationPolicy, reminder_text
from schemas.errors import TransientError
from schemas.events import Accepted, ClarificationTimedOut, Resulted
from schemas.json_events import event_from_json

log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_REGISTRY_AGAIN: Final = timedelta(minutes=1)
_DEFECT_AGAIN: Final = timedelta(hours=1)  # seldom enough for a defect that only another release mends
# One clarification of an asking: a reminder, or a question asked again, is the same question.
_NEW = """
    insert into clarification (valuation_id, revision, reply_by, next_at)
    select * from unnest(%s::uuid[], %s::int[], %s::timestamptz[], %s::timestamptz[])
    on conflict (valuation_id, revision) do nothing
"""
_DUE = """
    select c.valuation_id, c.revision, c.reply_by, v.traceparent, q.wire as question, a.payload as accepted,
        coalesce(v.status = 'NEEDS_CLARIFICATION' and v.revision = c.revision, false) as is_open
    from clarification c join valuation v using (valuation_id)
        join ledger_event a on a.valuation_id = c.valuation_id and a.kind = 'Accepted' and a.revision = c.revision
        left join ledger_event q on q.event_id = v.answer_id
    where c.next_at < %s order by c.next_at limit %s for update of c skip locked
"""
_NEXT = """
    update clarification c set next_at = n.next_at
    from unnest(%s::uuid[], %s::int[], %s::timestamptz[]) as n (valuation_id, revision, next_at)
    where c.valuation_id = n.valuation_id and c.revision = n.revision
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A question whose moment has come. `question` and `accepted` are the events, as the ledger keeps them.

    `revision`: of the asking it is about, which `accepted` is.
    """

    valuation_id: UUID
    revision: int
    reply_by: datetime
    is_open: bool
    traceparent: str | None
    question: bytes | None
    accepted: dict[str, Any]

    def is_over(self, seen: datetime) -> bool:
        """Whether no reply is in time any more."""
        return seen > self.reply_by

    def following(self, seen: datetime) -> datetime | None:
        """The next moment of a question with which everything went well; `None` when nothing is left to do."""
        return self.reply_by if self.is_open and not self.is_over(seen) else None

    def again(self, seen: datetime, wait: timedelta) -> datetime:
        """The next moment of one with which it did not. Waiting must not lengthen its time."""
        return seen + wait if self.is_over(seen) else min(seen + wait, self.reply_by)


def note_questions(connection: Connection[TupleRow], batch: Iterable[Received], policy: ClarificationPolicy) -> None:
    """Begin the clock of every question in a batch of the ledger, inside its transaction."""
    asked = sorted((_row(one.event, policy) for one in batch if _is_question(one.event)), key=lambda row: row[:2])
    if asked:
        connection.execute(_NEW, [list(column) for column in zip(*asked, strict=True)])


def _is_question(event: object) -> bool:
    if not isinstance(event, Resulted) or event.status is not Status.NEEDS_CLARIFICATION:
        return False
    return channels.find(event.channel) is not None


def _row(asked: Resulted, policy: ClarificationPolicy) -> tuple[UUID, int, datetime, datetime]:
    profile = channels.channel(asked.channel).profile
    reply_by = asked.due_at or policy.reply_by(asked.resulted_at, profile)  # a question of an earlier release has none
    has_choice = asked.address is not None and bool(asked.address.candidates)
    remind_at = policy.remind_at(asked.resulted_at, profile) if has_choice else reply_by  # no choice: it only closes
    return UUID(asked.valuation_id), asked.revision, reply_by, min(remind_at, reply_by)


class ClarificationClock:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox.

    A question that cannot be spoken of gets another moment and stands in nobody's way. While the registry is away a
    look ends at the first question that needs it.
    """

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
        said, following = self._said(due, seen, now)
        outbox.write(connection, said)
        rows = [(*asking, next_at) for asking, next_at in following.items()]
        connection.execute(_NEXT, [list(column) for column in zip(*rows, strict=True)])

    def _said(
        self, due: Sequence[Due], seen: datetime, now: datetime
    ) -> tuple[Sequence[Record], dict[tuple[UUID, int], datetime | None]]:
        """What is to be said, and the next moment of each question that this look came to."""
        said: list[Record] = []
        following: dict[tuple[UUID, int], datetime | None] = {}
        for one in due:
            try:
                if one.is_open:
                    said.append(self._record(one, seen, now))
            except TransientError as error:
                _warn(one, error)
                following[one.valuation_id, one.revision] = one.again(seen, _REGISTRY_AGAIN)
                break
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one question concerns no other
                _warn(one, error)
                following[one.valuation_id, one.revision] = one.again(seen, _DEFECT_AGAIN)
            else:
                following[one.valuation_id, one.revision] = one.following(seen)
        return said, following

    @staticmethod
    def _due(connection: Connection[TupleRow], seen: datetime) -> Sequence[Due]:
        with connection.cursor(row_factory=class_row(Due)) as cursor:
            return cursor.execute(_DUE, [seen, _AT_ONCE]).fetchall()

    def _record(self, due: Due, seen: datetime, now: datetime) -> Record:
        event: Resulted | ClarificationTimedOut
        accepted = event_from_json(Accepted, due.accepted)
        if due.is_over(seen):
            event, topic = timed_out(accepted, due.reply_by, now), self._clarifications
        else:
            question = self._voice.codec.decode(due.question, Resulted)
            event, topic = reminder(question, due.reply_by, now), self._results
        lane = Lane(accepted.request.lane)
        record = self._voice.record(event, topic.named(lane), at=now, traceparent=due.traceparent)
        check([record])  # here, where it is still about one question
        return record


def _warn(due: Due, error: Exception) -> None:
    """Without the error's text, which may repeat what was asked."""
    extra = {"valuation_id": str(due.valuation_id), "error": type(error).__name__}
    log.warning("a question could not be repeated or closed", extra=extra)


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
