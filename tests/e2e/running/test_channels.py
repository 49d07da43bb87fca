"""Every channel the whole way on the real broker: asked as its users ask, and what it gets back, as it may see it."""

import csv
import io
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from house_valuation import (
    ConflictError,
    acknowledge,
    ask,
    batch,
    batch_manifest,
    batch_result,
    batches,
    cancel,
    dispute,
    find,
    look,
    prices,
    raise_work_order,
    report,
    submit_batch,
    work_order,
)
from producers.simulator.requests import Kind
from schemas.catalogue import BANK_ANSWERS
from schemas.domain.channels import CHANNELS
from schemas.events import Receipted
from tests.e2e.system import eventually
from tests.e2e.users import PUBLIC, STAFF
from tests.e2e.ways import Listening, Phone, Ways, data_of

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

CALLING = ("NET_BANK", "MOBILE_BANK", "DIRECT_BANK", "APP")
NOT_FOR_CUSTOMERS = ("comparables", "note", "reviewer", "human", "model", "unit_price", "address_entered", "reasons")


@pytest.fixture(scope="module")
def ways(system) -> Ways:
    return Ways(system)


# ---- the credit system ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN4", "RS1", "RS2")
def test_the_credit_system_asks_by_its_topic_is_answered_on_its_own_and_acknowledges_the_report(system, market, ways):
    house = market.house()
    asked = system.request(house, business_ref="DK-2026-7", embed_target="CMS/押品/附件")
    valuation = system.produce(asked)

    told = ways.delivered(STAFF, valuation, "RESULT")
    assert told.sha256 == sha256(told.body.encode()).hexdigest()
    assert (told.business_ref, told.embed_target) == ("DK-2026-7", "CMS/押品/附件")
    answer = data_of(told)
    assert (answer["status"], answer["value"]) == ("COMPLETED_AUTO", system.final_result(valuation).value)
    assert answer["valuation"]["comparables"], "staff see what the value rests on"

    slip = data_of(issued := ways.delivered(STAFF, valuation, "REPORT"))
    fetched = system.staff.report(valuation)
    assert fetched.content.startswith(b"%PDF")
    assert sha256(fetched.content).hexdigest() == slip["sha256"]
    assert slip["embed_target"] == "CMS/押品/附件"

    place = "CMS/押品/附件/DK-2026-7"
    receipt = Receipted(
        delivery_id=issued.delivery_id,
        channel=STAFF,
        received_at=datetime.now(UTC),
        sha256=issued.sha256,
        embedded_at_target=place,
    )
    ways.acknowledge(receipt)
    standing = ways.standing(issued.delivery_id, "ACKNOWLEDGED")
    assert [(one["verdict"], one["embedded_at"]) for one in standing["receipts"]] == [("ACKNOWLEDGED", place)]


@pytest.mark.requirement("IN4", "IN5", "RS1")
def test_the_credit_system_asks_through_the_client_library_with_its_own_token(system, market, ways):
    house, number = market.house(), system.number()
    with ways.client(STAFF) as service:
        answer = service.send(ask(house.address, house.area_m2, request_id=number, business_ref=f"BR-{number}"))
        if not answer.final:
            answer = service.wait_for(answer.valuation_id, timeout_s=90)
        assert answer.status == "COMPLETED_AUTO"
        assert answer.lower < answer.value < answer.upper
        assert answer.unit_price == round(answer.value / answer.area_m2)

        def answered() -> list[object]:
            return [one for one in service.send(find(business_ref=f"BR-{number}")) if one.final]

        by_ref = eventually(answered, "the ledger to know the answer")
        for found in (service.send(find(request_id=number)), by_ref):
            assert [(one.valuation_id, one.value) for one in found] == [(answer.valuation_id, answer.value)]
        assert [one.status for one in service.follow(answer.valuation_id)][-1] == "COMPLETED_AUTO"

        assert system.staff.report(answer.valuation_id).is_success
        slip = service.send(report(answer.valuation_id))
        assert (slip.media_type, slip.content[:4], slip.revoked) == ("application/pdf", b"%PDF", False)
        assert service.send(look(answer.valuation_id)).report_no
        taken = service.send(acknowledge(answer.valuation_id, sha256_hex=slip.sha256, embedded_at="CMS/附件"))
        assert taken["valuation_id"] == answer.valuation_id
        history = service.send(prices(house.community_id))
        assert history.community_id == house.community_id
        assert all(month[:2] in {"19", "20"} and price > 0 for month, price, _ in history.months)


