"""How far values agree."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from consumers.review_desk.people.staff import Family
from consumers.review_desk.quality.agreement import (
    AUTOMATIC,
    Check,
    Pair,
    QualityRules,
    by_family,
    figures,
    newcomer_agreement,
    skill_gaps,
)
from consumers.review_desk.quality.quality import agreement_of
from schemas.codes import ReviewOutcome

RULES = QualityRules()
MILLION = 1_000_000


def pair(value: int | None = MILLION, reference: int | None = MILLION, **changes) -> Pair:
    made = Pair(
        task_id="t-1",
        check=Check.SECOND_READING,
        reviewer="lin",
        reader="wu",
        queue="YANGTZE_DELTA/RESIDENTIAL",
        reasons=("WIDE_RANGE",),
        read_on=date(2026, 3, 2),
        outcome=ReviewOutcome.UNABLE if value is None else ReviewOutcome.VALUE,
        reference_outcome=ReviewOutcome.UNABLE if reference is None else ReviewOutcome.VALUE,
        value=value,
        reference=reference,
    )
    return replace(made, **changes)


@pytest.mark.requirement("GV4")
@pytest.mark.parametrize(
    ("value", "agrees"), [(1_100_000, True), (1_100_001, False), (900_000, True), (899_999, False), (MILLION, True)]
)
def test_ten_per_cent_of_the_second_reading_agrees_and_a_yuan_more_does_not(value, agrees):
    assert pair(value).agrees(RULES.tolerance) is agrees


@pytest.mark.requirement("GV4")
def test_the_deviation_is_signed_and_measured_by_the_reference():
    assert pair(1_100_000).deviation == pytest.approx(0.10)
    assert pair(MILLION, 1_100_000).deviation == pytest.approx(-1 / 11)


@pytest.mark.requirement("RD16")
def test_of_a_newcomer_five_per_cent_agrees():
    assert pair(1_050_000).agrees(RULES.newcomer_tolerance)
    assert not pair(1_050_001).agrees(RULES.newcomer_tolerance)


def test_without_a_value_the_outcomes_have_to_be_the_same():
    assert pair(None, None).agrees(RULES.tolerance)
    assert not pair(None, MILLION).agrees(RULES.tolerance)
    assert not pair(None, None, reference_outcome=ReviewOutcome.NOT_ELIGIBLE).agrees(RULES.tolerance)
    assert pair(None, MILLION).deviation is None


@pytest.mark.requirement("GV4")
def test_figures_count_what_agrees_and_say_that_few_are_insufficient():
    found = figures([pair(1_040_000), pair(1_080_000), pair(1_300_000), pair(None, None)], RULES)
    assert (found.n, found.within_5, found.within_10, found.is_enough) == (4, 2, 3, False)
    assert (found.share_5, found.share_10) == (0.5, 0.75)
    assert found.mean_deviation == pytest.approx((0.04 + 0.08 + 0.30) / 3)
    assert found.interval_10 == pytest.approx((0.3006, 0.9544), abs=1e-4)  # Wilson's of 3 in 4
    assert figures([pair()] * 30, RULES).is_enough
    assert not figures([pair()] * 29, RULES).is_enough


def test_no_pairs_have_no_share():
    found = figures([], RULES)
    assert (found.n, found.share_5, found.share_10, found.mean_deviation) == (0, None, None, None)


@pytest.mark.requirement("RD16")
def test_a_newcomer_is_judged_by_thirty_second_readings():
    agreeing = [pair()] * 29
    assert newcomer_agreement(agreeing, RULES) is None
    assert newcomer_agreement([*agreeing, pair(1_200_000)], RULES) == Decimal(29) / 30
    assert newcomer_agreement([*agreeing, pair(check=Check.SEEDED)], RULES) is None


@pytest.mark.requirement("RD16")
def test_skill_gaps_name_the_family_in_which_too_few_agree():
    weak = [pair(1_300_000, reasons=("ADDR_PARTIAL",))] * 2 + [pair(reasons=("ADDR_PARTIAL",))] * 3
    weaker = [pair(1_300_000, reasons=("OUTLIER_PRICE", "QA_SAMPLE"))] * 5
    good = [pair(reasons=("THIN_COMPARABLES",))] * 9
    assert skill_gaps(weak + weaker + good, RULES) == (Family.OUTLIER, Family.ADDRESS)
    assert skill_gaps(weaker[:4], RULES) == ()  # four cases are an anecdote


def test_a_case_of_two_families_counts_in_both():
    found = by_family([pair(reasons=("ADDR_PARTIAL", "OUTLIER_PRICE"))], RULES)
    assert {family: one.n for family, one in found.items()} == {Family.ADDRESS: 1, Family.OUTLIER: 1}


@pytest.mark.requirement("GV4")
def test_automatic_answers_stand_apart_from_people():
    audited = pair(1_200_000, check=Check.AUDIT, reviewer=AUTOMATIC)
    found = agreement_of([pair(), pair(reviewer="wu", queue="BOHAI_RIM/VILLA"), audited], RULES)
    assert list(found.reviewers) == ["lin", "wu"]
    assert {queue: one.n for queue, one in found.queues.items()} == {
        "BOHAI_RIM/VILLA": 1,
        "YANGTZE_DELTA/RESIDENTIAL": 1,
    }
    assert (found.automatic.n, found.automatic.within_10) == (1, 0)
