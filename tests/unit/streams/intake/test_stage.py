from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import ACCEPTED, RESULTS
from schemas.codec import Codec
from schemas.codes import Action, Lane, Reason, Status
from schemas.domain.request_rules import expected_valuation_id
from schemas.errors import PermanentError
from schemas.events import Accepted, Requested, Resulted
from schemas.headers import event_type
from schemas.ids import event_id
from schemas.registry import CatalogueRegistry
from streams.intake.asked_by_desk import DeskQuestions
from streams.intake.closed import ClosedQuestions
from streams.intake.errors import UnknownChannelError
from streams.intake.policy import IntakePolicy
from streams.intake.repeats import RecentRequests
from streams.intake.stage import IntakeStage
from streams.runtime.stage import Change

NOON = datetime(2026, 6, 1, 4, tzinfo=UTC)
POLICY = IntakePolicy()
CODEC = Codec(CatalogueRegistry())


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at=NOON):
        self.at = at

    def __call__(self):
        return self.at


class Intake:
    """A stage with its memory, as one worker process has it."""

    def __init__(self, clock=None, lane=Lane.ONLINE):
        self.clock = clock or Clock()
        self.recent = RecentRequests(clock=self.clock, keep=POLICY.remembered, lane=lane)
        self.closed = ClosedQuestions(clock=self.clock, keep=POLICY.closed_remembered)
        self.asked = DeskQuestions(clock=self.clock, keep=POLICY.asked_remembered)
        self.stage = IntakeStage(self.recent, self.closed, self.asked, policy=POLICY, lane=lane, clock=self.clock)

    def handle(self, *requests):
        return self.stage.handle(requests)

    def follow(self, *accepted):
        self.recent.apply([Change(topic=ACCEPTED, key=event.valuation_id, event=event) for event in accepted])


def a_request(**changes):
    requested = Requested(
        valuation_id="",
        channel="NET_BANK",
        client_request_id="N-1",
        requested_at=NOON - timedelta(seconds=2),
        address="杭州市西湖区某某小区3幢2单元501室",
        area=Decimal("89.5"),
    )
    requested = replace(requested, **changes)
    return replace(requested, valuation_id=changes.get("valuation_id", expected_valuation_id(requested)))


def events(outcome):
    return [output.event for output in outcome.outputs]


def ids(outcome):
    """The event ids the runtime gives these outputs."""
    return [
        event_id(event.valuation_id, event_type(event), getattr(event, "revision", None) or event.request.revision)
        for event in events(outcome)
    ]


@pytest.mark.requirement("IN1", "IN6")
def test_a_valid_request_is_accepted_and_acknowledged():
    (outcome,) = Intake().handle(a_request())
    accepted, receipt = events(outcome)
    assert [output.topic for output in outcome.outputs] == [ACCEPTED, RESULTS]
    assert {output.lane for output in outcome.outputs} == {Lane.ONLINE}
    assert isinstance(accepted, Accepted)
    assert accepted.request.area_m2 == Decimal("89.50")
    assert accepted.request.value_date.isoformat() == "2026-06-01"
    assert receipt.status is Status.RECEIVED
    assert receipt.deadline_at == accepted.request.deadline_at


@pytest.mark.requirement("RT2")
def test_the_deadline_runs_from_the_channels_own_moment_while_that_is_plausible():
    intake = Intake()
    for said, counted in [
        (NOON - timedelta(seconds=2), NOON - timedelta(seconds=2)),
        (NOON - timedelta(minutes=1), NOON - timedelta(minutes=1)),
        (NOON - timedelta(minutes=2), NOON),
        (NOON + timedelta(hours=8), NOON),
    ]:
        (outcome,) = intake.handle(a_request(client_request_id=said.isoformat(), requested_at=said))
        accepted, receipt = events(outcome)
        assert receipt.received_at == accepted.request.received_at == counted
        assert receipt.deadline_at == counted + timedelta(seconds=10)


@pytest.mark.requirement("IN8")
def test_each_lane_has_its_own_topics_and_deadline():
    (outcome,) = Intake(lane=Lane.BATCH).handle(a_request(channel="BATCH_FILE", requested_at=NOON))
    assert {output.lane for output in outcome.outputs} == {Lane.BATCH}
    accepted = events(outcome)[0]
    assert accepted.request.lane is Lane.BATCH
    assert accepted.request.deadline_at == NOON + timedelta(hours=1)


def test_a_value_date_is_the_day_in_shanghai():
    late = datetime(2026, 6, 1, 16, 30, tzinfo=UTC)  # 00:30 of the next day there
    (outcome,) = Intake(Clock(late)).handle(a_request(requested_at=late))
    assert events(outcome)[0].request.value_date.isoformat() == "2026-06-02"