@pytest.mark.requirement("IN9", "DI1", "NT3")
def test_the_credit_system_withdraws_disputes_and_raises_a_work_order(system, market, ways):
    house, odd = market.house(), market.house(Kind.ODD_SIZE)
    with ways.client(STAFF) as service:
        pending = service.send(ask(odd.address, odd.area_m2, request_id=system.number()))
        system.staff.told(pending.valuation_id, "PENDING_MANUAL")
        service.send(cancel(pending.valuation_id, reason="客户撤回申请"))
        withdrawn = system.staff.told(pending.valuation_id, "CANCELLED")
        assert (withdrawn["status_text"], withdrawn["final"]) == ("已撤销", True)
        assert service.send(cancel(pending.valuation_id)).status == "CANCELLED", "again is harmless"

        valued = system.value(house)
        with pytest.raises(ConflictError) as refused:
            service.send(cancel(valued["valuation_id"]))
        assert refused.value.code == "already-final"
        assert "已办结" in refused.value.detail_zh

        taken = service.send(dispute(valued["valuation_id"], reason_code="VALUE_TOO_LOW", text="同小区成交价更高"))
        assert datetime.fromisoformat(taken["due_at"]) > datetime.fromisoformat(taken["raised_at"])
        system.timeline(valued["valuation_id"], "Disputed")
        assert system.staff.get(valued["valuation_id"]).json()["value"] == valued["value"], "it stands until then"

        number = system.number()
        order = raise_work_order(
            number, kind="DATA_CORRECTION", text="总层数应为 18 层", valuation_id=valued["valuation_id"]
        )
        raised = service.send(order)
        assert raised.state == "RAISED"
        assert service.send(order).work_order_id == raised.work_order_id, "the same number is the same order"
        known = eventually(lambda: service.send(work_order(raised.work_order_id)).due_at, "the order in the ledger")
        assert known > datetime.now(UTC)


# ---- customers of the bank ------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN4", "RS3")
@pytest.mark.parametrize("code", CALLING)
def test_a_customers_channel_gets_value_range_and_slip_and_nothing_of_the_inside(system, market, code):
    house, channel = market.house(), system.channel(code)
    asked = channel.ask(system.number(), house.address, str(house.area_m2), subject_token=f"{code}-1", note="内部备注")
    assert asked.status_code in {200, 202}, asked.text
    answer = channel.told(asked.json()["valuation_id"], "COMPLETED_AUTO")
    assert answer["lower"] < answer["value"] < answer["upper"]
    assert answer["valid_until"]
    assert answer["disclaimer"]
    assert answer["confidence_text"]
    assert all(one["direction"] in {"UP", "DOWN"} for one in answer["influences"])
    assert not set(answer) & set(NOT_FOR_CUSTOMERS)
    assert "内部备注" not in json.dumps(answer, ensure_ascii=False)
    assert channel.report(answer["valuation_id"]).content.startswith(b"%PDF")
    elsewhere = system.channel(next(one for one in CALLING if one != code))
    assert elsewhere.get(answer["valuation_id"]).status_code == 404, "another channel's"


@pytest.mark.requirement("IN4", "IN5")
def test_a_customer_of_the_app_asks_on_the_page_and_only_that_customer_sees_it(system, market, ways):
    house, number = market.house(), system.number()
    page, another = ways.page("APP", "customer-1"), ways.page("APP", "customer-2")
    asked = page.ask(number, house.address, str(house.area_m2))
    assert asked.status_code in {200, 202}, asked.text
    valuation = asked.json()["valuation_id"]
    answer = page.told(valuation, "COMPLETED_AUTO")
    assert answer["lower"] < answer["value"] < answer["upper"]
    assert not set(answer) & set(NOT_FOR_CUSTOMERS)
    assert page.report(valuation).content.startswith(b"%PDF")
    assert another.get(valuation).status_code == 404
    assert system.timeline(valuation, "Reported")["state"]["channel"] == "APP"


@pytest.mark.requirement("IN4", "RS3")
def test_a_visitor_of_the_website_works_for_a_range_and_gets_no_slip_and_nothing_is_pushed(system, market, ways):
    house, number = market.house(), system.number()
    visitor = ways.website()
    asked = visitor.ask(number, house.address, str(house.area_m2))
    assert asked.status_code in {200, 202}, asked.text
    valuation = asked.json()["valuation_id"]
    answer = visitor.told(valuation, "COMPLETED_AUTO")
    assert set(answer) == {
        "valuation_id", "client_request_id", "status", "status_text", "final", "lower", "upper", "disclaimer",
        "address",
    }  # fmt: skip
    assert set(answer["address"]) == {"community_id", "community_name"}
    assert answer["lower"] < answer["upper"]
    refused = visitor.get(f"{valuation}/report")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    later = system.value(market.house())["valuation_id"]
    ways.delivered(STAFF, later, "RESULT")
    assert valuation not in {one.subject_id for one in ways.deliveries()}
    assert PUBLIC not in BANK_ANSWERS
    assert "Reported" not in [one["kind"] for one in system.timeline(valuation, "Scored")["events"]]


