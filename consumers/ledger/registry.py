"""The property registry in the ledger: every correction is kept, and what stands now follows from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.ledger.storable import storable
from infra.postgres.ingest import Received
from infra.postgres.pool import Pool
from schemas.domain.property_key import canonical
from schemas.events import PropertyRecord
from schemas.headers import event_type
from schemas.ids import event_id

_NO_FACTS: Final = frozenset({"property_key", "source", "corrected_by", "corrected_at", "valuation_id", "tags"})
_FACTS: Final = tuple(field.name for field in fields(PropertyRecord) if field.name not in _NO_FACTS)
_UNKNOWN: Final = (None, "UNKNOWN")
_APPEND: Final = """
    insert into registry_corrections (correction_id, property_key, corrected_at, corrected_by, source, valuation_id,
        facts, tags, appended_at, place)
    values (%(correction_id)s, %(property_key)s, %(corrected_at)s, %(corrected_by)s, %(source)s, %(valuation_id)s,
        %(facts)s, %(tags)s, %(appended_at)s, %(place)s)
    on conflict (correction_id) do nothing
"""
_COLUMNS: Final = "property_key, corrected_at, corrected_by, source, valuation_id, facts, tags"
_CURRENT: Final = f"select {_COLUMNS} from registry_current where property_key = %s"
_HISTORY: Final = f"""
    select {_COLUMNS} from registry_corrections where property_key = %s order by appended_at desc, place desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One correction. `facts` and `tags` are all that was established after it; `source` is the evidence."""

    property_key: str
    corrected_at: datetime
    corrected_by: str
    source: str
    valuation_id: str | None
    facts: Mapping[str, Any]
    tags: Sequence[str]


def append_corrections(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """Keep corrections. The same record read again changes nothing; the same facts sent again are a new correction."""
    if batch:
        with connection.cursor() as cursor:
            cursor.executemany(_APPEND, [_row(received) for received in batch])


class RegistryQueries:
    """Reads the registry. A key may be written as people do (c-1|3号楼); `PropertyKeyError` for what is none."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def current(self, key: str) -> Correction | None:
        """What stands for exactly this community, building, unit or room; `None` when nothing was established."""
        return next(iter(self._rows(_CURRENT, canonical(key))), None)

    def history(self, key: str) -> tuple[Correction, ...]:
        """All corrections of a key, the newest first."""
        return self._rows(_HISTORY, canonical(key))

    def _rows(self, query: str, value: str) -> tuple[Correction, ...]:
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Correction)) as cursor:
            return tuple(cursor.execute(query.encode(), [value]).fetchall())


def _row(received: Received) -> dict[str, Any]:
    record: PropertyRecord = received.event
    facts = {name: value for name in _FACTS if (value := getattr(record, name)) not in _UNKNOWN}
    return {
        "correction_id": _correction_id(received),
        "property_key": storable(record.property_key),
        "corrected_at": record.corrected_at,
        "corrected_by": storable(record.corrected_by),
        "source": storable(record.source),
        "valuation_id": record.valuation_id,
        "facts": storable(json.dumps(facts, ensure_ascii=False)),
        "tags": [storable(tag) for tag in record.tags],
        "appended_at": received.appended_at,
        "place": received.offset,
    }


def _correction_id(received: Received) -> UUID:
    """One id for each record, by where it lies; with the broker's stamp, because a topic made anew counts from zero."""
    place = f"{received.topic.named(received.lane)}.{received.partition}.{received.appended_at.isoformat()}"
    return UUID(event_id(place, event_type(received.event), received.offset))
