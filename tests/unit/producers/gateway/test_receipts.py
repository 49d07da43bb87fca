import pytest

from schemas.events import Receipted
from schemas.headers import fact_of
from schemas.ids import delivery_id, event_id
from tests.fakes.answers import NOON, a_report, a_request, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import STAFF, answered, asked, post, refusal

PATH = f"/v1/valuations/{STAFF}/receipt"
REPORT = a_report(a_request())
NUMBER = "9b6f0a50-3c5c-5c5c-8c5c-000000000001"


def reported(requested):
    return [an_answer(requested), a_report(requested)]


@pytest.mark.requirement("RS1")
async def test_the_receipt_of_a_delivery_goes_on_under_its_number():
    house = a_house(pipeline=answered)
    await asked(house)
    body = {"delivery_id": NUMBER, "sha256": "a" * 64, "embedded_at": "CMS/押品/附件"}
    response = await post(house, PATH, body)
    assert (response.status_code, response.json()["delivery_id"]) == (202, NUMBER)
    assert house.publisher.said == [
        Receipted(
            delivery_id=NUMBER,
            channel="CREDIT_MGMT",
            received_at=NOON,
            sha256="a" * 64,
            embedded_at_target="CMS/押品/附件",
        )
    ]


@pytest.mark.requirement("RS1")
async def test_the_receipt_of_a_fetched_report_is_for_its_delivery_and_its_digest_is_compared():
    house = a_house(pipeline=reported)
    await asked(house)
    damaged = await post(house, PATH, {"sha256": "b" * 64})
    assert refusal(damaged) == (422, "invalid-request", {"sha256": "DIFFERS"})
    assert house.publisher.said == []
    response = await post(house, PATH, {"sha256": REPORT.sha256})
    expected = delivery_id("CREDIT_MGMT", event_id(STAFF, fact_of(REPORT), REPORT.revision))
    assert (response.status_code, response.json()["delivery_id"]) == (202, expected)


async def test_there_is_no_receipt_for_a_report_that_is_not_there():
    house = a_house(pipeline=answered)
    await asked(house)
    assert refusal(await post(house, PATH, {"sha256": REPORT.sha256})) == (404, "not-found", {})
