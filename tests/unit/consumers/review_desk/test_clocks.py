"""The clocks of open tasks, in Shanghai's working time."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.clock.progress import is_news, per_task, places
from consumers.review_desk.clock.rules import (
    Blocked,
    Clocked,
    Level,
    block_levels_due,
    blocked_queues,
    first_in,
    levels_due,
    marks_due,
    share_used,
)
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState
from schemas.domain.contract import MANUAL_ANSWER
from schemas.domain.worktime import SHANGHAI, due_at

POLICY = DeskPolicy()
HALF, THREE_QUARTERS, NINETY, BREACH = POLICY.at_risk
QUEUE = "YANGTZE_DELTA/RESIDENTIAL"


def at(day, hour, minute=0, second=0, month=11):
    return datetime(2026, month, day, hour, minute, second, tzinfo=SHANGHAI)


TUESDAY_NINE = at(24, 9)


def a_task(received_at=TUESDAY_NINE, **changes):
    task = Clocked(
        task_id="t-1",
        valuation_id="v-1",
        revision=1,
        kind=Kind.VALUATION,
        internal=False,
        region=Region.YANGTZE_DELTA,
        queue=QUEUE,
        state=TaskState.QUEUED,
        is_in_hand=False,
        received_at=received_at,
        due_at=due_at(received_at, MANUAL_ANSWER.value),
    )
    return replace(task, **changes)


@pytest.mark.requirement("RD1")
def test_a_request_of_friday_evening_has_used_nothing_until_monday_and_is_due_on_monday_evening():
    task = a_task(at(27, 18, 30))
    assert task.due_at == at(30, 17)
    for now, share in [
        (at(27, 23), 0),
        (at(29, 12), 0),
        (at(30, 9), 0),
        (at(30, 13), HALF),
        (at(30, 15), THREE_QUARTERS),
    ]:
        assert share_used(task.due_at, now) == share
    assert marks_due(task, at(30, 12, 59, 59), POLICY) == ()
    assert marks_due(task, at(30, 13), POLICY) == (HALF,)


@pytest.mark.requirement("RD1")
def test_a_make_up_saturday_counts_like_any_working_day():
    """National day 2026: Saturday 10 October is worked for it, the week before is free."""
    task = a_task(at(30, 13, month=9))
    assert task.due_at == at(8, 13, month=10)
    assert share_used(task.due_at, at(5, 12, month=10)) == HALF
    on_saturday = a_task(at(9, 13, month=10))
    assert on_saturday.due_at == at(10, 13, month=10)
    assert share_used(on_saturday.due_at, at(10, 11, month=10)) == THREE_QUARTERS


@pytest.mark.requirement("RD1")
def test_the_due_time_itself_is_in_time_and_a_moment_later_is_the_breach():
    task = a_task(share_told=NINETY)
    assert marks_due(task, task.due_at, POLICY) == ()
    assert marks_due(task, task.due_at + timedelta(microseconds=1), POLICY) == (BREACH,)


@pytest.mark.requirement("RD1")
def test_each_mark_is_due_once_and_all_that_were_missed_are_told():
    assert marks_due(a_task(), at(24, 16, 30), POLICY) == (HALF, THREE_QUARTERS, NINETY)
    assert marks_due(a_task(share_told=THREE_QUARTERS), at(24, 16, 30), POLICY) == (NINETY,)
    assert marks_due(a_task(share_told=BREACH), at(25, 16, 30), POLICY) == ()


@pytest.mark.requirement("RD1")
def test_the_clock_stands_still_while_the_channel_is_asked():
    asked = a_task(state=TaskState.WAIT_REPLY, paused_since=at(24, 12))
    assert marks_due(asked, at(26, 12), POLICY) == ()
    assert levels_due(asked, at(26, 12), POLICY) == ()


@pytest.mark.parametrize("changes", [{"internal": True}, {"kind": Kind.AUDIT}, {"kind": Kind.OPINION}])
def test_the_desk_s_own_work_breaks_no_promise(changes):
    task = a_task(**changes)
    assert marks_due(task, at(26, 12), POLICY) == ()
    assert levels_due(task, at(26, 12), POLICY) == ()


@pytest.mark.requirement("RD1")
@pytest.mark.parametrize(
    ("minutes", "levels"),
    [
        (4, ()),
        (5, (Level.SUPERVISOR,)),
        (10, (Level.SUPERVISOR, Level.OPERATIONS)),
        (59, (Level.SUPERVISOR, Level.OPERATIONS)),
        (60, tuple(Level)),
    ],
)
def test_an_overdue_task_is_told_higher_up_after_five_ten_and_sixty_minutes(minutes, levels):
    task = a_task()
    now = task.due_at + timedelta(minutes=minutes)
    assert levels_due(task, now, POLICY) == levels
    assert levels_due(replace(task, level_told=len(levels)), now, POLICY) == ()


@given(minutes=st.lists(st.integers(0, 30 * 24 * 60), min_size=2, max_size=2))
def test_the_share_never_falls_as_time_passes(minutes):
    first, second = sorted(at(24, 9) + timedelta(minutes=m) for m in minutes)
    due = due_at(at(24, 9), MANUAL_ANSWER.value)
    assert 0 <= share_used(due, first) <= share_used(due, second)


@pytest.mark.requirement("RD1")
def test_a_queue_is_blocked_when_tasks_wait_and_nobody_is_at_any_of_them():
    waiting, taken = a_task(), a_task(task_id="t-2", state=TaskState.WORKING, is_in_hand=True)
    assert blocked_queues([waiting], frozenset()) == {QUEUE}
    assert blocked_queues([waiting, taken], frozenset()) == frozenset()
    assert blocked_queues([replace(waiting, state=TaskState.PARKED)], frozenset()) == frozenset()
    assert blocked_queues([waiting], frozenset({QUEUE})) == frozenset()
    assert blocked_queues([waiting], frozenset({"YANGTZE_DELTA"})) == frozenset()


@pytest.mark.requirement("RD1")
def test_a_blocked_queue_is_told_higher_up_in_desk_time():
    block = Blocked(queue=QUEUE, since=at(24, 16, 57))
    assert block_levels_due(block, at(24, 23), POLICY) == ()
    assert block_levels_due(block, at(25, 9, 2), POLICY) == (Level.SUPERVISOR,)
    assert block_levels_due(replace(block, level_told=1), at(25, 9, 57), POLICY) == (Level.OPERATIONS, Level.MANAGEMENT)


def test_the_first_of_a_queue_is_one_that_a_channel_waits_for():
    sample, first, second = (a_task(task_id=name) for name in ("s", "f", "g"))
    assert first_in(QUEUE, [replace(sample, internal=True), first, second]) == first
    assert first_in("MIDWEST/VILLA", [first]) is None


# ---- what channels are told ---------------------------------------------------------------------------------------


@pytest.mark.requirement("RT4")
def test_the_expected_time_is_the_position_at_the_pace_of_the_queue_in_desk_time():
    tasks = [a_task(task_id=f"t-{n}") for n in range(3)]
    found = list(places(tasks, {QUEUE: 16}, at(24, 16), POLICY))  # 16 in the eight desk hours of a day
    assert [(place.task.task_id, place.position) for place in found] == [("t-0", 1), ("t-1", 2), ("t-2", 3)]
    assert [place.expected_at for place in found] == [at(24, 16, 30), at(24, 17), at(25, 9, 30)]


@pytest.mark.requirement("RT4")
def test_only_what_waits_has_a_place_and_samples_are_ahead_like_any_other_work():
    tasks = [
        a_task(task_id="in hand", state=TaskState.OFFERED, is_in_hand=True),
        a_task(task_id="sample", internal=True),
        a_task(task_id="elsewhere", queue="MIDWEST/VILLA"),
        a_task(task_id="asked", state=TaskState.WAIT_REPLY),
        a_task(task_id="parked", state=TaskState.PARKED),
    ]
    found = {place.task.task_id: place.position for place in places(tasks, {}, at(24, 20), POLICY)}
    assert found == {"elsewhere": 1, "parked": 2}


def test_without_enough_decisions_the_usual_pace_is_expected():
    assert per_task(2, timedelta(hours=8), POLICY) == timedelta(minutes=15)
    assert per_task(9, timedelta(0), POLICY) == timedelta(minutes=15)
    assert per_task(4, timedelta(hours=2), POLICY) == timedelta(minutes=30)


@pytest.mark.requirement("RT4")
def test_a_channel_is_told_first_and_again_when_the_time_moved_by_more_than_half_an_hour():
    (place,) = places([a_task()], {}, at(24, 10), POLICY)
    assert is_news(place, POLICY)
    for told, again in [
        (at(24, 10, 15), False),
        (at(24, 10, 45), False),
        (at(24, 10, 45, 1), True),
        (at(24, 9, 44), True),
    ]:
        task = replace(place.task, told_revision=1, expected_at=told)
        assert is_news(replace(place, task=task), POLICY) is again, told


@pytest.mark.requirement("RT4")
def test_a_night_between_two_expected_times_is_no_delay():
    (place,) = places([a_task()], {}, at(24, 16, 50), POLICY)
    assert place.expected_at == at(25, 9, 5)
    assert not is_news(replace(place, task=replace(place.task, told_revision=1, expected_at=at(24, 16, 55))), POLICY)


@pytest.mark.requirement("RT4")
def test_a_case_that_comes_back_after_a_question_is_told_anew():
    (place,) = places([a_task(revision=2, told_revision=1, expected_at=at(24, 10, 15))], {}, at(24, 10), POLICY)
    assert is_news(place, POLICY)


def test_the_share_is_exact_to_the_second():
    assert share_used(at(24, 17), at(24, 9, 0, 1)) == Decimal(1) - Decimal(28_799) / Decimal(28_800)
