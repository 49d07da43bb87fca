"""The adapter against the gateway's own application: what the fake gateway of the other tests promises."""

from datetime import timedelta

import pytest

from producers.gateway.arrivals import arrival
from producers.gateway.service import Waits
from producers.wechat.phrases import CANCELLED, LATER, NOT_CANCELLED
from schemas.codes import Action, Status
from tests.fakes.answers import an_address, an_answer, as_message
from tests.fakes.gateway import a_house as a_gateway
from tests.fakes.gateway import event_of
from tests.unit.producers.wechat.house import LIN, a_house

pytestmark = pytest.mark.requirement("IN4")


def answered(requested):
    if requested.action is Action.CANCEL:
        return [an_answer(requested, Status.CANCELLED, revision=2)]
    if "人工" in requested.address:
        return [an_answer(requested, Status.PENDING_MANUAL)]
    if "两个" in requested.address and requested.chosen_community_id is None:
        return [an_answer(requested, Status.NEEDS_CLARIFICATION, address=an_address())]
    return [] if "迟" in requested.address else [an_answer(requested)]


@pytest.fixture
async def talking():
    """`say(text)` speaks with the adapter; `gateway` is behind it."""
    gateway = a_gateway(pipeline=answered, waits=Waits(answer_s=1, acknowledgement_s=5, ledger_s=5))
    async with gateway.client("WECHAT_OA") as client, a_house(inside=client) as house:
        yield house, gateway


async def test_a_value_a_refusal_and_a_question_are_understood(talking):
    house, gateway = talking
    assert "估值结果：447.5 万元" in await house.say("杭州市西湖区某某小区3幢 89.5平")
    assert "未能受理" in await house.say("杭州市西湖区某某小区3幢 100001平")
    assert "2. 小区c-2" in await house.say("杭州两个小区 89.5平")
    assert "估值结果" in await house.say("2")
    requests = [event_of(record) for record in gateway.publisher.sent]
    assert {one.channel for one in requests} == {"WECHAT_OA"}
    assert LIN not in str(requests)


async def test_a_pending_valuation_is_withdrawn_and_a_finished_one_is_not(talking):
    house, _ = talking
    assert "估价人员核实" in await house.say("杭州市人工小区 89.5平")
    assert await house.say("取消") == CANCELLED
    await house.say("杭州市西湖区某某小区3幢 89.5平")
    assert await house.say("取消") == NOT_CANCELLED


async def test_what_is_valued_later_is_asked_for_and_sent(talking):
    house, gateway = talking
    assert (await house.say("杭州市迟到小区 89.5平")).endswith(LATER)
    assert await house.say("查询") == LATER
    requested = event_of(gateway.publisher.sent[0])
    gateway.board.post(arrival(*as_message(an_answer(requested))))
    house.now[0] += timedelta(minutes=1)
    assert await house.adapter.tell_due() == 1
    assert "估值结果" in house.wechat.sent[LIN][0]
