"""Small made-up things for the tests of enrichment."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.catalogue import COMMUNITIES, COVERAGE
from schemas.codes import Automation, CoverageStatus, Lane, ServiceType
from schemas.domain.divisions import divisions
from schemas.events import Accepted, Community, CoverageRow, Request
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.stage import EnrichmentStage
from streams.runtime.stage import Change

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def a_community(community_id, name, district="朝阳区", city="北京市", **fields):
    return Community(
        community_id=community_id,
        name=name,
        province=fields.pop("province", city),
        city=city,
        district=district,
        **fields,
    )


def a_row(code, **fields):
    county = divisions().counties[code]
    return CoverageRow(
        **{
            "county_code": code,
            "province": county.province,
            "city": county.city,
            "county": county.name,
            "status": CoverageStatus.ACTIVE,
            "automation": Automation.AUTO,
            "property_types": ("APARTMENT", "VILLA", "SHOP", "OFFICE"),
            "effective_from": date(2026, 1, 1),
            "version": "2026-01",
            "source": "assumed",
        }
        | fields
    )


def accepted(address, **fields):
    request = Request(
        **{
            "channel": "NET_BANK",
            "client_request_id": "r-1",
            "lane": Lane.ONLINE,
            "service_type": ServiceType.VALUATE,
            "address": address,
            "area_m2": Decimal("88.50"),
            "value_date": date(2026, 11, 25),
            "received_at": NOW,
            "deadline_at": NOW + timedelta(seconds=10),
        }
        | fields
    )
    return Accepted(valuation_id="v-1", request=request, digest="d", accepted_at=NOW)


COMMUNITIES_OF_THE_TESTS = (
    a_community("w3", "望京西园三区", total_floors=18, built_year=2003, building_type="塔楼"),
    a_community("w4", "望京西园四区"),
    a_community("t1", "团结湖东里"),
    a_community("t2", "团结湖西里"),
    a_community("x1", "学清路18号院", "海淀区"),
    a_community("y1", "阳光花园", "朝阳区", road="建国路88号"),
    a_community("y2", "阳光花园", "海淀区"),
    a_community("y3", "阳光花园", "高淳区", "南京市", province="江苏省"),
    a_community("p1", "紫薇天悦一期", "海淀区"),
    a_community("p2", "紫薇天悦二期", "海淀区"),
    a_community("g1", "珠江罗马嘉园", aliases=("罗马嘉园", "朝阳北路107号院")),
    a_community("k1", "康营家园十七区"),
    a_community("s1", "碧水小产权新村", "海淀区", tradability="SMALL_TITLE"),
)


def a_view(communities=COMMUNITIES_OF_THE_TESTS, rows=None):
    rows = [a_row("110105"), a_row("110108"), a_row("330106")] if rows is None else rows
    view = EnrichmentView(divisions())
    view.apply([Change(topic=COMMUNITIES, key=one.community_id, event=one) for one in communities])
    view.apply([Change(topic=COVERAGE, key=f"{row.county_code}|{row.effective_from}", event=row) for row in rows])
    return view


def answer_to(address, view=None, **fields):
    """The one event that the stage publishes for an address."""
    stage = EnrichmentStage(view or a_view(), lambda: NOW)
    (outcome,) = stage.handle([accepted(address, **fields)])
    (output,) = outcome.outputs
    return output.event


@pytest.fixture(name="a_view")
def view_maker():
    return a_view


@pytest.fixture(name="a_row")
def row_maker():
    return a_row


@pytest.fixture(name="a_community")
def community_maker():
    return a_community


@pytest.fixture(name="accepted")
def request_maker():
    """`accepted(address, **request fields)`: an accepted request."""
    return accepted


@pytest.fixture(name="answer_to")
def asker():
    """`answer_to(address, view=None, **request fields)`: the one event that the stage publishes."""
    return answer_to
