from dataclasses import replace
from datetime import timedelta

import pytest

from producers.gateway.ports import Timeline
from producers.gateway.voice import Voice
from schemas.codes import Status
from schemas.events import Disputed
from schemas.headers import CE_ID, header
from tests.fakes.answers import CODEC, NOON, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import CUSTOMER, STAFF, answered, asked, pending, post, refusal

BODY = {"reason_code": "VALUE_TOO_LOW", "text": "同小区上月成交价明显更高"}
PATH = f"/v1/valuations/{STAFF}/dispute"


@pytest.mark.requirement("IN9", "DI2")
async def test_a_value_is_disputed_and_the_channel_learns_until_when_the_new_one_is_owed():
    house = a_house(pipeline=answered)
    await asked(house)
    response = await post(house, PATH, BODY)
    assert response.status_code == 202
    assert response.json()["due_at"] == "2026-03-03T04:00:00Z"  # noon of a Monday in Shanghai, one working day on
    assert house.publisher.said == [
        Disputed(
            valuation_id=STAFF,
            channel="CREDIT_MGMT",
            client_request_id="r-1",
            reason_code="VALUE_TOO_LOW",
            raised_at=NOON,
            text=BODY["text"],
        )
    ]


@pytest.mark.requirement("IN9")
async def test_the_same_dispute_again_is_answered_and_not_raised_again_and_another_one_waits():
    house = a_house(pipeline=answered)
    await asked(house)
    first, again = await post(house, PATH, BODY), await post(house, PATH, BODY)
    assert first.json() == again.json()
    other = await post(house, PATH, {"reason_code": "OTHER"})
    assert refusal(other) == (409, "not-disputable", {"valuation_id": "ALREADY_OPEN"})
    assert len(house.publisher.said) == 1


@pytest.mark.requirement("DI2")
@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        (pending, "NOT_FINAL"),
        (lambda _: (), "NOT_FINAL"),
        (lambda r: [an_answer(r, Status.UNABLE_TO_VALUE)], "NO_VALUE"),
        (lambda r: [an_answer(r, Status.OUT_OF_COVERAGE)], "NO_VALUE"),
    ],
)
async def test_only_a_value_that_stands_can_be_disputed(pipeline, why):
    house = a_house(pipeline=pipeline)
    await asked(house)
    assert refusal(await post(house, PATH, BODY)) == (409, "not-disputable", {"valuation_id": why})
    assert house.publisher.said == []


@pytest.mark.requirement("IN4", "DI2")
async def test_a_customer_channel_may_dispute_its_value_and_the_website_may_not():
    house = a_house(pipeline=answered)
    await asked(house, channel="NET_BANK")
    assert (await post(house, f"/v1/valuations/{CUSTOMER}/dispute", BODY, channel="NET_BANK")).status_code == 202
    website = await post(house, f"/v1/valuations/{CUSTOMER}/dispute", BODY, channel="WEBSITE")
    assert website.status_code == 403


async def test_a_dispute_that_cannot_be_recorded_is_503_and_may_be_sent_again():
    house = a_house(pipeline=answered)
    await asked(house)
    house.publisher.away = True
    assert (await post(house, PATH, BODY)).status_code == 503
    house.publisher.away = False
    assert (await post(house, PATH, BODY)).status_code == 202
    assert len(house.publisher.said) == 1


RAISED = {
    "valuation_id": STAFF, "channel": "CREDIT_MGMT", "client_request_id": "r-1", **BODY,
    "raised_at": (NOON + timedelta(minutes=1)).isoformat(),
}  # fmt: skip
BEFORE = {"raised_at": (NOON - timedelta(days=1)).isoformat()}


async def a_house_that_did_not_raise_it(*kinds, **changes):
    """An instance that answers for a dispute which another one raised."""
    house = a_house(pipeline=answered)
    await asked(house)
    events = [{"kind": kind, "payload": RAISED | changes} for kind in kinds]
    house.ledger.timelines[STAFF] = Timeline(events=[{"kind": "Scored", "payload": {}}, *events], stages=())
    return house


@pytest.mark.requirement("IN9")
async def test_the_same_dispute_again_is_known_to_every_instance():
    house = await a_house_that_did_not_raise_it("Disputed", "DisputeOpened")
    response = await post(house, PATH, BODY)
    assert (response.status_code, response.json()["raised_at"]) == (202, "2026-03-02T04:01:00Z")
    other = await post(house, PATH, {"reason_code": "OTHER"})
    assert refusal(other) == (409, "not-disputable", {"valuation_id": "ALREADY_OPEN"})
    assert house.publisher.said == []


@pytest.mark.parametrize(
    ("kinds", "changes"),
    [
        (("Disputed", "DisputeOpened"), BEFORE),
        (("Disputed",), {"reason_code": "OTHER"}),
        (("Disputed",), {"channel": "NET_BANK"}),
    ],
    ids=["of an earlier answer", "refused", "another channel's"],
)
async def test_a_dispute_that_repeats_none_is_raised(kinds, changes):
    house = await a_house_that_did_not_raise_it(*kinds, **changes)
    assert (await post(house, PATH, BODY)).status_code == 202
    assert len(house.publisher.said) == 1


async def test_while_the_ledger_is_away_a_dispute_is_raised_all_the_same():
    house = await a_house_that_did_not_raise_it("Disputed")
    house.ledger.away = True
    assert (await post(house, PATH, BODY)).status_code == 202
    assert len(house.publisher.said) == 1


@pytest.mark.requirement("IN9")
async def test_the_same_dispute_of_an_answer_is_the_same_event_whenever_it_is_said():
    sent = []

    class Kept:
        async def publish_async(self, records):
            sent.extend(records)

    voice = Voice(publisher=Kept(), codec=CODEC)
    one = Disputed(valuation_id=STAFF, channel="CREDIT_MGMT", client_request_id="r-1", raised_at=NOON, **BODY)
    later = replace(one, raised_at=NOON + timedelta(seconds=3))
    for disputed, revision in ((one, 1), (later, 1), (one, 2), (replace(one, text="别的"), 1)):
        await voice.dispute(disputed, revision=revision, parent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    first, again, *others = (header(record.headers, CE_ID) for record in sent)
    assert first == again
    assert len({first, *others}) == 3
