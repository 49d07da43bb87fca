"""The order in which tasks go out (RT4), and that nobody waits for ever."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumers.review_desk.queue.assignment import POINT, rank_at
from infra.postgres.migrate import migrations_of
from schemas.codes import Lane
from schemas.domain.channels import Profile
from streams.routing.rules import priority
from tests.fakes import valuations as made
from tests.fakes.desk import MONDAY_NOON, task

MOST_POINTS = 799  # stage 400, staff 200, online 100, money at risk 99
FURTHEST = MOST_POINTS * POINT


def points(*, stage: str = "PRE_LOAN_INVESTIGATION", profile: Profile = Profile.PUBLIC, lane: Lane = Lane.BATCH) -> int:
    return priority(made.scored(loan_stage=stage, lane=lane), profile)


@pytest.mark.requirement("RT4")
def test_among_tasks_due_together_loan_approval_comes_first_whatever_else_speaks_for_the_others():
    approval = task("1", priority=points(stage="IN_LOAN_APPROVAL"))
    dear_and_staff = task("2", priority=points(profile=Profile.STAFF, lane=Lane.ONLINE) + 99)
    assert rank_at(approval) < rank_at(dear_and_staff)


@pytest.mark.requirement("RT4")
def test_then_the_channel_class_then_the_lane_then_the_money_at_risk():
    order = [
        points(profile=Profile.STAFF, lane=Lane.ONLINE),
        points(profile=Profile.STAFF),
        points(lane=Lane.ONLINE),
        points(),
    ]
    ranked = [rank_at(task(priority=number)) for number in order]
    assert ranked == sorted(ranked)
    assert len(set(ranked)) == len(order)


@pytest.mark.requirement("RT4")
def test_of_two_alike_the_one_due_sooner_comes_first():
    soon, late = (task(due_at=MONDAY_NOON + timedelta(hours=hours)) for hours in (3, 4))
    assert rank_at(soon) < rank_at(late)


@pytest.mark.requirement("RT4")
def test_ageing_beats_priority_in_the_end():
    plain = task("1", priority=0, due_at=MONDAY_NOON)
    urgent = task("2", priority=MOST_POINTS, due_at=MONDAY_NOON + FURTHEST + timedelta(seconds=1))
    assert rank_at(plain) < rank_at(urgent)


POINTS = st.integers(0, MOST_POINTS)
MINUTES = st.integers(0, 600)


@pytest.mark.requirement("RT4")
@example(ours=0, others=[(MOST_POINTS, minute) for minute in range(0, 600, 10)], service=10)
@given(ours=POINTS, others=st.lists(st.tuples(POINTS, MINUTES), max_size=60), service=st.integers(1, 30))
def test_no_task_starves(ours, others, service):
    """Whatever keeps arriving, and however slowly it goes out, only what is due soon after can overtake a task."""
    waiting = task("0", priority=ours)
    arriving = [
        (minute, task(str(number), priority=points, due_at=waiting.due_at + timedelta(minutes=minute)))
        for number, (points, minute) in enumerate(others, start=1)
    ]
    queue, overtaking, minute = [waiting, *(one for at, one in arriving if at == 0)], [], 0
    while (served := min(queue, key=rank_at)) is not waiting:
        overtaking.append(served)
        queue.remove(served)
        queue += [one for at, one in arriving if minute < at <= minute + service]
        minute += service
    assert all(one.due_at < waiting.due_at + FURTHEST for one in overtaking)


def test_the_database_orders_by_the_same_points():
    tables = "".join(file.text for file in migrations_of("review_desk"))
    assert f"priority * interval '{POINT.total_seconds():.0f} seconds'" in tables
