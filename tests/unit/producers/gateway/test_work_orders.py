from datetime import timedelta

import pytest

from producers.gateway.ports import WorkOrderState
from schemas.codes import WorkOrderKind
from schemas.events import WorkOrderRaised
from schemas.ids import work_order_id
from tests.fakes.answers import NOON
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import CUSTOMER, STAFF, answered, asked, get, post, refusal

BODY = {"client_request_id": "WO-1", "kind": "DATA_CORRECTION", "text": "该楼栋总层数应为18层"}
NUMBER = work_order_id("CREDIT_MGMT", "WO-1")


@pytest.mark.requirement("DI1")
async def test_a_work_order_is_raised_and_can_be_looked_at_before_anybody_has_taken_it_up():
    house = a_house(pipeline=answered)
    await asked(house)
    response = await post(house, "/v1/work-orders", {**BODY, "valuation_id": STAFF, "business_ref": "biz-1"})
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/work-orders/{NUMBER}"
    assert house.publisher.said == [
        WorkOrderRaised(
            work_order_id=NUMBER,
            kind=WorkOrderKind.DATA_CORRECTION,
            channel="CREDIT_MGMT",
            client_request_id="WO-1",
            text=BODY["text"],
            raised_at=NOON,
            valuation_id=STAFF,
            business_ref="biz-1",
        )
    ]
    looked = await get(house, response.headers["Location"])
    assert looked.json() == response.json()
    assert looked.json()["state"] == "RAISED"


@pytest.mark.requirement("DI1")
async def test_its_state_and_its_one_answer_come_from_the_ledger():
    house = a_house()
    known = WorkOrderState(
        work_order_id=NUMBER,
        client_request_id="WO-1",
        kind="DATA_CORRECTION",
        state="ANSWERED",
        raised_at=NOON,
        answered_at=NOON + timedelta(hours=2),
        answer="已更正",
    )
    house.ledger.work_orders[NUMBER, "CREDIT_MGMT"] = known
    shown = (await get(house, f"/v1/work-orders/{NUMBER}")).json()
    assert (shown["state"], shown["answer"], shown["answered_at"]) == ("ANSWERED", "已更正", "2026-03-02T06:00:00Z")
    stranger = await get(house, f"/v1/work-orders/{NUMBER}", channel="NET_BANK")
    assert refusal(stranger) == (404, "not-found", {})


@pytest.mark.requirement("DI1")
async def test_the_same_number_again_is_the_same_work_order_and_with_other_content_a_conflict():
    house = a_house()
    first, again = await post(house, "/v1/work-orders", BODY), await post(house, "/v1/work-orders", BODY)
    assert first.json() == again.json()
    assert refusal(await post(house, "/v1/work-orders", {**BODY, "text": "别的"})) == (409, "duplicate-conflict", {})
    assert len(house.publisher.said) == 1


@pytest.mark.requirement("DI1")
async def test_what_another_instance_raised_is_the_same_work_order_and_with_other_content_a_conflict():
    house = a_house()
    known = WorkOrderState(work_order_id=NUMBER, client_request_id="WO-1", kind="DATA_CORRECTION", state="ACCEPTED")
    house.ledger.work_orders[NUMBER, "CREDIT_MGMT"] = known
    again = await post(house, "/v1/work-orders", BODY)
    assert (again.status_code, again.json()["state"]) == (202, "ACCEPTED")
    for other in ({"kind": "FAULT"}, {"business_ref": "biz-2"}):
        response = await post(house, "/v1/work-orders", BODY | other)
        assert refusal(response) == (409, "duplicate-conflict", {})
    assert house.publisher.said == []


async def test_while_the_ledger_is_away_a_work_order_is_raised_all_the_same():
    house = a_house()
    house.ledger.away = True
    for _ in range(2):
        assert (await post(house, "/v1/work-orders", BODY)).status_code == 202
    assert len(house.publisher.said) == 1


@pytest.mark.requirement("SE1")
async def test_numbers_of_people_do_not_leave_in_a_text():
    house = a_house(pipeline=answered)
    await asked(house)
    await post(house, "/v1/work-orders", {**BODY, "text": "请联系 13800138000"})
    await post(house, f"/v1/valuations/{STAFF}/dispute", {"reason_code": "X", "text": "请联系 13800138000"})
    assert len(house.publisher.said) == 2
    assert "13800138000" not in str(house.publisher.said)


async def test_while_the_ledger_is_away_only_what_this_instance_raised_is_known():
    house = a_house()
    await post(house, "/v1/work-orders", BODY)
    house.ledger.away = True
    assert (await get(house, f"/v1/work-orders/{NUMBER}")).json()["state"] == "RAISED"
    assert (await get(house, "/v1/work-orders/other")).status_code == 503
    assert (await get(house, f"/v1/work-orders/{NUMBER}", channel="NET_BANK")).status_code == 503


@pytest.mark.requirement("DI1")
async def test_a_dispute_is_sent_to_its_own_path():
    response = await post(a_house(), "/v1/work-orders", {**BODY, "kind": "DISPUTE"})
    assert refusal(response) == (422, "invalid-request", {"kind": "USE_DISPUTE"})


async def test_a_work_order_is_about_a_valuation_of_the_same_channel_or_none():
    house = a_house(pipeline=answered)
    await asked(house, channel="NET_BANK")
    response = await post(house, "/v1/work-orders", {**BODY, "valuation_id": CUSTOMER})
    assert refusal(response) == (422, "invalid-request", {"valuation_id": "UNKNOWN"})
    assert house.publisher.said == []
