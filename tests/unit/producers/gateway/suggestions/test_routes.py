"""`GET /v1/addresses/suggest` as a channel calls it."""

import pytest

from producers.gateway.access.rate_limit import Rate
from producers.gateway.suggestions.feed import SuggestionFeed
from producers.gateway.suggestions.index import SuggestionIndex
from schemas.codec import Codec
from schemas.codes import AliasSource
from schemas.domain.divisions import divisions
from schemas.registry import CatalogueRegistry
from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.suggestions.test_index import SMALL, a_community, an_alias

CODEC = Codec(CatalogueRegistry())


def a_house_with(*communities, **how):
    house = a_house(**how)
    house.index.apply({one.community_id: one for one in communities}, {})
    return house


async def suggest(house, *, channel="CREDIT_MGMT", path="/v1/addresses/suggest", **query):
    async with house.client(channel) as client:
        return await client.get(path, params=query)


@pytest.mark.requirement("AD6")
async def test_a_channel_gets_communities_with_place_and_mark():
    response = await suggest(a_house_with(*SMALL), q="望京花园", city="杭州", limit=2)
    assert response.status_code == 200
    assert response.json() == {
        "suggestions": [
            {
                "community_id": "h1", "name": "望京花园", "city": "杭州市", "district": "西湖区",
                "highlight": {"field": "name", "start": 0, "end": 4},
            },
            {
                "community_id": "w1", "name": "望京花园", "city": "北京市", "district": "朝阳区",
                "highlight": {"field": "name", "start": 0, "end": 4},
            },
        ]
    }  # fmt: skip
    assert response.headers["Cache-Control"] == "private, max-age=60"


@pytest.mark.requirement("AD6")
async def test_an_alias_is_shown_with_its_own_mark():
    (found,) = (await suggest(a_house_with(*SMALL), q="whg")).json()["suggestions"]
    assert (found["name"], found["alias"]) == ("翠苑一区", "文华公寓")
    assert found["highlight"] == {"field": "alias", "start": 0, "end": 3}


@pytest.mark.requirement("AD6")
async def test_the_public_page_never_reads_a_name_that_somebody_typed():
    house = a_house_with(*SMALL)
    alias = an_alias("某人家", "w3", source=AliasSource.STAFF_REPLY)
    house.index.apply({}, {alias.alias_key: alias})
    response = await suggest(house, channel=None, path="/h5/addresses/suggest", q="某人")
    (found,) = response.json()["suggestions"]
    assert (found["community_id"], found["highlight"]) == ("w3", {"field": "name", "start": 0, "end": 0})
    assert "某人" not in response.text


@pytest.mark.requirement("AD6")
@pytest.mark.parametrize("typed", ["", " ", "望", "北京市", "北京市朝阳区", "!?"])
async def test_too_little_is_no_error_but_a_hint(typed):
    response = await suggest(a_house_with(*SMALL), q=typed)
    assert (response.status_code, response.json()["suggestions"]) == (200, [])
    assert "两个字" in response.json()["hint"]


async def test_one_character_is_enough_where_the_place_is_known():
    house = a_house_with(*SMALL)
    assert (await suggest(house, q="翠", city="杭州市")).json()["suggestions"][0]["community_id"] == "h2"
    assert (await suggest(house, q="浙江省杭州市翠")).json()["suggestions"][0]["community_id"] == "h2"


async def test_nothing_found_says_what_to_do():
    response = await suggest(a_house_with(*SMALL), q="从未见过")
    assert response.json() == {"suggestions": [], "hint": "未找到相应小区，可继续填写完整地址"}


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"q": "望" * 201}, "q"),
        ({"q": "望京", "limit": "0"}, "limit"),
        ({"q": "望京", "limit": "11"}, "limit"),
        ({"q": "望京", "limit": "many"}, "limit"),
        ({"q": "望京", "city": "亚特兰蒂斯"}, "city"),
    ],
)
async def test_a_wrong_parameter_is_named_in_chinese(query, field):
    response = await suggest(a_house_with(*SMALL), **query)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
    (problem,) = response.json()["problems"]
    assert problem["field"] == field
    assert any("\u4e00" <= character <= "\u9fff" for character in problem["message"])


async def test_until_the_dictionary_is_loaded_the_caller_is_told_to_come_again_and_the_instance_is_not_ready():
    house = a_house_with(*SMALL)
    house.loaded[0] = False
    response = await suggest(house, q="望京")
    assert (response.status_code, response.json()["code"]) == (503, "loading")
    assert int(response.headers["Retry-After"]) > 0
    async with house.client() as client:
        health = await client.get("/health")
    assert (health.status_code, len(health.json()["reasons"])) == (503, 1)


async def test_nobody_comes_in_without_a_key_but_by_the_public_page():
    house = a_house_with(*SMALL)
    assert (await suggest(house, channel=None, q="望京")).status_code == 401
    public = await suggest(house, channel=None, path="/h5/addresses/suggest", q="望京")
    assert public.status_code == 200
    assert public.json()["suggestions"]


@pytest.mark.requirement("IN5")
async def test_typing_is_limited_by_itself_and_takes_nothing_from_valuations():
    house = a_house_with(*SMALL, rate=Rate(per_second=1, burst=2))
    answers = [await suggest(house, q="望京") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    async with house.client() as client:
        assert (await client.get("/v1/valuations/unknown")).status_code == 404


async def test_the_published_interface_shows_it_with_examples():
    async with a_house().client() as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/addresses/suggest"]["get"]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    assert example["suggestions"][0]["highlight"] == {"field": "name", "start": 0, "end": 3}
    assert {one["name"] for one in operation["parameters"]} >= {"q", "city", "limit"}
    assert "/h5/addresses/suggest" not in document["paths"]


def test_what_cannot_be_read_is_passed_over_and_counted():
    index = SuggestionIndex(divisions())
    feed = SuggestionFeed(index, CODEC, aliases=frozenset({"aliases"}))
    community = a_community("w1", "望京花园")
    alias = an_alias("老望京", "w1")
    feed.take("communities", b"w1", CODEC.encode(community))
    feed.take("communities", b"w2", b"no avro")
    feed.take("communities", b"\xff", None)
    feed.take("aliases", alias.alias_key.encode(), CODEC.encode(alias))
    assert len(index) == 0
    feed.settle()
    assert (len(index), feed.unreadable) == (1, 2)
    assert [one.alias for one in index.suggest("老望京")] == ["老望京"]
    feed.take("communities", b"w1", None)
    feed.settle()
    assert len(index) == 0
