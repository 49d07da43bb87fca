"""Who is led where by the bar, and what the watermark says."""

import pytest

from consumers.review_desk.pages.frame import PLACES, places_of, watermark
from consumers.review_desk.people.route_rights import RIGHTS
from consumers.review_desk.people.staff import Grade, Person, Role


def person(*roles: Role) -> Person:
    return Person(username="lin", name="林审", grade=Grade.G2, roles=frozenset(roles))


def names(*roles: Role) -> list[str]:
    return [place.name for place in places_of(person(*roles))]


def test_a_reviewer_is_led_to_own_work_and_to_nothing_of_supervision_or_approval():
    shown = names(Role.REVIEWER)
    assert shown[:4] == ["我的任务", "公共池", "合议", "查询"]
    assert set(shown).isdisjoint({"复核", "班长台", "大屏", "质检", "审计回放", "人员与权限"})


def test_a_senior_also_approves():
    assert "复核" in names(Role.SENIOR)


def test_an_auditor_reads_and_works_on_nothing():
    shown = set(names(Role.AUDITOR))
    assert {"查询", "审计回放"} <= shown
    assert shown.isdisjoint({"我的任务", "公共池", "复核"})


@pytest.mark.parametrize("role", list(Role))
def test_everybody_is_led_somewhere_and_to_no_page_the_guard_would_refuse(role):
    led_to = places_of(person(role))
    assert led_to
    assert all(place.needs is RIGHTS["GET", place.path] for place in led_to if place.path != "/")


def test_every_page_is_named_once():
    assert len({place.path for place in PLACES}) == len({place.name for place in PLACES}) == len(PLACES)


@pytest.mark.requirement("RD11")
def test_the_watermark_names_person_and_account():
    assert watermark(person(Role.REVIEWER)) == "林审 lin"
