from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.people.staff import Family, Grade, Role
from consumers.review_desk.policy import Assignment
from consumers.review_desk.queue.assignment import Candidate, Floor, barred, choose, may_have
from consumers.review_desk.queue.overflow import Opened, before, opens_at
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind
from schemas.domain.worktime import desk_time_between
from tests.fakes.desk import HOME, MONDAY_NOON, POLICY, person, task

NOON = MONDAY_NOON
BUSY, SERVED = Floor(), Floor.of({HOME})
MAIN = person("lin")
BACKUP = person("wu", main_queue="BOHAI_RIM/VILLA", skills=MappingProxyType({HOME: 2}))
NEIGHBOUR = person("he", main_queue="BOHAI_RIM/RESIDENTIAL", skills=MappingProxyType({}))
EXPERT = person("sun", grade=Grade.G4, main_queue="PEARL_DELTA/COMMERCIAL", skills=MappingProxyType({}))
STRANGER = person("xu", main_queue="MIDWEST/VILLA", skills=MappingProxyType({}))


def takers(after: timedelta, floor: Floor = SERVED, **changes) -> set[str]:
    """Who of five people may have a task that has waited so long."""
    waiting = task(**changes)
    people = (MAIN, BACKUP, NEIGHBOUR, EXPERT, STRANGER)
    return {one.username for one in people if may_have(waiting, one, NOON + after, POLICY, floor) is None}


@pytest.mark.requirement("RD3")
def test_a_waiting_task_opens_from_the_main_skill_outwards():
    assert takers(timedelta(minutes=4)) == {"lin"}
    assert takers(timedelta(minutes=5)) == {"lin", "wu"}
    assert takers(timedelta(minutes=15)) == {"lin", "wu", "he"}
    assert takers(timedelta(minutes=30)) == {"lin", "wu", "he", "sun"}


@pytest.mark.requirement("RD3")
def test_a_second_skill_counts_at_once_only_while_everybody_of_the_main_skill_is_busy():
    assert takers(timedelta(0), SERVED) == {"lin"}
    assert takers(timedelta(0), BUSY) == {"lin", "wu"}


def test_with_a_quarter_of_the_time_left_experts_may_take_it():
    nearly_due = NOON + timedelta(hours=2)
    assert takers(timedelta(0), due_at=nearly_due) == {"lin", "sun"}
    assert takers(timedelta(0), due_at=nearly_due + timedelta(seconds=1)) == {"lin"}


def test_overflow_counts_desk_time():
    evening = datetime(2026, 3, 2, 8, 58, tzinfo=UTC)  # two minutes before the desk closes
    waiting = task(queued_at=evening)
    morning = datetime(2026, 3, 3, 1, 3, tzinfo=UTC)  # three minutes after it opens
    assert may_have(waiting, BACKUP, morning - timedelta(seconds=1), POLICY, SERVED) is not None
    assert may_have(waiting, BACKUP, morning, POLICY, SERVED) is None


@given(minutes=st.integers(1, 3_000), at=st.integers(0, 60 * 24 * 60))
def test_the_instants_of_overflow_are_the_inverse_of_desk_time(minutes, at):
    now, waited = NOON + timedelta(minutes=at), timedelta(minutes=minutes)
    assert desk_time_between(before(now, waited), now) == waited
    assert desk_time_between(before(now, waited) + timedelta(seconds=1), now) < waited


@pytest.mark.requirement("RD18")
def test_nobody_is_given_a_case_of_a_region_that_is_not_theirs():
    south = person("mo", regions=frozenset({Region.PEARL_DELTA}))
    assert "区域" in (may_have(task(), south, NOON, POLICY) or "")


@pytest.mark.requirement("RD18")
def test_the_desks_of_the_regions_are_one_pool_of_people():
    everywhere = person("mo", skills=MappingProxyType({HOME: 3, "MIDWEST/RESIDENTIAL": 2}))
    for region in (Region.YANGTZE_DELTA, Region.MIDWEST):
        assert may_have(task(region=region), everywhere, NOON, POLICY) is None


