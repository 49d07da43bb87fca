import pytest

from schemas.codes import Status
from schemas.events import Disputed
from tests.fakes.answers import NOON, an_answer
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
