import asyncio
import json
from dataclasses import replace

import pytest

from producers.gateway.access.rate_limit import Rate
from producers.gateway.arrivals import State
from producers.gateway.ports import Archived, Timeline
from producers.gateway.service import Waits
from schemas.codes import Action, Lane, Status
from schemas.domain import channels
from schemas.events import Requested
from schemas.headers import CE_ID, TRACEPARENT, header
from schemas.ids import valuation_id
from tests.fakes.answers import CODEC, a_report, a_request, an_address, an_answer
from tests.fakes.gateway import a_house

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1"}


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


async def post(house, body=GOOD, *, channel="CREDIT_MGMT", path="/v1/valuations", **headers):
    async with house.client(channel) as client:
        return await client.post(path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def get(house, path, *, channel="CREDIT_MGMT"):
    async with house.client(channel) as client:
        return await client.get(path)


@pytest.mark.requirement("IN1", "IN6")
async def test_a_request_is_recorded_and_answered_in_the_same_call():
    house = a_house(pipeline=answered)
    response = await post(house)
    assert response.status_code == 200
    assert response.json()["status"] == "COMPLETED_AUTO"
    assert response.json()["value"] == 4_475_000
    assert response.headers["X-Valuation-Id"] == valuation_id("CREDIT_MGMT", "r-1")
    record = house.publisher.sent[0]
    assert record.topic == "valuation.requests.online"
    assert record.key.decode() == valuation_id("CREDIT_MGMT", "r-1")
    requested = CODEC.decode(record.value, Requested)
    assert (requested.channel, requested.address, str(requested.area)) == ("CREDIT_MGMT", GOOD["address"], "89.500000")
    assert header(record.headers, CE_ID)


@pytest.mark.requirement("IN8")
async def test_without_an_answer_in_time_the_caller_learns_where_to_look():
    house = a_house(pipeline=lambda requested: [an_answer(requested, Status.RECEIVED)])
    response = await post(house)
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}"
    assert response.json()["status"] == "RECEIVED"
    assert response.json()["final"] is False


@pytest.mark.requirement("IN8")
async def test_a_case_for_a_person_is_answered_at_once_with_its_due_time():
    house = a_house(
        pipeline=lambda r: [an_answer(r, Status.PENDING_MANUAL, due_at=r.requested_at)], waits=Waits(answer_s=60.0)
    )
    response = await asyncio.wait_for(post(house), 5)
    assert response.status_code == 202
    assert response.json()["due_at"] == "2026-03-02T04:00:00Z"


async def test_prefer_wait_0_does_not_wait():
    house = a_house(waits=Waits(answer_s=60.0))
    response = await asyncio.wait_for(post(house, Prefer="respond-async, wait=0"), 5)
    assert response.status_code == 202


@pytest.mark.requirement("IN4", "IN8")
async def test_a_channel_waits_as_long_as_its_row_in_the_registry_says():
    patient = channels.channel("CREDIT_MGMT")
    kiosk = replace(patient, code="KIOSK", aliases=(), waits_s=0.05)
    house = a_house(waits=Waits(answer_s=60.0))
    with channels.enlisted([kiosk]):
        hurried = await asyncio.wait_for(post(house, channel="KIOSK"), 30)
        longer = await asyncio.wait_for(post(house, channel="KIOSK", Prefer="wait=60"), 30)
    assert (hurried.status_code, longer.status_code) == (202, 202)


async def test_a_result_that_comes_while_the_caller_waits_wakes_it():
    house = a_house(waits=Waits(answer_s=30.0))
    call = asyncio.create_task(post(house))
    await asyncio.wait_for(house.publisher.has_sent.wait(), 5)
    requested = CODEC.decode(house.publisher.sent[0].value, Requested)
    house.publisher.pipeline = answered
    await house.publisher.publish_async(house.publisher.sent[:1])
    response = await asyncio.wait_for(call, 5)
    assert response.json()["valuation_id"] == requested.valuation_id
    assert house.board.waiters == 0


@pytest.mark.requirement("IN3")
async def test_the_same_request_again_gets_the_first_answer_and_is_not_sent_again():
    house = a_house(pipeline=answered)
    first = await post(house)
    second = await post(house, {**GOOD, "area_m2": 89.5})
    assert second.json() == first.json()
    assert len(house.publisher.sent) == 1


