import pytest

from producers.gateway.access.caller import Caller
from producers.gateway.ownership import owner_of
from schemas.codes import Reason, Status
from schemas.domain import channels
from schemas.events import Requested, Resulted
from tests.fakes.answers import CODEC
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import GOOD, answered, refusal


def caller(code, subject=None):
    return Caller(channel=channels.channel(code), credential=code, scopes=frozenset(), subject=subject)


def page_of(house, subject):
    """A client with the page token of one customer of the net bank."""
    client = house.client(None)
    token = house.access.page_token(caller("NET_BANK"), subject)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_a_bank_system_owns_all_of_its_channel_and_a_page_what_its_customer_asked_for():
    bank, one, other = (
        owner_of(caller("NET_BANK")),
        owner_of(caller("NET_BANK", "a")),
        owner_of(caller("NET_BANK", "b")),
    )
    number = f"{one.prefix}r-1"
    assert [owner.owns("NET_BANK", number) for owner in (bank, one, other)] == [True, True, False]
    assert not bank.owns("APP", number)
    assert owner_of(caller("WEBSITE", "visitor")).prefix == ""


@pytest.mark.requirement("IN4")
async def test_a_customers_page_sees_its_own_valuations_and_nobody_elses():
    house = a_house(pipeline=answered)
    async with page_of(house, "customer-a") as one, page_of(house, "customer-b") as other:
        mine = await one.post("/h5/valuations", json=GOOD)
        theirs = await other.post("/h5/valuations", json=GOOD)
        assert (mine.status_code, theirs.status_code) == (200, 200)
        assert mine.json()["valuation_id"] != theirs.json()["valuation_id"]
        for path in ("", "/events", "/report"):
            foreign = await other.get(f"/h5/valuations/{mine.json()['valuation_id']}{path}")
            assert refusal(foreign) == (404, "not-found", {})
        assert (await one.get(f"/h5/valuations/{mine.json()['valuation_id']}")).json()["value"]
    async with house.client("NET_BANK") as bank:
        assert (await bank.get(f"/v1/valuations/{mine.json()['valuation_id']}")).status_code == 200
    subjects = {CODEC.decode(record.value, Requested).subject_token for record in house.publisher.sent}
    assert subjects == {"customer-a", "customer-b"}


@pytest.mark.requirement("IN4")
async def test_a_page_cannot_ask_in_the_name_of_another_customer():
    house = a_house(pipeline=answered)
    async with page_of(house, "customer-a") as page:
        await page.post("/h5/valuations", json={**GOOD, "subject_token": "customer-b"})
    assert CODEC.decode(house.publisher.sent[0].value, Requested).subject_token == "customer-a"


@pytest.mark.requirement("IN5")
async def test_a_request_over_the_quota_is_refused_and_told_on_the_results_topic():
    house = a_house(pipeline=answered)
    body = {**GOOD, "subject_token": "customer-a"}
    async with house.client("NET_BANK") as bank:
        statuses = [
            (await bank.post("/v1/valuations", json={**body, "client_request_id": f"r-{number}"})).status_code
            for number in range(30)
        ]
        assert set(statuses) == {200}
        refused = await bank.post("/v1/valuations", json={**body, "client_request_id": "r-30"})
        assert refusal(refused)[:2] == (429, "quota-exceeded")
        assert int(refused.headers["Retry-After"]) > 0
        repeat = await bank.post("/v1/valuations", json={**body, "client_request_id": "r-0"})
        assert repeat.status_code == 200
    (told,) = house.publisher.said
    assert isinstance(told, Resulted)
    assert (told.status, told.reasons, told.client_request_id, told.revision) == (
        Status.REJECTED_INVALID, (Reason.QUOTA_EXCEEDED,), "r-30", 0,
    )  # fmt: skip
    assert len(house.publisher.sent) == 30


@pytest.mark.requirement("IN5")
async def test_a_refusal_that_cannot_be_told_is_503_and_not_silent():
    house = a_house(pipeline=answered)
    body = {**GOOD, "subject_token": "customer-a"}
    async with house.client("NET_BANK") as bank:
        for number in range(30):
            await bank.post("/v1/valuations", json={**body, "client_request_id": f"r-{number}"})
        house.publisher.away = True
        assert (await bank.post("/v1/valuations", json={**body, "client_request_id": "r-30"})).status_code == 503
