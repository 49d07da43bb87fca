from dataclasses import replace

import pytest

from producers.gateway.arrivals import State
from producers.gateway.ports import Archived
from producers.gateway.service import Waits
from schemas.codes import Action, Lane, Reason, Status
from schemas.events import Requested
from schemas.headers import CE_ID, TRACEPARENT, header
from tests.fakes.answers import CODEC, a_request, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import CUSTOMER, STAFF, answered, asked, get, pending, post, refusal

CANCEL = f"/v1/valuations/{STAFF}/cancellation"
MANUAL = f"/v1/valuations/{STAFF}/manual-review"


def commands(house):
    """The commands sent, with their records."""
    sent = [(CODEC.decode(record.value, Requested), record) for record in house.publisher.sent]
    return [(requested, record) for requested, record in sent if requested.action is not Action.VALUE]


def withdrawn(requested):
    if requested.action is Action.CANCEL:
        return [an_answer(requested, Status.CANCELLED, reasons=(Reason.CANCELLED_BY_CHANNEL,))]
    return pending(requested)


def forced(requested):
    if requested.action is Action.FORCE_MANUAL:
        return [
            an_answer(requested, Status.PENDING_MANUAL, reasons=(Reason.FORCED_BY_BANK,), due_at=requested.requested_at)
        ]
    return [an_answer(requested, Status.PROCESSING)]


@pytest.mark.requirement("IN9")
async def test_a_request_is_withdrawn_under_its_own_number_and_in_its_own_trace():
    house = a_house(pipeline=withdrawn)
    await asked(house)
    response = await post(house, CANCEL, {"reason": "客户撤回申请"})
    assert (response.status_code, response.json()["status"]) == (200, "CANCELLED")
    ((sent, record),) = commands(house)
    assert (sent.action, sent.client_request_id, sent.note) == (Action.CANCEL, "r-1", "客户撤回申请")
    assert (sent.valuation_id, sent.address, sent.area) == (STAFF, "", 0)
    first = header(house.publisher.sent[0].headers, TRACEPARENT)
    assert header(record.headers, TRACEPARENT)[:35] == first[:35]
    assert header(record.headers, CE_ID) != header(house.publisher.sent[0].headers, CE_ID)