@pytest.mark.requirement("IN3")
async def test_a_repeat_that_another_instance_took_is_answered_from_the_ledger_without_asking_again():
    house = a_house()
    requested = a_request()
    state = State(result=an_answer(requested))
    house.ledger.requests[requested.valuation_id] = requested
    house.ledger.valuations[requested.valuation_id] = Archived(channel="CREDIT_MGMT", state=state)
    response = await post(house)
    assert response.status_code == 200
    assert response.json()["status"] == "COMPLETED_AUTO"


@pytest.mark.requirement("IN3")
async def test_a_used_number_with_other_content_is_a_conflict_and_the_first_valuation_stands():
    house = a_house(pipeline=answered)
    await post(house)
    house.publisher.pipeline = lambda r: [
        an_answer(r, Status.REJECTED_INVALID, reasons=("DUPLICATE_CONFLICT",), revision=0)
    ]
    response = await post(house, {**GOOD, "area_m2": "120"})
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "duplicate-conflict"
    assert (await get(house, f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}")).json()["value"] == 4_475_000


@pytest.mark.requirement("IN3")
async def test_a_conflict_reaches_only_the_caller_whose_request_it_refuses():
    house = a_house(waits=Waits(answer_s=0.3))
    first = asyncio.create_task(post(house))
    await asyncio.wait_for(house.publisher.has_sent.wait(), 5)
    house.publisher.pipeline = lambda r: [
        an_answer(r, Status.REJECTED_INVALID, reasons=("DUPLICATE_CONFLICT",), revision=0)
    ]
    second = await post(house, {**GOOD, "area_m2": "120"})
    assert second.status_code == 409
    assert (await first).status_code == 202


async def test_the_idempotency_key_header_serves_as_request_number():
    house = a_house(pipeline=answered)
    body = {name: value for name, value in GOOD.items() if name != "client_request_id"}
    response = await post(house, body, Idempotency_Key="from-header")
    assert response.headers["X-Valuation-Id"] == valuation_id("CREDIT_MGMT", "from-header")


@pytest.mark.requirement("IN2")
async def test_all_problems_are_named_at_once_with_fields_of_the_api():
    house = a_house()
    response = await post(house, {"address": "  ", "area_m2": 0, "area_unit": "坪", "colour": "red", "floor": "3"})
    assert response.status_code == 422
    fields = {problem["field"] for problem in response.json()["problems"]}
    assert fields == {"address", "area_m2", "area_unit", "colour", "floor", "client_request_id"}
    assert all(problem["message"] for problem in response.json()["problems"])
    assert house.publisher.sent == []


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    "change",
    [
        {"area_m2": -1},
        {"area_m2": "100001"},
        {"area_m2": "89.505"},
        {"area_m2": "1e400"},
        {"area_m2": True},
        {"area_m2": None},
        {"area_m2": "八十"},
        {"area_m2": []},
        {"address": ""},
        {"address": "长" * 10_000},
        {"address": 5},
        {"address": "杭州\u0000"},
        {"client_request_id": ""},
        {"client_request_id": "x" * 65},
        {"service_type": "GUESS"},
        {"value_date": "2026-02-30"},
        {"value_date": "2031-01-01"},
        {"product": "CORPORATE_LOAN"},
        {"floor": 10**30},
        {"note": "长" * 501},
    ],
    ids=str,
)
async def test_a_bad_field_is_refused_with_its_name(change):
    house = a_house()
    response = await post(house, {**GOOD, **change})
    assert response.status_code == 422
    assert [problem["field"] for problem in response.json()["problems"]] == list(change)
    assert house.publisher.sent == []


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"address": "\xff"}', b'{"area_m2": NaN'])
async def test_a_body_that_is_no_json_is_refused(body):
    async with a_house().client() as client:
        response = await client.post("/v1/valuations", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["code"] == "malformed-json"


async def test_a_list_is_refused_as_a_wrong_type():
    assert (await post(a_house(), [GOOD])).status_code == 422


async def test_another_media_type_is_refused():
    async with a_house().client() as client:
        response = await client.post("/v1/valuations", data=GOOD)
    assert response.status_code == 415


async def test_too_large_a_body_is_refused_even_when_it_does_not_say_its_length():
    async def endless():
        for _ in range(100):
            yield b" " * 1024

    async with a_house().client() as client:
        headers = {"Content-Type": "application/json"}
        declared = await client.post("/v1/valuations", content=b" " * 70_000, headers=headers)
        chunked = await client.post("/v1/valuations", content=endless(), headers=headers)
    assert (declared.status_code, chunked.status_code) == (413, 413)


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}])
async def test_without_a_valid_key_nobody_comes_in(headers):
    house = a_house()
    async with house.client(None) as client:
        response = await client.post("/v1/valuations", json=GOOD, headers=headers)
    assert response.status_code == 401
    assert response.json()["detail_zh"]
    assert house.publisher.sent == []