@pytest.mark.requirement("GV6")
def test_who_lives_in_a_community_never_values_in_it():
    owner = replace(MAIN, conflicts=frozenset({"c-1"}))
    assert "回避" in (barred(task(), owner, NOON, POLICY) or "")
    assert barred(task(community_id="c-2"), owner, NOON, POLICY) is None
    assert barred(task(community_id=None), owner, NOON, POLICY) is None
    assert "回避" in (barred(task(community_id=None, candidates=("c-7", "c-1")), owner, NOON, POLICY) or "")


@pytest.mark.requirement("GV6", "DI2")
def test_who_had_a_part_in_the_first_value_never_gets_the_dispute():
    dispute = task(kind=Kind.DISPUTE, excluded=("lin",), preferred="lin")
    assert "他人" in (may_have(dispute, MAIN, NOON + timedelta(days=1), POLICY) or "")


@pytest.mark.requirement("GV6")
def test_priority_moves_the_order_alone_and_opens_nothing():
    for priority in (0, 799):
        assert takers(timedelta(0), priority=priority) == {"lin"}


@pytest.mark.requirement("RD16", "RD17")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"certified_until": None}, "证书"),
        ({"certified_until": date(2026, 3, 1)}, "过期"),
        ({"employer": "agency"}, "运营方"),
        ({"site": "overseas"}, "境内"),
        ({"roles": frozenset({Role.SUPERVISOR})}, "岗位"),
        ({"is_active": False}, "停用"),
    ],
)
def test_no_task_for_who_is_not_fit_to_have_one(changes, why):
    assert why in (may_have(task(), replace(MAIN, **changes), NOON, POLICY) or "")


def test_a_dear_house_is_for_those_whose_approver_can_sign_for_it():
    ceiling = POLICY.ceilings[Grade.G3].value
    assert barred(task(model_value=ceiling), MAIN, NOON, POLICY) is None
    assert "金额" in (barred(task(model_value=ceiling + 1), MAIN, NOON, POLICY) or "")
    assert barred(task(model_value=10 * ceiling), replace(MAIN, grade=Grade.G3), NOON, POLICY) is None


@pytest.mark.requirement("RD6")
def test_a_task_is_kept_for_somebody_for_a_while_and_then_is_anybodys():
    until = NOON + timedelta(minutes=30)
    kept = task(preferred="wu", preferred_until=until)
    assert may_have(kept, BACKUP, NOON, POLICY, SERVED) is None
    assert may_have(kept, MAIN, until - timedelta(seconds=1), POLICY) is not None
    assert may_have(kept, MAIN, until, POLICY) is None


def test_a_task_given_to_a_pool_is_for_its_people():
    given_to = {"EXPERTS": {"sun"}, "BOHAI_RIM/VILLA": {"wu"}, HOME: {"lin", "wu"}}
    for group, people in given_to.items():
        assert takers(timedelta(hours=1), group=group) == people


def test_disputes_go_first_to_who_is_skilled_in_them():
    skilled = replace(STRANGER, skills=MappingProxyType({Family.DISPUTE: 4}))
    dispute = task(kind=Kind.DISPUTE)
    assert may_have(dispute, skilled, NOON, POLICY, SERVED) is None
    assert may_have(dispute, MAIN, NOON, POLICY, SERVED) is not None
    assert may_have(dispute, MAIN, NOON + timedelta(minutes=5), POLICY, SERVED) is None


def test_a_paused_queue_gives_nothing_away():
    for paused in (HOME, "YANGTZE_DELTA"):
        assert takers(timedelta(days=1), Floor(paused=frozenset({paused}))) == set()


def test_a_type_without_a_class_is_served_by_everybody_of_the_region():
    assert takers(timedelta(0), skill="") == {"lin"}
    assert takers(timedelta(0), BUSY, skill="") == {"lin", "wu"}


