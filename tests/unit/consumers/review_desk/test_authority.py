"""Who may decide what alone, and who approves it (requirements 4.2)."""

from datetime import date
from decimal import Decimal

import pytest

from consumers.review_desk.deciding.authority import (
    Need,
    approval_refusal,
    decision_refusal,
    is_chair,
    panel_refusal,
    ruling,
    stakes_of,
)
from consumers.review_desk.people.staff import Grade
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.task import Kind
from schemas.codes import ReviewOutcome
from tests.fakes.deciding import a_person, a_task
from tests.fakes.valuations import NOON

POLICY = DeskPolicy()
MILLION = 1_000_000
pytestmark = pytest.mark.requirement("RD4")


def need(grade: Grade, value: int, price: int = 100, model: int | None = 100, **changes) -> Need:
    said = {"kind": Kind.VALUATION, "outcome": ReviewOutcome.VALUE} | changes
    return ruling(grade, said["kind"], said["outcome"], stakes_of(value, price, model), POLICY).need


@pytest.mark.parametrize(
    ("grade", "highest"), [(Grade.G2, 5 * MILLION), (Grade.G3, 20 * MILLION), (Grade.G4, 50 * MILLION)]
)
def test_up_to_the_ceiling_of_the_grade_one_person_is_enough(grade, highest):
    assert need(grade, highest) is Need.NOTHING
    beyond = Need.PANEL if grade is Grade.G4 else Need.APPROVAL
    assert need(grade, highest + 1) is beyond


@pytest.mark.parametrize(("grade", "furthest"), [(Grade.G2, 10), (Grade.G3, 20), (Grade.G4, 30)])
@pytest.mark.parametrize("sign", [1, -1])
def test_so_it_is_with_the_move_from_the_model(grade, furthest, sign):
    assert need(grade, MILLION, price=100 + sign * furthest) is Need.NOTHING
    beyond = Need.PANEL if grade is Grade.G4 else Need.APPROVAL
    assert need(grade, MILLION, price=100 + sign * (furthest + 1)) is beyond


@pytest.mark.parametrize("grade", Grade)
def test_above_every_ceiling_a_panel_decides_whoever_proposed_it(grade):
    assert need(grade, 50 * MILLION + 1) is Need.PANEL
    assert need(grade, 50 * MILLION + 1, model=None) is Need.PANEL
    assert need(grade, MILLION, price=131) is Need.PANEL


def test_whoever_is_new_is_always_approved():
    assert need(Grade.G1, 1) is Need.APPROVAL
    assert ruling(Grade.G1, Kind.VALUATION, ReviewOutcome.UNABLE, stakes_of(None, None, 100), POLICY).need is (
        Need.APPROVAL
    )


@pytest.mark.parametrize("grade", Grade)
@pytest.mark.parametrize("outcome", [ReviewOutcome.VALUE, ReviewOutcome.UNABLE, ReviewOutcome.NOT_ELIGIBLE])
def test_without_a_model_value_two_people_are_needed_always(grade, outcome):
    valued = outcome is ReviewOutcome.VALUE
    stakes = stakes_of(1 if valued else None, 100 if valued else None, None)
    assert ruling(grade, Kind.VALUATION, outcome, stakes, POLICY).need is Need.APPROVAL


@pytest.mark.parametrize("kind", [Kind.AUDIT, Kind.SECOND_READING, Kind.SEEDED, Kind.OPINION])
def test_what_changes_nothing_for_a_channel_needs_nobody_else(kind):
    assert need(Grade.G1, 90 * MILLION, model=None, kind=kind) is Need.NOTHING


def test_a_question_is_no_last_word():
    stakes = stakes_of(None, None, None)
    assert ruling(Grade.G1, Kind.VALUATION, ReviewOutcome.CLARIFY, stakes, POLICY).need is Need.NOTHING


@pytest.mark.requirement("RD16")
def test_a_case_goes_back_to_the_model_with_a_second_name_where_the_first_is_new():
    stakes, back = stakes_of(None, None, None), ReviewOutcome.RETURN_TO_AUTO
    assert ruling(Grade.G1, Kind.VALUATION, back, stakes, POLICY).need is Need.APPROVAL
    assert ruling(Grade.G2, Kind.VALUATION, back, stakes, POLICY).need is Need.NOTHING
    assert ruling(Grade.G1, Kind.AUDIT, back, stakes, POLICY).need is Need.NOTHING