async def test_a_broker_that_does_not_confirm_is_answered_503_with_retry_after():
    house = a_house()
    house.publisher.away = True
    response = await post(house)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_until_answers_are_followed_nothing_is_promised():
    house = a_house()
    house.following[0] = False
    assert (await post(house)).status_code == 503
    assert (await get(house, "/health")).status_code == 503
    house.following[0] = True
    assert (await get(house, "/health")).json() == {"ready": True, "reasons": []}


async def test_a_channel_that_asks_too_often_waits_and_the_others_do_not():
    house = a_house(pipeline=answered, rate=Rate(per_second=0.5, burst=2))
    assert [(await post(house)).status_code for _ in range(3)] == [200, 200, 429]
    response = await post(house)
    assert response.headers["Retry-After"] == "2"
    assert (await post(house, channel="NET_BANK")).status_code == 200
    house.seconds[0] = 2.0
    assert (await post(house)).status_code == 200


async def test_only_the_owner_sees_a_valuation():
    house = a_house(pipeline=answered)
    await post(house)
    path = f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}"
    assert (await get(house, path)).status_code == 200
    for stranger in ("NET_BANK", "WEBSITE"):
        assert (await get(house, path, channel=stranger)).status_code == 404
    assert (await get(house, "/v1/valuations/unknown")).status_code == 404


async def test_a_recorded_request_without_answer_is_under_way():
    house = a_house()
    await post(house)
    response = await get(house, f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}")
    assert (response.status_code, response.json()["status"]) == (200, "PROCESSING")


async def test_without_the_ledger_an_unknown_valuation_is_503_and_not_404():
    house = a_house()
    house.ledger.away = True
    response = await get(house, "/v1/valuations/unknown")
    assert response.status_code == 503


async def test_a_clarification_sends_the_original_request_with_the_choice():
    house = a_house(pipeline=lambda r: [an_answer(r, Status.NEEDS_CLARIFICATION, address=an_address())])
    first = await post(house)
    assert first.status_code == 202
    assert [candidate["community_id"] for candidate in first.json()["candidates"]] == ["c-1", "c-2"]
    house.publisher.pipeline = lambda r: [an_answer(r, Status.RECEIVED, revision=2), an_answer(r, revision=2)]
    path = f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}/clarification"
    wrong = await post(house, {"community_id": "c-9"}, path=path)
    assert (wrong.status_code, wrong.json()["problems"][0]["field"]) == (422, "community_id")
    done = await post(house, {"community_id": "c-2"}, path=path)
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED_AUTO")
    sent = CODEC.decode(house.publisher.sent[-1].value, Requested)
    assert (sent.action, sent.chosen_community_id, sent.address) == (Action.CLARIFY, "c-2", GOOD["address"])
    again = await post(house, {"community_id": "c-2"}, path=path)
    assert (again.status_code, again.json()["code"]) == (409, "not-awaiting-clarification")


async def test_a_clarification_on_another_instance_takes_the_request_from_the_ledger():
    house = a_house(pipeline=lambda r: [an_answer(r, revision=2)])
    requested = a_request()
    waiting = State(result=an_answer(requested, Status.NEEDS_CLARIFICATION, address=an_address()))
    house.ledger.requests[requested.valuation_id] = requested
    house.ledger.valuations[requested.valuation_id] = Archived(channel="CREDIT_MGMT", state=waiting)
    path = f"/v1/valuations/{requested.valuation_id}/clarification"
    assert (await post(house, {"community_id": "c-1"}, path=path)).status_code == 200


@pytest.mark.requirement("RP1")
async def test_the_report_is_delivered_only_when_its_digest_is_right():
    house = a_house(pipeline=lambda r: [an_answer(r), a_report(r)])
    await post(house)
    path = f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}/report"
    house.reports.contents["reports/1.pdf"] = b"%PDF-1.7 report"
    good = await get(house, path)
    assert (good.status_code, good.content) == (200, b"%PDF-1.7 report")
    assert good.headers["content-type"] == "application/pdf"
    house.reports.contents["reports/1.pdf"] = b"%PDF-1.7 forged"
    assert (await get(house, path)).status_code == 500
    del house.reports.contents["reports/1.pdf"]
    assert (await get(house, path)).status_code == 503


