"""What the ledger remembers of a final answer to compare it later: with appraisals, and between loan stages.

It is the first end of a valuation, also where people valued the house anew after a dispute. C-04 promises something of
automatic values, and a value does not cease to have been given because it was disputed: left out, or measured by what
people said of it since, the worst cases would leave the rate. What stands today is another question: who asks that
(`affected.py`, `breaches.py`) leaves out what a dispute has superseded.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.ledger.entry import json_ready
from consumers.ledger.storable import storable
from infra.postgres.ingest import Received
from schemas.codes import PropertyType, Status
from schemas.domain.ends import is_end
from schemas.domain.normalise import normalise
from schemas.domain.property_key import building_of, property_key
from schemas.domain.worktime import SHANGHAI
from schemas.events import ResolvedAddress, Resulted

# The first end, which a dispute does not replace here. Columns are found by their names.
_KEEP: Final = """
    insert into valued select * from jsonb_populate_recordset(null::valued, %s::jsonb)
    on conflict (valuation_id) do nothing
"""


def final_answers(batch: Iterable[Received]) -> list[Resulted]:
    """The final answers of a batch to requests that were accepted."""
    events = (received.event for received in batch)
    return [event for event in events if isinstance(event, Resulted) and is_end(event)]


def keep_answers(connection: Connection[TupleRow], answers: Sequence[Resulted]) -> list[UUID]:
    """Remember final answers, each once, and return the ids of their valuations."""
    rows = json.dumps([_row(answer) for answer in answers], default=json_ready)
    connection.execute(_KEEP, [storable(rows)])
    return [UUID(answer.valuation_id) for answer in answers]


def key_of(address: ResolvedAddress | None) -> str | None:
    """The registry's key of a resolved address, as far down as it goes; `None` without a community."""
    if address is None or not address.community_id:
        return None
    return property_key(address.community_id, address.building, address.unit, address.room)


def address_key(text: str | None) -> str | None:
    """A digest of an address, the same for every way of writing it; `None` where nothing readable is in it."""
    spelled = normalise(text or "")
    return hashlib.sha256(spelled.encode()).hexdigest() if spelled else None


def _row(answer: Resulted) -> dict[str, Any]:
    key, valuation, attributes = key_of(answer.address), answer.valuation, answer.attributes
    model = valuation.model if valuation else None
    return {
        "valuation_id": answer.valuation_id,
        "status": answer.status,
        "is_automatic": answer.status is Status.COMPLETED_AUTO,
        "channel": answer.channel,
        "loan_stage": answer.loan_stage,
        "received_at": answer.received_at,
        "resulted_at": answer.resulted_at,
        "value_date": answer.value_date or answer.received_at.astimezone(SHANGHAI).date(),
        "area_m2": answer.area_m2,
        "city": answer.address.city if answer.address else None,
        "property_type": attributes.property_type if attributes else PropertyType.UNKNOWN,
        "community_id": answer.address.community_id if answer.address else None,
        "property_key": key,
        "building_key": building_of(key),
        "address_key": address_key(answer.address_entered),
        "model": f"{model.name} {model.version}" if model else None,
        "segment": model.segment if model else None,
        "p10": valuation.p10 if valuation else None,
        "model_value": valuation.value if valuation else None,
        "value": answer.value,
        "unit_price": answer.unit_price,
        "lower": answer.lower,
        "upper": answer.upper,
    }
