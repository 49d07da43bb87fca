"""A reply to a question of the desk is the asking after the one it was put to, and goes back to people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.catalogue import ACCEPTED, CLARIFICATIONS, DECISIONS
from schemas.codes import Action, Occasion, Reason, ReviewOutcome, Status
from schemas.events import Accepted, ClarificationTimedOut
from streams.runtime.stage import Change
from tests.fakes import valuations
from tests.unit.streams.intake.test_stage import NOON, Intake, a_request, events

FRIDAY_FOUR = datetime(2026, 6, 5, 8, tzinfo=UTC)  # 16:00 in Shanghai
MONDAY_TEN = datetime(2026, 6, 8, 2, tzinfo=UTC)


def a_reply(choice="c-9", **changes):
    return a_request(action=Action.CLARIFY, chosen_community_id=choice, **changes)


def ask(intake, request, *, at, due_at):
    """The desk asks about an asking, and intake hears of it."""
    review = valuations.review()
    scored = replace(review.scored, valuation_id=a_request().valuation_id, request=request)
    review = replace(review, valuation_id=scored.valuation_id, scored=scored, due_at=due_at)
    decision = replace(
        valuations.decided(),
        valuation_id=scored.valuation_id,
        review=review,
        outcome=ReviewOutcome.CLARIFY,
        decided_at=at,
    )
    intake.asked.apply([Change(topic=DECISIONS, key=decision.valuation_id, event=decision)])


def accepted_of(outcome):
    return next(event for event in events(outcome) if isinstance(event, Accepted))


@pytest.fixture
def intake():
    return Intake()


@pytest.fixture
def first(intake):
    (outcome,) = intake.handle(a_request())
    return accepted_of(outcome)


@pytest.mark.requirement("IN9", "RD1")
def test_a_reply_to_the_desk_is_marked_for_people_and_the_pause_is_added_to_the_due_time(intake, first):
    ask(intake, first.request, at=FRIDAY_FOUR, due_at=datetime(2026, 6, 5, 8, 30, tzinfo=UTC))
    intake.clock.at = MONDAY_TEN
    (outcome,) = intake.handle(a_reply(requested_at=MONDAY_TEN))
    request = accepted_of(outcome).request
    assert (request.revision, request.occasion, request.chosen_community_id) == (2, Occasion.DESK_REPLY, "c-9")
    assert request.due_at == MONDAY_TEN + timedelta(minutes=30)  # two desk hours passed over the weekend


@pytest.mark.requirement("IN9")
def test_the_desk_may_ask_although_enrichment_had_asked_before(intake, first):
    intake.clock.at += timedelta(minutes=1)
    (reply,) = intake.handle(a_reply("c-1", requested_at=intake.clock.at))
    assert accepted_of(reply).request.occasion is Occasion.ASKED
    intake.clock.at += timedelta(minutes=30)
    ask(intake, accepted_of(reply).request, at=intake.clock.at, due_at=NOON + timedelta(days=1))
    intake.clock.at += timedelta(minutes=5)
    (second,) = intake.handle(a_reply("c-9", requested_at=intake.clock.at))
    assert (accepted_of(second).request.revision, accepted_of(second).request.occasion) == (3, Occasion.DESK_REPLY)
    (again,) = intake.handle(a_reply("c-9", requested_at=intake.clock.at))
    assert again.silence == "repeat"
    (changed,) = intake.handle(a_reply("c-1", requested_at=intake.clock.at))
    assert events(changed)[0].status is Status.REJECTED_INVALID


@pytest.mark.requirement("IN9")
def test_an_earlier_reply_delivered_twice_does_not_answer_the_desk(intake, first):
    intake.clock.at += timedelta(minutes=1)
    reply = a_reply("c-1", requested_at=intake.clock.at)
    (accepted,) = intake.handle(reply)
    ask(intake, accepted_of(accepted).request, at=intake.clock.at + timedelta(hours=1), due_at=NOON + timedelta(days=1))
    (again,) = intake.handle(reply)
    assert again.silence == "repeat"
    assert events(again)[0].revision == 2


def timed_out(accepted, intake):
    return ClarificationTimedOut(
        valuation_id=accepted.valuation_id,
        request=accepted.request,
        digest=accepted.digest,
        reply_by=intake.clock.at,
        timed_out_at=intake.clock.at,
    )


@pytest.mark.requirement("AD2", "IN9")
def test_a_question_of_the_desk_without_a_reply_goes_back_to_people_too(intake, first):
    ask(intake, first.request, at=FRIDAY_FOUR, due_at=datetime(2026, 6, 5, 8, 30, tzinfo=UTC))
    intake.clock.at = MONDAY_TEN
    (outcome,) = intake.handle(timed_out(first, intake))
    request = accepted_of(outcome).request
    assert (request.revision, request.occasion, request.chosen_community_id) == (2, Occasion.DESK_REPLY, None)
    assert request.due_at == MONDAY_TEN + timedelta(minutes=30)
    (late,) = intake.handle(a_reply(requested_at=MONDAY_TEN))
    assert events(late)[0].reasons == (Reason.CLARIFICATION_TIMEOUT,)


@pytest.mark.requirement("AD2", "IN9")
def test_a_reply_to_the_desk_is_in_time_although_enrichment_s_question_was_not_answered(intake, first):
    intake.clock.at += timedelta(hours=4)
    time_out = timed_out(first, intake)
    (second,) = intake.handle(time_out)
    intake.closed.apply([Change(topic=CLARIFICATIONS, key=first.valuation_id, event=time_out)])
    ask(intake, accepted_of(second).request, at=intake.clock.at, due_at=NOON + timedelta(days=1))
    intake.clock.at += timedelta(minutes=5)
    (reply,) = intake.handle(a_reply(requested_at=intake.clock.at))
    assert accepted_of(reply).request.revision == 3


@pytest.mark.requirement("IN9")
def test_what_a_reviewer_returned_is_nobodys_request_to_repeat(intake, first):
    again = replace(first, request=replace(first.request, revision=2, occasion=Occasion.RETURNED), digest="")
    before = len(intake.recent)
    intake.recent.apply([Change(topic=ACCEPTED, key=again.valuation_id, event=again)])
    assert len(intake.recent) == before


def test_a_question_of_the_desk_is_forgotten_after_its_time(intake, first):
    ask(intake, first.request, at=NOON, due_at=NOON + timedelta(days=1))
    intake.clock.at += timedelta(days=22)
    intake.asked.apply([])
    assert intake.asked.find(first.valuation_id) is None
