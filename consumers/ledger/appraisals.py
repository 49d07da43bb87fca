"""Appraisals in the ledger: kept as last reported, compared with every valuation of the same house (VM4, C-04).

A comparison is made when the later of the two arrives, whichever that is. Everything runs inside the transaction of the
ingest loop and bears repetition.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.ledger.deviation import AUDIT, Appraisal, Comparison, House, Valued, compared
from consumers.ledger.storable import storable
from consumers.ledger.valued import address_key, final_answers, keep_answers
from infra.postgres.ingest import Received
from schemas.codes import Reason, ReviewOutcome, Status
from schemas.domain.property_key import PropertyKeyError, building_of, canonical
from schemas.domain.rounding import total
from schemas.events import Appraised, Decided
from schemas.ids import event_id

_DESK: Final = "desk"
# Two ledgers must not compare an appraisal and an answer of one house at the same moment: neither would see the other.
# Answers go side by side; an appraisal waits until they are committed, and they for it. Taken before any row is locked.
_TURN: Final = "pg_advisory_xact_lock{shared}(hashtextextended(current_schema || '.appraisals', 0))"
_COLUMNS: Final = (
    "appraisal_id", "number", "source", "kind", "is_blind", "named", "valuation_id", "property_key", "building_key",
    "address_key", "area_m2", "on_date", "reported_at", "value", "unit_price", "appended_at",
)  # fmt: skip
_CONTENT: Final = tuple(name for name in _COLUMNS[1:] if name not in {"reported_at", "appended_at"})


def _row_of(table: str) -> str:
    return f"({', '.join(f'{table}.{column}' for column in _CONTENT)})"


# The same file loaded again says nothing new: what was compared and told of it stands. Of two reports of one day, which
# have no hour, the one that came later corrects the other.
_KEEP: Final = f"""
    insert into appraisal ({", ".join(_COLUMNS)}) values ({", ".join(f"%({column})s" for column in _COLUMNS)})
    on conflict (appraisal_id) do update set
        {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])}
    where excluded.reported_at >= appraisal.reported_at
        and {_row_of("excluded")} is distinct from {_row_of("appraisal")}
    returning appraisal_id
