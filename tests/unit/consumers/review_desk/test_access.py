"""Who may do what: the table of rights, regions, and the rules of the contract about people."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.people.access import RIGHTS, Permission, may, require
from consumers.review_desk.people.eligibility import (
    admitted,
    effective_grade,
    months_after,
    why_no_task,
    why_not_reviewer,
)
from consumers.review_desk.people.route_rights import OPEN, rule_of
from consumers.review_desk.people.route_rights import RIGHTS as ROUTES
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError

TODAY = date(2026, 3, 9)
LIN = Person(
    username="lin",
    name="林审",
    grade=Grade.G2,
    roles=frozenset({Role.REVIEWER}),
    hired_on=date(2025, 1, 31),
    certified_until=date(2026, 12, 31),
)


def with_role(role: Role) -> Person:
    return replace(LIN, roles=frozenset({role}))


@pytest.mark.requirement("SE3")
def test_export_is_a_right_of_its_own_that_no_other_brings():
    assert [role for role, rights in RIGHTS.items() if Permission.EXPORT in rights] == [Role.AUDITOR]


@pytest.mark.requirement("SE3")
def test_nobody_but_an_administrator_changes_rights_and_no_administrator_sees_a_case():
    assert [role for role, rights in RIGHTS.items() if Permission.EDIT_STAFF in rights] == [Role.ADMIN]
    assert not may(with_role(Role.ADMIN), Permission.SEE_CASE)


@pytest.mark.requirement("SE3")
def test_an_auditor_reads_and_changes_nothing():
    acting = {Permission.WORK, Permission.APPROVE, Permission.SUPERVISE, Permission.MARK, Permission.EDIT_CONFLICTS}
    acting |= {Permission.WRITE_GUIDELINES, Permission.PLAN_ROSTER, Permission.EDIT_STAFF}
    assert RIGHTS[Role.AUDITOR].isdisjoint(acting)


@pytest.mark.requirement("SE3", "RD18")
def test_a_right_ends_at_the_border_of_the_region():
    delta = replace(LIN, regions=frozenset({Region.YANGTZE_DELTA}))
    assert may(delta, Permission.SEE_CASE, Region.YANGTZE_DELTA)
    with pytest.raises(NotAllowedError, match="区域"):
        require(delta, Permission.SEE_CASE, Region.PEARL_DELTA)


def test_a_refusal_names_the_right_that_is_missing():
    with pytest.raises(NotAllowedError, match="复核他人结论"):
        require(LIN, Permission.APPROVE)


def test_somebody_retired_may_nothing():
    assert not may(replace(LIN, is_active=False), Permission.ENTER)


@pytest.mark.requirement("SE3")
def test_every_role_may_enter_and_every_right_is_somebodys():
    assert all(Permission.ENTER in rights for rights in RIGHTS.values())
    assert frozenset().union(*RIGHTS.values()) == frozenset(Permission)


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/nothing"), ("DELETE", "/api/staff/lin"), ("POST", "/"), ("GET", "/api/staff/lin/retire/x")],
)
def test_a_path_without_a_rule_is_nobodys(method, path):
    assert rule_of(method, path) is None


def test_a_path_is_known_by_its_template_and_a_fixed_one_comes_before_a_template():
    assert rule_of("PUT", "/api/staff/lin").template == "/api/staff/{username}"
    assert rule_of("POST", "/api/tasks/claim").permission is Permission.WORK
    assert rule_of("HEAD", "/staff").permission is Permission.SEE_STAFF
    assert OPEN.isdisjoint(ROUTES)


@pytest.mark.requirement("RD17")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"employer": "bank"}, "非本项目运营方"),
        ({"employer": "agency"}, "非本项目运营方"),
        ({"site": "hongkong"}, "境内"),
        ({"is_active": False}, "停用"),
        ({"grade": Grade.G3, "hired_on": date(2025, 3, 10)}, "满一年"),
        ({"grade": Grade.G4, "hired_on": date(2025, 3, 10)}, "满一年"),
    ],
)
def test_only_the_operator_s_people_on_the_mainland_with_the_years_of_their_grade_are_given_tasks(change, why):
    person = replace(LIN, **change)
    assert why in why_not_reviewer(person, TODAY)
    assert why in why_no_task(person, TODAY)


@pytest.mark.requirement("RD17")
def test_a_year_is_over_on_its_day_and_needed_of_the_high_grades_alone():
    senior = replace(LIN, grade=Grade.G3, hired_on=date(2025, 3, 9))
    assert why_no_task(senior, TODAY) is None
    assert why_no_task(replace(LIN, hired_on=date(2026, 3, 1)), TODAY) is None


@pytest.mark.requirement("RD17")
def test_others_keep_what_is_not_reviewing():
    both = replace(LIN, employer="bank", roles=frozenset({Role.REVIEWER, Role.SENIOR, Role.AUDITOR}))
    assert admitted(both, TODAY).roles == {Role.AUDITOR}
    assert admitted(LIN, TODAY) == LIN


@pytest.mark.requirement("RD16")
@pytest.mark.parametrize(("until", "why"), [(None, "尚未取得"), (date(2026, 3, 8), "已过期"), (date(2026, 3, 9), None)])
def test_a_certificate_is_valid_to_the_end_of_its_last_day_and_without_one_there_is_no_task(until, why):
    found = why_no_task(replace(LIN, certified_until=until), TODAY)
    assert found is None if why is None else why in found


@pytest.mark.requirement("RD16")
def test_who_has_no_reviewer_s_role_is_given_no_task():
    assert "岗位" in why_no_task(with_role(Role.SUPERVISOR), TODAY)


@pytest.mark.requirement("RD16")
@pytest.mark.parametrize(
    ("hired_on", "agreement", "grade"),
    [
        (date(2026, 1, 10), None, Grade.G1),
        (date(2026, 1, 10), Decimal("0.9499"), Grade.G1),
        (date(2026, 1, 10), Decimal("0.95"), Grade.G2),
        (date(2026, 1, 9), None, Grade.G2),
    ],
)
def test_the_first_two_months_are_g_one_until_others_agree_with_nineteen_in_twenty(hired_on, agreement, grade):
    assert effective_grade(replace(LIN, hired_on=hired_on), TODAY, agreement) is grade


def test_months_end_where_the_month_has_no_such_day():
    assert months_after(date(2025, 12, 31), 2) == date(2026, 2, 28)
    assert months_after(date(2024, 2, 29), 12) == date(2025, 2, 28)


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 40), st.integers(0, 40))
def test_more_months_are_never_earlier(day, months, more):
    assert months_after(day, months) <= months_after(day, months + more)
