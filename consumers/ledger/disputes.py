"""Requirement DI2: a disputed value goes to people once more; what cannot be disputed is refused at once.

| a dispute of…                              | gives                                                       |
| ------------------------------------------ | ----------------------------------------------------------- |
| a value that stands                        | `DisputeOpened` with the case as its next revision          |
| anything else                              | REJECTED_INVALID, revision 0, saying why and what to do     |
| a channel that is not registered           | a line of the timeline alone: there is nobody to answer     |

The ledger decides it because it alone knows which answer stands, and has the case. Until people have decided anew the
answer stands. Somebody else's valuation is as unknown as one that never was.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.entry import subject_of
from consumers.ledger.outgoing import Voice
from consumers.ledger.seen import seen_up_to
from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import SCORED, Topic
from schemas.codes import Lane, Occasion, Reason, ServiceType, Status
from schemas.domain import channels
from schemas.domain.refusal import refused_later
from schemas.events import Disputed, DisputeOpened, Problem, Resulted, Scored, Valuation
from schemas.headers import TRACEPARENT, header
from schemas.json_events import event_from_json

_AT_ONCE: Final = 100
_TRUSTED_DELAY: Final = timedelta(minutes=5)  # as far back the channel's own clock is believed
_NEW: Final = """
    insert into dispute (event_id, valuation_id, channel, client_request_id, reason_code, raised_at, appended_at,
        traceparent)
    values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (event_id) do nothing
"""
# One after the other for a valuation, so that the second of two sees the first.
_WAITING: Final = """
    select d.event_id, d.valuation_id, d.channel, d.client_request_id, d.reason_code, d.raised_at,
        d.traceparent, v.channel as asked_by, v.client_request_id as asked_as, v.status, v.value, v.answer_id,
        coalesce(v.revision, 0) as revision, coalesce(l.latest, 0) as latest, r.report_no, s.payload as scored,
        case when v.reused_from is not null then a.payload->'valuation' end as reissued,
        o.disputed_revision, o.refusals
    from dispute d left join valuation v on v.valuation_id = d.valuation_id
        left join ledger_event a on a.event_id = v.answer_id
        left join lateral (
            select max(e.revision) as latest from ledger_event e where e.valuation_id = v.valuation_id
                and e.kind in ('Accepted', 'ReviewRequested', 'Resulted')
        ) l on true
        left join lateral (
            select report_no from report r where r.valuation_id = v.valuation_id and r.revision = v.revision
            order by issued_at desc limit 1
        ) r on true
        left join lateral (
            select payload from ledger_event e where e.valuation_id = v.valuation_id and e.kind = 'Scored'
                and e.revision <= v.revision and not e.payload->'concerns' ? 'COMPARISON_ONLY'
            order by e.revision desc, e.payload->'valuation' = 'null'::jsonb, e.appended_at desc limit 1
        ) s on true
        left join lateral (
            select max(o.revision) as disputed_revision, count(o.refused)::int as refusals
            from dispute o where o.valuation_id = d.valuation_id
        ) o on true
    where d.handled_at is null and d.appended_at <= %s
        and not exists (
            select 1 from dispute o where o.valuation_id = d.valuation_id and o.handled_at is null
                and (o.appended_at, o.event_id) < (d.appended_at, d.event_id)
        )
    order by d.appended_at limit %s for update of d skip locked
"""
# What was settled before, seen again by a ledger that is filled anew: opened, refused, or answered by an asking that no
# other dispute became. In normal running all of these come after `_HANDLED`.
_SETTLED: Final = """
    with w as (
        select * from dispute where handled_at is null and appended_at <= %s for update skip locked
    )
    update dispute d set handled_at = s.at, revision = s.revision, refused = s.refused
    from w cross join lateral (
        select e.appended_at as at, e.revision, null as refused, 1 as place from ledger_event e
            where e.valuation_id = w.valuation_id and e.kind = 'DisputeOpened'
                and (e.payload->>'raised_at')::timestamptz = w.raised_at and e.payload->>'reason_code' = w.reason_code
        union all
        select e.appended_at, null, e.payload->'problems'->0->>'code', 2 from ledger_event e
            where e.valuation_id = w.valuation_id and e.kind = 'Resulted' and e.status = 'REJECTED_INVALID'
                and e.payload->'reasons' ? 'DISPUTE' and (e.payload->>'received_at')::timestamptz = w.raised_at
                and not exists (
                    select from dispute o where o.valuation_id = w.valuation_id and o.raised_at = w.raised_at
                        and o.refused is not null
                )
        union all
        select e.appended_at, e.revision, null, 3 from ledger_event e
            where e.valuation_id = w.valuation_id and e.kind = 'Resulted' and e.payload->>'supersedes' is not null
                and e.appended_at >= w.appended_at
                and not exists (
                    select from dispute o where o.valuation_id = w.valuation_id and o.revision = e.revision
                )
        order by place, at limit 1
    ) s
    where d.event_id = w.event_id