def test_who_has_no_queue_in_the_register_is_a_back_up_everywhere():
    generalist = person("gu", main_queue="", skills=MappingProxyType({Family.OUTLIER: 2}))
    for region in Region:
        assert may_have(task(region=region), generalist, NOON, POLICY, BUSY) is None
    assert may_have(task(), generalist, NOON, POLICY, SERVED) is not None
    assert may_have(task(), generalist, NOON + timedelta(minutes=5), POLICY, SERVED) is None


def chosen(how: Assignment = Assignment.LONGEST_IDLE, *candidates: Candidate, **changes) -> str:
    policy = replace(POLICY, assignment=MappingProxyType({HOME: how}))
    found = choose(task(**changes), candidates, policy)
    return "" if found is None else found.person.username


EARLY = Candidate.of(MAIN, NOON - timedelta(minutes=9), 3)
LATE = Candidate.of(person("mei", skills=MappingProxyType({HOME: 5})), NOON - timedelta(minutes=1))


@pytest.mark.requirement("RD2")
def test_who_has_waited_longest_gets_the_task_unless_the_queue_says_otherwise():
    assert chosen(Assignment.LONGEST_IDLE, LATE, EARLY) == "lin"
    assert chosen(Assignment.LEAST_LOAD, EARLY, LATE) == "mei"
    assert chosen(Assignment.BEST_SKILL, EARLY, LATE) == "mei"
    assert choose(task(), [EARLY, LATE], POLICY) is EARLY
    assert choose(task(), [], POLICY) is None


@pytest.mark.requirement("RD3")
def test_skill_in_the_reasons_counts_beside_that_in_the_queue():
    knows_thin_markets = Candidate.of(person("mei", skills=MappingProxyType({HOME: 3, Family.THIN_MARKET: 4})), NOON)
    assert chosen(Assignment.BEST_SKILL, EARLY, knows_thin_markets, reasons=("THIN_COMPARABLES",)) == "mei"
    assert chosen(Assignment.BEST_SKILL, EARLY, knows_thin_markets, reasons=("HIGH_VALUE",)) == "lin"


@pytest.mark.requirement("RD3", "RD6")
def test_the_inner_circle_comes_before_the_outer_and_who_it_is_kept_for_before_all():
    outer = Candidate.of(BACKUP, NOON - timedelta(hours=1))
    assert chosen(Assignment.LONGEST_IDLE, outer, LATE) == "mei"
    assert chosen(Assignment.LONGEST_IDLE, outer, LATE, preferred="wu") == "wu"


@pytest.mark.requirement("RT5")
@pytest.mark.parametrize(
    ("shanghai", "opening"),
    [
        ((2026, 3, 2, 9, 0), None),  # the first minute is open
        ((2026, 3, 2, 16, 59), None),
        ((2026, 3, 2, 8, 59), (2026, 3, 2, 9, 0)),
        ((2026, 3, 2, 17, 0), (2026, 3, 3, 9, 0)),  # the last one is over
        ((2026, 3, 6, 18, 30), (2026, 3, 9, 9, 0)),  # Friday evening
        ((2026, 2, 14, 10, 0), None),  # a Saturday made up for the Spring Festival
        ((2026, 2, 16, 10, 0), (2026, 2, 24, 9, 0)),  # the Spring Festival
    ],
)
def test_work_begins_at_once_in_opening_hours_and_else_at_the_next_opening(shanghai, opening):
    def utc(parts) -> datetime:
        return datetime(*parts, tzinfo=UTC) - timedelta(hours=8)

    assert opens_at(utc(shanghai), POLICY) == utc(opening or shanghai)
    assert opens_at(utc(shanghai), replace(POLICY, duty_pool=True)) == utc(shanghai)


def test_what_is_open_is_worked_out_once_for_all_tasks():
    opened = Opened.at(NOON, POLICY)
    waits = [(opened.now - one) for one in (opened.backup, opened.neighbour, opened.experts)]
    assert waits == [timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30)]
