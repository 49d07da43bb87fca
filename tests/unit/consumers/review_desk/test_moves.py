from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.review_desk.queue import moves
from consumers.review_desk.task import Task, TaskState, TaskUnavailableError
from tests.fakes.desk import MONDAY_NOON, POLICY, person, task

NOON = MONDAY_NOON
LIN, WU = person("lin"), person("wu")
SIGN = POLICY.silent + POLICY.grace


def working(**changes) -> Task:
    return replace(moves.claim(task(), LIN, NOON, POLICY), **changes)


def on_hold(until=NOON + timedelta(hours=2), **changes) -> Task:
    return replace(moves.hold(working(), LIN, NOON, POLICY, until=until, already_held=0), **changes)


def refused(move: Callable[[], object]) -> str:
    with pytest.raises(TaskUnavailableError) as error:
        move()
    return error.value.why


@pytest.mark.requirement("RD2")
def test_an_offer_is_accepted_within_its_minute_by_whoever_has_it():
    offered = moves.offer(task(), LIN, NOON, POLICY)
    assert (offered.state, offered.reviewer, offered.lease_until) == (
        TaskState.OFFERED,
        "lin",
        NOON + timedelta(seconds=60),
    )
    last = NOON + timedelta(seconds=59)
    accepted = moves.accept(offered, LIN, last, POLICY)
    assert (accepted.state, accepted.claimed_at, accepted.lease_ends_at) == (
        TaskState.WORKING,
        last,
        last + timedelta(minutes=30),
    )
    assert "派单" in refused(lambda: moves.accept(offered, WU, NOON, POLICY))
    assert "派单" in refused(lambda: moves.accept(offered, LIN, NOON + timedelta(seconds=60), POLICY))


def test_an_offer_that_is_refused_or_runs_out_leaves_the_task_as_it_was():
    waiting = task(draft={"unit_price": 41_000})
    offered = moves.offer(waiting, LIN, NOON, POLICY)
    assert moves.refuse(offered, LIN, NOON) == waiting
    assert moves.as_of(offered, NOON + POLICY.offer) == waiting


def test_whoever_refuses_what_was_kept_for_them_has_it_kept_no_longer():
    kept = task(preferred="lin", preferred_until=NOON + timedelta(minutes=30))
    refused_by_lin = moves.refuse(moves.offer(kept, LIN, NOON, POLICY), LIN, NOON)
    assert (refused_by_lin.preferred, refused_by_lin.preferred_until) == (None, None)
    refused_by_wu = moves.refuse(moves.offer(kept, WU, NOON, POLICY), WU, NOON)
    assert refused_by_wu.preferred == "lin"


@pytest.mark.requirement("RD17", "DI2")
@pytest.mark.parametrize("take", [moves.claim, moves.offer])
def test_of_a_blind_task_nobody_reads_what_somebody_else_had_typed(take):
    typed = {"draft": {"unit_price": 41_000}, "drafted_by": "wu"}
    assert take(task(blind=True, **typed), LIN, NOON, POLICY).draft == {}
    assert take(task(blind=True, **typed), WU, NOON, POLICY).draft == {"unit_price": 41_000}
    assert take(task(**typed), LIN, NOON, POLICY).draft == {"unit_price": 41_000}


@pytest.mark.requirement("RD15")
def test_what_waits_for_others_is_called_back_into_the_queue_with_its_draft():
    typed = working(draft={"x": 1}, preferred="lin")
    later = NOON + timedelta(hours=1)
    pending = moves.submit(typed, LIN, NOON, TaskState.PENDING_APPROVAL)
    for waiting in (pending, moves.wait_for_survey(typed, LIN, NOON)):
        back = moves.recall(waiting, later)
        assert (back.state, back.reviewer, back.preferred, back.draft) == (TaskState.QUEUED, None, None, {"x": 1})
        assert back.due_at == task().due_at
    asked = moves.recall(moves.wait_for_reply(typed, LIN, NOON), later)
    assert (asked.state, asked.clarified, asked.paused_since) == (TaskState.QUEUED, True, None)
    assert (asked.paused, asked.due_at) == (timedelta(hours=1), task().due_at + timedelta(hours=1))
    assert "等待" in refused(lambda: moves.recall(working(), later))


@pytest.mark.requirement("RD2")
def test_nobody_else_can_take_what_somebody_has():
    for taken in (working(), moves.offer(task(), LIN, NOON, POLICY), on_hold()):
        assert "他人" in refused(lambda taken=taken: moves.claim(taken, WU, NOON, POLICY))