@pytest.mark.requirement("IN9")
async def test_withdrawing_again_is_answered_without_another_command():
    house = a_house(pipeline=withdrawn)
    await asked(house)
    first, again = await post(house, CANCEL, {}), await post(house, CANCEL, {"reason": "再次"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(commands(house)) == 1


@pytest.mark.requirement("IN9")
async def test_an_end_stands_whoever_wants_to_withdraw_it():
    house = a_house(pipeline=answered)
    await asked(house)
    assert refusal(await post(house, CANCEL, {})) == (409, "already-final", {})
    assert refusal(await post(house, MANUAL, {"reason": "复核"})) == (409, "already-final", {})
    assert commands(house) == []


@pytest.mark.requirement("IN9")
async def test_a_value_that_comes_first_is_told_as_a_refusal_of_the_withdrawal():
    house = a_house(pipeline=lambda r: answered(r) if r.action is Action.CANCEL else pending(r))
    await asked(house)
    assert refusal(await post(house, CANCEL, {})) == (409, "already-final", {})
    assert (await get(house, f"/v1/valuations/{STAFF}")).json()["status"] == "COMPLETED_AUTO"


@pytest.mark.requirement("IN9")
async def test_what_is_said_about_the_queue_is_no_answer_to_a_withdrawal():
    def slow(requested):
        if requested.action is Action.CANCEL:
            return [*pending(requested), *withdrawn(requested)]
        return pending(requested)

    house = a_house(pipeline=slow)
    await asked(house)
    assert (await post(house, CANCEL, {})).json()["status"] == "CANCELLED"


@pytest.mark.requirement("IN9")
async def test_a_refusal_by_intake_is_told_with_its_code():
    def late(requested):
        if requested.action is Action.CANCEL:
            refused = (Reason.ALREADY_FINAL,)
            return [an_answer(requested, Status.REJECTED_INVALID, revision=0, reasons=refused)]
        return [an_answer(requested, Status.PROCESSING)]

    house = a_house(pipeline=late)
    await asked(house)
    assert refusal(await post(house, CANCEL, {})) == (409, "already-final", {})


@pytest.mark.requirement("IN9")
async def test_without_an_answer_in_time_the_caller_learns_where_it_stands():
    house = a_house(pipeline=lambda r: pending(r) if r.action is Action.VALUE else ())
    await asked(house)
    response = await post(house, CANCEL, {})
    assert (response.status_code, response.json()["status"]) == (202, "PENDING_MANUAL")
    assert response.headers["Location"] == f"/v1/valuations/{STAFF}"


@pytest.mark.requirement("IN9")
async def test_a_request_that_nobody_has_answered_yet_can_be_withdrawn():
    house = a_house(pipeline=lambda r: withdrawn(r) if r.action is Action.CANCEL else ())
    await asked(house)
    assert (await post(house, CANCEL, {})).status_code == 200


@pytest.mark.requirement("IN9")
async def test_another_instance_withdraws_on_the_lane_and_in_the_trace_the_ledger_knows():
    house = a_house(pipeline=withdrawn)
    requested = a_request()
    result = replace(an_answer(requested, Status.PENDING_MANUAL), lane=Lane.BATCH)
    state = State(result=result, trace_id="c" * 32)
    house.ledger.valuations[STAFF] = Archived(channel="CREDIT_MGMT", state=state)
    assert (await post(house, CANCEL, {})).status_code == 200
    record = house.publisher.sent[0]
    assert record.topic == "valuation.requests.batch"
    assert "c" * 32 in header(record.headers, TRACEPARENT)


@pytest.mark.requirement("IN9")
async def test_a_person_is_asked_for_with_a_reason_and_once():
    house = a_house(pipeline=forced, waits=Waits(answer_s=0.2))
    await asked(house)
    first, again = (
        await post(house, MANUAL, {"reason": "审批人要求"}),
        await post(house, MANUAL, {"reason": "审批人要求"}),
    )
    assert [one.status_code for one in (first, again)] == [202, 202]
    assert first.json()["status"] == again.json()["status"] == "PENDING_MANUAL"
    assert first.json()["due_at"]
    ((sent, _),) = commands(house)
    assert (sent.action, sent.note) == (Action.FORCE_MANUAL, "审批人要求")


@pytest.mark.requirement("IN9")
async def test_what_people_decided_because_the_bank_wanted_it_is_no_conflict():
    house = a_house(pipeline=lambda r: [an_answer(r, Status.COMPLETED_MANUAL, reasons=(Reason.FORCED_BY_BANK,))])
    await asked(house)
    response = await post(house, MANUAL, {"reason": "审批人要求"})
    assert (response.status_code, response.json()["status"]) == (200, "COMPLETED_MANUAL")


@pytest.mark.requirement("IN4", "IN9")
async def test_a_customer_channel_may_withdraw_and_may_not_force_a_person():
    house = a_house(pipeline=withdrawn)
    await asked(house, channel="NET_BANK")
    manual = await post(house, f"/v1/valuations/{CUSTOMER}/manual-review", {"reason": "x"}, channel="NET_BANK")
    assert refusal(manual) == (403, "forbidden", {})
    cancelled = await post(house, f"/v1/valuations/{CUSTOMER}/cancellation", {}, channel="NET_BANK")
    assert cancelled.json()["status"] == "CANCELLED"


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize("step", ["cancellation", "manual-review", "dispute", "receipt"])
async def test_somebody_elses_valuation_is_as_unknown_as_one_that_never_was(step):
    house = a_house(pipeline=answered)
    await asked(house, channel="NET_BANK")
    bodies = {
        "cancellation": {},
        "manual-review": {"reason": "x"},
        "dispute": {"reason_code": "X"},
        "receipt": {"sha256": "0" * 64},
    }
    for number in (CUSTOMER, "never"):
        response = await post(house, f"/v1/valuations/{number}/{step}", bodies[step])
        assert refusal(response) == (404, "not-found", {})
    assert house.publisher.said == []


async def test_a_command_that_cannot_be_recorded_is_503():
    house = a_house(pipeline=pending)
    await asked(house)
    house.publisher.away = True
    response = await post(house, CANCEL, {})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.requirement("IN9", "IN8")
async def test_a_person_can_be_asked_for_with_the_request_itself_and_told_why():
    house = a_house(pipeline=pending)
    response = await asked(house, force_manual=True, note="客户对自动估值有异议")
    assert response.status_code == 202
    sent = CODEC.decode(house.publisher.sent[0].value, Requested)
    assert (sent.force_manual, sent.note) == (True, "客户对自动估值有异议")
