"""C-04: which appraisal speaks of which valuation, and what counts as within the promise."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import log
from uuid import UUID

import pytest

from consumers.ledger.deviation import (
    AUDIT,
    Appraisal,
    Exclusion,
    House,
    MatchedBy,
    Unmatched,
    Valued,
    compared,
    deviation,
    index_adjusted,
    is_within,
    same_house,
    unmatched_reason,
)
from schemas.codes import AppraisalKind, Status

DAY = date(2026, 3, 2)
UNIT = House(property_key="c-1|3|2|501", address_key="text", area_m2=Decimal("89.50"))
VALUED = Valued(valuation_id=UUID(int=1), house=UNIT, status=Status.COMPLETED_AUTO, value_date=DAY, value=1_100_000)
APPRAISAL = Appraisal(
    appraisal_id=UUID(int=2), kind=AppraisalKind.OFFLINE_APPRAISAL, house=UNIT, on_date=DAY, value=1_000_000
)


def house(key, area=None, address=None):
    return House(property_key=key, area_m2=None if area is None else Decimal(area), address_key=address)


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (house("c-1|3|2|501"), house("c-1|3|2|501"), MatchedBy.UNIT),
        (
            house("c-1|3|2|501", "89.5"),
            house("c-1|3|2|502", "89.5"),
            None,
        ),  # both rooms are known: the area says nothing
        (house("c-1|3|2|501", "89.5"), house("c-1|3|1|501", "89.5"), None),
        (house("c-1|3", "89.5"), house("c-1|3|2|501", "90.5"), MatchedBy.BUILDING_AND_AREA),
        (house("c-1|3", "89.5"), house("c-1|3|2|501", "90.51"), None),
        (house("c-1|3"), house("c-1|3|2|501", "90.5"), None),
        (house("c-1|3||501", "89.5"), house("c-1|3|2|501", "89.5"), MatchedBy.BUILDING_AND_AREA),
        (house("c-1", "89.5"), house("c-1", "89.5"), None),  # a community is no house
        (house("c-1|||501", "89.5"), house("c-1|||501", "89.5"), None),
        (house("c-1|3", "89.5"), house("c-2|3", "89.5"), None),
        (house(None, address="t"), house("c-1|3|2|501", address="t"), MatchedBy.UNIT),
        (house(None, address="t"), house("c-1", address="t"), None),
        (house(None), house(None), None),
    ],
)
def test_the_same_unit_or_the_same_building_and_area_is_the_same_house(one, other, expected):
    assert same_house(one, other) == same_house(other, one) == expected


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("online", "within"), [(1_100_000, True), (1_100_001, False), (900_000, True), (899_999, False), (1_000_000, True)]
)
def test_exactly_ten_per_cent_passes_and_a_yuan_more_does_not(online, within):
    assert is_within(online, 1_000_000) is within
    case = compared(APPRAISAL, replace(VALUED, value=online))
    assert (case.is_within, case.is_breach) == (within, not within)
    assert case.deviation == deviation(online, 1_000_000) == pytest.approx(online / 1_000_000 - 1)


@pytest.mark.requirement("VM4")
def test_a_named_valuation_is_the_one_whatever_the_address_says():
    elsewhere = replace(APPRAISAL, house=house("c-9|1|1|101"), valuation_id=VALUED.valuation_id)
    assert compared(elsewhere, VALUED).matched_by is MatchedBy.NUMBER
    assert compared(replace(APPRAISAL, valuation_id=UUID(int=9)), VALUED) is None


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("changes", "days", "excluded"),
    [
        ({}, 90, None),
        ({}, -90, None),
        ({}, 91, Exclusion.DATES_APART),
        ({}, -91, Exclusion.DATES_APART),
        ({"status": Status.OUT_OF_COVERAGE, "value": None}, 0, Exclusion.OUT_OF_COVERAGE),
        ({"status": Status.NOT_ELIGIBLE, "value": None}, 0, Exclusion.NOT_ELIGIBLE),
        ({"status": Status.UNABLE_TO_VALUE, "value": None}, 0, Exclusion.NO_VALUE),
    ],
)
def test_what_does_not_count_says_why_and_is_no_breach(changes, days, excluded):
    far_off = replace(VALUED, **{"value": 2_000_000} | changes)
    case = compared(replace(APPRAISAL, on_date=DAY + timedelta(days=days)), far_off)
    assert (case.excluded, case.is_breach) == (excluded, excluded is None)


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("appraisal", "valued"),
    [
        ({}, {"status": Status.COMPLETED_MANUAL}),
        ({"kind": AppraisalKind.DEAL}, {}),
        ({"kind": AUDIT}, {}),
    ],
)
def test_only_an_automatic_value_against_an_offline_appraisal_breaks_the_promise(appraisal, valued):
    case = compared(replace(APPRAISAL, **appraisal), replace(VALUED, **{"value": 2_000_000} | valued))
    assert (case.is_within, case.is_breach) == (False, False)


@pytest.mark.requirement("VM4")
@pytest.mark.parametrize(
    ("house", "number_given", "building_valued", "reason"),
    [
        (UNIT, True, True, Unmatched.UNKNOWN_VALUATION),
        (house(None), False, False, Unmatched.HOUSE_NOT_NAMED),
        (house(None, address="t"), False, False, Unmatched.ADDRESS_NOT_RESOLVED),
        (house("c-1", "89.5"), False, False, Unmatched.ADDRESS_NOT_RESOLVED),
        (UNIT, False, False, Unmatched.NO_VALUATION_OF_BUILDING),
        (house("c-1|3"), False, True, Unmatched.AREA_MISSING),
        (UNIT, False, True, Unmatched.NO_VALUATION_OF_UNIT),
    ],
)
def test_an_appraisal_without_a_case_says_why(house, number_given, building_valued, reason):
    alone = replace(APPRAISAL, house=house)
    said = unmatched_reason(alone, is_number_given=number_given, is_building_valued=building_valued)
    assert said is reason


@pytest.mark.requirement("VM4")
def test_the_adjusted_deviation_moves_the_appraisal_to_the_value_date():
    assert index_adjusted(1_100_000, 1_000_000, log(1.1)) == pytest.approx(0)
    assert index_adjusted(1_100_000, 1_000_000, 0.0) == pytest.approx(0.1)
