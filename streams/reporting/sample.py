"""Sample events for looking at the template: `avm report preview`. All of it is made up and marked as synthetic."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from schemas.codes import (
    AttributeOrigin,
    Lane,
    LimitingFactor,
    MatchLevel,
    PropertyType,
    Reason,
    ReviewOutcome,
    ServiceType,
    Status,
    Tradability,
)
from schemas.events import (
    Adjustment,
    Attributes,
    Comparable,
    HumanDecision,
    ModelReference,
    PolicyReference,
    ReasonPart,
    ResolvedAddress,
    Resulted,
    RuleCheck,
    Valuation,
)
from schemas.ids import valuation_id

_RECEIVED = datetime(2026, 11, 24, 1, 29, 57, tzinfo=UTC)
_SOURCE = "synthetic-market"
GATEWAY_URL = "https://valuation.example"


def automatic() -> Resulted:
    """A flat valued by the model."""
    return Resulted(
        valuation_id=valuation_id("CREDIT_MGMT", "b7e6c1de-52a4-4f0e-9a55-3f1b6a0d7c21"),
        status=Status.COMPLETED_AUTO,
        revision=1,
        channel="CREDIT_MGMT",
        client_request_id="b7e6c1de-52a4-4f0e-9a55-3f1b6a0d7c21",
        lane=Lane.ONLINE,
        service_type=ServiceType.VALUATE,
        address_entered="杭州滨江区江南大道与建业路口 晴川雅苑 3栋2单元1502",
        received_at=_RECEIVED,
        resulted_at=datetime(2026, 11, 24, 1, 29, 58, 412_000, tzinfo=UTC),
        reason_text="自动估值已完成。",
        area_m2=Decimal("89.63"),
        value_date=date(2026, 11, 24),
        valid_until=date(2027, 2, 22),
        product="HOUSE_PURCHASE_MORTGAGE",
        loan_stage="PRE_LOAN_INVESTIGATION",
        business_ref="SX2026112400731",
        branch_code="ZJ-HZ-BJ01",
        value=3_842_528,
        unit_price=42_871,
        lower=3_512_000,
        upper=4_189_000,
        address=_address(),
        attributes=_attributes(),
        valuation=_valuation(),
        policy=PolicyReference(version="2026-11", sha256="5f" * 32, rule="AUTO"),
    )


def manual() -> Resulted:
    """The same flat valued by a reviewer."""
    return replace(
        automatic(),
        status=Status.COMPLETED_MANUAL,
        resulted_at=datetime(2026, 11, 24, 6, 12, 5, tzinfo=UTC),
        reasons=(Reason.REVIEWED,),
        value=3_764_460,
        unit_price=42_000,
        lower=3_600_000,
        upper=3_950_000,
        human=HumanDecision(
            outcome=ReviewOutcome.VALUE,
            reviewer_grade="G3",
            four_eyes=True,
            claimed_at=datetime(2026, 11, 24, 5, 58, tzinfo=UTC),
            decided_at=datetime(2026, 11, 24, 6, 12, 4, tzinfo=UTC),
            value=3_764_460,
            unit_price=42_000,
            lower=3_600_000,
            upper=3_950_000,
            model_value=3_842_528,
        ),
        human_touched=True,
    )


def _address() -> ResolvedAddress:
    return ResolvedAddress(
        entered="杭州滨江区江南大道与建业路口 晴川雅苑 3栋2单元1502",
        normalised="浙江省杭州市滨江区江南大道388号晴川雅苑3幢2单元1502室",
        match_level=MatchLevel.ROOM,
        probability=0.987,
        province="浙江省",
        city="杭州市",
        district="滨江区",
        road="江南大道",
        community_id="syn-hz-0421",
        community_name="晴川雅苑",
        building="3幢",
        unit="2单元",
        room="1502室",
        floor=15,
    )


def _attributes() -> Attributes:
    return Attributes(
        property_type=PropertyType.APARTMENT,
        tradability=Tradability.UNKNOWN,
        floor=15,
        total_floors=26,
        built_year=2014,
        rooms=3,
        halls=2,
        origins={
            "floor": AttributeOrigin.PARSED,
            "built_year": AttributeOrigin.DICTIONARY,
            "rooms": AttributeOrigin.IMPUTED,
        },
    )


def _valuation() -> Valuation:
    return Valuation(
        value=3_842_528,
        unit_price=42_871,
        lower=3_512_000,
        upper=4_189_000,
        interval_coverage=0.9,
        interval_method="conformal-normalised",
        calibration_id="cal-2026-11-20",
        fsd=0.054,
        p10=0.883,
        p10_reference="deal",
        confidence=88,
        confidence_level=6,
        base_unit_price=42_150,
        reasons=(
            ReasonPart(factor="AREA", text="建筑面积：上调380元/㎡（+0.9%）", unit_price_change=380, share=0.009),
            ReasonPart(factor="FLOOR", text="所在楼层：上调620元/㎡（+1.5%）", unit_price_change=620, share=0.0147),
            ReasonPart(factor="BUILDING", text="建筑类型：上调95元/㎡（+0.2%）", unit_price_change=95, share=0.0023),
            ReasonPart(factor="AGE", text="建成年代：下调410元/㎡（-1.0%）", unit_price_change=-410, share=-0.0097),
            ReasonPart(factor="LOCATION", text="区位：下调95元/㎡（-0.2%）", unit_price_change=-95, share=-0.0023),
            ReasonPart(factor="TIME", text="市场行情：上调131元/㎡（+0.3%）", unit_price_change=131, share=0.0031),
        ),
        comparables=tuple(_comparables()),
        rule_checks=(
            RuleCheck(rule="comparables", met=True, figure=5),
            RuleCheck(rule="one_factor", met=True, figure=0.041),
            RuleCheck(rule="all_factors", met=True, figure=0.058),
            RuleCheck(rule="adjusted_spread", met=True, figure=1.06),
            RuleCheck(rule="deal_age_days", met=True, figure=173),
        ),
        limiting_factors=(LimitingFactor.ATTRIBUTE_IMPUTED, LimitingFactor.TRADABILITY_UNKNOWN),
        model=ModelReference(
            name="avm-apartment",
            version="20261120-9c1d4e77",
            artefact_sha256="9c1d4e77" * 8,
            feature_set_version="7",
            segment="residential",
            fallback_level=0,
        ),
        data_as_of=date(2026, 11, 20),
        index_version="2026-11-22",
        comparison_value=3_871_300,
        sources=(_SOURCE,),
    )


def _comparables() -> list[Comparable]:
    rows = [
        ("syn-hz-0421", "晴川雅苑", date(2026, 11, 6), 89.63, 42_610, 43_118, 0.34, {"TIME": 0.004, "FLOOR": 0.008}, 0),
        (
            "syn-hz-0421",
            "晴川雅苑",
            date(2026, 10, 17),
            92.04,
            43_320,
            42_905,
            0.26,
            {"TIME": 0.007, "AREA": -0.006, "FLOOR": -0.011},
            0,
        ),
        (
            "syn-hz-0421",
            "晴川雅苑",
            date(2026, 9, 2),
            88.91,
            40_880,
            42_240,
            0.18,
            {"TIME": 0.012, "RENOVATION": 0.021},
            0,
        ),
        (
            "syn-hz-0388",
            "风荷里",
            date(2026, 10, 28),
            90.50,
            44_050,
            43_690,
            0.13,
            {"TIME": 0.005, "BUILDING": -0.013},
            640,
        ),
        (
            "syn-hz-0507",
            "江畔云庐",
            date(2026, 6, 4),
            86.72,
            40_100,
            42_430,
            0.09,
            {"TIME": 0.041, "AREA": 0.003, "OTHER": 0.014},
            1_180,
        ),
    ]
    return [
        Comparable(
            deal_id=f"syn-deal-{number}",
            community_id=community,
            community_name=name,
            deal_date=on,
            area_m2=area,
            unit_price=price,
            adjusted_unit_price=adjusted,
            weight=weight,
            total_adjustment=adjusted / price - 1,
            adjustments=tuple(Adjustment(factor=factor, share=share) for factor, share in factors.items()),
            distance_m=distance,
            source=_SOURCE,
        )
        for number, (community, name, on, area, price, adjusted, weight, factors, distance) in enumerate(rows, start=1)
    ]
