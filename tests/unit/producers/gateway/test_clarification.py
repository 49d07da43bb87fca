"""A question as a channel sees it, and the reply to it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from producers.gateway.arrivals import State, arrival
from producers.gateway.ownership import Owner
from producers.gateway.ports import Archived
from producers.gateway.problems import Code, ProblemError
from producers.gateway.service import Waits
from schemas.codes import Lane, Reason, Status
from schemas.events import Problem
from schemas.headers import TRACEPARENT, header
from tests.fakes.answers import NOON, a_request, an_address, an_answer, as_message
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.test_api import GOOD, get, post

PATH = f"/v1/valuations/{a_request().valuation_id}/clarification"
CHOICE = {"community_id": "c-2"}


def a_question(requested, **changes):
    return an_answer(
        requested,
        Status.NEEDS_CLARIFICATION,
        address=an_address(),
        reason_text="地址对应多个小区，请确认是哪一个。",
        due_at=NOON + timedelta(hours=24),
        **changes,
    )


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("channel", ["CREDIT_MGMT", "NET_BANK", "WEBSITE"])
async def test_every_profile_sees_the_question_its_candidates_and_until_when(channel):
    house = a_house(pipeline=lambda r: [a_question(r)])
    asked = await post(house, channel=channel)
    looked_up = await get(house, f"/v1/valuations/{asked.headers['X-Valuation-Id']}", channel=channel)
    for shown in (asked.json(), looked_up.json()):
        assert shown["question"] == "地址对应多个小区，请确认是哪一个。"
        assert [one["community_id"] for one in shown["candidates"]] == ["c-1", "c-2"]
        assert shown["answer_by"] == "2026-03-03T04:00:00Z"


@pytest.mark.requirement("AD2", "IN9")
async def test_a_reply_goes_on_in_the_trace_of_its_valuation_whoever_sends_it():
    house = a_house(pipeline=lambda r: [a_question(r)])
    first = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    await post(house, traceparent=first)
    house.publisher.pipeline = lambda r: [an_answer(r, revision=2)]
    replied = await post(house, CHOICE, path=PATH, traceparent="00-" + "e" * 32 + "-" + "f" * 16 + "-01")
    sent = [header(record.headers, TRACEPARENT) for record in house.publisher.sent]
    assert [one[3:35] for one in sent] == ["c" * 32, "c" * 32]
    assert sent[0] != sent[1]
    assert replied.headers["traceparent"] == sent[1]


@pytest.mark.requirement("AD2", "IN9")
async def test_a_reply_on_another_instance_takes_the_trace_from_the_ledger():
    house = a_house(pipeline=lambda r: [an_answer(r, revision=2)])
    requested = a_request()
    waiting = State(result=a_question(requested), trace_id="9" * 32)
    house.ledger.requests[requested.valuation_id] = requested
    house.ledger.valuations[requested.valuation_id] = Archived(channel="CREDIT_MGMT", state=waiting)
    await post(house, CHOICE, path=PATH)
    assert header(house.publisher.sent[-1].headers, TRACEPARENT)[3:35] == "9" * 32


@pytest.mark.requirement("AD2", "IN9")
@pytest.mark.parametrize("unknown", [None, ""])
async def test_a_reply_to_a_question_without_a_trace_goes_on_in_that_of_its_call(unknown):
    house = a_house(pipeline=lambda r: [an_answer(r, revision=2)])
    requested = a_request()
    house.ledger.requests[requested.valuation_id] = requested
    waiting = State(result=a_question(requested), trace_id=unknown)
    house.ledger.valuations[requested.valuation_id] = Archived(channel="CREDIT_MGMT", state=waiting)
    await post(house, CHOICE, path=PATH, traceparent="00-" + "e" * 32 + "-" + "f" * 16 + "-01")
    assert header(house.publisher.sent[-1].headers, TRACEPARENT)[:35] == "00-" + "e" * 32


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize(("lane", "promises"), [(Lane.ONLINE, True), (Lane.BATCH, False)])
async def test_a_reply_goes_on_the_lane_of_its_question(lane, promises):
    house = a_house(pipeline=lambda r: [an_answer(r, revision=2, lane=lane)])
    requested = a_request()
    house.ledger.requests[requested.valuation_id] = requested
    waiting = State(result=a_question(requested, lane=lane), trace_id="9" * 32)
    house.ledger.valuations[requested.valuation_id] = Archived(channel="CREDIT_MGMT", state=waiting)
    assert (await post(house, CHOICE, path=PATH)).status_code == 200
    (sent,) = house.publisher.sent
    assert sent.topic == f"valuation.requests.{lane}"
    assert (header(sent.headers, "deadline") is not None) is promises


@pytest.mark.requirement("AD2")
async def test_of_two_replies_at_once_the_accepted_one_gets_its_answer_and_the_other_the_refusal():
    house = a_house(pipeline=lambda r: [a_question(r)], waits=Waits(answer_s=5))
    moments = iter(NOON + timedelta(microseconds=n) for n in range(9))
    gateway = replace(house.gateway, clock=lambda: next(moments))
    sent, both_sent = [], asyncio.Event()

    def keep(requested):
        sent.append(requested)
        if len(sent) > 1:
            both_sent.set()
        return ()

    house.publisher.pipeline = keep
    first = a_request()
    house.board.post(arrival(*as_message(a_question(first))))
    gateway.remembered.put(first)
    replies = [
        await gateway.reply(first.valuation_id, Owner(channel="CREDIT_MGMT"), choice) for choice in ("c-1", "c-2")
    ]
    calls = [
        asyncio.create_task(gateway.clarify(one, wait_s=5, traceparent=one.continuing(gateway.new_traceparent(None))))
        for one in replies
    ]
    await both_sent.wait()
    accepted, refused = sent
    taken = Problem(field="chosen_community_id", code=Reason.DUPLICATE_CONFLICT, message="已确认过")
    reasons = (Reason.DUPLICATE_CONFLICT,)
    trace = header(house.publisher.sent[0].headers, TRACEPARENT)
    for event in (
        an_answer(refused, Status.REJECTED_INVALID, revision=0, reasons=reasons, problems=(taken,)),
        an_answer(accepted, revision=2),
    ):
        house.board.post(arrival(*as_message(event, trace)))
    mine, theirs = await asyncio.gather(*calls, return_exceptions=True)
    assert mine.result.status is Status.COMPLETED_AUTO
    assert (type(theirs), theirs.code) == (ProblemError, Code.DUPLICATE_CONFLICT)


@pytest.mark.requirement("AD2")
@pytest.mark.parametrize("channel", ["CREDIT_MGMT", "NET_BANK", "WEBSITE"])
async def test_where_nothing_can_be_chosen_no_time_to_choose_is_shown(channel):
    nothing = replace(an_address(), candidates=())
    house = a_house(pipeline=lambda r: [replace(a_question(r), address=nothing)])
    shown = (await post(house, channel=channel)).json()
    assert (shown["candidates"], "answer_by" in shown) == ([], False)


@pytest.mark.requirement("AD2")
async def test_a_reply_whose_time_has_run_out_is_told_so():
    house = a_house(pipeline=lambda r: [a_question(r)])
    await post(house)
    late = Problem(field="chosen_community_id", code=Reason.CLARIFICATION_TIMEOUT, message="该请求的地址确认时间已过")
    house.publisher.pipeline = lambda r: [
        an_answer(r, Status.REJECTED_INVALID, revision=0, reasons=(Reason.CLARIFICATION_TIMEOUT,), problems=(late,))
    ]
    refused = await post(house, CHOICE, path=PATH)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-awaiting-clarification")
    assert refused.json()["problems"][0]["message"] == "该请求的地址确认时间已过"


@pytest.mark.requirement("AD2")
async def test_a_reminder_that_crosses_the_reply_is_not_taken_for_its_answer():
    house = a_house(pipeline=lambda r: [a_question(r)])
    await post(house)
    house.publisher.pipeline = lambda r: [a_question(r, reasons=(Reason.CLARIFICATION_REMINDER,))]
    crossed = await post(house, CHOICE, path=PATH)
    assert (crossed.status_code, crossed.json()["status"]) == (202, "PROCESSING")


async def test_a_reminder_replaces_the_question_and_gives_way_to_every_answer():
    house = a_house(pipeline=lambda r: [a_question(r), a_question(r, reasons=(Reason.CLARIFICATION_REMINDER,))])
    await post(house)
    assert (await get(house, PATH.removesuffix("/clarification"))).json()["reasons"] == ["CLARIFICATION_REMINDER"]
    house.publisher.pipeline = lambda r: [an_answer(r, Status.EXPIRED, revision=2), a_question(r)]
    await post(house, {**GOOD, "client_request_id": "r-2"})
    other = a_request(client_request_id="r-2").valuation_id
    assert (await get(house, f"/v1/valuations/{other}")).json()["status"] == "EXPIRED"
