"""Requirement RT2: a caller who waits too long hears so, and every broken promise is written down.

An online request without an answer `interim_after` its receipt gets an interim PROCESSING / LATE; one without an answer
`answer_within` its receipt gets a breach row. Neither may be said in error because the ledger itself is behind: time
counts only up to the instant at which all results were read (`caught_up_at`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.ledger.outgoing import Voice
from consumers.ledger.postgres import standing_of
from consumers.ledger.seen import seen_up_to
from consumers.ledger.standing import Standing
from infra.kafka.producer import Record
from infra.postgres import outbox
from schemas.catalogue import Topic
from schemas.codes import Lane, Reason, ServiceType, Status
from schemas.domain.contract import INTERIM_ANSWER, ONLINE_ANSWER
from schemas.domain.texts import reason_text
from schemas.events import Resulted

_AT_ONCE: Final = 500

_UNANSWERED = """
    select * from valuation
    where answered_at is null and final_at is null and late_at is null and lane = 'online' and received_at <= %s
    order by received_at limit %s for update skip locked
"""
_SAID = "update valuation set late_at = %s where valuation_id = any(%s)"
_BREACHES = """
    insert into breach (valuation_id, promise, found_at)
    select valuation_id, 'ONLINE_ANSWER', %s from valuation
    where answered_at is null and final_at is null and lane = 'online' and received_at < %s and received_at > %s
    on conflict do nothing
"""
_BREACH_HORIZON: Final = timedelta(days=1)  # older ones have their row


@dataclass(frozen=True, slots=True, kw_only=True)
class LatePolicy:
    """`interim_after`: when a waiting caller is told; `answer_within`: what was promised. Both from receipt (C-02)."""

    interim_after: timedelta = INTERIM_ANSWER.value
    answer_within: timedelta = ONLINE_ANSWER.value


class LateWatch:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox."""

    def __init__(self, *, consumer: str, results: Topic, policy: LatePolicy, voice: Voice) -> None:
        self._consumer, self._results, self._policy, self._voice = consumer, results, policy, voice

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Say LATE for every online request that waits too long, once, and note the breaches."""
        seen = seen_up_to(connection, self._consumer, [self._results.named(Lane.ONLINE)], now)
        if seen is None:
            return
        self._note_breaches(connection, now, seen)
        late = self._unanswered(connection, seen - self._policy.interim_after)
        if not late:
            return
        outbox.write(connection, [self._record(standing, now) for standing in late])
        connection.execute(_SAID, [now, [standing.valuation_id for standing in late]])

    def _note_breaches(self, connection: Connection[TupleRow], now: datetime, seen: datetime) -> None:
        before = seen - self._policy.answer_within
        connection.execute(_BREACHES, [now, before, before - _BREACH_HORIZON])

    def _unanswered(self, connection: Connection[TupleRow], received_before: datetime) -> Sequence[Standing]:
        with connection.cursor(row_factory=dict_row) as cursor:
            rows: list[dict[str, Any]] = cursor.execute(_UNANSWERED, [received_before, _AT_ONCE]).fetchall()
        return [standing_of(row) for row in rows]

    def _record(self, standing: Standing, now: datetime) -> Record:
        topic = self._results.named(Lane.ONLINE)
        parent = standing.identity.traceparent
        return self._voice.record(late_answer(standing, now), topic, at=now, traceparent=parent)


def late_answer(standing: Standing, now: datetime) -> Resulted:
    """The interim answer for a request that takes longer. `standing` is of an online request that was received."""
    asked = standing.identity
    return Resulted(
        valuation_id=str(standing.valuation_id),
        status=Status.PROCESSING,
        revision=max(standing.answer.revision, 1),
        channel=asked.channel or "",
        client_request_id=asked.client_request_id or "",
        lane=Lane.ONLINE,
        service_type=ServiceType(asked.service_type or ServiceType.VALUATE),
        address_entered=asked.address_entered or "",
        received_at=asked.received_at or now,
        resulted_at=now,
        reasons=(Reason.LATE,),
        reason_text=reason_text(Reason.LATE),
        deadline_at=standing.milestones.deadline_at,
        product=asked.product,
        loan_stage=asked.loan_stage,
        business_ref=asked.business_ref,
        branch_code=asked.branch_code,
        embed_target=asked.embed_target,
    )
