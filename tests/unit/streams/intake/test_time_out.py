"""Reply and time-out of one question meet at intake: the first of them is the one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.catalogue import ACCEPTED, CLARIFICATIONS, DECISIONS
from schemas.codes import Action, Lane, Occasion, Reason, ReviewOutcome, Status
from schemas.events import Accepted, ClarificationTimedOut
from streams.runtime.stage import Change
from tests.fakes.valuations import decided
from tests.unit.streams.intake.test_stage import Intake, a_request, events, ids


def asked(intake):
    """The request as it was accepted first, and the clock a day later."""
    (outcome,) = intake.handle(a_request())
    intake.clock.at += timedelta(hours=23)
    return events(outcome)[0]


def time_out_of(accepted, intake):
    return ClarificationTimedOut(
        valuation_id=accepted.valuation_id,
        request=accepted.request,
        digest=accepted.digest,
        reply_by=intake.clock.at,
        timed_out_at=intake.clock.at,
    )


def a_reply(choice="c-1"):
    return a_request(action=Action.CLARIFY, chosen_community_id=choice)


@pytest.mark.requirement("AD2")
def test_a_question_without_a_reply_goes_on_as_the_same_valuation_without_a_choice():
    intake = Intake()
    first = asked(intake)
    (outcome,) = intake.handle(time_out_of(first, intake))
    (accepted,) = events(outcome)
    assert isinstance(accepted, Accepted)
    assert (accepted.valuation_id, accepted.request.revision) == (first.valuation_id, 2)
    assert accepted.request.chosen_community_id is None
    assert accepted.request.value_date == first.request.value_date
    assert accepted.request.received_at == intake.clock.at
    assert accepted.request.deadline_at == intake.clock.at + timedelta(seconds=10)


@pytest.mark.requirement("AD2")
def test_a_time_out_behind_the_reply_is_absorbed():
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    reply, late = intake.handle(a_reply(), time_out)
    assert events(reply)[0].request.chosen_community_id == "c-1"
    assert (late.outputs, late.silence) == ((), "answered")
    (again,) = intake.handle(time_out)
    assert again.silence == "answered"


@pytest.mark.requirement("AD2", "IN9")
@pytest.mark.parametrize("together", [True, False])
def test_a_reply_behind_the_time_out_is_refused_and_says_what_to_do(together):
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    outcomes = intake.handle(time_out, a_reply()) if together else [*intake.handle(time_out), *intake.handle(a_reply())]
    (refusal,) = events(outcomes[1])
    assert (refusal.status, refusal.revision) == (Status.REJECTED_INVALID, 0)
    assert refusal.reasons == (Reason.CLARIFICATION_TIMEOUT,)
    assert "新的请求编号" in refusal.problems[0].message


@pytest.mark.requirement("AD2")
def test_a_time_out_read_twice_is_accepted_once_and_gives_the_same_ids_to_a_fresh_process():
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    (first,), (second,) = intake.handle(time_out), intake.handle(time_out)
    assert second.outputs == ()
    (anew,) = Intake(intake.clock).handle(time_out)
    assert ids(anew) == ids(first)


@pytest.mark.requirement("AD2")
def test_a_reply_comes_too_late_even_when_everything_else_is_forgotten():
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    fresh = Intake(intake.clock)
    fresh.closed.apply([Change(topic=CLARIFICATIONS, key=time_out.valuation_id, event=time_out)])
    intake.clock.at += timedelta(days=20)
    (refused,) = fresh.handle(a_reply())
    assert events(refused)[0].reasons == (Reason.CLARIFICATION_TIMEOUT,)


@pytest.mark.requirement("AD2")
def test_a_reply_that_won_is_acknowledged_again_although_its_time_out_is_known():
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    intake.handle(a_reply())
    intake.closed.apply([Change(topic=CLARIFICATIONS, key=time_out.valuation_id, event=time_out)])
    (again,) = intake.handle(a_reply())
    assert again.silence == "repeat"
    assert events(again)[0].status is Status.RECEIVED


@pytest.mark.requirement("AD2", "IN9")
def test_a_reply_behind_the_time_out_of_what_a_reviewer_returned_comes_too_late_and_conflicts_with_nothing():
    intake = Intake()
    first = asked(intake)
    returned = replace(first, request=replace(first.request, revision=2, occasion=Occasion.RETURNED), digest="")
    fresh = Intake(intake.clock)  # for which the first asking is too long ago
    fresh.asked.apply([Change(topic=DECISIONS, key=first.valuation_id, event=a_question_about(returned, intake))])
    fresh.handle(time_out_of(returned, intake))
    (refused,) = fresh.handle(a_reply())
    assert events(refused)[0].reasons == (Reason.CLARIFICATION_TIMEOUT,)


def a_question_about(accepted, intake):
    made = decided(outcome=ReviewOutcome.CLARIFY, decided_at=intake.clock.at - timedelta(hours=5))
    scored = replace(made.review.scored, request=accepted.request)
    review = replace(made.review, scored=scored)
    return replace(made, valuation_id=accepted.valuation_id, review=review)


def test_closed_questions_are_forgotten_after_their_time():
    intake = Intake()
    time_out = time_out_of(asked(intake), intake)
    intake.closed.apply([Change(topic=CLARIFICATIONS, key=time_out.valuation_id, event=time_out)])
    assert (time_out.valuation_id, 2) in intake.closed
    intake.clock.at += timedelta(days=31)
    later = replace(time_out, valuation_id="another", timed_out_at=intake.clock.at)
    intake.closed.apply([Change(topic=CLARIFICATIONS, key="another", event=later)])
    assert (time_out.valuation_id, 2) not in intake.closed
    assert ("another", 2) in intake.closed


def test_another_process_knows_the_time_out_from_the_accepted_topic():
    intake = Intake()
    (outcome,) = intake.handle(time_out_of(asked(intake), intake))
    fresh = Intake(intake.clock)
    accepted = events(outcome)[0]
    fresh.recent.apply([Change(topic=ACCEPTED, key=accepted.valuation_id, event=accepted)])
    (refused,) = fresh.handle(a_reply())
    assert events(refused)[0].reasons == (Reason.CLARIFICATION_TIMEOUT,)


# ---- a question of the batch lane, answered on the online lane by whoever sees it there --------------------------


def both_lanes():
    """A worker of each lane, under one clock."""
    batch = Intake(lane=Lane.BATCH)
    return batch, Intake(batch.clock)


def a_row(**changes):
    return a_request(channel="BATCH_FILE", **changes)


def asked_of_a_row(batch):
    (outcome,) = batch.handle(a_row())
    batch.clock.at += timedelta(hours=1)
    return events(outcome)[0]


def reply_to_a_row(choice="c-1"):
    return a_row(action=Action.CLARIFY, chosen_community_id=choice)


@pytest.mark.requirement("AD2", "IN9")
def test_a_time_out_of_the_batch_lane_is_absorbed_behind_a_reply_that_came_online():
    batch, online = both_lanes()
    first = asked_of_a_row(batch)
    (answered,) = online.handle(reply_to_a_row())
    batch.follow(events(answered)[0])
    (late,) = batch.handle(time_out_of(first, batch))
    assert (late.outputs, late.silence) == ((), "answered")


@pytest.mark.requirement("AD2", "IN9")
def test_a_reply_online_is_refused_behind_a_time_out_that_the_batch_lane_accepted():
    batch, online = both_lanes()
    (closed,) = batch.handle(time_out_of(asked_of_a_row(batch), batch))
    online.follow(events(closed)[0])
    (refused,) = online.handle(reply_to_a_row())
    assert events(refused)[0].reasons == (Reason.CLARIFICATION_TIMEOUT,)


@pytest.mark.requirement("AD2", "IN3")
def test_a_reply_given_on_both_lanes_counts_once():
    batch, online = both_lanes()
    asked_of_a_row(batch)
    (answered,) = online.handle(reply_to_a_row())
    batch.follow(events(answered)[0])
    again, other = batch.handle(reply_to_a_row(), reply_to_a_row("c-2"))
    assert again.silence == "repeat"
    assert [event.status for event in events(again)] == [Status.RECEIVED]
    assert events(other)[0].reasons == (Reason.DUPLICATE_CONFLICT,)
