"""Reads what became of values: each beside the figure that came later, and the figures that stand alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg.rows import class_row, dict_row

from consumers.ledger.deviation import Appraisal, House, unmatched_reason
from infra.postgres.pool import Pool

R = TypeVar("R")

_OUTCOMES: Final = """
    select c.appraisal_id, c.valuation_id, a.number, a.kind, a.source, a.is_blind, c.matched_by, c.days_apart,
        c.excluded, c.deviation, c.is_within, v.status, v.is_automatic, v.city, v.property_type, v.model, v.segment,
        v.p10, v.model_value, v.value, v.lower, v.upper, v.value_date, a.value as reference, a.on_date, a.reported_at
    from comparison c join appraisal a using (appraisal_id) join valued v on v.valuation_id = c.valuation_id
    where a.reported_at >= %(since)s and a.reported_at < %(until)s
        and (%(kinds)s::text[] is null or a.kind = any(%(kinds)s))
    order by a.reported_at, c.appraisal_id, c.valuation_id
"""
_UNMATCHED: Final = """
    select a.appraisal_id, a.number, a.kind, a.source, a.named, a.property_key, a.address_key, a.area_m2, a.on_date,
        a.value, exists (select from valued v where v.building_key = a.building_key) as is_building_valued
    from appraisal a
    where a.reported_at >= %(since)s and a.reported_at < %(until)s
        and (%(kinds)s::text[] is null or a.kind = any(%(kinds)s))
        and not exists (select from comparison c where c.appraisal_id = a.appraisal_id)
    order by a.reported_at, a.appraisal_id
"""
_STAGES: Final = """
    select after.property_key, before.valuation_id as pre_loan_id, after.valuation_id as in_loan_id,
        before.value_date as pre_loan_on, after.value_date as in_loan_on, before.area_m2 as pre_loan_area_m2,
        after.area_m2 as in_loan_area_m2, before.value as pre_loan_value, after.value as in_loan_value,
        before.model as pre_loan_model, after.model as in_loan_model, after.city, after.property_type
    from valued after cross join lateral (
        select * from valued earlier
        where earlier.property_key = after.property_key and earlier.loan_stage = 'PRE_LOAN_INVESTIGATION'
            and earlier.value is not null and earlier.resulted_at <= after.resulted_at
        order by earlier.resulted_at desc, earlier.valuation_id limit 1
    ) before
    where after.loan_stage = 'IN_LOAN_APPROVAL' and after.value is not null
        and split_part(after.property_key, '|', 4) <> ''
        and after.resulted_at >= %(since)s and after.resulted_at < %(until)s
    order by after.resulted_at, after.valuation_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A value and what came later. `value`, `lower`, `upper`: what was answered (`None`: no value was).

    `model_value` and `p10` are the model's, whoever answered; `reference` is the later total, of `on_date`. `segment`
    is the model's. `excluded` and `deviation` as in `Comparison`, `kind` as in `Appraisal`.
    """

    appraisal_id: UUID
    valuation_id: UUID
    number: str
    kind: str
    source: str
    is_blind: bool
    matched_by: str
    days_apart: int
    excluded: str | None
    deviation: float | None
    is_within: bool | None
    status: str
    is_automatic: bool
    city: str | None
    property_type: str
    model: str | None
    segment: str | None
    p10: float | None
    model_value: int | None
    value: int | None
    lower: int | None
    upper: int | None
    value_date: date
    reference: int
    on_date: date
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """An appraisal that speaks of no valuation of ours, and why."""

    appraisal_id: UUID
    number: str
    kind: str
    source: str
    on_date: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePair:
    """The same unit valued before the loan (贷前) and in it (贷中): the last value before the one in the loan."""

    property_key: str
    pre_loan_id: UUID
    in_loan_id: UUID
    pre_loan_on: date
    in_loan_on: date
    pre_loan_area_m2: float | None
    in_loan_area_m2: float | None
    pre_loan_value: int
    in_loan_value: int
    pre_loan_model: str | None
    in_loan_model: str | None
    city: str | None
    property_type: str

    @property
    def drift(self) -> float:
        """Relative change of the total from the first stage to the second."""
        return self.in_loan_value / self.pre_loan_value - 1


class OutcomeQueries:
    """Windows are of the instant at which a figure was reported (an in-loan value was given): [`since`, `until`)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def outcomes(self, since: datetime, until: datetime, kinds: Iterable[str] | None = None) -> tuple[Outcome, ...]:
        """Every case, also those that do not count. `kinds` of appraisals; `None` for all."""
        return self._rows(Outcome, _OUTCOMES, _window(since, until, kinds))

    def unmatched(self, since: datetime, until: datetime, kinds: Iterable[str] | None = None) -> tuple[Alone, ...]:
        """Appraisals without a case, each with its reason."""
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_UNMATCHED, _window(since, until, kinds)).fetchall()
        return tuple(map(_alone, rows))

    def loan_stages(self, since: datetime, until: datetime) -> tuple[StagePair, ...]:
        """Units that were valued in both stages of a loan."""
        return self._rows(StagePair, _STAGES, {"since": since, "until": until})

    def _rows(self, kind: type[R], query: str, values: Mapping[str, Any]) -> tuple[R, ...]:
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(kind)) as cursor:
            return tuple(cursor.execute(query.encode(), values).fetchall())


def _window(since: datetime, until: datetime, kinds: Iterable[str] | None) -> dict[str, Any]:
    return {"since": since, "until": until, "kinds": None if kinds is None else list(kinds)}


def _alone(row: Mapping[str, Any]) -> Alone:
    house = House(property_key=row["property_key"], address_key=row["address_key"], area_m2=row["area_m2"])
    appraisal = Appraisal(
        appraisal_id=row["appraisal_id"], kind=row["kind"], house=house, on_date=row["on_date"], value=row["value"]
    )
    return Alone(
        appraisal_id=row["appraisal_id"],
        number=row["number"],
        kind=row["kind"],
        source=row["source"],
        on_date=row["on_date"],
        reason=unmatched_reason(
            appraisal, is_number_given=row["named"] is not None, is_building_valued=row["is_building_valued"]
        ),
    )


def stage_drift(pairs: Sequence[StagePair]) -> dict[str, Any]:
    """How far values moved between the stages: count, median and greatest drift (`None` without pairs)."""
    drifts = [pair.drift for pair in pairs]
    return {
        "n": len(pairs),
        "median_drift": median(drifts) if drifts else None,
        "greatest_drift": max(drifts, key=abs, default=None),
    }
