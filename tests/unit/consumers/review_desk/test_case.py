"""What is seen of a case, and what is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.deciding.case import Surroundings, case_of, masked
from consumers.review_desk.deciding.history import Earlier, Nearness, nearness_of
from consumers.review_desk.task import Kind
from schemas.codes import ReviewOutcome, VerificationOutcome
from schemas.events import Verification
from tests.fakes import valuations as made
from tests.fakes.deciding import a_task
from tests.fakes.valuations import NOON

BEFORE = Earlier(
    nearness=Nearness.UNIT,
    is_dispute=False,
    outcome=ReviewOutcome.VALUE,
    unit_price=43_210,
    address="翠苑三区3幢2单元501室",
    area_m2=made.request().area_m2,
    decided_at=NOON,
)
AROUND = Surroundings(earlier=(BEFORE,), remark="请补充近期成交")


def seen(review=None, around=AROUND, **changes):
    review = review or made.review()
    return case_of(a_task(review, **changes), review, around, now=NOON)


@pytest.mark.requirement("RD11", "RD9")
def test_a_case_shows_nothing_of_the_channel_or_the_loan():
    review = made.review()
    shown = repr(seen(review))
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


@pytest.mark.requirement("RD9")
def test_a_case_is_complete():
    case = seen()
    assert case.model is not None
    assert case.model.drivers
    assert len(case.comparables) == 5
    assert all(deal.distance_m and deal.deal_date and deal.adjustments for deal in case.comparables)
    assert case.candidates
    assert case.earlier == (BEFORE,)
    assert case.remark == "请补充近期成交"
    assert case.time_left == timedelta(hours=24)
    assert {check.rule for check in case.rule_checks} >= {"MIN_COMPARABLES", "MAX_ADJUSTED_RATIO"}
    assert case.subject.origins["floor"] == "parsed"


@pytest.mark.requirement("RD11")
def test_of_a_certificate_no_more_could_be_seen_than_whether_it_matches():
    assert seen().certificate_matches is None


@pytest.mark.requirement("RD9", "DI2", "GV4")
@pytest.mark.parametrize("kind", [Kind.DISPUTE, Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED, Kind.OPINION])
def test_a_blind_case_shows_neither_the_models_value_nor_earlier_results(kind):
    review = replace(made.review(), reasons=("QA_SAMPLE", "OUTLIER_PRICE", "ADDR_PARTIAL"))
    case = seen(review, kind=kind, blind=True)
    assert (case.model, case.earlier, case.task.model_value) == (None, (), None)
    assert case.task.reasons == ("ADDR_PARTIAL",)
    shown = repr(case)
    for hidden in (str(review.scored.valuation.value), "43210", "QA_SAMPLE", "OUTLIER_PRICE"):
        assert hidden not in shown
    assert len(case.comparables) == 5


@pytest.mark.requirement("RD9", "DI2", "GV4")
def test_the_comparables_of_a_blind_case_do_not_come_to_the_models_value():
    review = made.review()
    case = seen(review, blind=True)
    assert {deal.deal_id for deal in case.comparables} == {deal.deal_id for deal in seen(review).comparables}
    for deal in case.comparables:
        assert (deal.adjustments, deal.total_adjustment) == ((), 0)
        assert (deal.adjusted_unit_price, deal.weight) == (deal.unit_price, 1 / 5)
    assert [deal.deal_date for deal in case.comparables] == sorted(
        (deal.deal_date for deal in case.comparables), reverse=True
    )
    assert case.comparables_text == ""
    figures = {check.rule: check.figure for check in case.rule_checks}
    assert figures["MAX_TOTAL_ADJUSTMENT"] == 0


@pytest.mark.requirement("GV4", "RD17")
def test_an_ordinary_task_is_not_known_by_the_moment_that_routing_took():
    later = NOON + timedelta(seconds=2)
    ordinary = masked(a_task(blind=True, requested_at=later, queued_at=later))
    sample = masked(a_task(kind=Kind.SEEDED, blind=True, internal=True, requested_at=NOON, queued_at=NOON))
    assert ordinary == sample
    again = masked(a_task(requested_at=later, queued_at=NOON + timedelta(hours=1)))
    assert again.queued_at == NOON + timedelta(hours=1)


@pytest.mark.requirement("GV4")
def test_no_sample_gives_itself_away():
    ordinary = masked(a_task(blind=True))
    for kind in (Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED, Kind.OPINION):
        sample = a_task(kind=kind, blind=True, internal=True, excluded=("lin",), origin="o-1")
        assert masked(sample) == ordinary
    assert masked(a_task(kind=Kind.DISPUTE)).kind is Kind.DISPUTE


def test_a_case_without_a_model_value_says_so():
    case = seen(made.review(valuation=None))
    assert (case.model, case.comparables) == (None, ())


def test_where_the_community_is_known_nothing_is_asked():
    assert not seen().community_is_open
    assert seen(made.open_review()).community_is_open


@pytest.mark.requirement("AD7")
def test_a_case_shows_the_tags_of_the_registry():
    assert seen(made.open_review()).tags == ("DISPUTED",)


@pytest.mark.requirement("VF2")
def test_the_verification_of_the_house_is_shown_to_who_has_to_look_blind_or_not():
    found = Verification(
        outcome=VerificationOutcome.MISMATCH, text="房屋信息与记录不一致。", checks=(), verified_at=NOON
    )
    asked = made.review(scored=replace(made.scored(), verification=found))
    assert seen(made.review()).verification is None
    assert seen(asked).verification == seen(asked, kind=Kind.AUDIT, blind=True).verification == found


def test_how_near_an_earlier_case_lies():
    house = "c-1|3|2|501"
    assert nearness_of(house, "c-1|3|2|501") is Nearness.UNIT
    assert nearness_of(house, "c-1|3|1|502") is Nearness.BUILDING
    assert nearness_of(house, "c-1|30|1|501") is Nearness.COMMUNITY
    assert nearness_of("c-1", "c-1") is Nearness.COMMUNITY
    assert nearness_of("c-1|3", "c-1|3") is Nearness.BUILDING
