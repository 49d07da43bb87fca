import asyncio
import logging

import pytest

from producers.wechat.adapter import subject_token
from producers.wechat.api import UndeliveredError
from producers.wechat.dialogue import WELCOME, ask_area
from producers.wechat.phrases import BUSY, CANCELLED, CANCELLING, LATER, NOT_CANCELLED, NOTHING_ASKED, QUOTA, TEXT_ONLY
from producers.wechat.store import AskedStore
from tests.unit.producers.wechat.house import LIN, NOON, PENDING, QUESTION, TOKEN, VALUE, a_house, counted

pytestmark = pytest.mark.requirement("IN4")

ASKED = "杭州市西湖区某某小区3幢 89.5平"


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_customer_gets_the_value_in_the_reply_and_the_gateway_never_their_openid(sealed):
    async with a_house(sealed=sealed) as house:
        reply = await house.say(ASKED)
        assert reply.splitlines()[:4] == [
            "杭州市西湖区某某小区3幢，89.5㎡",
            "估值结果：447.5 万元",
            "价格区间：410 – 490 万元",
            "可信程度：把握较高，通常与实际成交价相差不超过一成",
        ]
        [(method, path, body)] = house.gateway.asked
        assert (method, path) == ("POST", "/v1/valuations")
        assert (body["address"], body["area_m2"]) == ("杭州市西湖区某某小区3幢", "89.5")
        assert body["subject_token"] == subject_token(b"subject-secret", LIN)
        assert LIN not in str(house.gateway.asked)


async def test_missing_parts_are_asked_for_and_a_talk_is_forgotten_after_half_an_hour():
    async with a_house() as house:
        assert await house.say("杭州市西湖区某某小区3幢") == ask_area("杭州市西湖区某某小区3幢")
        assert await house.say("89.5", openid="another") != ""
        assert "447.5" in await house.say("89.5")
        await house.say("杭州市西湖区某某小区3幢")
        house.later(minutes=31)
        assert "地址" in await house.say("89.5")


async def test_the_same_message_again_is_answered_alike_and_asked_once():
    async with a_house() as house:
        first, second = await asyncio.gather(house.say(ASKED, number="7"), house.say(ASKED, number="7"))
        assert first == second == await house.say(ASKED, number="7")
        assert len(house.gateway.asked) == 1


async def test_a_question_of_long_ago_is_still_answered_by_a_number():
    async with a_house() as house:
        house.gateway.next = QUESTION
        await house.say(ASKED)
        house.later(hours=3)  # the talk is forgotten, the question is open for a day
        assert "447.5" not in await house.say("3")
        house.later(hours=3)
        look, house.gateway.next = house.gateway.next, QUESTION
        assert "没有序号 3" in await house.say("3")
        house.gateway.next = look
        await house.say("2")
        method, path, body = house.gateway.asked[-1]
        assert (method, path.rsplit("/", 1)[1], body) == ("POST", "clarification", {"community_id": "c2"})


@pytest.mark.requirement("IN4")
async def test_a_reply_that_comes_too_late_is_sent_as_a_message_of_its_own():
    async with a_house(reply_within_s=0.0) as house:
        assert await house.say(ASKED) == ""
        await asyncio.gather(*house.adapter._memory.bringing)
        assert "447.5" in house.wechat.sent[LIN][0]


async def test_two_taps_on_the_menu_within_a_second_are_two_messages():
    async with a_house() as house:
        tapped = [
            await house.passed(LIN, {"MsgType": "event", "Event": "CLICK", "EventKey": key})
            for key in ("DISPUTE", "HELP")
        ]
        assert tapped[0] != tapped[1] == WELCOME


async def test_a_question_is_answered_by_a_number():
    async with a_house() as house:
        house.gateway.next = QUESTION
        assert "2. 望京花园东区（北京市朝阳区）" in await house.say(ASKED)
        house.gateway.next = VALUE
        assert "447.5" in await house.say("2")
        method, path, body = house.gateway.asked[-1]
        assert (method, path.rsplit("/", 1)[1], body) == ("POST", "clarification", {"community_id": "c2"})


async def test_a_late_value_is_sent_once_when_it_is_there():
    async with a_house() as house:
        house.gateway.next = PENDING
        assert "最迟办结：3月3日 17:30" in await house.say(ASKED)
        assert await house.adapter.tell_due() == 0
        house.later(minutes=5)
        house.gateway.next = VALUE
        assert await house.adapter.tell_due() == 1
        house.later(minutes=5)
        assert await house.adapter.tell_due() == 0
        assert [text.splitlines()[0] for text in house.wechat.sent[LIN]] == ["估值结果：447.5 万元"]


