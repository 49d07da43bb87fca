import json
from dataclasses import replace
from hashlib import sha256

import pytest

from schemas.codes import Audience, BatchState, DeliveryKind, Lane, NoticeTrigger, Status, WorkOrderKind, WorkOrderState
from schemas.domain.tellings import delivered, tellings
from schemas.events import BatchProgressed, Noticed, ReportRevoked, WorkOrderProgressed
from tests.fakes.answers import NOON, a_full_answer, a_report, a_request, an_answer

NET_BANK = a_request(channel="NET_BANK")
NOTICE = Noticed(
    notice_id="n-1", trigger=NoticeTrigger.INCIDENT, audience=Audience.OPERATIONS, subject_id="i-1", title="故障",
    text="服务暂时受影响", template="incident", template_version="1", noticed_at=NOON, branch_code="B-77",
)  # fmt: skip


def body_of(event, lane=Lane.ONLINE):
    (telling,) = tellings(event, lane)
    return json.loads(delivered(telling, "event-1", NOON).body)


@pytest.mark.requirement("RS4", "IN4")
def test_a_customers_channel_gets_its_answer_and_nothing_of_the_evidence():
    body = body_of(a_full_answer(NET_BANK))
    assert (body["type"], body["channel"]) == ("valuation.result", "NET_BANK")
    assert body["data"]["value"] == 4_475_000
    text = json.dumps(body, ensure_ascii=False)
    assert [secret for secret in ("d-1", "G3", "QZ-7", "文三路", "p10", "row-4711") if secret in text] == []


@pytest.mark.requirement("RS4")
def test_no_report_s_place_in_the_store_leaves_and_only_staff_get_its_code():
    to_staff, to_customers = (body_of(a_report(request))["data"] for request in (a_request(), NET_BANK))
    assert "uri" not in to_staff
    assert to_staff["verification_code"] == "K7Q2"
    assert "verification_code" not in to_customers


@pytest.mark.requirement("RS4")
def test_who_revoked_a_report_stays_inside():
    event = ReportRevoked(
        valuation_id="v", report_no="HV-1", channel="CREDIT_MGMT", reason="面积更正", revoked_at=NOON, by="S0017"
    )
    assert "S0017" not in json.dumps(body_of(event))


@pytest.mark.requirement("RS2")
def test_receipts_and_refusals_are_delivered_like_answers():
    for status in (Status.RECEIVED, Status.REJECTED_INVALID):
        assert body_of(an_answer(a_request(), status))["data"]["status"] == status


@pytest.mark.parametrize("channel", ["PROBE", "WEBSITE", "NOBODY"])
def test_probes_pages_and_unknown_channels_are_told_nothing(channel):
    assert tellings(an_answer(a_request(channel=channel))) == ()


def test_the_rows_of_a_job_are_acknowledged_by_the_job_and_by_manifest_where_that_is_agreed():
    row, received = an_answer(a_request()), an_answer(a_request(), Status.RECEIVED)
    assert (len(tellings(row, Lane.BATCH)), tellings(received, Lane.BATCH)) == (1, ())
    by_manifest = a_request(channel="BATCH_FILE")
    assert tellings(an_answer(by_manifest), Lane.BATCH) == tellings(a_report(by_manifest), Lane.BATCH) == ()
    assert len(tellings(an_answer(by_manifest), Lane.ONLINE)) == 1


def test_an_old_name_of_a_channel_is_told_under_its_own():
    (telling,) = tellings(an_answer(a_request(channel="CREDIT_SYS")))
    assert telling.channel == "CREDIT_MGMT"


@pytest.mark.requirement("RS2")
def test_a_delivery_is_the_same_however_often_its_event_comes():
    (telling,) = tellings(an_answer(a_request()))
    first, again = delivered(telling, "event-1", NOON), delivered(telling, "event-1", NOON.replace(hour=9))
    assert (first.delivery_id, first.body) == (again.delivery_id, again.body)
    assert first.sha256 == sha256(first.body.encode()).hexdigest()
    assert delivered(telling, "event-2", NOON).delivery_id != first.delivery_id


@pytest.mark.requirement("NT1")
def test_a_notice_goes_to_the_systems_of_those_whom_its_words_are_for():
    told = {
        (audience, channel)
        for audience in Audience
        for channel in ("CREDIT_MGMT", "NET_BANK", "WEBSITE", None)
        if tellings(replace(NOTICE, audience=audience, channel=channel))
    }
    assert told == {
        (Audience.OPERATIONS, "CREDIT_MGMT"), (Audience.OPERATIONS, "NET_BANK"),
        (Audience.CUSTOMER_MANAGER, "CREDIT_MGMT"), (Audience.CUSTOMER, "NET_BANK"),
    }  # fmt: skip


def test_a_customer_s_notice_carries_its_words_and_nothing_of_the_staff_s():
    body = body_of(replace(NOTICE, audience=Audience.CUSTOMER, channel="NET_BANK", business_ref="BR-7"))
    assert body["data"]["text"] == NOTICE.text
    assert [secret for secret in ("B-77", "BR-7", "template") if secret in json.dumps(body)] == []


def test_work_orders_and_jobs_are_told_under_their_own_ids():
    order = WorkOrderProgressed(
        work_order_id="w-1", number=2, state=WorkOrderState.ANSWERED, kind=WorkOrderKind.CONSULTATION, channel="APP",
        client_request_id="c-1", at=NOON, answer="已答复", escalated=True,
    )  # fmt: skip
    job = BatchProgressed(
        job_id="j-1", channel="BATCH_FILE", state=BatchState.COMPLETED, number=9, rows=3, refused=1, answered=2,
        deadline_at=NOON, at=NOON, by_status={"COMPLETED_AUTO": 2},
    )  # fmt: skip
    (of_order,), (of_job,) = tellings(order), tellings(job)
    assert (of_order.kind, of_order.subject_id) == (DeliveryKind.WORK_ORDER, "w-1")
    assert "escalated" not in of_order.content
    assert (of_job.kind, of_job.subject_id) == (DeliveryKind.BATCH, "j-1")
    assert of_job.content["by_status"] == {"COMPLETED_AUTO": 2}
