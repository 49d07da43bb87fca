import pytest

from producers.gateway.arrivals import State
from producers.gateway.ports import Archived
from schemas.ids import valuation_id
from tests.fakes.answers import a_request, an_answer
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import STAFF, answered, asked, get, refusal


def archived(house, number, **changes):
    requested = a_request(client_request_id=number, **changes)
    state = State(result=an_answer(requested))
    house.ledger.valuations[requested.valuation_id] = Archived(channel=requested.channel, state=state)
    return requested.valuation_id


async def found(house, query, channel="CREDIT_MGMT"):
    response = await get(house, f"/v1/valuations?{query}", channel=channel)
    assert response.status_code == 200
    return [one["valuation_id"] for one in response.json()["valuations"]]


@pytest.mark.requirement("IN9")
async def test_a_valuation_is_found_by_the_channels_own_request_number():
    house = a_house(pipeline=answered)
    await asked(house)
    assert await found(house, "client_request_id=r-1") == [STAFF]
    assert await found(house, "client_request_id=r-9") == []
    assert await found(house, "client_request_id=r-1", channel="NET_BANK") == []


@pytest.mark.requirement("IN9", "RS1")
async def test_the_valuations_of_a_business_number_are_found_newest_first():
    house = a_house()
    numbers = [archived(house, "r-2"), archived(house, "r-1")]
    house.ledger.business_refs["CREDIT_MGMT", "biz-1"] = numbers
    assert await found(house, "business_ref=biz-1") == numbers
    assert await found(house, "business_ref=biz-1", channel="NET_BANK") == []


async def test_a_number_that_the_ledger_names_for_another_channel_is_not_shown():
    house = a_house()
    foreign = archived(house, "r-1", channel="NET_BANK")
    assert foreign == valuation_id("NET_BANK", "r-1")
    house.ledger.business_refs["CREDIT_MGMT", "biz-1"] = [foreign]
    assert await found(house, "business_ref=biz-1") == []


@pytest.mark.parametrize("query", ["", "?client_request_id=r-1&business_ref=biz-1"])
async def test_it_is_found_by_one_number_and_not_by_two_or_none(query):
    response = await get(a_house(), f"/v1/valuations{query}")
    assert refusal(response) == (422, "invalid-request", {"client_request_id": "MISSING"})


@pytest.mark.parametrize("query", ["client_request_id=", f"business_ref={'长' * 129}"])
async def test_a_number_that_cannot_be_one_is_refused_with_its_field(query):
    status, code, fields = refusal(await get(a_house(), f"/v1/valuations?{query}"))
    assert (status, code, set(fields)) == (422, "invalid-request", {query.partition("=")[0]})


async def test_without_the_ledger_a_business_number_cannot_be_looked_up():
    house = a_house()
    house.ledger.away = True
    assert (await get(house, "/v1/valuations?business_ref=biz-1")).status_code == 503
