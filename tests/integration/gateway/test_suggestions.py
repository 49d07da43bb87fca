"""Suggestions of a gateway as a process would run it, fed from a real broker."""

import pytest

from infra.kafka.producer import Publisher, Record
from infra.kafka.security import client_conf
from tests.fakes.answers import CODEC
from tests.fakes.pipeline import Topics
from tests.integration.gateway.test_gateway import a_gateway, found, until_ready
from tests.unit.producers.gateway.suggestions.test_index import SMALL, a_community, an_alias

pytestmark = pytest.mark.kafka


@pytest.fixture
def connection(bootstrap):
    return client_conf(bootstrap)


@pytest.fixture
def publisher(connection):
    publisher = Publisher(connection, on_fatal=lambda _: None)
    yield publisher
    publisher.close()


def record(topic, key, event):
    return Record(topic=topic.named(), key=key.encode(), value=None if event is None else CODEC.encode(event))


async def suggested(client, typed, condition):
    """What is suggested, once it is as expected."""
    while True:
        response = await found(client, f"/v1/addresses/suggest?q={typed}")
        if condition(response.json()["suggestions"]):
            return response.json()["suggestions"]


@pytest.mark.requirement("AD6")
async def test_what_was_written_before_is_there_when_the_gateway_is_ready_and_changes_are_live(
    connection, publisher, topics
):
    house = Topics.made_by(topics)
    communities, aliases = house.communities, house.aliases
    old = a_community("w1", "旧名家园")
    publisher.publish([record(communities, "w1", old)] + [record(communities, c.community_id, c) for c in SMALL])
    async with a_gateway(connection, house) as client:
        await until_ready(client)
        ready = (await client.get("/v1/addresses/suggest", params={"q": "望京花园"})).json()["suggestions"]
        assert [one["community_id"] for one in ready] == ["w1", "h1", "w2", "w4"]
        assert (await client.get("/v1/addresses/suggest", params={"q": "旧名"})).json()["suggestions"] == []

        alias = an_alias("老望京", "w3")
        publisher.publish([record(aliases, alias.alias_key, alias)])
        (learned,) = await suggested(client, "老望", bool)
        assert (learned["name"], learned["alias"]) == ("望京西园三区", "老望京")

        publisher.publish([record(communities, "w2", None)])
        left = await suggested(client, "望京花园", lambda all_: len(all_) == 3)
        assert [one["community_id"] for one in left] == ["w1", "h1", "w4"]


async def test_without_the_dictionary_the_gateway_is_not_ready_and_says_why(connection, topics):
    from dataclasses import replace

    house = Topics.made_by(topics)
    missing = replace(house, communities=replace(house.communities, name="reference.communities.not-there"))
    async with a_gateway(connection, missing) as client:
        response = await client.get("/health")
        assert response.status_code == 503
        assert "the dictionary of communities is not loaded yet" in response.json()["reasons"]
