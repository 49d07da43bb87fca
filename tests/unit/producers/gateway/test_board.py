import asyncio
from datetime import timedelta

import pytest

from producers.gateway.arrivals import arrival, trace_id
from producers.gateway.board import AnswerBoard
from schemas.codes import Reason, Status
from tests.fakes.answers import CODEC, TRACE, a_report, a_request, an_answer, as_message

REQUEST = a_request()


@pytest.fixture
def board():
    return AnswerBoard(CODEC)


def post(board, *events, traceparent=TRACE):
    for event in events:
        board.post(arrival(*as_message(event, traceparent)))


@pytest.mark.parametrize(
    ("arriving", "shown"),
    [
        ([Status.RECEIVED], Status.RECEIVED),
        ([Status.RECEIVED, Status.COMPLETED_AUTO], Status.COMPLETED_AUTO),
        ([Status.COMPLETED_AUTO, Status.RECEIVED], Status.COMPLETED_AUTO),
        ([Status.PENDING_MANUAL, Status.PROCESSING], Status.PENDING_MANUAL),
        ([Status.COMPLETED_MANUAL, Status.PENDING_MANUAL], Status.COMPLETED_MANUAL),
        ([Status.COMPLETED_AUTO, Status.REJECTED_INVALID], Status.COMPLETED_AUTO),
        ([Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL], Status.COMPLETED_AUTO),
        ([Status.NEEDS_CLARIFICATION, Status.PENDING_MANUAL], Status.NEEDS_CLARIFICATION),
        ([Status.PENDING_MANUAL, Status.NEEDS_CLARIFICATION], Status.NEEDS_CLARIFICATION),
    ],
)
def test_an_answer_behind_a_better_one_changes_nothing(board, arriving, shown):
    post(board, *(an_answer(REQUEST, status) for status in arriving))
    assert board.latest(REQUEST.valuation_id).result.status is shown


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("later", [Status.RECEIVED, Status.PENDING_MANUAL])
def test_what_came_of_a_reply_is_not_undone_by_a_reminder_of_the_question(board, later):
    question = an_answer(REQUEST, Status.NEEDS_CLARIFICATION)
    post(board, question, an_answer(REQUEST, later, revision=2))
    assert board.latest(REQUEST.valuation_id).result.status is later
    post(board, an_answer(REQUEST, Status.NEEDS_CLARIFICATION, reasons=(Reason.CLARIFICATION_REMINDER,)))
    assert board.latest(REQUEST.valuation_id).result.status is later


@pytest.mark.requirement("DI2")
async def test_what_came_of_a_dispute_replaces_the_first_end_and_gives_way_to_no_earlier_one(board):
    first, manual = an_answer(REQUEST), Status.COMPLETED_MANUAL
    second, third = (an_answer(REQUEST, manual, revision=n, supersedes=f"HV-{n - 1}") for n in (2, 3))
    with board.waiting(REQUEST.valuation_id, None) as answer:
        post(board, first)
        assert await asyncio.wait_for(answer, 5) == first
    post(board, second)
    assert board.latest(REQUEST.valuation_id).result == second
    post(board, third)
    with board.waiting(REQUEST.valuation_id, None) as answer:
        post(board, first)
        assert await asyncio.wait_for(answer, 5) == third
    post(board, second, an_answer(REQUEST, manual, revision=4))
    assert board.latest(REQUEST.valuation_id).result == third


def test_an_interim_answer_that_cannot_be_read_replaces_none(board):
    post(board, an_answer(REQUEST, Status.PENDING_MANUAL))
    key, _, headers = as_message(an_answer(REQUEST, Status.NEEDS_CLARIFICATION))
    board.post(arrival(key, b"\x00\x00\x00\x00\x07broken", headers))
    assert board.latest(REQUEST.valuation_id).result.status is Status.PENDING_MANUAL


@pytest.mark.requirement("AD2")
def test_before_a_reply_only_the_question_is_withdrawn(board):
    post(board, an_answer(REQUEST, Status.NEEDS_CLARIFICATION))
    board.withdraw(REQUEST.valuation_id)
    assert board.latest(REQUEST.valuation_id) is None
    post(board, an_answer(REQUEST, Status.PENDING_MANUAL, revision=2))
    board.withdraw(REQUEST.valuation_id)
    assert board.latest(REQUEST.valuation_id).result.status is Status.PENDING_MANUAL


def refusal(received_at, resulted_at):
    status = Status.REJECTED_INVALID
    return an_answer(REQUEST, status, revision=0, received_at=received_at, resulted_at=resulted_at)


@pytest.mark.requirement("AD2")
async def test_of_two_calls_in_one_trace_a_refusal_wakes_the_one_it_was_written_for(board):
    mine, theirs = REQUEST.requested_at, REQUEST.requested_at + timedelta(microseconds=1)
    trace = trace_id(TRACE)
    with (
        board.waiting(REQUEST.valuation_id, trace, asked_at=mine) as accepted,
        board.waiting(REQUEST.valuation_id, trace, asked_at=theirs) as refused,
    ):
        post(board, refusal(theirs, theirs + timedelta(seconds=1)))
        assert (await asyncio.wait_for(refused, 5)).status is Status.REJECTED_INVALID
        assert not accepted.done()
        post(board, an_answer(REQUEST, revision=2))
        assert (await asyncio.wait_for(accepted, 5)).status is Status.COMPLETED_AUTO


