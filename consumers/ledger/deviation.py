"""C-04, 偏离度: which appraisal speaks of which valuation, and how far the two totals lie apart. Pure.

Two figures are of the same house when both name the same resolved unit; where one of them does not know its room, when
both lie in the same building and their areas differ by 1 m² at most. Whether a pair belongs together hangs on the pair
alone, so that the order in which appraisals and results arrive changes nothing.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import exp
from typing import Final
from uuid import UUID

from schemas.codes import AppraisalKind, Status
from schemas.domain.contract import APPRAISAL_AREA_GAP, APPRAISAL_DISTANCE, DEVIATION
from schemas.domain.property_key import levels_of

AUDIT: Final = "AUDIT"
"""Beside the kinds of `AppraisalKind`: a reviewer's value of an automatic answer drawn for quality control."""


class MatchedBy(StrEnum):
    """What an appraisal and a valuation have in common."""

    NUMBER = "NUMBER"
    UNIT = "UNIT"
    BUILDING_AND_AREA = "BUILDING_AND_AREA"


class Exclusion(StrEnum):
    """Why a case does not count, though the house is the same."""

    OUT_OF_COVERAGE = "OUT_OF_COVERAGE"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    NO_VALUE = "NO_VALUE"
    DATES_APART = "DATES_APART"
    OUT_OF_TERM = "OUT_OF_TERM"


class Unmatched(StrEnum):
    """Why an appraisal stands alone."""

    UNKNOWN_VALUATION = "UNKNOWN_VALUATION"
    VALUE_NOT_POSITIVE = "VALUE_NOT_POSITIVE"
    HOUSE_NOT_NAMED = "HOUSE_NOT_NAMED"
    ADDRESS_NOT_RESOLVED = "ADDRESS_NOT_RESOLVED"
    NO_VALUATION_OF_BUILDING = "NO_VALUATION_OF_BUILDING"
    AREA_MISSING = "AREA_MISSING"
    NO_VALUATION_OF_UNIT = "NO_VALUATION_OF_UNIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Where a house is, as far as it is known. `property_key` as in the registry, `address_key` of the text alone."""

    property_key: str | None = None
    address_key: str | None = None
    area_m2: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """A valuation with its final answer. `value` is `None` where the answer was no value."""

    valuation_id: UUID
    house: House
    status: Status
    value_date: date
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """A figure from outside. `valuation_id` is set where it names the valuation it speaks of."""

    appraisal_id: UUID
    kind: str
    house: House
    on_date: date
    value: int
    valuation_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One case. `deviation` and `is_within` are `None` where there was no value to compare."""

    appraisal_id: UUID
    valuation_id: UUID
    matched_by: MatchedBy
    days_apart: int
    excluded: Exclusion | None
    deviation: float | None
    is_within: bool | None
    is_breach: bool


def compared(appraisal: Appraisal, valued: Valued) -> Comparison | None:
    """The case of a pair; `None` where they are not of the same house.

    A breach is a case that counts, of an offline appraisal against an automatic value: what people valued stands apart.
    """
    matched_by = _matched(appraisal, valued)
    if matched_by is None:
        return None
    days_apart = abs((valued.value_date - appraisal.on_date).days)
    excluded = _excluded(valued, days_apart)
    within = None if valued.value is None else is_within(valued.value, appraisal.value)
    promised = valued.status is Status.COMPLETED_AUTO and appraisal.kind == AppraisalKind.OFFLINE_APPRAISAL
    return Comparison(
        appraisal_id=appraisal.appraisal_id,
        valuation_id=valued.valuation_id,
        matched_by=matched_by,
        days_apart=days_apart,
        excluded=excluded,
        deviation=None if valued.value is None else deviation(valued.value, appraisal.value),
        is_within=within,
        is_breach=promised and excluded is None and within is False,
    )


def deviation(online: int, offline: int) -> float:
    """(online total − offline total) ÷ offline total."""
    return (online - offline) / offline


def is_within(online: int, offline: int) -> bool:
    """Whether the deviation is as promised: compared unrounded, the boundary passes."""
    return abs(online - offline) <= DEVIATION.value * offline


def index_adjusted(online: int, offline: int, log_move: float) -> float:
    """The deviation from the offline total moved to the value date. Shown beside the other, and never what counts.

    `log_move`: log price level on the value date less that on the day of the appraisal.
    """
    return online / (offline * exp(log_move)) - 1


def same_house(one: House, other: House) -> MatchedBy | None:
    """Whether two houses are the same, and what says so. A unit that both know decides alone."""
    here, there = levels_of(one.property_key), levels_of(other.property_key)
    if one.address_key is not None and one.address_key == other.address_key:
        here = here if here.building else there  # one text means one place, wherever it was resolved
        there = there if there.building else here
    if not here.building or here[:2] != there[:2]:
        return None
    if here.room and there.room:
        if here.room != there.room or (here.unit and there.unit and here.unit != there.unit):
            return None
        if here.unit == there.unit:
            return MatchedBy.UNIT
    if one.area_m2 is None or other.area_m2 is None:
        return None
    return MatchedBy.BUILDING_AND_AREA if abs(one.area_m2 - other.area_m2) <= APPRAISAL_AREA_GAP.value else None


def unmatched_reason(appraisal: Appraisal, *, is_number_given: bool, is_building_valued: bool) -> Unmatched:
    """Why an appraisal without a case has none."""
    house = appraisal.house
    if appraisal.value <= 0:
        return Unmatched.VALUE_NOT_POSITIVE
    if is_number_given:
        return Unmatched.UNKNOWN_VALUATION
    if house.property_key is None and house.address_key is None:
        return Unmatched.HOUSE_NOT_NAMED
    if not levels_of(house.property_key).building:
        return Unmatched.ADDRESS_NOT_RESOLVED
    if not is_building_valued:
        return Unmatched.NO_VALUATION_OF_BUILDING
    return Unmatched.AREA_MISSING if house.area_m2 is None else Unmatched.NO_VALUATION_OF_UNIT


def _matched(appraisal: Appraisal, valued: Valued) -> MatchedBy | None:
    if appraisal.valuation_id is not None:
        return MatchedBy.NUMBER if appraisal.valuation_id == valued.valuation_id else None
    return same_house(appraisal.house, valued.house)


def _excluded(valued: Valued, days_apart: int) -> Exclusion | None:
    if valued.status is Status.OUT_OF_COVERAGE:
        return Exclusion.OUT_OF_COVERAGE
    if valued.status is Status.NOT_ELIGIBLE:
        return Exclusion.NOT_ELIGIBLE
    if valued.value is None:
        return Exclusion.NO_VALUE
    return Exclusion.DATES_APART if days_apart > APPRAISAL_DISTANCE.value.days else None
