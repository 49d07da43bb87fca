"""Price history of a gateway as a process would run it, fed from a real broker."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from infra.kafka.producer import Publisher, Record
from infra.kafka.security import client_conf
from schemas.codes import SourceKind
from schemas.events import Deal, SourceLicence
from tests.fakes.answers import CODEC
from tests.fakes.pipeline import Topics
from tests.integration.gateway.serving import a_gateway, found
from tests.unit.producers.gateway.suggestions.test_index import a_community

pytestmark = pytest.mark.kafka

PATH = "/v1/communities/w1/prices"


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


def a_deal(number):
    return Deal(
        deal_id=f"d{number}",
        community_id="w1",
        city="北京市",
        deal_date=date(2025, 1, 9),
        area_m2=90.0,
        unit_price=50_000.0 + number,
        source="registry",
    )


def a_licence(**changes):
    return SourceLicence(
        source="registry",
        kind=next(iter(SourceKind)),
        holder="某交易所",
        reference="L-1",
        allowed_uses=("COMPARABLES",),
        valid_from=date(2025, 1, 1),
        approved_by="A1",
        second_approver="A2",
        approved_at=datetime(2025, 1, 1, tzinfo=UTC),
        **changes,
    )


async def told(client, months):
    """Wait until these months are told."""
    async with asyncio.timeout(60):
        while True:
            if (await found(client, PATH)).json()["months"] == months:
                return
            await asyncio.sleep(0.05)


@pytest.mark.requirement("VM3")
async def test_prices_are_told_as_deals_and_licences_stand(connection, publisher, topics):
    house = Topics.made_by(topics)
    publisher.publish(
        [record(house.communities, "w1", a_community("w1", "望京花园")), record(house.sources, "registry", a_licence())]
        + [record(house.deals, f"d{n}", a_deal(n)) for n in range(3)]
    )
    async with a_gateway(connection, house) as client:
        await told(client, [{"month": "2025-01", "unit_price": 50_001, "deals": 3}])
        publisher.publish([record(house.deals, "d3", a_deal(3)), record(house.deals, "d0", None)])
        await told(client, [{"month": "2025-01", "unit_price": 50_002, "deals": 3}])
        revoked = a_licence(revoked_at=datetime(2025, 6, 1, tzinfo=UTC))
        publisher.publish([record(house.sources, "registry", revoked)])
        await told(client, [])
        assert (await client.get("/v1/communities/unknown/prices")).status_code == 404