async def test_a_refusal_that_bears_intakes_own_moment_may_be_anybodys(board):
    now = REQUEST.requested_at - timedelta(seconds=1)
    with board.waiting(REQUEST.valuation_id, trace_id(TRACE), asked_at=REQUEST.requested_at) as answer:
        post(board, refusal(now, now))
        assert (await asyncio.wait_for(answer, 5)).status is Status.REJECTED_INVALID


@pytest.mark.parametrize("text", ["", "garbage", "00-1-2-01", "00-" + "0" * 32 + "-" + "b" * 16 + "-01"])
def test_what_is_no_traceparent_names_no_trace(text):
    assert trace_id(text) is None
    assert arrival(*as_message(an_answer(REQUEST), text)).trace_id is None


def test_a_report_joins_its_answer_whichever_comes_first(board):
    post(board, a_report(REQUEST))
    assert board.latest(REQUEST.valuation_id) is None
    post(board, an_answer(REQUEST))
    assert board.latest(REQUEST.valuation_id).report == a_report(REQUEST)


def test_the_oldest_gives_way():
    board = AnswerBoard(CODEC, capacity=2)
    requests = [a_request(client_request_id=number) for number in "abc"]
    post(board, *map(an_answer, requests))
    assert [board.latest(request.valuation_id) is None for request in requests] == [True, False, False]


def test_what_is_not_ours_is_no_arrival():
    key, value, headers = as_message(an_answer(REQUEST))
    assert arrival(None, value, headers) is None
    assert arrival(key, None, headers) is None
    assert arrival(key, value, []) is None
    assert arrival(key, value, [("ce_type", b"cn.housevaluation.Resulted.SOMETHING_NEW")]) is None


async def test_bytes_that_cannot_be_read_wake_nobody_and_break_nothing(board):
    key, _, headers = as_message(an_answer(REQUEST))
    with board.waiting(REQUEST.valuation_id, "t") as answer:
        board.post(arrival(key, b"\x00\x00\x00\x00\x07broken", headers))
        await asyncio.sleep(0)
        assert not answer.done()
    assert board.latest(REQUEST.valuation_id) is None


async def test_a_receipt_of_a_repeat_brings_its_caller_the_answer_that_is_here_already(board):
    post(board, an_answer(REQUEST))
    with (
        board.waiting(REQUEST.valuation_id, trace_id(TRACE)) as mine,
        board.waiting(REQUEST.valuation_id, "other") as theirs,
    ):
        post(board, an_answer(REQUEST, Status.RECEIVED))
        assert (await asyncio.wait_for(mine, 5)).status is Status.COMPLETED_AUTO
        assert not theirs.done()


async def test_all_callers_of_one_valuation_are_woken_and_forgotten(board):
    with (
        board.waiting(REQUEST.valuation_id, "a") as first,
        board.waiting(REQUEST.valuation_id, "b") as second,
    ):
        assert board.waiters == 2
        post(board, an_answer(REQUEST))
        assert [found.status for found in await asyncio.gather(first, second)] == [Status.COMPLETED_AUTO] * 2
    assert board.waiters == 0


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    "ends", [(Status.CANCELLED, Status.COMPLETED_MANUAL), (Status.COMPLETED_AUTO, Status.CANCELLED)]
)
async def test_of_a_cancellation_and_another_end_the_first_on_the_topic_stands_for_the_board_and_its_callers(
    board, ends
):
    first, second = (an_answer(REQUEST, status) for status in ends)
    post(board, first)
    with board.waiting(REQUEST.valuation_id, None) as answer:
        post(board, second, first)
        assert (await asyncio.wait_for(answer, 5)).status is ends[0]
    assert board.latest(REQUEST.valuation_id).result.status is ends[0]


@pytest.mark.requirement("IN9")
def test_of_two_values_the_board_keeps_the_report_of_the_one_that_stands(board):
    report, other = a_report(REQUEST), a_report(REQUEST, revision=2, report_no="HV-2")
    post(board, an_answer(REQUEST), an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2), other)
    assert board.latest(REQUEST.valuation_id).report is None
    post(board, report, other)
    assert board.latest(REQUEST.valuation_id).report == report


@pytest.mark.requirement("DI2")
def test_the_report_of_what_people_decided_anew_takes_the_place_of_the_first(board):
    again = an_answer(REQUEST, Status.COMPLETED_MANUAL, revision=2, supersedes="HV-1")
    report = a_report(REQUEST, revision=2, report_no="HV-2", supersedes_report_no="HV-1")
    post(board, an_answer(REQUEST), a_report(REQUEST), report, again)
    assert board.latest(REQUEST.valuation_id).report == report


@pytest.mark.requirement("IN9")
async def test_an_accepted_request_that_was_rejected_has_ended_for_everybody_who_waits(board):
    rejected = an_answer(REQUEST, Status.REJECTED_INVALID, revision=2)
    with board.waiting(REQUEST.valuation_id, "another trace") as answer:
        post(board, rejected)
        assert await asyncio.wait_for(answer, 5) == rejected
    post(board, an_answer(REQUEST, Status.CANCELLED, revision=2))
    assert board.latest(REQUEST.valuation_id).result == rejected