@pytest.mark.requirement("IN4", "RS3")
def test_a_follower_of_the_official_account_is_led_from_the_address_to_the_value(system, market, ways):
    house = market.house()
    phone = Phone(ways.wechat(), "openid-of-the-channel-test")
    assert "面积" in phone.says(house.address), "what is missing is asked for"
    phone.says(f"{house.area_m2:f}平米")
    told = phone.hears("估值结果", "万元")
    assert "价格区间" in told
    assert "仅供贷款业务参考" in told
    assert "没有" not in phone.says("查询")


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN4", "BA1", "RS4")
def test_a_file_goes_up_through_the_gateway_and_comes_back_with_its_manifest(system, market, ways, tmp_path):
    good = [market.house(), market.house()]
    lines = [["押品编号", "地址", "建筑面积"], *([f"YP-{n}", one.address, one.area_m2] for n, one in enumerate(good))]
    file = tmp_path / "押品清单.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([*lines, ["YP-9", good[0].address, "0"]])

    with ways.client("BATCH_FILE") as service:
        job = service.send(submit_batch(file, count=3))
        assert (job.rows, job.refused) == (3, 1)
        assert service.send(submit_batch(file, count=3)).job_id == job.job_id, "the same file is the same job"

        def done() -> bool:
            now = service.send(batch(job.job_id))
            return now.has_results and now.body["reports_known"] == now.answered == 2

        assert eventually(done, "every good row answered and reported")
        assert job.job_id in [one.job_id for one in service.send(batches())]

        def final() -> dict | None:
            found = service.send(batch_manifest(job.job_id))
            return dict(found) if found["result"] else None

        manifest = eventually(final, "the final manifest")
        result = service.send(batch_result(job.job_id))
    assert manifest["by_status"] == {"COMPLETED_AUTO": 2}
    assert manifest["input"]["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert manifest["result"]["sha256"] == sha256(result).hexdigest()
    rows = list(csv.DictReader(io.StringIO(result.decode("utf-8-sig"))))
    assert [row["押品编号"] for row in rows] == ["YP-0", "YP-1", "YP-9"], "your rows in your order"
    assert [row["状态代码"] for row in rows] == ["COMPLETED_AUTO", "COMPLETED_AUTO", ""]
    assert "面积" in rows[2]["说明"]

    def told() -> bool:
        steps = [one for one in ways.deliveries("BATCH_FILE") if one.subject_id == job.job_id]
        return manifest["result"]["sha256"] in {data_of(one).get("result_sha256") for one in steps}

    assert eventually(told, "the result of the job on the channel's own topic")
    singly = {one.subject_id for one in ways.deliveries("BATCH_FILE")}
    assert not singly & {row["估值编号"] for row in rows[:2]}, "no row is pushed by itself"


# ---- verification ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VF1", "IN4")
def test_a_house_is_verified_alone_and_together_with_its_value(system, market):
    house, channel = market.house(), system.channel("NET_BANK")
    area = str(house.area_m2)
    alone = channel.ask(system.number(), house.address, area, service_type="VERIFY", built_year=1901)
    verified = channel.told(alone.json()["valuation_id"], "COMPLETED_AUTO")
    assert "value" not in verified
    assert verified["verification"]["outcome"] in {"CONFIRMED", "MISMATCH", "NOT_FOUND", "UNVERIFIABLE"}
    assert any("一" <= letter <= "鿿" for letter in verified["verification"]["text"])
    checks = {one["field"]: one for one in verified["verification"]["checks"]}
    assert set(checks) >= {"COMMUNITY", "BUILT_YEAR"}
    assert all(set(one) <= {"field", "outcome", "text"} for one in checks.values()), "what was found is for staff"

    both = channel.ask(system.number(), house.address, area, service_type="VERIFY_AND_VALUATE")
    answer = channel.told(both.json()["valuation_id"], "COMPLETED_AUTO", "PENDING_MANUAL")
    assert answer["verification"]["outcome"]
    assert ("value" in answer) == (answer["status"] == "COMPLETED_AUTO")


# ---- pushed ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("RS2")
def test_a_registered_webhook_gets_a_genuine_delivery_as_the_channel_may_see_it(system, market, ways):
    secret, channel = "whsec_" + "c2VjcmV0" * 8, system.channel("NET_BANK")
    house = market.house()
    with Listening(secret) as bank:
        said = system.avm.json("callbacks", "endpoints", "put", "NET_BANK", f"--url={bank.url}", f"--secret={secret}")
        assert (said["channel"], said["mode"]) == ("NET_BANK", "WEBHOOK")
        asked = channel.ask(system.number(), house.address, str(house.area_m2))
        valuation = asked.json()["valuation_id"]
        answer = channel.told(valuation, "COMPLETED_AUTO")
        headers, content, told = bank.got(valuation, "valuation.result")
        assert headers["webhook-id"] == told.delivery_id
        assert told.data["value"] == answer["value"]
        assert not set(told.data) & set(NOT_FOR_CUSTOMERS)
        same = ways.delivered("NET_BANK", valuation, "RESULT")
        assert (same.delivery_id, same.body.encode()) == (told.delivery_id, content), "topic and webhook say the same"
        bank.got(valuation, "valuation.report")
        assert bank.badly_signed == 0
        system.avm.json("callbacks", "endpoints", "remove", "NET_BANK")


@pytest.mark.requirement("IN4")
def test_every_channel_of_the_contract_is_among_these():
    by_topic = {STAFF}
    by_page = {PUBLIC, "APP"}
    assert {*by_topic, *by_page, *CALLING, "WECHAT_OA", "BATCH_FILE"} == set(CHANNELS) - {"PROBE"}