async def test_an_answer_that_the_gateway_gave_too_late_is_sent_when_it_is_found():
    async with a_house() as house:
        house.gateway.next = None
        assert (await house.say(ASKED)).endswith(LATER)
        house.gateway.next = QUESTION
        house.later(seconds=5)
        assert await house.adapter.tell_due() == 1
        house.gateway.next = VALUE
        assert "447.5" in await house.say("1")


async def test_a_request_that_never_arrived_is_said_to_have_failed():
    async with a_house() as house:
        house.gateway.next = None
        await house.say(ASKED)
        house.gateway.next = (404, {"code": "not-found"})
        assert await house.adapter.tell_due() == 0
        house.later(minutes=10)
        assert await house.adapter.tell_due() == 1
        assert "重新发送" in house.wechat.sent[LIN][0]


async def test_after_48_hours_of_silence_the_template_is_used():
    async with a_house() as house:
        house.gateway.next = PENDING
        await house.say(ASKED)
        house.gateway.next, house.wechat.failures = VALUE, 1
        house.later(hours=60)
        assert await house.adapter.tell_due() == 1
        assert house.wechat.templates[0]["template_id"] == "template-1"


async def test_a_message_that_wechat_does_not_take_is_tried_again():
    async with a_house(template_id="") as house:
        house.gateway.next = PENDING
        await house.say(ASKED)
        house.gateway.next, house.wechat.failures = VALUE, 1
        house.later(minutes=1)
        assert await house.adapter.tell_due() == 0
        house.later(minutes=2)
        assert await house.adapter.tell_due() == 1


async def test_who_waits_is_known_after_a_restart_and_no_openid_lies_in_the_file(tmp_path):
    path = tmp_path / "wechat.sqlite"
    async with a_house(path=path) as house:
        house.gateway.next = PENDING
        await house.say(ASKED)
    assert LIN.encode() not in path.read_bytes()
    assert "某某小区".encode() not in path.read_bytes()
    async with a_house(path=path) as house:
        assert "447.5" in await house.say("查询")
        house.later(days=8)
        assert await house.adapter.tell_due() == 0
        assert await house.say("查询") == NOTHING_ASKED


async def test_a_changed_secret_loses_who_waited_and_nothing_else():
    store = AskedStore.at(":memory:", b"old", counted())
    store.put("v1", subject="s", openid=LIN, status="", is_owed=True, now=NOON)
    renewed = AskedStore(store._connection, b"new", counted())
    renewed.put("v2", subject="s", openid=LIN, status="", is_owed=True, now=NOON)
    assert [one.valuation_id for one in renewed.due(NOON)] == ["v2"]
    store.close()


async def test_a_valuation_under_way_is_withdrawn_and_a_finished_one_is_not():
    async with a_house() as house:
        assert await house.say("取消") == NOTHING_ASKED
        house.gateway.next = PENDING
        await house.say(ASKED)
        assert await house.say("取消") == CANCELLING
        house.gateway.next = {"status": "CANCELLED", "final": True}
        assert await house.say("取消") == CANCELLED
        house.gateway.next = (409, {"code": "already-final"})
        assert await house.say("取消") == NOT_CANCELLED


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (422, {"code": "invalid-request", "problems": [{"field": "area_m2", "message": "面积须大于 0。"}]}),
            "面积须大于 0。",
        ),
        ((429, {"code": "quota-exceeded"}), QUOTA),
        ((429, {"code": "rate-limited"}), BUSY),
        ((503, {"code": "unavailable"}), BUSY),
        ({"status": "OUT_OF_COVERAGE", "final": True}, "尚未开通"),
        ({"status": "UNABLE_TO_VALUE", "final": True}, "市场依据不足"),
    ],
)
async def test_each_refusal_is_said_in_plain_words(answer, words):
    async with a_house() as house:
        house.gateway.next = answer
        assert words in await house.say(ASKED)


