"""What becomes of a command follows from how its valuation stands."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from uuid import UUID

import pytest

from consumers.ledger.commands import Case, Outcome, cancelled, lane_of, outcome_of, refused, withdrawn
from consumers.ledger.entry import json_ready
from consumers.ledger.standing import FINAL_RANK, Answer, Conclusion, Identity, Milestones, Standing, merged
from schemas.codes import Action, Lane, Reason, ServiceType, Status
from schemas.headers import fact_of
from tests.fakes import valuations as made
from tests.fakes.valuations import NOON

SUBJECT = UUID(made.accepted().valuation_id)
DEADLINE = NOON + timedelta(seconds=10)

CASE = Case(
    event_id=UUID(int=5),
    valuation_id=SUBJECT,
    action=Action.CANCEL,
    channel="CREDIT_MGMT",
    client_request_id="r-1",
    lane=Lane.ONLINE,
    asked_at=NOON,
    appended_at=NOON,
    traceparent=made.TRACE,
    answer_id=None,
    is_read_back=False,
    asked_by="CREDIT_MGMT",
    asked_as="r-1",
    traced=made.TRACE,
    status=Status.PENDING_MANUAL,
    revision=1,
    reasons=(),
    concluded_status=None,
    deadline_at=DEADLINE,
    accepted=json.loads(json.dumps(asdict(made.accepted()), default=json_ready)),
    is_forced=False,
)


def accepted(**changes):
    return json.loads(json.dumps(asdict(made.accepted(**changes)), default=json_ready))


REPLIED = {"status": Status.NEEDS_CLARIFICATION, "accepted": accepted(revision=2)}
W, R, C = Outcome.WAIT, Outcome.RESEND, Outcome.CANCEL
Q, A, N, F = Outcome.CLOSE_QUESTION, Outcome.ASK_AGAIN, Outcome.NOT_FOUND, Outcome.ALREADY_FINAL
V = Outcome.NO_VALUE_ASKED


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    ("how_it_stands", "cancel", "force", "query"),
    [
        ({"asked_by": None, "asked_as": None, "status": None, "accepted": None}, N, N, N),
        ({"asked_by": "NET_BANK"}, N, N, N),
        ({"status": None, "accepted": None}, W, W, W),
        ({"status": Status.RECEIVED}, C, W, R),
        ({"status": Status.PROCESSING, "reasons": (Reason.SYSTEM_DEGRADED,)}, C, A, R),
        ({"status": Status.PROCESSING, "deadline_at": NOON - timedelta(seconds=1)}, C, A, R),
        ({"status": Status.NEEDS_CLARIFICATION}, C, Q, R),
        (REPLIED, C, W, R),
        (REPLIED | {"deadline_at": NOON - timedelta(seconds=1)}, C, A, R),
        ({"status": Status.RECEIVED, "accepted": accepted(service_type=ServiceType.VERIFY)}, C, V, R),
        ({"status": Status.PENDING_MANUAL}, C, R, R),
        ({"status": Status.COMPLETED_AUTO}, F, F, R),
        ({"status": Status.COMPLETED_MANUAL, "is_forced": True}, F, R, R),
        ({"status": Status.CANCELLED}, R, F, R),
        ({"status": Status.REJECTED_INVALID, "accepted": None}, F, F, R),
    ],
)
def test_each_command_has_one_outcome_for_each_way_a_valuation_can_stand(how_it_stands, cancel, force, query):
    case = replace(CASE, **how_it_stands)
    outcomes = [
        outcome_of(replace(case, action=action), NOON)
        for action in (Action.CANCEL, Action.FORCE_MANUAL, Action.STATUS_QUERY)
    ]
    assert outcomes == [cancel, force, query]


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    ("read_back", "first_end", "outcome"),
    [(False, None, W), (True, Status.CANCELLED, C), (True, Status.COMPLETED_AUTO, F)],
)
def test_a_cancellation_that_was_sent_is_settled_by_what_came_first_on_the_topic(read_back, first_end, outcome):
    sent = replace(CASE, answer_id=UUID(int=9), is_read_back=read_back, concluded_status=first_end, status=first_end)
    assert outcome_of(sent, NOON) is outcome


def test_two_refusals_of_one_valuation_are_two_events_and_the_same_one_twice_is_one():
    one, other = (refused(replace(CASE, event_id=UUID(int=n)), F, NOON) for n in (5, 6))
    assert one.update != other.update
    assert refused(CASE, F, NOON + timedelta(hours=1)).update == one.update
    assert "复估" in one.reason_text


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    ("how_it_stands", "why", "code", "says"),
    [
        ({}, V, Reason.ACTION_NOT_ALLOWED, "房屋信息验证"),
        ({"status": Status.CANCELLED}, F, Reason.ALREADY_FINAL, "已撤销"),
        ({"status": Status.COMPLETED_AUTO}, F, Reason.ALREADY_FINAL, "复估"),
        ({"accepted": None}, N, Reason.NOT_FOUND, "请求编号"),
    ],
)
def test_a_refused_wish_for_people_says_why_and_what_to_do(how_it_stands, why, code, says):
    refusal = refused(replace(CASE, action=Action.FORCE_MANUAL, **how_it_stands), why, NOON)
    assert refusal.reasons == (code,)
    assert says in refusal.reason_text


@pytest.mark.requirement("IN9")
def test_a_command_about_what_is_not_known_is_answered_on_the_lane_it_came_on():
    unknown = replace(CASE, accepted=None, lane=Lane.BATCH)
    assert refused(unknown, N, NOON).lane is Lane.BATCH
    assert lane_of(replace(unknown, accepted=CASE.accepted)) is Lane.ONLINE


def test_what_is_withdrawn_to_go_to_people_and_then_cancelled_is_withdrawn_twice():
    taken, cancelled_ = (withdrawn(replace(CASE, action=one), NOON) for one in (Action.FORCE_MANUAL, Action.CANCEL))
    assert fact_of(taken) != fact_of(cancelled_)


def test_a_cancelled_answer_says_so_in_chinese_and_repeats_the_request():
    answer = cancelled(CASE, NOON)
    assert (answer.status, answer.reasons, answer.business_ref) == (
        Status.CANCELLED,
        (Reason.CANCELLED_BY_CHANNEL,),
        made.request().business_ref,
    )
    assert "撤销" in answer.reason_text


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("seconds_apart", [0, 1])
@pytest.mark.parametrize("first", [Status.CANCELLED, Status.COMPLETED_MANUAL])
def test_of_two_ends_the_one_that_lies_first_in_the_partition_stands_whichever_is_read_first(first, seconds_apart):
    second = Status.COMPLETED_MANUAL if first is Status.CANCELLED else Status.CANCELLED
    ends = [
        _ended(status, NOON + timedelta(seconds=seconds_apart * place), place)
        for place, status in enumerate((first, second), start=40)
    ]
    for one, other in (ends, reversed(ends)):
        stands = merged(one, other)
        assert (stands.answer.status, stands.conclusion.concluded_status) == (first, first)


def _ended(status, at, place):
    return Standing(
        valuation_id=SUBJECT,
        identity=Identity(identity_rank=0, identity_at=NOON),
        milestones=Milestones(),
        answer=Answer(
            status=status,
            status_rank=FINAL_RANK,
            revision=1,
            answer_id=UUID(int=0 if status is Status.CANCELLED else 1),
            answer_at=at,
            answer_place=place,
        ),
        conclusion=Conclusion(concluded_at=at, concluded_status=status, concluded_place=place),
    )
