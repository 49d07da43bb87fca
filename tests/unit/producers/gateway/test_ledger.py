import json

import httpx
import pytest

from consumers.ledger.entry import json_ready
from producers.gateway.ledger import HttpLedger
from producers.gateway.ports import LedgerUnavailableError
from schemas.events import Reported, Requested, Resulted
from schemas.json_events import event_from_json
from schemas.records import to_record
from tests.fakes.answers import a_full_answer, a_report, a_request

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