async def test_after_an_overload_the_last_part_alone_is_said_again():
    async with a_house() as house:
        await house.say("杭州市西湖区某某小区3幢")
        house.gateway.next = (503, {"code": "unavailable"})
        assert await house.say("89.5") == BUSY
        house.gateway.next = VALUE
        assert "447.5" in await house.say("89.5")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"MsgType": "event", "Event": "subscribe", "EventKey": ""}, WELCOME),
        ({"MsgType": "event", "Event": "CLICK", "EventKey": "QUERY"}, NOTHING_ASKED),
        ({"MsgType": "event", "Event": "CLICK", "EventKey": "DISPUTE"}, "客户经理"),
        ({"MsgType": "event", "Event": "unsubscribe", "EventKey": ""}, ""),
        ({"MsgType": "image", "PicUrl": "http://x"}, TEXT_ONLY),
        ({"MsgType": "voice", "MediaId": "m"}, TEXT_ONLY),
        ({"MsgType": "video", "MediaId": "m"}, TEXT_ONLY),
        (
            {"MsgType": "voice", "MediaId": "m", "Recognition": "杭州市西湖区某某小区3幢"},
            ask_area("杭州市西湖区某某小区3幢"),
        ),
    ],
)
async def test_events_pictures_and_voices_are_answered(fields, words):
    async with a_house() as house:
        assert words in await house.passed(LIN, fields)


@pytest.mark.parametrize("sealed", [False, True])
async def test_what_wechat_did_not_sign_is_refused(sealed):
    async with a_house(sealed=sealed) as house:
        query, body = house.wechat.posted(LIN, {"MsgType": "text", "Content": ASKED})
        wrong = [query | {"signature": "0" * 40}, query | {"timestamp": "1"}]
        if sealed:
            wrong.append(query | {"msg_signature": "0" * 40})
        for one in wrong:
            assert (await house.client.post("/wechat", params=one, content=body.encode())).status_code == 403
        if sealed:  # an unsealed message is none, however well the query is signed
            plain = "<xml><ToUserName>a</ToUserName></xml>"
            assert (await house.client.post("/wechat", params=query, content=plain)).status_code == 403
        assert house.gateway.asked == []


async def test_the_address_is_confirmed_to_wechat_alone():
    async with a_house() as house:
        query, _ = house.wechat.posted(LIN, {"MsgType": "text"})
        greeting = await house.client.get("/wechat", params=query | {"echostr": "5927"})
        assert greeting.text == "5927"
        assert (await house.client.get("/wechat", params={"echostr": "5927"})).status_code == 403


@pytest.mark.parametrize("body", [b"<xml>", b'<!DOCTYPE a [<!ENTITY b "c">]><xml/>', b"<xml><A>1</A></xml>"])
async def test_a_signed_body_that_is_no_message_is_refused(body):
    async with a_house() as house:
        query, _ = house.wechat.posted(LIN, {"MsgType": "text"})
        assert (await house.client.post("/wechat", params=query, content=body)).status_code == 400


async def test_one_access_token_serves_until_it_ends_and_is_renewed_when_it_ended_early():
    async with a_house() as house:
        messenger = house.adapter.messenger
        await messenger.send(LIN, "一")
        await messenger.send(LIN, "二")
        assert house.wechat.tokens_given == 1
        house.wechat.end_token()
        await messenger.send(LIN, "三")
        assert house.wechat.tokens_given == 2
        house.later(hours=2)
        await messenger.send(LIN, "四")
        assert house.wechat.tokens_given == 3
        assert house.wechat.sent[LIN] == ["一", "二", "三", "四"]


async def test_a_wrong_secret_is_said_without_showing_it():
    async with a_house() as house:
        house.wechat.secret = "another"
        with pytest.raises(UndeliveredError, match="errcode 40125"):
            await house.adapter.messenger.send(LIN, "一")


async def test_neither_customers_nor_secrets_are_logged(caplog):
    caplog.set_level(logging.DEBUG, logger="producers.wechat")
    async with a_house() as house:
        house.gateway.next = PENDING
        await house.say(ASKED)
        house.gateway.next = (503, {})
        house.later(minutes=1)
        await house.adapter.tell_due()
        house.wechat.secret = "another"
        house.gateway.next = VALUE
        house.later(minutes=2)
        await house.adapter.tell_due()
        said = " ".join(str(vars(record)) for record in caplog.records)
        assert "errcode 40125" in said
        for secret in (LIN, "某某小区", "app-secret", TOKEN):
            assert secret not in said


async def test_the_simulator_speaks_the_protocol_and_shows_what_is_sent_later():
    async with a_house(sealed=True) as house:
        said = {"openid": LIN, "text": ASKED}
        assert "447.5" in (await house.client.post("/simulator/messages", json=said)).json()["reply"]
        assert (await house.client.get("/simulator/")).status_code == 200
        await house.adapter.messenger.send(LIN, "稍后")
        received = await house.client.get("/simulator/messages", params={"openid": LIN})
        assert received.json() == {"messages": ["稍后"]}
