"""Requirement VM6: what people decided and appraised, as rows a model may learn from, each with its provenance.

A row has the fields of a deal and is none: `source` says so (`schemas.domain.provenance.is_judgement`), and whoever
trains keeps it out of comparables and index. It is usable from `known_on`, the day of the decision or report, not from
its date of value. Rows of one `case_id` belong together: a case that trains does not test.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg.rows import dict_row

from consumers.ledger.deviation import AUDIT
from infra.postgres.pool import Pool
from schemas.domain.provenance import appraisal_source, decision_source
from schemas.domain.worktime import SHANGHAI
from schemas.events import Attributes, Deal, Resulted
from schemas.json_events import event_from_json

# One row for an appraisal, whatever number of valuations it was compared with: that of the nearest date.
_APPRAISALS: Final = """
    select * from (
        select distinct on (a.appraisal_id) a.appraisal_id::text as id, a.kind, a.source, a.is_blind, a.on_date,
            a.reported_at as known_at, a.unit_price, a.area_m2, e.payload
        from comparison c join appraisal a using (appraisal_id)
            join valuation v on v.valuation_id = c.valuation_id join ledger_event e on e.event_id = v.answer_id
        where a.kind <> 'DEAL' and a.value > 0 and a.reported_at < %(until)s
        order by a.appraisal_id, c.days_apart, c.valuation_id
    ) found order by known_at, id
"""
_DECISIONS: Final = """
    select v.valuation_id::text as id, d.payload ->> 'blind' = 'true' as was_blind, e.payload
    from valued v join valuation s using (valuation_id) join ledger_event e on e.event_id = s.answer_id
        left join lateral (
            select payload from ledger_event d where d.valuation_id = v.valuation_id and d.kind = 'Decided'
            order by appended_at desc limit 1
        ) d on true
    where v.status = 'COMPLETED_MANUAL' and v.value is not null and v.resulted_at < %(until)s
    order by v.resulted_at, v.valuation_id
"""
_TOLD_OF_HOUSE: Final = (
    "floor", "floor_band", "total_floors", "built_year", "rooms", "halls", "building_type", "structure", "renovation",
    "has_lift", "near_metro",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """A judgement as a row. `is_blind`: whoever judged had not seen the model's value.

    Only blind rows measure accuracy; of the others the attributes and reasons teach. `value_seen`: the model's total.
    """

    row: Deal
    case_id: str
    is_blind: bool
    value_seen: int | None

    def as_columns(self) -> dict[str, Any]:
        """One line of a file: a deal's fields under their own names, then where it comes from and what it may serve."""
        plain = {one.name: getattr(self.row, one.name) for one in fields(Deal) if one.name not in _NOT_PLAIN}
        return {
            **plain,
            "case_id": self.case_id,
            "is_blind": self.is_blind,
            "value_seen": self.value_seen,
            "is_comparable": False,
        }


_NOT_PLAIN: Final = frozenset({"further"})
COLUMNS: Final = (
    *(one.name for one in fields(Deal) if one.name not in _NOT_PLAIN),
    "case_id",
    "is_blind",
    "value_seen",
    "is_comparable",
)


class TrainingRows:
    """Reads the rows out of the ledger."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def known_before(self, until: datetime) -> tuple[TrainingRow, ...]:
        """Every judgement that was known before `until`, decisions first, of houses whose community is known."""
        rows = (
            *map(_of_decision, self._rows(_DECISIONS, until)),
            *map(_of_appraisal, self._rows(_APPRAISALS, until)),
        )
        return tuple(row for row in rows if row is not None)

    def _rows(self, query: str, until: datetime) -> Iterable[dict[str, Any]]:
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), {"until": until}).fetchall()


def _of_decision(row: Mapping[str, Any]) -> TrainingRow | None:
    result = event_from_json(Resulted, row["payload"])
    human = result.human
    if human is None or human.unit_price is None:
        return None
    blind = bool(row["was_blind"]) or human.model_value is None  # where the model was silent there was nothing to see
    return _row(
        result,
        deal_id=f"decision:{row['id']}",
        source=decision_source(blind=blind),
        unit_price=human.unit_price,
        on_date=result.value_date,
        known_at=human.decided_at,
        area_m2=result.area_m2,
        is_blind=blind,
        value_seen=None if blind else human.model_value,
    )


def _of_appraisal(row: Mapping[str, Any]) -> TrainingRow | None:
    result, blind = event_from_json(Resulted, row["payload"]), row["is_blind"]
    return _row(
        result,
        deal_id=f"appraisal:{row['id']}",
        source=decision_source(blind=blind) if row["kind"] == AUDIT else appraisal_source(row["source"]),
        unit_price=row["unit_price"],
        on_date=row["on_date"],
        known_at=row["known_at"],
        area_m2=row["area_m2"] or result.area_m2,
        is_blind=blind,
        value_seen=None if blind or result.valuation is None else result.valuation.value,
    )


def _row(  # noqa: PLR0913 - what a row is made of
    result: Resulted,
    *,
    deal_id: str,
    source: str,
    unit_price: int,
    on_date: date | None,
    known_at: datetime,
    area_m2: Decimal | None,
    is_blind: bool,
    value_seen: int | None,
) -> TrainingRow | None:
    """`None` for a house of which too little is known to learn from it."""
    address, known_on = result.address, known_at.astimezone(SHANGHAI).date()
    if address is None or not address.community_id or not address.city or area_m2 is None or unit_price <= 0:
        return None
    attributes = result.attributes or Attributes()
    deal = Deal(
        deal_id=deal_id,
        community_id=address.community_id,
        city=address.city,
        deal_date=on_date or known_on,
        area_m2=float(area_m2),
        unit_price=float(unit_price),
        property_type=attributes.property_type,
        known_on=max(known_on, on_date or known_on),
        community_name=address.community_name,
        district=address.district,
        building=address.building,
        longitude=address.longitude,
        latitude=address.latitude,
        source=source,
        **{name: getattr(attributes, name) for name in _TOLD_OF_HOUSE},
    )
    return TrainingRow(row=deal, case_id=result.valuation_id, is_blind=is_blind, value_seen=value_seen)
