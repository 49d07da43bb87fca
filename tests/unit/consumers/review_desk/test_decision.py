"""What a complete decision is, and what goes out of it."""

from dataclasses import fields, replace

import pytest

from consumers.review_desk.deciding.comparison import EditedComparable
from consumers.review_desk.deciding.conclusion_json import as_json, conclusion_of
from consumers.review_desk.deciding.decision import (
    Conclusion,
    DeviationReason,
    decided_event,
    outcomes_of,
    violations,
)
from consumers.review_desk.deciding.decision_rows import decision_row, event_number, key_of
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.task import Kind
from schemas.codes import LimitingFactor, ReviewOutcome
from schemas.events import Adjustment
from tests.fakes import valuations as made
from tests.fakes.deciding import GOOD, UNABLE, a_task, signed
from tests.fakes.valuations import CODEC

POLICY = DeskPolicy()
ASK = replace(UNABLE, outcome=ReviewOutcome.CLARIFY)
RETURN = replace(UNABLE, outcome=ReviewOutcome.RETURN_TO_AUTO)
FULL = replace(
    GOOD,
    lower=3_500_000,
    upper=3_900_000,
    few_comparables_because="内部说明子丑寅卯辰巳",
    deviation_because=DeviationReason.CONDITION,
    limiting_factors=(LimitingFactor.FEW_COMPARABLES,),
    comparison=(EditedComparable(deal_id="deal-1", adjustments=(Adjustment(factor="FLOOR", share=0.03),), weight=0.4),),
)


def wrong(review=None, task=None, returned=False, **changes) -> list[str]:
    review = review or made.review()
    conclusion = replace(GOOD, **changes)
    found = violations(conclusion, review, POLICY, task=task or a_task(review), returned=returned)
    return [violation.field for violation in found]


def test_a_complete_decision_has_no_violations():
    assert wrong() == []


@pytest.mark.parametrize("price", [None, 0, -1, 41_000_000])
def test_a_value_needs_a_plausible_unit_price(price):
    assert wrong(unit_price=price) == ["unit_price"]


@pytest.mark.parametrize(
    ("price", "expected"), [(45_100, []), (45_101, ["deviation_because"]), (36_899, ["deviation_because"])]
)
def test_a_price_more_than_a_tenth_from_the_model_needs_a_reason(price, expected):
    assert wrong(unit_price=price) == expected
    assert wrong(unit_price=price, deviation_because=DeviationReason.RECENT_DEALS) == []


@pytest.mark.requirement("DI2", "GV4")
def test_of_a_blind_task_nobody_is_asked_why_they_left_a_value_they_did_not_see():
    assert wrong(task=a_task(blind=True), unit_price=60_000) == []


def test_without_a_model_value_no_deviation_can_be_asked_for():
    review = made.review(valuation=None)
    assert wrong(review, unit_price=99_000, comparable_ids=(), few_comparables_because="无同小区成交") == []


@pytest.mark.parametrize("rationale", ["", "太短", "         空格不算字         "])
def test_every_decision_needs_its_grounds_in_ten_characters(rationale):
    assert wrong(rationale=rationale) == ["rationale"]


def test_three_comparables_or_why_fewer():
    assert wrong(comparable_ids=("deal-1", "deal-2")) == ["few_comparables_because"]
    assert wrong(comparable_ids=("deal-1", "deal-1", "deal-1")) == ["few_comparables_because"]
    assert wrong(comparable_ids=("deal-1",), few_comparables_because="仅一例可用") == []
    assert wrong(comparable_ids=("deal-1", "deal-2", "somewhere-else")) == ["comparable_ids"]


@pytest.mark.parametrize(
    "edit",
    [
        EditedComparable(deal_id="somewhere-else", adjustments=(), weight=1.0),
        EditedComparable(deal_id="deal-1", adjustments=(Adjustment(factor="FLOOR", share=5.0),), weight=1.0),
        EditedComparable(deal_id="deal-1", adjustments=(Adjustment(factor="FLOOR", share=float("nan")),), weight=1.0),
        EditedComparable(deal_id="deal-1", adjustments=(), weight=-1.0),
    ],
)
def test_an_edited_comparable_is_one_of_the_case_and_edited_within_reason(edit):
    assert wrong(comparison=(edit,)) == ["comparison"]
    assert wrong(comparison=FULL.comparison) == []


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (3_500_000, 3_900_000, []),
        (3_714_250, 3_714_250, []),  # 41 500 × 89.50
        (3_714_251, 3_900_000, ["lower"]),
        (0, 3_900_000, ["lower"]),
        (None, 3_900_000, ["lower"]),
        (3_500_000, None, ["upper"]),
    ],
)
def test_a_range_is_given_whole_and_holds_the_total(lower, upper, expected):
    assert wrong(lower=lower, upper=upper) == expected


