import json
from dataclasses import asdict, fields

import httpx
import pytest

from consumers.ledger.entry import json_ready
from consumers.ledger.work_orders import WorkOrder
from producers.gateway.ledger import HttpLedger
from producers.gateway.ports import IssuedReport, LedgerUnavailableError
from schemas.events import Reported, ReportRevoked, Requested, Resulted
from schemas.json_events import event_from_json
from schemas.records import to_record
from tests.fakes.answers import NOON, a_full_answer, a_report, a_request

REQUEST = a_request()


def kept(event):
    return json.loads(json.dumps(to_record(type(event))(event), default=json_ready))


def a_ledger(answers):
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path)
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    return HttpLedger(httpx.AsyncClient(transport=httpx.MockTransport(answer)), "http://ledger/")


@pytest.mark.parametrize("event", [REQUEST, a_full_answer(REQUEST), a_report(REQUEST)], ids=lambda e: type(e).__name__)
def test_an_event_comes_back_from_the_ledgers_json_as_it_was(event):
    assert event_from_json(type(event), kept(event)) == event


def test_a_field_of_a_newer_release_is_left_out():
    assert event_from_json(Requested, {**kept(REQUEST), "colour": "red"}) == REQUEST


async def test_a_valuation_is_its_owner_its_answer_and_its_newest_report():
    answer, report = a_full_answer(REQUEST), a_report(REQUEST)
    path = f"/valuations/{REQUEST.valuation_id}"
    found = {
        "state": {"channel": "CREDIT_MGMT"},
        "result": kept(answer),
        "reports": [{"payload": kept(report)}, {"payload": kept(a_report(REQUEST, report_no="older"))}],
    }
    archived = await a_ledger({path: found}).valuation(REQUEST.valuation_id)
    assert archived.channel == "CREDIT_MGMT"
    assert (type(archived.state.result), archived.state.result) == (Resulted, answer)
    assert (type(archived.state.report), archived.state.report) == (Reported, report)
    assert await a_ledger({}).valuation("unknown") is None
    assert not archived.state.is_revoked
    found["reports"][0]["revoked"] = {"reason": "X"}
    assert (await a_ledger({path: found}).valuation(REQUEST.valuation_id)).state.is_revoked


@pytest.mark.requirement("IN9")
async def test_the_valuations_of_a_business_number_are_those_of_the_channel():
    states = [{"valuation_id": number, "channel": channel} for number, channel in (("b", "APP"), ("a", "CREDIT_MGMT"))]
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"valuations": states})

    ledger = HttpLedger(httpx.AsyncClient(transport=httpx.MockTransport(answer)), "http://ledger/")
    assert await ledger.valuations_of("CREDIT_MGMT", "押品 77") == ("a",)
    assert asked == [{"channel": "CREDIT_MGMT", "business_ref": "押品 77"}]


@pytest.mark.requirement("DI1")
async def test_a_work_order_is_read_as_the_ledger_writes_it():
    written = WorkOrder(
        work_order_id="w-1",
        channel="CREDIT_MGMT",
        client_request_id="WO-1",
        kind="FAULT",
        state="ANSWERED",
        raised_at=NOON,
        valuation_id="",
        business_ref=None,
        due_at=NOON,
        answer="已修复",
        escalated=False,
        answered_at=NOON,
    )
    ledger = a_ledger({"/work-orders/w-1": json.loads(json.dumps(asdict(written), default=str))})
    read = await ledger.work_order("w-1", "CREDIT_MGMT")
    names = {field.name for field in fields(read)}
    assert asdict(read) == {name: value for name, value in asdict(written).items() if name in names}
    assert await ledger.work_order("w-1", "NET_BANK") is None
    assert await ledger.work_order("w-2", "CREDIT_MGMT") is None


@pytest.mark.requirement("RP6")
async def test_a_report_is_read_with_its_revocation():
    report = a_report(REQUEST)
    revoked = ReportRevoked(
        valuation_id=REQUEST.valuation_id,
        report_no=report.report_no,
        channel="CREDIT_MGMT",
        reason="X",
        revoked_at=NOON,
    )
    found = {"/reports/1": {"payload": kept(report), "revoked": kept(revoked)}, "/reports/2": {"payload": kept(report)}}
    assert await a_ledger(found).report("1") == IssuedReport(reported=report, revoked=revoked)
    assert await a_ledger(found).report("2") == IssuedReport(reported=report)
    assert await a_ledger(found).report("3") is None


async def test_the_request_is_the_first_one_that_asked_for_a_value():
    from dataclasses import replace

    from schemas.codes import Action

    reply = replace(REQUEST, action=Action.CLARIFY, chosen_community_id="c-1")
    events = [
        {"kind": "Accepted", "payload": {}},
        {"kind": "Requested", "payload": kept(reply)},
        {"kind": "Requested", "payload": kept(REQUEST)},
    ]
    ledger = a_ledger({f"/valuations/{REQUEST.valuation_id}/timeline": {"events": events, "stages": []}})
    assert await ledger.request(REQUEST.valuation_id) == REQUEST


async def test_a_ledger_that_fails_is_unavailable():
    async def ask(handler):
        return await HttpLedger(httpx.AsyncClient(transport=httpx.MockTransport(handler)), "http://l").report("1")

    def broken(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(LedgerUnavailableError, match="503"):
        await ask(lambda _: httpx.Response(503))
    with pytest.raises(LedgerUnavailableError, match="ConnectError"):
        await ask(broken)
