"""Answers as the stages give them, for tests of the ways in."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas.codec import Codec
from schemas.codes import Lane, MatchLevel, ReviewOutcome, ServiceType, Status, VerificationOutcome
from schemas.events import (
    Adjustment,
    Attributes,
    Candidate,
    Comparable,
    HumanDecision,
    ModelReference,
    PolicyReference,
    Problem,
    ReasonPart,
    Reported,
    Requested,
    ResolvedAddress,
    Resulted,
    RuleCheck,
    Signatory,
    Valuation,
    Verification,
    VerificationCheck,
)
from schemas.headers import event_headers, event_type
from schemas.ids import event_id, valuation_id
from schemas.registry import CatalogueRegistry

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CODEC = Codec(CatalogueRegistry())
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def a_request(**changes) -> Requested:
    channel = changes.get("channel", "CREDIT_MGMT")
    number = changes.get("client_request_id", "r-1")
    request = Requested(
        valuation_id=valuation_id(channel, number),
        channel=channel,
        client_request_id=number,
        requested_at=NOON,
        address="杭州市西湖区文三路1号",
        area=Decimal("89.50"),
    )
    return replace(request, **changes)


def an_answer(requested: Requested, status: Status = Status.COMPLETED_AUTO, **changes) -> Resulted:
    valued = status in {Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL}
    resulted = Resulted(
        valuation_id=requested.valuation_id,
        status=status,
        revision=1,
        channel=requested.channel,
        client_request_id=requested.client_request_id,
        lane=Lane.ONLINE,
        service_type=ServiceType.VALUATE,
        address_entered=requested.address,
        received_at=requested.requested_at,
        resulted_at=requested.requested_at + timedelta(seconds=1),
        area_m2=requested.area.quantize(Decimal("0.01")),
        value_date=date(2026, 3, 2) if valued else None,
        valid_until=date(2026, 4, 1) if valued else None,
        value=4_475_000 if valued else None,
        unit_price=50_000 if valued else None,
        lower=4_100_000 if valued else None,
        upper=4_900_000 if valued else None,
        reason_text="估值已完成" if valued else "",
    )
    return replace(resulted, **changes)


def a_full_answer(requested: Requested) -> Resulted:
    """Every field set, so that a field which should not leave has something to betray it."""
    return an_answer(
        requested,
        Status.COMPLETED_MANUAL,
        reasons=("REVIEWED",),
        deadline_at=NOON,
        due_at=NOON,
        product="HOUSE_SECURED",
        loan_stage="OTHER",
        business_ref="biz",
        branch_code="b",
        embed_target="e",
        address=an_address(),
        attributes=Attributes(floor=3, built_year=2001, has_lift=True),
        valuation=a_valuation(),
        human=HumanDecision(
            outcome=ReviewOutcome.VALUE,
            reviewer_grade="G3",
            four_eyes=True,
            claimed_at=NOON,
            decided_at=NOON,
            value=1,
            signatories=(Signatory(capacity="VALUER", signing_no="QZ-7", grade="G3", signed_at=NOON),),
        ),
        policy=PolicyReference(version="2026-11", sha256="f" * 64, rule="AUTO"),
        problems=(Problem(field="area", code="FIELD_INVALID", message="面积有误"),),
        human_touched=True,
        supersedes="earlier",
        queue_position=3,
        expected_at=NOON,
        verification=a_verification(),
        degraded_sources=("registry-beijing",),
        reused_from="0c0c0c0c-0000-5000-8000-000000000000",
    )


def a_verification() -> Verification:
    """One fact that does not agree, with the evidence behind it."""
    return Verification(
        outcome=VerificationOutcome.MISMATCH,
        text="有1项与登记不一致",
        checks=(
            VerificationCheck(
                field="AREA",
                outcome=VerificationOutcome.MISMATCH,
                text="所填建筑面积与登记不一致",
                stated="89.50",
                found="98.20",
                source="registry-beijing",
                evidence="row-4711",
            ),
        ),
        verified_at=NOON,
    )


def an_address() -> ResolvedAddress:
    return ResolvedAddress(
        entered="杭州市西湖区文三路1号",
        normalised="浙江省杭州市西湖区文三路1号",
        match_level=MatchLevel.COMMUNITY,
        probability=0.6,
        room="501",
        candidates=tuple(
            Candidate(
                community_id=number,
                name=f"小区{number}",
                city="杭州",
                district="西湖",
                probability=0.5,
                matched_by="alias",
            )
            for number in ("c-1", "c-2")
        ),
    )


def a_valuation() -> Valuation:
    return Valuation(
        value=4_475_000,
        unit_price=50_000,
        lower=4_100_000,
        upper=4_900_000,
        interval_coverage=0.9,
        interval_method="conformal",
        calibration_id="c",
        fsd=0.08,
        p10=0.8,
        p10_reference="deal",
        confidence=82,
        confidence_level=6,
        base_unit_price=49_000,
        reasons=(ReasonPart(factor="floor", text="楼层", unit_price_change=1000, share=0.02),),
        comparables=(
            Comparable(
                deal_id="d-1",
                community_id="c-1",
                community_name="小区",
                deal_date=date(2026, 1, 5),
                area_m2=90.0,
                unit_price=49_500,
                adjusted_unit_price=50_100,
                weight=1.0,
                total_adjustment=0.01,
                adjustments=(Adjustment(factor="floor", share=0.01),),
            ),
        ),
        rule_checks=(RuleCheck(rule="count", met=True, figure=3.0),),
        limiting_factors=("FEW_COMPARABLES",),
        model=ModelReference(
            name="m", version="1", artefact_sha256="s", feature_set_version="f", segment="g", fallback_level=0
        ),
        data_as_of=date(2026, 2, 28),
        index_version="i",
    )


def a_report(requested: Requested, content: bytes = b"%PDF-1.7 report", **changes) -> Reported:
    from hashlib import sha256

    report = Reported(
        valuation_id=requested.valuation_id,
        revision=1,
        channel=requested.channel,
        client_request_id=requested.client_request_id,
        report_no="HV-20260302-0001",
        verification_code="K7Q2",
        uri="reports/1.pdf",
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
        pages=2,
        media_type="application/pdf",
        template_version="1",
        contract_ref="CZBK20170118",
        issued_at=NOON,
    )
    return replace(report, **changes)


def as_message(event: Resulted | Reported, traceparent: str | None = TRACE):
    """Key, value and headers, as the stages write them."""
    kind = event_type(event)
    headers = event_headers(
        event_id=event_id(event.valuation_id, kind, event.revision),
        event_type=kind,
        source="streams/test",
        at=NOON,
        traceparent=traceparent,
    )
    return event.valuation_id.encode(), CODEC.encode(event), headers