"""
_HANDLED: Final = "update dispute set handled_at = %s, revision = %s, refused = %s where event_id = %s"


class Refusal(StrEnum):
    """Why a dispute is not taken up, and what the channel reads."""

    UNKNOWN = "没有这笔估值，或不属于本渠道，请核对请求编号"
    NOT_FINAL = "该笔估值尚未办结，请等待结果后再提出复估"
    NO_VALUE = "该笔估值没有给出估值结果，无法复估；如需估值，请重新提交申请"
    NO_PEOPLE = "该渠道未开通人工估值，不受理复估"
    ALREADY_OPEN = "该笔估值的复估正在办理，请等待结果"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A dispute, and how its valuation stands. `asked_by` is `None` where the valuation is not known.

    `revision`: of the answer that stands; `latest`: of the last asking, which may have lost to it. `reissued`: the
    value that was issued again and is disputed, where a fresh one was scored too. `disputed_revision`: the highest
    asking that came of a dispute before; `refusals`: how many were refused before.
    """

    event_id: UUID
    valuation_id: UUID
    channel: str
    client_request_id: str
    reason_code: str
    raised_at: datetime
    traceparent: str | None
    asked_by: str | None
    asked_as: str | None
    status: str | None
    value: int | None
    answer_id: UUID | None
    revision: int
    latest: int
    report_no: str | None
    scored: dict[str, Any] | None
    reissued: dict[str, Any] | None
    disputed_revision: int | None
    refusals: int


def note_disputes(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep the disputes of a batch, inside its transaction, each once however often it is sent."""
    for one in batch:
        event = one.event
        channel = channels.find(event.channel) if isinstance(event, Disputed) else None
        if channel is None:
            continue
        subject = subject_of(event)
        digest = hashlib.sha256(one.value).digest()
        is_plausible = timedelta(0) <= one.appended_at - event.raised_at <= _TRUSTED_DELAY
        raised_at = event.raised_at if is_plausible else one.appended_at
        connection.execute(
            _NEW,
            [
                UUID(bytes=digest[:16]),
                subject,
                channel.code,
                event.client_request_id,
                event.reason_code,
                raised_at,
                one.appended_at,
                header(one.headers, TRACEPARENT),
            ],
        )


def refusal_of(case: Case) -> Refusal | None:
    """Why a dispute cannot be taken up; `None` when it can."""
    if case.asked_by != case.channel or case.asked_as != case.client_request_id:
        return Refusal.UNKNOWN
    known = channels.find(case.channel)
    if known is None or not known.has_manual_lane:
        return Refusal.NO_PEOPLE
    if case.disputed_revision is not None and case.disputed_revision > case.revision:
        return Refusal.ALREADY_OPEN
    if case.status is None or not Status(case.status).is_final:
        return Refusal.NOT_FINAL
    if case.value is None or case.scored is None:
        return Refusal.NO_VALUE
    return None


def opened(case: Case, now: datetime) -> DisputeOpened:
    """The case as its next revision, with the value that was given. `case` must be one that `refusal_of` lets pass."""
    scored = event_from_json(Scored, case.scored or {})
    if case.reissued is not None:
        scored = replace(scored, valuation=event_from_json(Valuation, case.reissued))
    request = replace(scored.request, revision=case.latest + 1, occasion=Occasion.DISPUTED, due_at=None)
    return DisputeOpened(
        valuation_id=str(case.valuation_id),
        scored=replace(scored, request=request),
        reason_code=case.reason_code,
        raised_at=case.raised_at,
        opened_at=now,
        supersedes=case.report_no or str(case.answer_id),
    )


def refused(case: Case, why: Refusal, now: datetime) -> Resulted:
    """The answer to a dispute that is not taken up. It leaves the valuation as it is."""
    return refused_later(
        valuation_id=str(case.valuation_id),
        channel=case.channel,
        client_request_id=case.client_request_id,
        lane=Lane.ONLINE,
        service_type=ServiceType.VALUATE,
        received_at=case.raised_at,
        resulted_at=now,
        reason=Reason.DISPUTE,
        problem=Problem(field="valuation_id", code=why.name, message=why.value),
        update=case.refusals + 1,
    )


class DisputeDesk:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox.

    A dispute is decided once every result up to its own moment was read, since it may follow its answer closely, every
    scoring, which is the case, and every dispute opened, so that none is opened again by a ledger that is filled anew.
    """

    def __init__(
        self, *, consumer: str, results: Topic, disputes_opened: Topic, voice: Voice, scored: Topic = SCORED
    ) -> None:
        self._consumer, self._results, self._opened, self._voice = consumer, results, disputes_opened, voice
        self._awaited = (*results.names, *scored.names, *disputes_opened.names)

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Open or refuse every dispute that waits."""
        seen = seen_up_to(connection, self._consumer, self._awaited, now)
        if seen is None:
            return
        connection.execute(_SETTLED, [seen])
        said: list[Record] = []
        for case in self._waiting(connection, seen):
            why = refusal_of(case)
            said.append(self._record(case, why, now))
            revision = None if why else case.latest + 1
            connection.execute(_HANDLED, [now, revision, why and why.name, case.event_id])
        outbox.write(connection, said)

    @staticmethod
    def _waiting(connection: Connection[TupleRow], seen: datetime) -> Sequence[Case]:
        with connection.cursor(row_factory=class_row(Case)) as cursor:
            return cursor.execute(_WAITING, [seen, _AT_ONCE]).fetchall()

    def _record(self, case: Case, why: Refusal | None, now: datetime) -> Record:
        if why is None:
            event, topic = opened(case, now), self._opened.named()
            return self._voice.record(event, topic, at=now, traceparent=case.traceparent)
        refusal, topic = refused(case, why, now), self._results.named(Lane.ONLINE)
        return self._voice.record(refusal, topic, at=now, traceparent=case.traceparent)