def test_an_outcome_without_a_value_carries_no_price():
    assert wrong(outcome=ReviewOutcome.UNABLE) == ["unit_price"]
    assert wrong(outcome=ReviewOutcome.UNABLE, unit_price=None, comparable_ids=()) == []


def test_an_incomplete_decision_names_every_field():
    assert wrong(rationale="短", unit_price=None, comparable_ids=(), confirmed_community_id="nowhere") == [
        "rationale",
        "confirmed_community_id",
        "unit_price",
        "few_comparables_because",
    ]


def found_in(conclusion, review, task, *, returned=False) -> list[str]:
    return [one.field for one in violations(conclusion, review, POLICY, task=task, returned=returned)]


def test_the_channel_is_asked_once_and_only_to_choose_among_candidates():
    review = made.open_review()
    assert found_in(ASK, review, a_task(review)) == []
    assert found_in(ASK, review, a_task(review, clarified=True)) == ["outcome"]
    address = replace(review.scored.address, candidates=())
    without = replace(review, scored=replace(review.scored, address=address))
    assert found_in(ASK, without, a_task(without)) == ["outcome"]


def test_the_model_is_asked_again_once_and_only_with_a_confirmed_community():
    review = made.open_review()
    task = a_task(review)
    assert found_in(RETURN, review, task) == ["confirmed_community_id"]
    confirmed = replace(RETURN, confirmed_community_id="c-9")
    assert found_in(confirmed, review, task) == []
    assert found_in(confirmed, review, task, returned=True) == ["outcome"]


@pytest.mark.parametrize("kind", [Kind.DISPUTE, Kind.OPINION])
def test_what_was_answered_before_ends_with_a_persons_answer(kind):
    review = made.open_review()
    task = a_task(review, kind=kind)
    assert found_in(ASK, review, task) == ["outcome"]
    assert set(outcomes_of(task, review)) == set(ReviewOutcome) - {ReviewOutcome.CLARIFY, ReviewOutcome.RETURN_TO_AUTO}


@pytest.mark.requirement("RD12")
def test_nothing_the_reviewer_writes_in_words_is_in_the_event():
    words = {"rationale": "内部备注甲乙丙丁戊己庚辛", "few_comparables_because": "内部说明子丑寅卯辰巳"}
    conclusion = replace(FULL, **words)
    written = CODEC.encode(decided_event(made.review(), signed(conclusion), task=a_task()))
    for text in (*words.values(), DeviationReason.CONDITION):
        assert text.encode() not in written


def test_the_event_says_who_decided_who_approved_where_and_whether_blind():
    event = decided_event(made.review(), signed(approver="wu"), task=a_task(blind=True))
    assert (event.reviewer, event.reviewer_grade, event.approver) == ("lin", "G2", "wu")
    assert (event.blind, event.desk, event.guideline_version) == (True, "YANGTZE_DELTA", "2026-01")


@pytest.mark.requirement("AD1")
def test_a_community_is_confirmed_among_the_candidates_alone():
    review = made.open_review()
    for community_id, expected in ((None, []), ("c-9", []), ("c-2", ["confirmed_community_id"])):
        assert found_in(replace(UNABLE, confirmed_community_id=community_id), review, a_task(review)) == expected


@pytest.mark.requirement("AD1")
def test_the_confirmed_community_goes_out_with_the_decision():
    for confirmed in (None, "c-9"):
        conclusion = replace(GOOD, confirmed_community_id=confirmed)
        event = decided_event(made.open_review(), signed(conclusion), task=a_task(made.open_review()))
        assert event.confirmed_community_id == confirmed


def test_a_conclusion_comes_back_from_storage_as_it_went_in():
    assert conclusion_of(as_json(FULL)) == FULL


def test_every_field_of_a_conclusion_is_stored():
    row = decision_row(a_task(), made.review(), signed(FULL))
    for field in fields(Conclusion):
        assert field.name in row, f"{field.name} is not kept"


def test_a_house_is_found_again_under_the_community_that_a_reviewer_confirmed():
    assert key_of(made.review()) == "c-1|3|2|501"
    assert key_of(made.open_review()) is None
    assert key_of(made.open_review(), "c-9") == "c-9|3|2|501"


def test_an_answer_has_the_number_of_its_revision_and_what_comes_beside_it_another():
    task = a_task()
    assert event_number(task, ReviewOutcome.VALUE) == 1
    others = {
        event_number(task, ReviewOutcome.CLARIFY),
        event_number(task, ReviewOutcome.RETURN_TO_AUTO),
        event_number(replace(task, kind=Kind.DISPUTE, task_id="d-1"), ReviewOutcome.VALUE),
        event_number(replace(task, kind=Kind.DISPUTE, task_id="d-2"), ReviewOutcome.VALUE),
    }
    assert len(others | {1}) == 5
