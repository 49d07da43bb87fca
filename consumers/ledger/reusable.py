"""Requirement IN10: which automatic answers may be issued again, told to routing; and which no more.

Answers to single requests for a whole unit, as long as they stand. A disputed answer, or one whose report was revoked,
is taken back at once, whatever becomes of the dispute. What was itself issued again is not told anew: it would live on.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.outgoing import Voice
from infra.postgres import outbox
from infra.postgres.ingest import Received
from schemas.catalogue import REUSABLE, Topic
from schemas.codes import Lane, LoanStage, Status
from schemas.domain.reuse import reuse_key
from schemas.domain.worktime import shanghai_date
from schemas.events import Attributes, DisputeOpened, ReportRevoked, Resulted, ReusableAnswer

_AT_ONCE: Final = 200
_NEW: Final = """
    insert into reusable_answer (valuation_id, reuse_key, to_tell) values (%s, %s, true) on conflict do nothing
"""
_TAKE_BACK: Final = """
    update reusable_answer set is_withdrawn = true, to_tell = true where valuation_id = %s and not is_withdrawn
"""
# Only what stands: another end may have come first.
_TO_TELL: Final = """
    select r.valuation_id, r.is_withdrawn, r.reuse_key, v.traceparent, e.wire,
        v.answer_id = e.event_id as stands
    from reusable_answer r join valuation v using (valuation_id)
        join ledger_event e on e.valuation_id = r.valuation_id and e.kind = 'Resulted' and e.status = 'COMPLETED_AUTO'
    where r.to_tell order by e.appended_at limit %s for update of r skip locked
"""
_TOLD: Final = "update reusable_answer set to_tell = false where valuation_id = any(%s)"


def note_reusable(connection: Connection[TupleRow], batch: Iterable[Received]) -> None:
    """Keep which answers of a batch may be issued again, and which no more, inside its transaction."""
    for one in batch:
        event = one.event
        if isinstance(event, Resulted) and (key := key_of(event)) is not None:
            connection.execute(_NEW, [event.valuation_id, key])
        elif isinstance(event, DisputeOpened | ReportRevoked):
            connection.execute(_TAKE_BACK, [event.valuation_id])


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
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox."""

    def __init__(self, *, voice: Voice, reusable: Topic = REUSABLE) -> None:
        self._voice, self._reusable = voice, reusable

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Tell every answer that is new or taken back, each once."""
        told = []
        for valuation_id, is_withdrawn, key, traceparent, wire, stands in self._waiting(connection):
            told.append(valuation_id)
            if stands or is_withdrawn:
                answer = reusable(self._voice.codec.decode(bytes(wire), Resulted), key, is_withdrawn=is_withdrawn)
                record = self._voice.reusable(answer, self._reusable.named(), at=now, traceparent=traceparent)
                outbox.write(connection, [record])
        if told:
            connection.execute(_TOLD, [told])

    @staticmethod
    def _waiting(connection: Connection[TupleRow]) -> list[TupleRow]:
        return connection.execute(_TO_TELL, [_AT_ONCE]).fetchall()


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
