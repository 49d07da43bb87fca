from dataclasses import fields, replace

import pytest

from consumers.review_desk.case import case_of
from consumers.review_desk.task import (
    Conclusion,
    DeskPolicy,
    DeviationReason,
    decided_event,
    task_of,
    violations,
)
from schemas.codes import ReviewOutcome
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

POLICY = DeskPolicy()
GOOD = Conclusion(
    outcome=ReviewOutcome.VALUE,
    unit_price=41_500,
    rationale="近两月同小区成交价格上涨，取三例均值",
    comparable_ids=("deal-1", "deal-2", "deal-3"),
)


def wrong(**changes) -> list[str]:
    return [found.field for found in violations(replace(GOOD, **changes), made.review(), POLICY)]


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


def test_without_a_model_value_no_deviation_can_be_asked_for():
    review = made.review(valuation=None)
    conclusion = replace(GOOD, unit_price=99_000, comparable_ids=(), few_comparables_because="无同小区成交")
    assert violations(conclusion, review, POLICY) == ()


@pytest.mark.parametrize("rationale", ["", "太短", "         空格不算字         "])
def test_every_decision_needs_its_grounds_in_ten_characters(rationale):
    assert wrong(rationale=rationale) == ["rationale"]


def test_three_comparables_or_why_fewer():
    assert wrong(comparable_ids=("deal-1", "deal-2")) == ["few_comparables_because"]
    assert wrong(comparable_ids=("deal-1", "deal-1", "deal-1")) == ["few_comparables_because"]
    assert wrong(comparable_ids=("deal-1",), few_comparables_because="仅一例可用") == []
    assert wrong(comparable_ids=("deal-1", "deal-2", "somewhere-else")) == ["comparable_ids"]


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


@pytest.mark.parametrize("outcome", [ReviewOutcome.CLARIFY, ReviewOutcome.RETURN_TO_AUTO])
def test_outcomes_that_need_the_full_desk_are_refused(outcome):
    assert "outcome" in wrong(outcome=outcome, unit_price=None)


@pytest.mark.requirement("RD12")
def test_nothing_the_reviewer_writes_in_words_is_in_the_event():
    words = {"rationale": "内部备注甲乙丙丁戊己庚辛", "few_comparables_because": "内部说明子丑寅卯辰巳"}
    conclusion = replace(GOOD, **words, deviation_because=DeviationReason.CONDITION)
    event = decided_event(
        made.review(),
        conclusion,
        reviewer="lin",
        grade="G2",
        claimed_at=NOON,
        decided_at=NOON,
        policy=POLICY,
    )
    written = CODEC.encode(event)
    for text in (*words.values(), DeviationReason.CONDITION):
        assert text.encode() not in written


@pytest.mark.requirement("RD11", "RD9")
def test_a_case_shows_nothing_of_the_channel_or_the_loan():
    review = made.review()
    shown = repr(case_of(task_of(review), review))
    hidden = (
        review.scored.request.business_ref,
        review.scored.request.embed_target,
        review.scored.request.product,
        review.scored.request.branch_code,
        "CREDIT_MGMT",
    )
    assert all(hidden)
    for text in hidden:
        assert text not in shown
    assert "翠苑三区3幢2单元501室" in shown


def test_a_case_without_a_model_value_says_so():
    review = made.review(valuation=None)
    case = case_of(task_of(review), review)
    assert (case.model, case.comparables) == (None, ())


def test_every_field_of_a_conclusion_is_stored_or_sent():
    from infra.postgres.migrate import migrations_of

    tables = "".join(file.text for file in migrations_of("review_desk"))
    for field in fields(Conclusion):
        assert field.name in tables


@pytest.mark.requirement("AD1")
def test_a_community_is_confirmed_among_the_candidates_alone():
    review = made.open_review()
    assert case_of(task_of(review), review).community_is_open
    unable = replace(GOOD, outcome=ReviewOutcome.UNABLE, unit_price=None, comparable_ids=())
    for community_id, expected in ((None, ()), ("c-9", ()), ("c-2", ("confirmed_community_id",))):
        found = violations(replace(unable, confirmed_community_id=community_id), review, POLICY)
        assert tuple(one.field for one in found) == expected


def test_where_the_community_is_known_nothing_is_asked():
    review = made.review()
    assert not case_of(task_of(review), review).community_is_open


@pytest.mark.requirement("AD1")
def test_the_confirmed_community_goes_out_with_the_decision():
    for confirmed in (None, "c-9"):
        event = decided_event(
            made.open_review(),
            replace(GOOD, confirmed_community_id=confirmed),
            reviewer="lin",
            grade="G2",
            claimed_at=NOON,
            decided_at=NOON,
            policy=POLICY,
        )
        assert event.confirmed_community_id == confirmed


@pytest.mark.requirement("AD7")
def test_a_case_shows_the_tags_of_the_registry():
    review = made.open_review()
    assert case_of(task_of(review), review).tags == ("DISPUTED",)