@pytest.mark.requirement("IN2")
def test_an_invalid_request_is_refused_with_every_problem_and_its_neighbours_go_on():
    bad = a_request(client_request_id="N-2", address=" ", area=Decimal(0))
    first, second, third = Intake().handle(a_request(), bad, a_request(client_request_id="N-3"))
    (refusal,) = events(second)
    assert refusal.status is Status.REJECTED_INVALID
    assert refusal.reasons == (Reason.FIELD_INVALID,)
    assert {problem.field for problem in refusal.problems} == {"address", "area"}
    assert refusal.reason_text
    assert len(first.outputs) == len(third.outputs) == 2


@pytest.mark.requirement("IN1")
def test_an_unknown_channel_is_a_permanent_error_that_repeats_nothing_of_the_request():
    intake = Intake()
    with pytest.raises(UnknownChannelError, match="UNKNOWN_CHANNEL") as raised:
        intake.handle(a_request(), a_request(channel="FAX-secret"))
    assert isinstance(raised.value, PermanentError)
    assert "secret" not in str(raised.value)


@pytest.mark.requirement("IN1", "IN3")
def test_a_batch_that_is_taken_apart_does_not_know_its_own_requests_as_repeats():
    intake = Intake()
    with pytest.raises(UnknownChannelError):
        intake.handle(a_request(), a_request(channel="FAX"))
    (outcome,) = intake.handle(a_request())
    assert outcome.silence is None
    assert len(outcome.outputs) == 2


@pytest.mark.requirement("IN3")
def test_a_repeat_is_acknowledged_again_in_the_same_words_and_not_run_again():
    intake = Intake()
    (first,) = intake.handle(a_request())
    intake.clock.at += timedelta(hours=23)
    (again,) = intake.handle(a_request(requested_at=intake.clock.at, note="请尽快", area=Decimal("89.50")))
    assert again.silence == "repeat"
    assert [output.topic for output in again.outputs] == [RESULTS]
    assert events(again) == events(first)[1:]
    assert ids(again) == ids(first)[1:]


@pytest.mark.requirement("IN3")
def test_a_repeat_within_one_batch_is_known():
    first, again = Intake().handle(a_request(), a_request())
    assert len(first.outputs) == 2
    assert again.silence == "repeat"


@pytest.mark.requirement("IN3")
@pytest.mark.parametrize(
    "changes",
    [
        {"area": Decimal(90)},
        {"address": "杭州市西湖区别的小区"},
        {"business_ref": "B-1"},
        {"floor": 5},
        {"product": "HOUSE_SECURED"},
    ],
)
def test_the_same_number_for_another_request_is_a_conflict_that_leaves_the_first_alone(changes):
    intake = Intake()
    (first,) = intake.handle(a_request())
    (other,) = intake.handle(a_request(**changes))
    (refusal,) = events(other)
    assert refusal.status is Status.REJECTED_INVALID
    assert refusal.reasons == (Reason.DUPLICATE_CONFLICT,)
    assert refusal.revision == 0  # what is known of the valuation has revision 1 or more
    (repeat,) = intake.handle(a_request())
    assert events(repeat) == events(first)[1:]


@pytest.mark.requirement("IN3")
def test_a_fresh_process_knows_repeats_and_conflicts_from_the_accepted_topic():
    before = Intake()
    (first,) = before.handle(a_request())
    after = Intake(Clock(NOON + timedelta(hours=1)))
    after.follow(events(first)[0])
    (repeat,) = after.handle(a_request())
    assert events(repeat) == events(first)[1:]
    (conflict,) = after.handle(a_request(area=Decimal(90)))
    assert events(conflict)[0].reasons == (Reason.DUPLICATE_CONFLICT,)


@pytest.mark.requirement("IN3")
def test_an_empty_memory_never_refuses_and_gives_the_same_ids_again():
    (first,) = Intake().handle(a_request())
    (replayed,) = Intake(Clock(NOON + timedelta(seconds=30))).handle(a_request())
    assert len(replayed.outputs) == 2
    assert ids(replayed) == ids(first)


@pytest.mark.requirement("IN3")
def test_after_24_hours_a_number_is_free_again_and_its_memory_gone():
    intake = Intake()
    intake.handle(a_request())
    intake.clock.at = NOON + timedelta(hours=24, seconds=1)
    (again,) = intake.handle(a_request(area=Decimal(90), requested_at=intake.clock.at))
    assert len(again.outputs) == 2
    assert len(intake.recent) == 1


def test_of_the_other_lane_only_what_ended_a_question_is_remembered():
    (outcome,) = Intake(lane=Lane.BATCH).handle(a_request(channel="BATCH_FILE"))
    first = events(outcome)[0]
    reply = replace(first, request=replace(first.request, revision=2, chosen_community_id="c-1"))
    for lane, kept in ((Lane.ONLINE, 1), (Lane.BATCH, 2)):
        recent = RecentRequests(clock=Clock(), keep=POLICY.remembered, lane=lane)
        recent.remember([first, reply])
        assert len(recent) == kept


@pytest.mark.requirement("IN3")
def test_what_is_older_than_24_hours_is_not_taken_in_when_the_memory_is_filled():
    (first,) = Intake().handle(a_request())
    late = Intake(Clock(NOON + timedelta(days=10)))
    late.follow(events(first)[0])
    assert len(late.recent) == 0