"""
_FORGET: Final = "delete from comparison where appraisal_id = any(%s) returning valuation_id"
_SAME: Final = (
    "v.valuation_id = a.valuation_id",
    "a.named is null and v.building_key = a.building_key",
    "a.named is null and v.address_key = a.address_key",
)


def _pairs(chosen: str) -> str:
    """All pairs that may be of one house. One select for each way to find them, since no index serves an `or`."""
    columns = """
        a.appraisal_id, a.kind, a.valuation_id as named_id, a.property_key as a_key, a.address_key as a_address,
        a.area_m2 as a_area, a.on_date, a.value as appraised_value, v.valuation_id, v.property_key, v.address_key,
        v.area_m2, v.status, v.value_date, v.value
    """
    return " union ".join(
        f"select {columns} from appraisal a join valued v on {same} where a.value > 0 and {chosen}" for same in _SAME
    )


_OF_APPRAISALS: Final = _pairs("a.appraisal_id = any(%(ids)s)")
_OF_ANSWERS: Final = _pairs("v.valuation_id = any(%(ids)s)")
_COMPARE: Final = """
    insert into comparison (appraisal_id, valuation_id, matched_by, days_apart, excluded, deviation, is_within,
        is_breach, found_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_BREACH: Final = """
    insert into breach (valuation_id, promise, found_at) values (%s, 'DEVIATION', %s) on conflict do nothing
"""
_NO_BREACH: Final = """
    delete from breach b where promise = 'DEVIATION' and valuation_id = any(%s)
        and not exists (select from comparison c where c.valuation_id = b.valuation_id and c.is_breach)
"""


def take_turn(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """Let batches with appraisals pass one at a time; to be called before the transaction locks anything else."""
    if any(True for _ in _appraised(batch)):
        connection.execute(f"select {_TURN.format(shared='')}".encode())
    elif final_answers(batch):
        connection.execute(f"select {_TURN.format(shared='_shared')}".encode())


def compare_batch(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """Keep the appraisals and final answers of a batch, and compare them with what they speak of."""
    new = [appraisal_id for row in _appraised(batch) if (appraisal_id := _kept(connection, row))]
    answers = final_answers(batch)
    if not new and not answers:
        return
    found_at = max(received.appended_at for received in batch)
    if new:
        forgotten = [row[0] for row in connection.execute(_FORGET, [new]).fetchall()]
        _compare(connection, _OF_APPRAISALS, new, found_at)
        connection.execute(_NO_BREACH, [forgotten])
    if answers:
        _compare(connection, _OF_ANSWERS, keep_answers(connection, answers), found_at)


def _compare(connection: Connection[TupleRow], pairs: str, ids: Sequence[UUID], found_at: datetime) -> None:
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(pairs.encode(), {"ids": list(ids)}).fetchall()
    cases = [case for row in found if (case := compared(_appraisal(row), _valued(row)))]
    with connection.cursor() as cursor:
        cursor.executemany(_COMPARE, [_case(case, found_at) for case in cases])
        cursor.executemany(_BREACH, [(case.valuation_id, found_at) for case in cases if case.is_breach])


def _case(case: Comparison, found_at: datetime) -> tuple[Any, ...]:
    return (
        case.appraisal_id,
        case.valuation_id,
        case.matched_by,
        case.days_apart,
        case.excluded,
        case.deviation,
        case.is_within,
        case.is_breach,
        found_at,
    )


def _appraisal(row: Mapping[str, Any]) -> Appraisal:
    return Appraisal(
        appraisal_id=row["appraisal_id"],
        kind=row["kind"],
        house=House(property_key=row["a_key"], address_key=row["a_address"], area_m2=row["a_area"]),
        on_date=row["on_date"],
        value=row["appraised_value"],
        valuation_id=row["named_id"],
    )


def _valued(row: Mapping[str, Any]) -> Valued:
    return Valued(
        valuation_id=row["valuation_id"],
        house=House(property_key=row["property_key"], address_key=row["address_key"], area_m2=row["area_m2"]),
        status=Status(row["status"]),
        value_date=row["value_date"],
        value=row["value"],
    )


# ---- what is kept -------------------------------------------------------------------------------------------------


def _kept(connection: Connection[TupleRow], row: Mapping[str, Any]) -> UUID | None:
    """The id of an appraisal that is new or replaces an earlier report; `None` for what is known already."""
    found = connection.execute(_KEEP, row).fetchone()
    return None if found is None else found[0]


def _appraised(batch: Iterable[Received]) -> Iterator[dict[str, Any]]:
    for received in batch:
        match received.event:
            case Appraised() as event:
                yield _row(event, received.appended_at)
            case Decided(review=review, outcome=ReviewOutcome.VALUE, unit_price=int()) as event:
                if review.reasons == (Reason.QA_SAMPLE,):
                    yield _audit_row(event, received.appended_at)
            case _:
                pass


def _row(event: Appraised, appended_at: datetime) -> dict[str, Any]:
    key, address = _canonical(event.property_key), address_key(event.address)
    says = event.appraisal_id or f"{event.valuation_id}|{key}|{address}|{event.area_m2}|{event.on_date}|{event.value}"
    named = storable(event.valuation_id) or None
    return {
        "appraisal_id": UUID(event_id(f"{event.source}|{event.kind}|{says}", "Appraised", 0)),
        "number": storable(event.appraisal_id),
        "source": storable(event.source),
        "kind": event.kind,
        "is_blind": event.blind,
        "named": named,
        "valuation_id": _uuid(named),
        "property_key": key,
        "building_key": building_of(key),
        "address_key": address,
        "area_m2": event.area_m2,
        "on_date": event.on_date,
        "reported_at": event.reported_at,
        "value": event.value,
        "unit_price": event.unit_price,
        "appended_at": appended_at,
    }


def _audit_row(decided: Decided, appended_at: datetime) -> dict[str, Any]:
    """What a reviewer found of an answer drawn for quality control, which stands whatever they found."""
    request, unit_price = decided.review.scored.request, decided.unit_price or 0
    return {
        "appraisal_id": UUID(event_id(decided.valuation_id, AUDIT, 0)),
        "number": decided.valuation_id,
        "source": _DESK,
        "kind": AUDIT,
        "is_blind": decided.blind,
        "named": decided.valuation_id,
        "valuation_id": _uuid(decided.valuation_id),
        "property_key": None,
        "building_key": None,
        "address_key": None,
        "area_m2": request.area_m2,
        "on_date": request.value_date,
        "reported_at": decided.decided_at,
        "value": total(unit_price, request.area_m2),
        "unit_price": unit_price,
        "appended_at": appended_at,
    }


def _canonical(key: str | None) -> str | None:
    """`None` for what is no key: the appraisal then stands in the list of the unmatched."""
    with suppress(PropertyKeyError):
        return canonical(storable(key)) if key else None
    return None


def _uuid(text: str | None) -> UUID | None:
    with suppress(ValueError):
        return UUID(text) if text else None
    return None