@pytest.mark.requirement("RD5")
def test_a_lease_without_a_sign_of_life_frees_the_task_with_its_draft():
    held = working(draft={"unit_price": 41_000})
    assert held.lease_until == NOON + timedelta(minutes=5, seconds=45)
    assert moves.as_of(held, held.lease_until - timedelta(seconds=1)) is held
    taken = moves.claim(held, WU, held.lease_until, POLICY)
    assert (taken.reviewer, taken.draft) == ("wu", {"unit_price": 41_000})
    assert "不在您手上" in refused(lambda: moves.release(held, LIN, held.lease_until))


@pytest.mark.requirement("RD5")
def test_signs_of_life_keep_a_task_up_to_the_end_of_its_lease():
    held = working()
    assert moves.keep(held, NOON + timedelta(minutes=10), POLICY).lease_until == NOON + timedelta(minutes=10) + SIGN
    assert moves.keep(held, NOON + timedelta(minutes=29), POLICY).lease_until == NOON + timedelta(minutes=30)


@pytest.mark.requirement("RD5")
def test_a_lease_is_renewed_once():
    late = NOON + timedelta(minutes=29)
    held = moves.keep(moves.keep(working(), NOON + timedelta(minutes=5), POLICY), late, POLICY)
    longer = moves.renew(replace(held, lease_until=held.lease_ends_at), LIN, late, POLICY)
    assert longer.lease_ends_at == NOON + timedelta(minutes=60)
    assert "一次" in refused(lambda: moves.renew(longer, LIN, late, POLICY))


@pytest.mark.requirement("RD10")
def test_a_hold_keeps_draft_and_due_time_and_three_at_most_are_on_hold():
    held = working(draft={"x": 1})
    aside = moves.hold(held, LIN, NOON, POLICY, until=NOON + timedelta(hours=1), already_held=2)
    assert (aside.state, aside.draft, aside.due_at) == (TaskState.ON_HOLD, {"x": 1}, held.due_at)
    back = moves.resume(aside, LIN, NOON + timedelta(minutes=3), POLICY)
    assert (back.state, back.claimed_at) == (TaskState.WORKING, NOON)
    assert back.lease_ends_at == NOON + timedelta(minutes=33)
    until = NOON + timedelta(hours=1)
    assert "3件" in refused(lambda: moves.hold(held, LIN, NOON, POLICY, until=until, already_held=3))
    assert "晚于" in refused(lambda: moves.hold(held, LIN, NOON, POLICY, until=NOON, already_held=0))


def test_a_hold_that_is_over_queues_the_task_for_the_same_person_first():
    until = NOON + timedelta(minutes=4)
    over = moves.as_of(on_hold(until=until), until)
    assert (over.state, over.reviewer, over.preferred) == (TaskState.QUEUED, None, "lin")
    assert over.preferred_until == until + POLICY.same_reviewer_within


@pytest.mark.requirement("RD5")
def test_a_task_on_hold_of_somebody_who_went_silent_is_anybodys():
    gone = moves.as_of(on_hold(), NOON + SIGN)
    assert (gone.state, gone.reviewer, gone.preferred) == (TaskState.QUEUED, None, None)


@pytest.mark.requirement("RD10")
def test_a_transfer_goes_to_a_ready_colleague_as_an_offer_and_else_waits_for_them_first():
    held = working(draft={"x": 1})
    offered = moves.transfer(held, LIN, WU, NOON, POLICY, is_ready=True)
    assert (offered.state, offered.reviewer, offered.transfers) == (TaskState.OFFERED, "wu", 1)
    waiting = moves.transfer(held, LIN, WU, NOON, POLICY, is_ready=False)
    assert (waiting.state, waiting.preferred, waiting.reviewer) == (TaskState.QUEUED, "wu", None)
    for moved in (offered, waiting):
        assert (moved.draft, moved.due_at) == (held.draft, held.due_at)


@pytest.mark.requirement("RD10")
def test_a_fourth_transfer_is_a_supervisors_decision():
    third = moves.transfer(working(transfers=2), LIN, WU, NOON, POLICY, is_ready=False)
    again = moves.claim(third, WU, NOON, POLICY)
    assert again.transfers == 3
    assert "班长" in refused(lambda: moves.transfer(again, WU, LIN, NOON, POLICY, is_ready=True))
    assert "班长" in refused(lambda: moves.to_group(again, WU, "EXPERTS", NOON, POLICY))


@pytest.mark.requirement("RD10")
def test_a_task_given_to_a_pool_names_it_and_keeps_everything():
    held = working(draft={"x": 1})
    given = moves.to_group(held, LIN, "EXPERTS", NOON, POLICY)
    assert (given.state, given.group, given.draft, given.due_at) == (
        TaskState.QUEUED,
        "EXPERTS",
        {"x": 1},
        held.due_at,
    )


