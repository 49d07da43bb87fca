"""What has to be handed over before a shift ends."""

from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.oversight.handover import ending, handover_list, reminder
from consumers.review_desk.oversight.roster import Shift
from consumers.review_desk.task import TaskState
from tests.fakes.supervised import NOW, a_task

END = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


def shift(username: str = "lin", *, starts_at=END - timedelta(hours=8), ends_at=END) -> Shift:
    return Shift(shift_id=f"{username}-{ends_at}", username=username, starts_at=starts_at, ends_at=ends_at)


@pytest.mark.requirement("RD8")
@pytest.mark.parametrize(("minutes_before", "due"), [(11, False), (10, True), (1, True), (0, False)], ids=str)
def test_the_list_is_due_ten_minutes_before_the_end(minutes_before, due):
    assert bool(ending([shift()], END - timedelta(minutes=minutes_before))) is due


def test_who_goes_on_with_another_shift_hands_nothing_over():
    goes_on = shift(starts_at=END, ends_at=END + timedelta(hours=2))
    assert ending([shift(), goes_on], END - timedelta(minutes=5)) == ()


@pytest.mark.requirement("RD8")
def test_the_list_has_ones_own_tasks_the_most_pressing_first_and_says_what_was_begun():
    later = a_task("later", state=TaskState.ON_HOLD, reviewer="lin", due_at=NOW + timedelta(hours=5), draft={})
    sooner = a_task("sooner", reviewer="lin", due_at=NOW + timedelta(hours=1), draft={"unit_price": 40_000})
    listed = handover_list(shift(), [later, sooner, a_task("other", reviewer="wu")], NOW)
    assert [(item.task_id, item.has_draft) for item in listed.items] == [("sooner", True), ("later", False)]
    assert listed.items[0].left == timedelta(hours=1)
    assert "还有 2 件任务" in reminder(listed, NOW).text
    assert "没有待交接" in reminder(handover_list(shift(), [], NOW), NOW).text