async def test_without_a_report_there_is_nothing_to_fetch():
    house = a_house(pipeline=answered)
    await post(house)
    assert (await get(house, f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}/report")).status_code == 404


async def test_the_timeline_is_for_staff_channels():
    house = a_house(pipeline=answered)
    await post(house)
    await post(house, channel="NET_BANK")
    staff, customer = (valuation_id(channel, "r-1") for channel in ("CREDIT_MGMT", "NET_BANK"))
    decided = {"kind": "Decided", "stage": "desk", "revision": 1, "payload": {"reviewer": "lin"}}
    house.ledger.timelines[staff] = Timeline(events=[decided], stages=[{"stage": "desk", "milliseconds": 5.0}])
    shown = await get(house, f"/v1/valuations/{staff}/timeline")
    assert [event["kind"] for event in shown.json()["events"]] == ["Decided"]
    assert "lin" not in shown.text
    assert (await get(house, f"/v1/valuations/{customer}/timeline", channel="NET_BANK")).status_code == 403


async def test_a_report_is_verified_by_number_and_code_together():
    house = a_house()
    house.ledger.reports["HV-20260302-0001"] = a_report(a_request())
    good = await get(house, "/verify/HV-20260302-0001?code=K7Q2", channel=None)
    assert good.status_code == 200
    assert "该报告单由本系统出具" in good.text
    for wrong in ("/verify/HV-20260302-0001?code=XXXX", "/verify/HV-20260302-0001", "/verify/other?code=K7Q2"):
        response = await get(house, wrong, channel=None)
        assert response.status_code == 404
        assert "K7Q2" not in response.text
    forged = await get(house, "/verify/%3Cscript%3E?code=1", channel=None)
    assert "<script>" not in forged.text


async def test_the_trace_of_the_caller_goes_on():
    house = a_house(pipeline=answered)
    theirs = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    response = await post(house, traceparent=theirs)
    sent = header(house.publisher.sent[0].headers, TRACEPARENT)
    assert sent[:35] == theirs[:35]
    assert sent != theirs
    assert response.headers["traceparent"] == sent
    broken = await post(house, {**GOOD, "client_request_id": "r-2"}, traceparent="nonsense")
    assert broken.headers["traceparent"].startswith("00-")


async def test_the_public_page_needs_no_key_and_gets_the_range_alone():
    house = a_house(pipeline=answered)
    response = await post(house, channel=None, path="/h5/valuations", **house.proof())
    assert set(response.json()) == {
        "valuation_id", "client_request_id", "status", "status_text", "lower", "upper", "final", "disclaimer",
    }  # fmt: skip
    page = await get(house, "/", channel=None)
    assert "房屋自动估值" in page.text
    assert "http" not in page.text.replace("http-equiv", "")


async def test_what_is_not_there_is_a_problem_document_too():
    house = a_house()
    missing = await get(house, "/v2/valuations")
    async with house.client() as client:
        method = await client.delete("/v1/valuations")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
    assert (method.status_code, method.json()["code"]) == (405, "method-not-allowed")


async def test_the_published_interface_names_every_path_and_loads_nothing_from_outside():
    house = a_house()
    document = (await get(house, "/openapi.json")).json()
    assert {"/v1/valuations", "/v1/valuations/{valuation_id}", "/verify/{report_no}"} <= set(document["paths"])
    assert not [path for path in document["paths"] if path.startswith("/h5")]
    assert document["components"]["schemas"]["ValuationRequest"]["additionalProperties"] is False
    assert "http://" not in json.dumps(document)
    assert "https://" not in json.dumps(document)
    assert (await get(house, "/docs")).status_code == 404


async def test_answers_are_counted():
    house = a_house(pipeline=answered)
    await post(house)
    text = (await get(house, "/metrics")).text
    assert 'avm_gateway_answers_total{room="gateway",status="200"} 1' in text
    assert 'avm_gateway_request_seconds_count{room="gateway"} 1' in text


async def test_a_rejection_by_intake_is_told_with_its_problems():
    from schemas.events import Problem

    problem = Problem(field="address", code="FIELD_INVALID", message="地址有误")
    house = a_house(
        pipeline=lambda r: [an_answer(r, Status.REJECTED_INVALID, problems=(problem,), revision=0, lane=Lane.ONLINE)]
    )
    response = await post(house)
    assert (response.status_code, response.json()["problems"][0]["field"]) == (422, "address")
