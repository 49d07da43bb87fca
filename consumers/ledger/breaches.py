"""Requirement VM4: an automatic value further from an offline appraisal than promised is told to the world, once.

A value that a dispute has superseded counts in C-04 and in the table of breaches all the same; the world is not told
of it, since it would take it for one that stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.outgoing import Voice
from infra.postgres import outbox
from schemas.catalogue import Topic
from schemas.codes import PropertyType
from schemas.events import DeviationBreached

_AT_ONCE: Final = 500
_UNTOLD = """
    select c.valuation_id, c.appraisal_id, c.deviation, c.found_at, a.value as appraised_value, a.on_date, v.value,
        v.city, v.property_type, v.model, s.traceparent
    from comparison c join appraisal a using (appraisal_id) join valued v on v.valuation_id = c.valuation_id
        left join valuation s on s.valuation_id = c.valuation_id
    where c.is_breach and c.announced_at is null and s.supersedes is null
    order by c.found_at limit %s for update of c skip locked
"""
_TOLD = """
    update comparison c set announced_at = %s
    from unnest(%s::uuid[], %s::uuid[]) as told (appraisal_id, valuation_id)
    where c.appraisal_id = told.appraisal_id and c.valuation_id = told.valuation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A case beyond the promise that nobody was told of yet."""

    valuation_id: UUID
    appraisal_id: UUID
    deviation: float
    found_at: datetime
    appraised_value: int
    on_date: date
    value: int
    city: str | None
    property_type: str
    model: str | None
    traceparent: str | None


class BreachWatch:
    """Looks once a second, inside a transaction of the ingest loop, and speaks through the outbox."""

    def __init__(self, *, breaches: Topic, voice: Voice) -> None:
        self._breaches, self._voice = breaches, voice

    def __call__(self, connection: Connection[TupleRow], now: datetime) -> None:
        """Tell of every breach of a value that stands and that was not told of."""
        untold = self._untold(connection)
        if not untold:
            return
        topic = self._breaches.named()
        said = [self._voice.breach(event_of(one), topic, at=now, traceparent=one.traceparent) for one in untold]
        outbox.write(connection, said)
        ids = [one.appraisal_id for one in untold], [one.valuation_id for one in untold]
        connection.execute(_TOLD, [now, *ids])

    @staticmethod
    def _untold(connection: Connection[TupleRow]) -> Sequence[Breach]:
        with connection.cursor(row_factory=class_row(Breach)) as cursor:
            return cursor.execute(_UNTOLD, [_AT_ONCE]).fetchall()


def event_of(breach: Breach) -> DeviationBreached:
    """The event that tells of a breach."""
    return DeviationBreached(
        valuation_id=str(breach.valuation_id),
        appraisal_id=str(breach.appraisal_id),
        deviation=breach.deviation,
        value=breach.value,
        appraised_value=breach.appraised_value,
        appraised_on=breach.on_date,
        found_at=breach.found_at,
        city=breach.city,
        property_type=PropertyType(breach.property_type),
        model=breach.model,
    )
