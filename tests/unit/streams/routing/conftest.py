"""An ordinary scored valuation that every rule lets pass, and ways to spoil it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from schemas.codes import Automation, Lane, MatchLevel, PropertyType, ServiceType, Tradability
from schemas.events import (
    Attributes,
    Comparable,
    CoverageDecision,
    ModelReference,
    Request,
    ResolvedAddress,
    RuleCheck,
    Scored,
    Valuation,
)
from schemas.ids import valuation_id
from streams.routing import admission
from streams.routing.admission import Decision, Segment
from streams.routing.policy import Policy, PropertyClass, parse
from streams.routing.policy_file import DEFAULT_POLICY
from streams.routing.standings import Standings

MONDAY_TEN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def _comparable(number: int, area_m2: float, adjusted: int) -> Comparable:
    return Comparable(
        deal_id=f"d-{number}",
        community_id="c-1",
        community_name="望京花园",
        deal_date=date(2026, 10, number),
        area_m2=area_m2,
        unit_price=adjusted,
        adjusted_unit_price=adjusted,
        weight=1 / 3,
        total_adjustment=0.0,
    )


def _valuation() -> Valuation:
    return Valuation(
        value=5_000_000,
        unit_price=50_000,
        lower=4_500_000,
        upper=5_500_000,
        interval_coverage=0.9,
        interval_method="conformal-normalised",
        calibration_id="k",
        fsd=0.08,
        p10=0.80,
        p10_reference="deal",
        confidence=80,
        confidence_level=5,
        base_unit_price=50_000,
        reasons=(),
        comparables=(_comparable(1, 98.0, 49_000), _comparable(2, 100.0, 50_000), _comparable(3, 105.0, 51_000)),
        rule_checks=(RuleCheck(rule="adjusted_spread", met=True, figure=1.04),),
        limiting_factors=(),
        model=ModelReference(
            name="m", version="1", artefact_sha256="a" * 64, feature_set_version="1", segment="s", fallback_level=2
        ),
        data_as_of=date(2026, 11, 20),
        index_version="i",
        comparison_value=5_050_000,
    )


def _request(channel: str) -> Request:
    return Request(
        channel=channel,
        client_request_id="r-1",
        lane=Lane.ONLINE,
        service_type=ServiceType.VALUATE,
        address="北京市朝阳区望京花园3号楼2单元501室",
        area_m2=Decimal("100.00"),
        value_date=date(2026, 11, 23),
        received_at=MONDAY_TEN,
        deadline_at=MONDAY_TEN.replace(second=10),
    )


def _scored(channel: str = "CREDIT_MGMT") -> Scored:
    return Scored(
        valuation_id=valuation_id(channel, "r-1"),
        request=_request(channel),
        address=ResolvedAddress(
            entered="北京市朝阳区望京花园3号楼2单元501室",
            normalised="北京市朝阳区望京花园3幢2单元501室",
            match_level=MatchLevel.ROOM,
            probability=0.99,
            city="北京市",
            district="朝阳区",
            community_id="c-1",
            community_name="望京花园",
        ),
        attributes=Attributes(property_type=PropertyType.APARTMENT, tradability=Tradability.TRADABLE),
        coverage=CoverageDecision(county_code="110105", row_version="1", automation=Automation.AUTO),
        valuation=_valuation(),
        scored_at=MONDAY_TEN.replace(second=1),
    )


class Spoiled:
    """`scored(fsd=0.5)`: the ordinary valuation with some fields changed, wherever they live."""

    def __call__(self, channel: str = "CREDIT_MGMT", **changes: object) -> Scored:
        ordinary = _scored(channel)
        parts = {"request": ordinary.request, "address": ordinary.address, "attributes": ordinary.attributes}
        parts |= {"coverage": ordinary.coverage, "valuation": ordinary.valuation}
        for name in parts:
            fields = set(parts[name].__dataclass_fields__) - ({"property_type"} if name == "request" else set())
            own = {key: changes.pop(key) for key in list(changes) if key in fields}
            parts[name] = replace(parts[name], **own)
        if "fallback_level" in changes:
            model = replace(parts["valuation"].model, fallback_level=changes.pop("fallback_level"))
            parts["valuation"] = replace(parts["valuation"], model=model)
        return replace(ordinary, **(parts | changes))


@pytest.fixture
def scored() -> Callable[..., Scored]:
    return Spoiled()


@pytest.fixture
def admitted() -> Standings:
    """北京市 is AUTOMATIC in every class."""
    decision = Decision(by="s-1", second="s-2", reason="reaches the rule", at=MONDAY_TEN)
    return Standings(
        admission.admitted(Segment(city="北京市", property_class=kind), None, decision) for kind in PropertyClass
    )


@pytest.fixture
def policy() -> Policy:
    """The shipped policy without lots drawn: which valuation is audited is a test of its own."""
    return replace(parse(DEFAULT_POLICY.read_bytes()), audit_share=0.0)