@pytest.mark.requirement("RD1", "RD6")
def test_the_clock_stands_still_while_the_channel_is_asked():
    due = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
    asked_at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # 16:00, an hour before the desk closes
    held = moves.claim(task(due_at=due), LIN, asked_at, POLICY)
    waiting = moves.wait_for_reply(held, LIN, asked_at)
    assert (waiting.state, waiting.reviewer, waiting.lease_until) == (TaskState.WAIT_REPLY, "lin", None)
    replied_at = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)  # 10:00 the next day: two hours of desk time later
    back = moves.reply_came(waiting, replied_at, POLICY)
    assert (back.paused, back.due_at) == (timedelta(hours=2), due + timedelta(hours=2))
    assert (back.preferred, back.preferred_until) == ("lin", replied_at + timedelta(minutes=30))
    assert (back.state, back.reviewer, back.paused_since) == (TaskState.QUEUED, None, None)


def test_a_reply_in_the_night_moves_nothing_beyond_the_desk_time_that_passed():
    closing = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    waiting = moves.wait_for_reply(moves.claim(task(), LIN, closing, POLICY), LIN, closing)
    back = moves.reply_came(waiting, closing + timedelta(hours=8), POLICY)
    assert (back.paused, back.due_at) == (timedelta(0), task().due_at)


def test_the_channel_is_asked_once():
    again = working(clarified=True)
    assert "一次" in refused(lambda: moves.wait_for_reply(again, LIN, NOON))


def test_a_survey_leaves_the_clock_running_and_comes_back_to_the_same_person():
    waiting = moves.wait_for_survey(working(draft={"x": 1}), LIN, NOON)
    assert waiting.state is TaskState.WAIT_SURVEY
    back = moves.survey_in(waiting, NOON + timedelta(hours=3), POLICY)
    assert (back.state, back.preferred, back.due_at, back.draft) == (
        TaskState.QUEUED,
        "lin",
        task().due_at,
        {"x": 1},
    )


@pytest.mark.parametrize("to", [TaskState.PENDING_APPROVAL, TaskState.PANEL, TaskState.DECIDED])
def test_a_submitted_task_names_its_author_and_is_in_nobodys_hands(to):
    submitted = moves.submit(working(draft={"x": 1}), LIN, NOON, to)
    assert (submitted.state, submitted.reviewer, submitted.lease_until) == (to, "lin", None)
    assert submitted.draft == ({} if to is TaskState.DECIDED else {"x": 1})
    assert not moves.is_free(submitted, NOON + timedelta(days=1))


@pytest.mark.requirement("RD5")
def test_whoever_lost_the_task_cannot_submit_it():
    held = working()
    for who, at in ((WU, NOON), (LIN, held.lease_until)):
        assert "不在您手上" in refused(lambda who=who, at=at: moves.submit(held, who, at, TaskState.DECIDED))


def test_what_is_sent_back_goes_to_its_author_or_waits_for_them():
    pending = moves.submit(working(draft={"x": 1}), LIN, NOON, TaskState.PENDING_APPROVAL)
    later = NOON + timedelta(hours=1)
    back = moves.send_back(pending, later, POLICY, is_free=True)
    assert back.worked_on_by("lin", later)
    assert (back.draft, back.due_at, back.claimed_at) == ({"x": 1}, task().due_at, NOON)
    waits = moves.send_back(pending, later, POLICY, is_free=False)
    assert (waits.state, waits.preferred, waits.reviewer) == (TaskState.QUEUED, "lin", None)


def test_the_ends_are_ends():
    ended = (
        moves.decide(moves.submit(working(), LIN, NOON, TaskState.PANEL)),
        moves.return_to_auto(working(), LIN, NOON),
        moves.cancel(working()),
    )
    assert [one.state for one in ended] == [TaskState.DECIDED, TaskState.RETURNED_TO_AUTO, TaskState.CANCELLED]
    for one in ended:
        assert "办结" in refused(lambda one=one: moves.claim(one, LIN, NOON, POLICY))
        assert "办结" in refused(lambda one=one: moves.release(one, LIN, NOON))
        assert "办结" in refused(lambda one=one: moves.cancel(one))


def test_any_open_task_can_be_cancelled():
    for state in TaskState:
        if state.is_open:
            assert moves.cancel(task(state=state)).state is TaskState.CANCELLED


@pytest.mark.requirement("RT5")
def test_a_parked_task_is_free_from_the_minute_the_desk_opens():
    opening = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    parked = moves.park(task(), opening)
    assert not moves.is_free(parked, opening - timedelta(minutes=1))
    assert moves.is_free(parked, opening)
    assert moves.as_of(parked, opening + timedelta(hours=1)).queued_at == opening
