"""A small seeded market with known effects, a model trained on it once, and builders of requests."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from schemas.catalogue import COMMUNITIES, DEALS, MODELS_RELEASED
from schemas.codes import Automation, Lane, MatchLevel, ModelRole, PropertyType, ServiceType
from schemas.events import (
    Attributes,
    Community,
    CoverageDecision,
    Deal,
    Enriched,
    ModelReleased,
    Request,
    ResolvedAddress,
)
from streams.runtime.stage import Change
from streams.scoring.reference import ScoringView
from streams.scoring.stage import ScoringStage
from streams.scoring.training import train

NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)
TODAY = date(2026, 7, 1)
DAYS = 200


def communities(count: int = 36) -> list[Community]:
    rng = np.random.default_rng(5)
    return [
        Community(
            community_id=f"c{i:03d}",
            name=f"{i}号院",
            province="某省",
            city="甲市",
            district=("东区", "西区", "南区")[i % 3],
            business_circle=f"商圈{i % 6}",
            longitude=116.3 + 0.01 * (i % 6) + 0.001 * rng.random(),
            latitude=39.9 + 0.01 * (i // 6) + 0.001 * rng.random(),
            min_area_m2=45.0,
            max_area_m2=140.0,
        )
        for i in range(count)
    ]


def deals(count: int = 600, *, seed: int = 3, noise: float = 0.05) -> list[Deal]:
    """Level by community, -0.2 per unit of log area, top floor without lift -8 %, +1.5 % a month."""
    rng = np.random.default_rng(seed)
    levels = 10.5 + 0.25 * rng.standard_normal(36)
    made = []
    for i in range(count):
        community = int(rng.integers(36))
        day = int(rng.integers(DAYS))
        area = float(np.round(rng.choice([52.3, 61.8, 75.5, 88.9, 101.2, 120.4]) + rng.integers(3) * 0.1, 2))
        total, lift = (6, False) if community % 2 else (18, True)
        floor = int(rng.integers(1, total + 1))
        log_price = levels[community] - 0.2 * (np.log(area) - 4.4) + 0.015 * day / 30 + noise * rng.standard_normal()
        if floor == total and not lift:
            log_price -= 0.08
        made.append(
            Deal(
                deal_id=f"d{i:05d}",
                community_id=f"c{community:03d}",
                community_name=f"{community}号院",
                city="甲市",
                district=("东区", "西区", "南区")[community % 3],
                business_circle=f"商圈{community % 6}",
                deal_date=TODAY - timedelta(days=DAYS - day),
                area_m2=area,
                unit_price=float(np.round(np.exp(log_price), 2)),
                floor=floor,
                total_floors=total,
                built_year=1990 + community % 25,
                rooms=1 + int(area > 60) + int(area > 100),
                halls=1,
                building_type="板楼" if total == 6 else "塔楼",
                renovation=("精装", "简装")[int(rng.integers(2))],
                has_lift=lift,
                source="test",
            )
        )
    return made


def asked(
    number: int = 0,
    *,
    community_id: str | None = "c004",
    area: str = "75.50",
    value_date: date = TODAY,
    lane: Lane = Lane.ONLINE,
    property_type: PropertyType = PropertyType.APARTMENT,
    city: str | None = "甲市",
    district: str | None = None,
    **attributes,
) -> Enriched:
    return Enriched(
        valuation_id=f"v{number}",
        request=Request(
            channel="staff",
            client_request_id=str(number),
            lane=lane,
            service_type=ServiceType.VALUATE,
            address="甲市某路",
            area_m2=Decimal(area),
            value_date=value_date,
            received_at=NOW,
            deadline_at=NOW,
        ),
        address=ResolvedAddress(
            entered="甲市某路",
            normalised="甲市某路",
            match_level=MatchLevel.COMMUNITY if community_id else MatchLevel.DISTRICT,
            probability=0.99,
            city=city,
            district=district,
            community_id=community_id,
        ),
        attributes=Attributes(property_type=property_type, **attributes),
        coverage=CoverageDecision(county_code="110101", row_version="1", automation=Automation.AUTO),
        enriched_at=NOW,
        concerns=("ADDR_PARTIAL",) if number == -1 else (),
    )


class MemoryStore:
    """An `ArtefactStore` that holds what it was given."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content

    def fetch(self, uri: str, sha256: str) -> bytes:
        from infra.storage.models import ArtefactMismatchError

        found = hashlib.sha256(self.content[uri]).hexdigest()
        if found != sha256:
            raise ArtefactMismatchError(f"artefact {uri} has sha256 {found}, released was {sha256}")
        return self.content[uri]


