"""Commands of channels, kept and carried out: each message once, one after the other for a valuation."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.commands import (
    Case,
    Outcome,
    asked_again,
    cancelled,
    lane_of,
    outcome_of,
    question_closed,
    refused,
    withdrawn,
)
from consumers.ledger.entry import subject_of
from consumers.ledger.outgoing import Voice
from consumers.ledger.seen import seen_up_to
from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import ACCEPTED, CLARIFICATIONS, REQUESTS, RESULTS, WITHDRAWALS, Topic
from schemas.codes import Lane, Status
from schemas.domain import channels
from schemas.domain.request_rules import COMMANDS, problems
from schemas.domain.worktime import shanghai_date
from schemas.events import Accepted, Requested, Resulted
from schemas.headers import ANSWERS, RESENT_FOR, TRACEPARENT, fact_of, header
from schemas.ids import event_id

_AT_ONCE: Final = 100
_TRUSTED_DELAY: Final = timedelta(minutes=1)  # as far back the channel's own clock is believed, as at intake
_SOONEST: Final = timedelta(seconds=1)
_LATEST: Final = timedelta(minutes=5)  # between two looks at what waits for something that may take long
_NEW: Final = """
    insert into command (event_id, valuation_id, action, channel, client_request_id, lane, asked_at, appended_at,
        traceparent, next_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (event_id) do nothing
"""
_ANSWERED: Final = "insert into command_answered select unnest(%s::uuid[]) order by 1 on conflict do nothing"
# A cancellation of our own that is on its way is answered too, and yet to be followed to its end.
_SETTLED: Final = """
    update command c set next_at = null, outcome = 'ANSWERED' from command_answered a
    where a.event_id = c.event_id and c.next_at is not null and c.answer_id is null
"""
# One after the other for a valuation, so that the second of two sees what came of the first. A FORCE_MANUAL that was
# put off holds up no other command, and waits itself while a cancellation is on its way.
_WAITING: Final = """
    select c.event_id, c.valuation_id, c.action, c.channel, c.client_request_id, c.lane, c.asked_at, c.appended_at,
        c.traceparent, c.answer_id, coalesce(b.appended_at <= %(seen)s, false) as is_read_back,
        v.channel as asked_by, v.client_request_id as asked_as, v.traceparent as traced, v.status,
        coalesce(v.revision, 0) as revision, coalesce(v.reasons, array[]::text[]) as reasons, v.concluded_status,
        v.deadline_at, a.payload as accepted, coalesce(f.is_forced, false) as is_forced
    from command c left join valuation v on v.valuation_id = c.valuation_id
        left join ledger_event b on b.event_id = c.answer_id
        left join lateral (
            select payload from ledger_event e where e.valuation_id = c.valuation_id and e.kind = 'Accepted'
            order by e.revision desc, e.appended_at limit 1
        ) a on true
        left join lateral (
            select bool_or(true) as is_forced from ledger_event e where e.valuation_id = c.valuation_id
                and e.kind = 'Accepted' and e.revision > 1 and e.payload->'request'->>'force_manual' = 'true'
        ) f on true
    where c.next_at <= %(seen)s and c.appended_at <= %(seen)s
        and not exists (
            select from command o where o.valuation_id = c.valuation_id and o.next_at is not null
                and case
                    when o.action = 'FORCE_MANUAL' and c.action <> 'FORCE_MANUAL' then
                        o.next_at = o.appended_at and (o.appended_at, o.event_id) < (c.appended_at, c.event_id)
                    when o.action = 'CANCEL' and c.action = 'FORCE_MANUAL' and o.answer_id is not null then true
                    else (o.appended_at, o.event_id) < (c.appended_at, c.event_id)
                end
        )
    order by c.next_at limit %(limit)s for update of c skip locked
"""
_LATER: Final = "update command set next_at = %s where event_id = %s"
_SENT: Final = "update command set next_at = %s, answer_id = %s where event_id = %s"
_DONE: Final = "update command set next_at = null, outcome = %s where event_id = %s"
_CALLED: Final = """
    update command set next_at = %(at)s where valuation_id = %(valuation_id)s and action = 'FORCE_MANUAL'
        and next_at > %(at)s
"""
_ANSWER: Final = """
    select e.event_id, e.status, e.occurred_at, e.lane, e.wire
    from valuation v join ledger_event e on e.event_id = v.answer_id where v.valuation_id = %s
"""


def note_commands(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep the commands of a batch, inside its transaction, each once however often it is sent, and what answers any.

    What breaks a rule is refused by intake.
    """
    answered = set[UUID]()
    for one in batch:
        event = one.event
        command = header(one.headers, ANSWERS) or header(one.headers, RESENT_FOR)
        if isinstance(event, Resulted | Accepted) and command is not None:
            answered.add(UUID(command))
        if not isinstance(event, Requested) or event.action not in COMMANDS or one.lane is None:
            continue
        if problems(event, lane=one.lane, today=shanghai_date(one.appended_at)):
            continue
        is_plausible = timedelta(0) <= one.appended_at - event.requested_at <= _TRUSTED_DELAY
        connection.execute(
            _NEW,
            [
                UUID(bytes=hashlib.sha256(one.value).digest()[:16]),
                subject_of(event),
                event.action,
                channels.channel(event.channel).code,
                event.client_request_id,
                one.lane,
                event.requested_at if is_plausible else one.appended_at,
                one.appended_at,
                header(one.headers, TRACEPARENT),
                one.appended_at,
            ],
        )
    if answered:
        connection.execute(_ANSWERED, [list(answered)])


class CommandDesk:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox.

    A command is decided once every request, acceptance and result up to its own moment was read, since it may follow
    closely what it is about. What answers a command names it, so that a ledger that is filled anew finds it answered
    and says nothing more.
    """

    def __init__(  # noqa: PLR0913 - a topic for each thing it reads or says
        self,
        *,
        consumer: str,
        voice: Voice,
        requests: Topic = REQUESTS,
        accepted: Topic = ACCEPTED,
        results: Topic = RESULTS,
        clarifications: Topic = CLARIFICATIONS,
        withdrawals: Topic = WITHDRAWALS,
    ) -> None:
        self._consumer, self._voice = consumer, voice
        self._accepted, self._results = accepted, results
        self._clarifications, self._withdrawals = clarifications, withdrawals
        self._awaited = (*requests.names, *accepted.names, *results.names)

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Carry out, refuse or put off every command that waits."""
        seen = seen_up_to(connection, self._consumer, self._awaited, now)
        if seen is None:
            return
        connection.execute(_SETTLED)
        for case in self._waiting(connection, seen):
            outcome = outcome_of(case, now)
            if outcome is Outcome.WAIT:
                connection.execute(_LATER, [seen + _pause(case, now), case.event_id])
            elif outcome is Outcome.CANCEL and case.answer_id is None:
                self._cancel(connection, case, now, seen)
            elif outcome is Outcome.CLOSE_QUESTION:  # a reply may still be first at intake: it is looked at again
                outbox.write(connection, self._said(connection, case, outcome, now))
                connection.execute(_LATER, [seen + _pause(case, now), case.event_id])
            else:
                outbox.write(connection, self._said(connection, case, outcome, now))
                connection.execute(_DONE, [outcome, case.event_id])
                if outcome is Outcome.CANCEL:
                    connection.execute(_CALLED, {"at": seen, "valuation_id": case.valuation_id})

    @staticmethod
    def _waiting(connection: Connection[TupleRow], seen: datetime) -> Sequence[Case]:
        with connection.cursor(row_factory=class_row(Case)) as cursor:
            return cursor.execute(_WAITING, {"seen": seen, "limit": _AT_ONCE}).fetchall()

    def _cancel(self, connection: Connection[TupleRow], case: Case, now: datetime, seen: datetime) -> None:
        """Say CANCELLED. Whether it came first is known once it has come back."""
        event = cancelled(case, now)
        sent = UUID(event_id(event.valuation_id, fact_of(event), event.revision))
        topic = self._results.named(lane_of(case))
        said = self._voice.record(event, topic, at=now, traceparent=case.traced, answers=case.event_id)
        outbox.write(connection, [said])
        connection.execute(_SENT, [seen + _SOONEST, sent, case.event_id])

    def _said(
        self, connection: Connection[TupleRow], case: Case, outcome: Outcome, now: datetime
    ) -> tuple[Record, ...]:
        lane, record = lane_of(case), self._voice.record
        match outcome:
            case Outcome.RESEND:
                return self._answer_again(connection, case)
            case Outcome.CANCEL:
                return (record(withdrawn(case, now), self._withdrawals.named(), at=now, traceparent=case.traced),)
            case Outcome.CLOSE_QUESTION:
                event = question_closed(case, now)
                return (record(event, self._clarifications.named(lane), at=now, traceparent=case.traced),)
            case Outcome.ASK_AGAIN:
                return (
                    record(withdrawn(case, now), self._withdrawals.named(), at=now, traceparent=case.traced),
                    self._asked_again(case, now),
                )
            case _:  # by the trace of the command, whose sender alone it concerns
                refusal = refused(case, outcome, now)
                topic = self._results.named(lane)
                return (record(refusal, topic, at=now, traceparent=case.traceparent, answers=case.event_id),)

    def _asked_again(self, case: Case, now: datetime) -> Record:
        event, topic = asked_again(case, now), self._accepted.named(lane_of(case))
        return self._voice.record(event, topic, at=now, traceparent=case.traced, answers=case.event_id)

    def _answer_again(self, connection: Connection[TupleRow], case: Case) -> tuple[Record, ...]:
        """The very event that stands, with its own id: whoever has it already knows it as such."""
        row = connection.execute(_ANSWER, [case.valuation_id]).fetchone()
        if row is None:
            return ()
        answer_id, status, occurred_at, lane, wire = row
        return (
            self._voice.again(
                bytes(wire),
                self._results.named(Lane(lane)),
                valuation_id=str(case.valuation_id),
                answer_id=str(answer_id),
                status=Status(status),
                at=occurred_at,
                traceparent=case.traced,
                resent_for=str(case.event_id),
            ),
        )


def _pause(case: Case, now: datetime) -> timedelta:
    """Until the next look: soon at first; what waits long, for a room that is away, is looked at more seldom."""
    return min(max((now - case.appended_at) / 4, _SOONEST), _LATEST)
