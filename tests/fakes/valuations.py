"""One valuation's events as the stages give them, and their records: for tests of what reads all of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from infra.kafka.producer import Record
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.codes import AttributeOrigin, Automation, Lane, MatchLevel, PropertyType, ReviewOutcome, Status
from schemas.events import (
    Accepted,
    AddressPart,
    Adjustment,
    Attributes,
    Candidate,
    Comparable,
    CoverageDecision,
    Decided,
    Enriched,
    ModelReference,
    PolicyReference,
    ReasonPart,
    Reported,
    Request,
    Requested,
    ResolvedAddress,
    Resulted,
    ReviewRequested,
    RuleCheck,
    Scored,
    Valuation,
)
from schemas.headers import event_headers, event_type
from schemas.ids import event_id, valuation_id
from schemas.registry import CatalogueRegistry

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CODEC = Codec(CatalogueRegistry())
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
POLICY = PolicyReference(version="2026-03", sha256="0" * 64, rule="WIDE_RANGE")
COVERAGE = CoverageDecision(county_code="330106", row_version="1", automation=Automation.AUTO)


def requested(number: str = "r-1", channel: str = "CREDIT_MGMT", **changes) -> Requested:
    event = Requested(
        valuation_id=valuation_id(channel, number),
        channel=channel,
        client_request_id=number,
        requested_at=NOON,
        address="杭州市西湖区文三路1号翠苑三区3幢2单元501室",
        area=Decimal("89.50"),
        business_ref="BR-SECRET-77",
    )
    return replace(event, **changes)


def request(number: str = "r-1", channel: str = "CREDIT_MGMT", **changes) -> Request:
    made = Request(
        channel=channel,
        client_request_id=number,
        lane=Lane.ONLINE,
        service_type=requested().service_type,
        address="杭州市西湖区文三路1号翠苑三区3幢2单元501室",
        area_m2=Decimal("89.50"),
        value_date=date(2026, 3, 2),
        received_at=NOON,
        deadline_at=NOON + timedelta(seconds=10),
        business_ref="BR-SECRET-77",
        embed_target="LOAN-FORM-9",
        product="HOUSE_PURCHASE_MORTGAGE",
        loan_stage="IN_LOAN_APPROVAL",
        branch_code="BRANCH-571",
    )
    return replace(made, **changes)


def accepted(number: str = "r-1", **changes) -> Accepted:
    asked = request(number, **changes)
    return Accepted(valuation_id=valuation_id(asked.channel, number), request=asked, digest="d" * 64, accepted_at=NOON)


ADDRESS = ResolvedAddress(
    entered="杭州市西湖区文三路1号翠苑三区3幢2单元501室",
    normalised="浙江省杭州市西湖区翠苑街道翠苑三区3幢2单元501室",
    match_level=MatchLevel.ROOM,
    probability=0.97,
    province="浙江省",
    city="杭州市",
    district="西湖区",
    town="翠苑街道",
    road="文三路",
    community_id="c-1",
    community_name="翠苑三区",
    building="3幢",
    unit="2单元",
    room="501",
    floor=5,
    longitude=120.12,
    latitude=30.28,
    candidates=(
        Candidate(
            community_id="c-1", name="翠苑三区", city="杭州市", district="西湖区", probability=0.97, matched_by="name"
        ),
        Candidate(
            community_id="c-2", name="翠苑四区", city="杭州市", district="西湖区", probability=0.02, matched_by="fuzzy"
        ),
    ),
)
# The name is nobody's: two communities may be meant, and a person has to say which.
OPEN_ADDRESS = replace(
    ADDRESS,
    entered="杭州市西湖区翠湾雅苑3幢2单元501室",
    normalised="杭州市西湖区翠湾雅苑3幢2单元501室",
    match_level=MatchLevel.DISTRICT,
    probability=0.42,
    road=None,
    community_id=None,
    community_name=None,
    candidates=(
        Candidate(
            community_id="c-1",
            name="翠苑三区",
            city="杭州市",
            district="西湖区",
            probability=0.42,
            matched_by="similar",
        ),
        Candidate(
            community_id="c-9",
            name="翠湾香庭",
            city="杭州市",
            district="西湖区",
            probability=0.31,
            matched_by="similar",
        ),
    ),
    parts=(AddressPart(level="community", text="翠湾雅苑", origin="rules"),),
)
ATTRIBUTES = Attributes(
    property_type=PropertyType.APARTMENT,
    floor=5,
    total_floors=7,
    built_year=1994,
    rooms=3,
    halls=1,
    has_lift=False,
    origins={"floor": AttributeOrigin.PARSED, "built_year": AttributeOrigin.DICTIONARY},
)


def comparable(number: int, **changes) -> Comparable:
    made = Comparable(
        deal_id=f"deal-{number}",
        community_id="c-1",
        community_name="翠苑三区" if number % 3 else "翠苑四区",
        deal_date=date(2026, 2, 20) - timedelta(days=23 * number),
        area_m2=85.0 + number,
        unit_price=40_000 + 350 * number,
        adjusted_unit_price=40_900 + 210 * number,
        weight=0.2,
        total_adjustment=0.02,
        adjustments=(Adjustment(factor="TIME", share=0.015), Adjustment(factor="FLOOR", share=0.005)),
        distance_m=120 * number,
        floor_band="中",
        source="synthetic",
    )
    return replace(made, **changes)


VALUATION = Valuation(
    value=3_669_500,
    unit_price=41_000,
    lower=3_302_550,
    upper=4_036_450,
    interval_coverage=0.9,
    interval_method="conformal",
    calibration_id="cal-1",
    fsd=0.061,
    p10=0.78,
    p10_reference="deal",
    confidence=64,
    confidence_level=4,
    base_unit_price=40_000,
    reasons=(
        ReasonPart(factor="FLOOR", text="5层，共7层无电梯", unit_price_change=-400, share=-0.01),
        ReasonPart(factor="metro", text="距地铁站 600 米内", unit_price_change=1_400, share=0.035),
    ),
    comparables=tuple(comparable(number) for number in range(1, 6)),
    rule_checks=(RuleCheck(rule="total_adjustment_within_30pct", met=True, figure=0.04),),
    limiting_factors=("FEW_COMPARABLES",),
    model=ModelReference(
        name="residential",
        version="3",
        artefact_sha256="1" * 64,
        feature_set_version="1",
        segment="330100/RESIDENTIAL",
        fallback_level=0,
    ),
    data_as_of=date(2026, 2, 28),
    index_version="2026-02",
    comparison_value=3_700_000,
    sources=("synthetic",),
)


def enriched(number: str = "r-1", **changes) -> Enriched:
    asked = request(number, **changes)
    return Enriched(
        valuation_id=valuation_id(asked.channel, number),
        request=asked,
        address=ADDRESS,
        attributes=ATTRIBUTES,
        coverage=COVERAGE,
        enriched_at=NOON,
    )


def scored(number: str = "r-1", *, valuation: Valuation | None = VALUATION, **changes) -> Scored:
    asked = request(number, **changes)
    return Scored(
        valuation_id=valuation_id(asked.channel, number),
        request=asked,
        address=ADDRESS,
        attributes=ATTRIBUTES,
        coverage=COVERAGE,
        valuation=valuation,
        scored_at=NOON,
    )


def review(number: str = "r-1", *, valuation: Valuation | None = VALUATION, **changes) -> ReviewRequested:
    made = ReviewRequested(
        valuation_id=valuation_id("CREDIT_MGMT", number),
        scored=scored(number, valuation=valuation),
        reasons=("WIDE_RANGE", "THIN_COMPARABLES"),
        priority=50,
        due_at=NOON + timedelta(hours=24),
        policy=POLICY,
        requested_at=NOON,
    )
    return replace(made, **changes)


def open_review(number: str = "r-1", **changes) -> ReviewRequested:
    """A review of an address whose community is open; nothing could be valued."""
    made = review(number, valuation=None, reasons=("ADDR_UNKNOWN",), **changes)
    asked = replace(made.scored.request, address=OPEN_ADDRESS.entered)
    return replace(made, scored=replace(made.scored, request=asked, address=OPEN_ADDRESS, tags=("DISPUTED",)))


def decided(number: str = "r-1", **changes) -> Decided:
    made = Decided(
        valuation_id=valuation_id("CREDIT_MGMT", number),
        review=review(number),
        outcome=ReviewOutcome.VALUE,
        reasons=("REVIEWED",),
        reviewer="lin",
        reviewer_grade="G2",
        claimed_at=NOON,
        decided_at=NOON,
        guideline_version="1",
        unit_price=41_500,
    )
    return replace(made, **changes)


def resulted(number: str = "r-1", status: Status = Status.COMPLETED_AUTO, **changes) -> Resulted:
    asked = request(number)
    valued = status in {Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL}
    made = Resulted(
        valuation_id=valuation_id(asked.channel, number),
        status=status,
        revision=1,
        channel=asked.channel,
        client_request_id=number,
        lane=Lane.ONLINE,
        service_type=asked.service_type,
        address_entered=asked.address,
        received_at=NOON,
        resulted_at=NOON,
        business_ref=asked.business_ref,
        value=3_669_500 if valued else None,
        unit_price=41_000 if valued else None,
        lower=3_302_550 if valued else None,
        upper=4_036_450 if valued else None,
    )
    return replace(made, **changes)


def reported(number: str = "r-1", **changes) -> Reported:
    made = Reported(
        valuation_id=valuation_id("CREDIT_MGMT", number),
        revision=1,
        channel="CREDIT_MGMT",
        client_request_id=number,
        report_no=f"HV-{number}",
        verification_code="ABCD",
        uri=f"file:///reports/{number}.pdf",
        sha256="2" * 64,
        size_bytes=20_000,
        pages=1,
        media_type="application/pdf",
        template_version="1",
        contract_ref="CZBK20170118",
        issued_at=NOON,
    )
    return replace(made, **changes)


def record_of(topic: Topic, event, *, lane: Lane | None = None, source: str = "streams/test") -> Record:
    """The record of an event as its room publishes it."""
    kind = event_type(event)
    return Record(
        topic=topic.named(lane),
        key=event.valuation_id.encode(),
        value=CODEC.encode(event),
        headers=event_headers(
            event_id=event_id(event.valuation_id, kind, 1), event_type=kind, source=source, at=NOON, traceparent=TRACE
        ),
    )
