"""Requirement IN10: which automatic answers may be issued again, told to routing; and which no more.

Answers to single requests for a whole unit, as long as they stand. A disputed answer, or one whose report was revoked,
is taken back at once, whatever becomes of the dispute, and so is the one that it had issued again: they are one value.
What was itself issued again is not told anew: it would live on.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.entry import event_id_of, subject_of
from consumers.ledger.outgoing import Voice
from consumers.ledger.seen import seen_up_to
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import DISPUTES_OPENED, RESULTS, REUSABLE, REVOCATIONS, Topic
from schemas.codes import Lane, LoanStage, Status
from schemas.domain.reuse import reuse_key
from schemas.domain.worktime import shanghai_date
from schemas.events import Attributes, DisputeOpened, ReportRevoked, Resulted, ReusableAnswer

_AT_ONCE: Final = 1_000  # twice what is answered in a second at most
# One that is in doubt already is told too, as taken back: the topic may still have it.
_NEW: Final = """
    insert into reusable_answer (valuation_id, answer_id, reuse_key, appended_at, to_tell)
    select valuation_id, answer_id, reuse_key, appended_at, true
    from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[])
        as n (valuation_id, answer_id, reuse_key, appended_at)
    order by valuation_id
    on conflict (valuation_id) do update set answer_id = excluded.answer_id, reuse_key = excluded.reuse_key,
        appended_at = excluded.appended_at, to_tell = true
        where reusable_answer.reuse_key is null and reusable_answer.reused_from is null
"""
_REISSUED: Final = """
    insert into reusable_answer (valuation_id, reused_from)
    select * from unnest(%s::uuid[], %s::uuid[]) as n (valuation_id, reused_from) order by valuation_id
    on conflict (valuation_id) do update set reused_from = excluded.reused_from
        where reusable_answer.reused_from is null
    returning is_withdrawn, reused_from
"""
_TAKE_BACK: Final = """
    insert into reusable_answer (valuation_id, is_withdrawn)
    select valuation_id, true from unnest(%s::uuid[]) as n (valuation_id) order by valuation_id
    on conflict (valuation_id) do update set is_withdrawn = true, to_tell = reusable_answer.reuse_key is not null
        where not reusable_answer.is_withdrawn
    returning reused_from
"""
# Only what stands: another end may have come first.
_TO_TELL: Final = """
    with due as (
        select valuation_id, answer_id, reuse_key, appended_at, is_withdrawn from reusable_answer
        where to_tell and appended_at <= %s order by appended_at limit %s for update skip locked
    )
    select d.valuation_id, d.is_withdrawn, d.reuse_key, v.traceparent, e.wire, v.answer_id = d.answer_id as stands
    from due d join ledger_event e on e.event_id = d.answer_id join valuation v on v.valuation_id = d.valuation_id
    order by d.appended_at
"""
_TOLD: Final = "update reusable_answer set to_tell = false where valuation_id = any(%s)"


def note_reusable(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep which answers of a batch may be issued again, and which no more, inside its transaction."""
    new: dict[UUID, tuple[UUID, UUID, str, datetime]] = {}
    reissued: dict[UUID, UUID] = {}
    doubted: set[UUID] = set()
    for one in batch:
        event = one.event
        if isinstance(event, Resulted) and event.reused_from is not None:
            reissued.setdefault(subject_of(event), UUID(event.reused_from))
        elif isinstance(event, Resulted) and (key := key_of(event)) is not None:
            subject = subject_of(event)
            new.setdefault(subject, (subject, event_id_of(one), key, one.appended_at))
        elif isinstance(event, DisputeOpened | ReportRevoked):
            doubted.add(subject_of(event))
    if new:
        connection.execute(_NEW, [list(column) for column in zip(*new.values(), strict=True)])
    if reissued:
        rows = connection.execute(_REISSUED, [list(reissued), list(reissued.values())]).fetchall()
        doubted |= {former for is_withdrawn, former in rows if is_withdrawn}
    _take_back(connection, doubted)


def _take_back(connection: Connection[TupleRow], doubted: set[UUID]) -> None:
    """One after the other down the chain: what each was issued from is known once its row is ours."""
    while doubted:
        rows = connection.execute(_TAKE_BACK, [list(doubted)]).fetchall()
        doubted = {former for (former,) in rows if former is not None}


def key_of(result: Resulted) -> str | None:
    """The key of an answer that may be issued again; `None` for every other."""
    is_automatic = result.status is Status.COMPLETED_AUTO and not result.human_touched and result.reused_from is None
    is_single = result.lane is Lane.ONLINE and result.loan_stage != LoanStage.OTHER
    is_of_its_day = result.value_date == shanghai_date(result.received_at)
    is_whole = None not in {result.valuation, result.valid_until}
    if not (is_automatic and is_single and is_of_its_day and is_whole):
        return None
    return reuse_key(result.address, result.area_m2, result.service_type)


class ReuseWatch:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox.

    An answer is told once every doubt up to its own moment was read: a ledger that is filled anew reads years of
    answers, and must not tell one before it knows that it was disputed.
    """

    def __init__(
        self,
        *,
        consumer: str,
        voice: Voice,
        results: Topic = RESULTS,
        disputes_opened: Topic = DISPUTES_OPENED,
        revocations: Topic = REVOCATIONS,
        reusable: Topic = REUSABLE,
    ) -> None:
        self._consumer, self._voice, self._reusable = consumer, voice, reusable
        self._awaited = (*results.names, *disputes_opened.names, *revocations.names)

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Tell every answer that is new or taken back, each once."""
        seen = seen_up_to(connection, self._consumer, self._awaited, now)
        if seen is None:
            return
        told, records, topic = [], [], self._reusable.named()
        for valuation_id, is_withdrawn, key, traceparent, wire, stands in self._waiting(connection, seen):
            told.append(valuation_id)
            if stands or is_withdrawn:
                answer = reusable(self._voice.codec.decode(bytes(wire), Resulted), key, is_withdrawn=is_withdrawn)
                records.append(self._voice.reusable(answer, topic, at=now, traceparent=traceparent))
        if told:
            outbox.write(connection, records)
            connection.execute(_TOLD, [told])

    @staticmethod
    def _waiting(connection: Connection[TupleRow], seen: datetime) -> list[TupleRow]:
        return connection.execute(_TO_TELL, [seen, _AT_ONCE]).fetchall()


def reusable(result: Resulted, key: str, *, is_withdrawn: bool = False) -> ReusableAnswer:
    """What routing is told of an answer with a key. Raises `ValueError` for one without a value and its days."""
    if result.value_date is None or result.valid_until is None:
        raise ValueError(f"the answer to valuation {result.valuation_id} has no day, so it cannot be issued again")
    return ReusableAnswer(
        reuse_key=key,
        valuation_id=result.valuation_id,
        value_date=result.value_date,
        valid_until=result.valid_until,
        answered_at=result.resulted_at,
        attributes=result.attributes or Attributes(),
        valuation=None if is_withdrawn else result.valuation,
    )