def put_deal(deal: Deal) -> Change:
    return Change(topic=DEALS, key=deal.deal_id, event=deal)


def put_community(community: Community) -> Change:
    return Change(topic=COMMUNITIES, key=community.community_id, event=community)


def released(artefact, **changes) -> Change:
    release = ModelReleased(
        name=artefact.manifest["name"],
        version=artefact.manifest["version"],
        segment=artefact.segment,
        role=ModelRole.CHAMPION,
        uri=f"memory://{artefact.sha256}",
        sha256=artefact.sha256,
        feature_set_version=artefact.manifest["feature_set_version"],
        released_at=NOW,
        released_by="test",
    )
    release = replace(release, **changes)
    return Change(topic=MODELS_RELEASED, key=release.name, event=release)


def valuations(stage, batch):
    return [outcome.outputs[0].event.valuation for outcome in stage.handle(batch)]


@pytest.fixture(scope="session")
def market_deals():
    return deals()


@pytest.fixture(scope="session")
def artefact(market_deals):
    (made,) = train(market_deals, until=TODAY, communities=communities())
    return made


@pytest.fixture(scope="session")
def other_artefact(market_deals):
    """Trained on fewer deals: another version of the same model."""
    (made,) = train(market_deals[:320], until=TODAY, communities=communities())
    return made


def repacked(artefact, member, **changes):
    """An artefact with some fields of one JSON member changed, and thus another digest."""
    from infra.storage.packing import as_json, manifest_of, packed, unpacked

    with unpacked(artefact.content) as members:
        content = packed({**members, member: as_json({**json.loads(members[member]), **changes})})
    digest = hashlib.sha256(content).hexdigest()
    return SimpleNamespace(content=content, sha256=digest, manifest=manifest_of(content), segment=artefact.segment)


@pytest.fixture(scope="session")
def broken_artefact(other_artefact):
    """It loads, and fails on every subject: a model as nobody wants to meet it."""
    return repacked(other_artefact, "trees.json", bias=None)


@pytest.fixture(scope="session")
def elsewhere_artefact(other_artefact):
    """It learned from another source."""
    data = {**other_artefact.manifest["data"], "sources": [{"source": "elsewhere", "deals": 320}]}
    return repacked(other_artefact, "manifest.json", data=data)


@pytest.fixture
def store(artefact, other_artefact, broken_artefact, elsewhere_artefact):
    kept = (artefact, other_artefact, broken_artefact, elsewhere_artefact)
    return MemoryStore({f"memory://{one.sha256}": one.content for one in kept})


@pytest.fixture
def view(store, artefact, market_deals):
    made = ScoringView(store)
    made.apply([put_community(row) for row in communities()])
    made.apply([put_deal(deal) for deal in market_deals])
    made.apply([released(artefact)])
    return made


@pytest.fixture
def stage(view):
    return ScoringStage(view, lambda: NOW)


@pytest.fixture(scope="session")
def tools():
    """The builders above, for tests: this folder is no package."""
    return SimpleNamespace(
        asked=asked,
        communities=communities,
        deals=deals,
        put_deal=put_deal,
        put_community=put_community,
        released=released,
        valuations=valuations,
        memory_store=MemoryStore,
        now=NOW,
        today=TODAY,
    )
