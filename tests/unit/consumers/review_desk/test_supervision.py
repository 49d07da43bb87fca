"""What a supervisor may make of a task, of a notice and of a segment: the pure rules."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.oversight.pauses import is_paused
from consumers.review_desk.oversight.segment_holds import hold
from consumers.review_desk.oversight.supervisor_moves import (
    CommandError,
    checked_reason,
    force_released,
    left_behind,
    prioritised,
    reassigned,
    seized,
)
from consumers.review_desk.people.staff import Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.task import TaskState, TaskUnavailableError
from schemas.codes import SegmentState
from tests.fakes.supervised import LIN, NOW, SUN, WU, a_task, queued

POLICY = DeskPolicy()


@pytest.mark.requirement("RD15")
def test_a_seized_task_is_the_supervisors_with_the_draft_and_a_new_lease():
    task = seized(a_task(), SUN, NOW, POLICY)
    assert (task.state, task.reviewer, task.claimed_at) == (TaskState.WORKING, "sun", NOW)
    assert (task.draft, task.due_at) == (a_task().draft, a_task().due_at)
    assert task.lease_ends_at == NOW + POLICY.lease


@pytest.mark.requirement("RD15")
def test_a_reassigned_task_waits_for_the_one_it_is_for():
    task = reassigned(a_task(), WU, NOW, POLICY)
    assert (task.state, task.reviewer, task.preferred) == (TaskState.QUEUED, None, "wu")
    assert task.preferred_until == NOW + POLICY.same_reviewer_within
    assert (task.draft, task.due_at, task.transfers) == (a_task().draft, a_task().due_at, 0)


def test_a_parked_task_is_kept_for_somebody_from_the_opening_on():
    opening = NOW + timedelta(hours=10)
    task = reassigned(queued(state=TaskState.PARKED, parked_until=opening), WU, NOW, POLICY)
    assert (task.state, task.preferred_until) == (TaskState.PARKED, opening + POLICY.same_reviewer_within)


@pytest.mark.requirement("RD15")
@pytest.mark.parametrize(
    "state",
    [
        TaskState.OFFERED,
        TaskState.WORKING,
        TaskState.ON_HOLD,
        TaskState.WAIT_SURVEY,
        TaskState.WAIT_REPLY,
        TaskState.PENDING_APPROVAL,
    ],
)
def test_whatever_somebody_has_or_waits_for_can_be_released_by_force(state):
    task = force_released(a_task(state=state, held_until=NOW + timedelta(hours=1)), NOW)
    assert (task.state, task.reviewer, task.draft) == (TaskState.QUEUED, None, a_task().draft)


@pytest.mark.parametrize(
    "task",
    [
        queued(),
        a_task(state=TaskState.PANEL),
        a_task(state=TaskState.DECIDED),
        queued(state=TaskState.PARKED, parked_until=NOW + timedelta(hours=1)),
    ],
    ids=lambda task: str(task.state),
)
def test_what_nobody_has_in_hand_cannot_be_released(task):
    with pytest.raises(TaskUnavailableError):
        force_released(task, NOW)


def test_nobody_takes_over_what_they_have_or_what_is_done():
    for task in (a_task(reviewer="sun"), a_task(state=TaskState.DECIDED), a_task(state=TaskState.PENDING_APPROVAL)):
        with pytest.raises(TaskUnavailableError):
            seized(task, SUN, NOW, POLICY)
    with pytest.raises(TaskUnavailableError):
        reassigned(a_task(), LIN, NOW, POLICY)


@pytest.mark.requirement("RD15")
@pytest.mark.parametrize(("priority", "taken"), [(0, True), (999, True), (-1, False), (1000, False)])
def test_a_priority_lies_between_0_and_999(priority, taken):
    if taken:
        assert prioritised(queued(), priority).priority == priority
        return
    with pytest.raises(CommandError) as refused:
        prioritised(queued(), priority)
    assert refused.value.field == "priority"


@pytest.mark.requirement("RD15")
@pytest.mark.parametrize("reason", ["", "   ", "催办 "])
def test_a_command_needs_a_reason(reason):
    with pytest.raises(CommandError, match="reason"):
        checked_reason(reason)
    assert checked_reason(" 客户催办 ") == "客户催办"


@pytest.mark.requirement("BA4")
def test_a_leavers_task_that_waits_for_the_channel_goes_on_waiting_for_somebody_else():
    waiting = a_task(state=TaskState.WAIT_REPLY, lease_until=None)
    assert left_behind(waiting, WU, NOW, POLICY) == replace(waiting, reviewer="wu")
    assert left_behind(waiting, None, NOW, POLICY) == replace(waiting, reviewer=None)
    assert left_behind(a_task(), WU, NOW, POLICY).preferred == "wu"
    assert left_behind(a_task(), None, NOW, POLICY).state is TaskState.QUEUED


def test_a_pause_covers_a_queue_or_its_whole_region():
    assert is_paused("BOHAI_RIM/VILLA", {"BOHAI_RIM/VILLA"})
    assert is_paused("BOHAI_RIM/VILLA", {"BOHAI_RIM"})
    assert not is_paused("BOHAI_RIM/RESIDENTIAL", {"BOHAI_RIM/VILLA", "PEARL_DELTA"})


def notice(**changes) -> Notice:
    return replace(Notice(severity=Severity.INFO, text="停电", written_by="sun", written_at=NOW), **changes)


@pytest.mark.parametrize(
    ("meant", "is_for"),
    [
        ({}, True),
        ({"roles": frozenset({Role.REVIEWER})}, True),
        ({"roles": frozenset({Role.QA})}, False),
        ({"regions": frozenset({Region.BOHAI_RIM})}, False),
        ({"regions": frozenset({Region.YANGTZE_DELTA}), "roles": frozenset({Role.REVIEWER})}, True),
        ({"people": frozenset({"lin"}), "roles": frozenset({Role.QA})}, True),
        ({"people": frozenset({"wu"})}, False),
    ],
    ids=["everybody", "their role", "another role", "another region", "their region and role", "by name", "not them"],
)
def test_a_notice_reaches_whom_it_is_for(meant, is_for):
    assert notice(**meant).is_for(LIN) is is_for


@pytest.mark.requirement("RT7")
def test_a_hold_names_the_segment_and_its_person_by_staff_number():
    standing = hold("杭州市", "RESIDENTIAL", " c-17 ", reason="客诉集中", by="sun", at=NOW)
    assert (standing.segment, standing.state, standing.by) == ("杭州市|RESIDENTIAL|c-17", SegmentState.HELD, "SUN")
    assert hold("杭州市", "VILLA", "", reason="客诉集中", by="sun", at=NOW).community_id is None


@pytest.mark.parametrize(
    ("city", "kind", "by", "field"),
    [("杭洲市", "VILLA", "sun", "city"), ("杭州市", "HOUSE", "sun", "property_class"), ("杭州市", "VILLA", "孙", "by")],
)
def test_a_hold_that_names_nothing_known_says_which_field(city, kind, by, field):
    with pytest.raises(CommandError) as refused:
        hold(city, kind, None, reason="客诉集中", by=by, at=NOW)
    assert refused.value.field == field