@pytest.mark.requirement("RD3", "GV6")
@pytest.mark.parametrize(
    ("changes", "confirmed", "why"),
    [
        ({}, None, ""),
        ({"conflicts": frozenset({"c-1"})}, None, "回避"),
        ({"conflicts": frozenset({"c-own"})}, None, "回避"),
        ({"conflicts": frozenset({"c-new"})}, "c-new", "回避"),
        ({"certified_until": date(2026, 3, 1)}, None, "过期"),
        ({"regions": frozenset()}, None, "区域"),
    ],
)
def test_a_name_is_put_to_a_conclusion_by_who_might_have_the_task(changes, confirmed, why):
    refused_because = decision_refusal(a_person(**changes), a_task(candidates=("c-own",)), confirmed, NOON, POLICY)
    assert why in refused_because
    assert bool(why) == bool(refused_because)


def refused(approver: Grade, author: Grade, value: int = MILLION, price: int = 100, username: str = "wu") -> str:
    stakes = stakes_of(value, price, 100)
    return approval_refusal(a_person(username, approver), a_task(), "lin", author, stakes, POLICY)


def test_nobody_approves_what_they_wrote_themselves():
    assert refused(Grade.G4, Grade.G4, username="lin") == "不能复核本人的结论"


@pytest.mark.parametrize(
    ("approver", "author"),
    [
        (Grade.G3, Grade.G1),
        (Grade.G3, Grade.G2),
        (Grade.G4, Grade.G1),
        (Grade.G4, Grade.G2),
        (Grade.G4, Grade.G3),
        (Grade.G4, Grade.G4),
    ],
)
def test_the_approver_is_of_a_higher_grade_and_an_expert_is_read_by_another(approver, author):
    assert refused(approver, author) == ""


@pytest.mark.parametrize(
    ("approver", "author"),
    [(Grade.G1, Grade.G1), (Grade.G2, Grade.G1), (Grade.G3, Grade.G3), (Grade.G3, Grade.G4), (Grade.G2, Grade.G4)],
)
def test_others_may_not(approver, author):
    assert "级别" in refused(approver, author)


def test_the_approvers_own_ceiling_covers_the_case():
    assert refused(Grade.G3, Grade.G2, value=20 * MILLION) == ""
    assert "权限" in refused(Grade.G3, Grade.G2, value=20 * MILLION + 1)
    assert refused(Grade.G3, Grade.G2, price=120) == ""
    assert "权限" in refused(Grade.G3, Grade.G2, price=121)


@pytest.mark.requirement("GV6", "DI2")
def test_whoever_has_an_interest_or_has_judged_it_before_does_not_approve():
    stakes = stakes_of(MILLION, 100, 100)
    neighbour = a_person("wu", Grade.G4, conflicts=frozenset({"c-1"}))
    assert "回避" in approval_refusal(neighbour, a_task(), "lin", Grade.G2, stakes, POLICY)
    judged = a_task(kind=Kind.DISPUTE, excluded=("wu",))
    assert "他人" in approval_refusal(a_person("wu", Grade.G4), judged, "lin", Grade.G2, stakes, POLICY)


def test_a_move_is_a_share_of_the_model():
    assert stakes_of(1, 110, 100).move == Decimal("0.1")
    assert stakes_of(1, 90, 100).move == Decimal("0.1")
    assert stakes_of(None, None, 100).move is None


def test_a_panel_has_an_expert_and_each_of_its_members_one_seat():
    two = (("wu", Grade.G3), ("he", Grade.G3))
    assert "专家" in panel_refusal(a_person("qi", Grade.G3), two, 3)
    assert panel_refusal(a_person("qi", Grade.G4), two, 3) == ""
    with_expert = (("wu", Grade.G4), ("he", Grade.G3))
    assert panel_refusal(a_person("qi", Grade.G3), with_expert, 3) == ""
    assert panel_refusal(a_person("wu", Grade.G4), with_expert, 3) != ""
    assert is_chair(a_person("wu", Grade.G4), with_expert)
    assert not is_chair(a_person("he", Grade.G3), with_expert)
    assert not is_chair(a_person("qi", Grade.G4), with_expert)