def test_a_clarification_reply_is_the_second_revision_of_the_same_request():
    intake = Intake()
    intake.handle(a_request())
    intake.clock.at += timedelta(minutes=5)
    reply = a_request(action=Action.CLARIFY, chosen_community_id="c-1", requested_at=intake.clock.at)
    (outcome,) = intake.handle(reply)
    accepted, receipt = events(outcome)
    assert accepted.request.revision == receipt.revision == 2
    assert accepted.request.chosen_community_id == "c-1"
    assert accepted.request.deadline_at == intake.clock.at + timedelta(seconds=10)
    (again,) = intake.handle(reply)
    assert again.silence == "repeat"
    assert ids(again) == ids(outcome)[1:]


def test_a_clarification_that_changes_the_request_or_the_earlier_answer_is_refused():
    intake = Intake()
    intake.handle(a_request())
    reply = a_request(action=Action.CLARIFY, chosen_community_id="c-1")
    (changed,) = intake.handle(replace(reply, area=Decimal(90)))
    assert events(changed)[0].reasons == (Reason.DUPLICATE_CONFLICT,)
    intake.handle(reply)
    (second,) = intake.handle(replace(reply, chosen_community_id="c-2"))
    assert events(second)[0].problems[0].field == "chosen_community_id"


def test_a_clarification_is_accepted_when_its_request_is_no_longer_remembered():
    (outcome,) = Intake().handle(a_request(action=Action.CLARIFY, chosen_community_id="c-1"))
    assert events(outcome)[0].request.revision == 2


@pytest.mark.requirement("SE1")
def test_personal_numbers_are_hidden_before_anything_is_published():
    told = "杭州市西湖区某某小区3幢501室 电话13800138000 33010619900307123X"
    (outcome,) = Intake().handle(a_request(address=told, note="请打13800138000"))
    (refusal,) = Intake().handle(a_request(address=told, area=Decimal(0), business_ref="a\n13800138000"))
    for event in (*events(outcome), *events(refusal)):
        assert "13800138000" not in repr(event)
        assert "19900307" not in repr(event)


def test_an_alias_is_answered_under_the_channels_own_code():
    (outcome,) = Intake().handle(a_request(channel="CREDIT_SYS"))
    assert {event.channel if isinstance(event, Resulted) else event.request.channel for event in events(outcome)} == {
        "CREDIT_MGMT"
    }


@given(
    address=st.text(max_size=250) | st.just("文三路\ud80020号"),
    client_request_id=st.text(max_size=80) | st.just("N-1"),
    area=st.decimals(),
    business_ref=st.none() | st.text(max_size=200),
    area_unit=st.text(max_size=5) | st.just("㎡"),
)
def test_every_request_of_a_registered_channel_gets_exactly_one_answer(**changes):
    (outcome,) = Intake().handle(a_request(**changes))
    answers = [output.event for output in outcome.outputs if output.topic is RESULTS]
    assert len(answers) == 1
    assert len(outcome.outputs) == (2 if answers[0].status is Status.RECEIVED else 1)
    for output in outcome.outputs:
        assert CODEC.decode(CODEC.encode(output.event), type(output.event)) == output.event


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("action", [Action.CANCEL, Action.STATUS_QUERY])
def test_a_command_is_left_to_the_ledger_and_is_no_repeat_of_its_request(action):
    intake = Intake()
    intake.handle(a_request())
    command = a_request(action=action, address="", area=Decimal(0), requested_at=NOON)
    (outcome,) = intake.handle(command)
    assert (outcome.outputs, outcome.silence) == ((), "command")
    (again,) = intake.handle(a_request())
    assert events(again)[0].status is Status.RECEIVED


@pytest.mark.requirement("IN9")
def test_two_commands_that_break_a_rule_are_two_refusals_and_one_sent_twice_is_one():
    forced = a_request(channel="CREDIT_MGMT", action=Action.FORCE_MANUAL, address="", area=Decimal(0))
    later = replace(forced, requested_at=NOON - timedelta(seconds=1))
    first, second, repeat = (events(outcome)[0] for outcome in Intake().handle(forced, later, forced))
    assert {one.status for one in (first, second)} == {Status.REJECTED_INVALID}
    assert first.revision == 0
    assert first.update == repeat.update != second.update
    assert min(first.update, second.update) > 0


@pytest.mark.requirement("VF1", "IN3")
def test_what_is_stated_to_be_verified_goes_along_cleaned_and_makes_another_request():
    intake = Intake()
    stated = {"community": " 某某小区 联系13800138000", "building": "３幢", "usage": "住宅"}
    (outcome, other) = intake.handle(a_request(**stated), a_request(**(stated | {"usage": "办公"})))
    request = events(outcome)[0].request
    assert (request.building, request.usage) == ("3幢", "住宅")
    assert request.community.startswith("某某小区")
    assert "13800138000" not in request.community
    assert events(other)[0].reasons == (Reason.DUPLICATE_CONFLICT,)
    (plain,) = Intake().handle(a_request())
    assert events(plain)[0].request.community is None
