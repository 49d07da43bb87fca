"""What a reviewer sees of a case: an allow-list. A field that is not named here does not reach the desk's screens.

Never here: the channel's references (`business_ref`, `client_request_id`, `embed_target`), product and branch, and
anything of the customer or the loan amount, which no event carries anyway.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from consumers.review_desk.task import Task
from schemas.events import Adjustment, Candidate, ReasonPart, ReviewRequested, RuleCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The house: what was entered, what was resolved, what is known of it."""

    address_entered: str
    address: str
    match_level: str
    probability: float
    province: str | None
    city: str | None
    district: str | None
    community: str | None
    building: str | None
    unit: str | None
    room: str | None
    floor: int | None
    total_floors: int | None
    built_year: int | None
    rooms: int | None
    halls: int | None
    has_lift: bool | None
    structure: str | None
    renovation: str | None
    property_type: str
    tradability: str
    area_m2: Decimal
    value_date: date
    loan_stage: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOpinion:
    """What the model said. Money in yuan; `lower` and `upper` are totals."""

    value: int
    unit_price: int
    lower: int
    upper: int
    interval_coverage: float
    confidence: int
    p10: float
    fsd: float
    comparison_value: int | None
    income_value: int | None
    base_unit_price: int
    drivers: tuple[ReasonPart, ...]
    limiting_factors: tuple[str, ...]
    rule_checks: tuple[RuleCheck, ...]
    model_version: str
    data_as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableCase:
    """可比实例 with its adjustments. Prices in yuan per m²."""

    deal_id: str
    community_name: str
    deal_date: date
    area_m2: float
    floor_band: str | None
    distance_m: int | None
    unit_price: int
    adjusted_unit_price: int
    total_adjustment: float
    weight: float
    adjustments: tuple[Adjustment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task with its evidence. `reasons`, `concerns` and `tags` are codes."""

    task: Task
    subject: Subject
    candidates: tuple[Candidate, ...]
    model: ModelOpinion | None
    comparables: tuple[ComparableCase, ...]
    concerns: tuple[str, ...]
    tags: tuple[str, ...]
    received_at: datetime

    @property
    def community_is_open(self) -> bool:
        """Whether the address left open which of its candidates is meant, so that a person can confirm one."""
        return self.subject.community is None and bool(self.candidates)


def case_of(task: Task, review: ReviewRequested) -> Case:
    """Return what may be seen of a task and its evidence."""
    valuation = review.scored.valuation
    return Case(
        task=task,
        subject=_subject(review),
        candidates=review.scored.address.candidates,
        model=_model(review),
        comparables=_comparables(review) if valuation else (),
        concerns=review.scored.concerns,
        tags=review.scored.tags,
        received_at=review.scored.request.received_at,
    )


def _subject(review: ReviewRequested) -> Subject:
    scored = review.scored
    request, address, known = scored.request, scored.address, scored.attributes
    return Subject(
        address_entered=request.address,
        address=address.normalised,
        match_level=address.match_level,
        probability=address.probability,
        province=address.province,
        city=address.city,
        district=address.district,
        community=address.community_name,
        building=address.building,
        unit=address.unit,
        room=address.room,
        floor=known.floor if known.floor is not None else address.floor,
        total_floors=known.total_floors,
        built_year=known.built_year,
        rooms=known.rooms,
        halls=known.halls,
        has_lift=known.has_lift,
        structure=known.structure,
        renovation=known.renovation,
        property_type=known.property_type,
        tradability=known.tradability,
        area_m2=request.area_m2,
        value_date=request.value_date,
        loan_stage=request.loan_stage,
    )


def _model(review: ReviewRequested) -> ModelOpinion | None:
    said = review.scored.valuation
    if said is None:
        return None
    return ModelOpinion(
        value=said.value,
        unit_price=said.unit_price,
        lower=said.lower,
        upper=said.upper,
        interval_coverage=said.interval_coverage,
        confidence=said.confidence,
        p10=said.p10,
        fsd=said.fsd,
        comparison_value=said.comparison_value,
        income_value=said.income_value,
        base_unit_price=said.base_unit_price,
        drivers=said.reasons,
        limiting_factors=said.limiting_factors,
        rule_checks=said.rule_checks,
        model_version=f"{said.model.name} {said.model.version}",
        data_as_of=said.data_as_of,
    )


def _comparables(review: ReviewRequested) -> tuple[ComparableCase, ...]:
    said = review.scored.valuation
    return tuple(
        ComparableCase(
            deal_id=deal.deal_id,
            community_name=deal.community_name,
            deal_date=deal.deal_date,
            area_m2=deal.area_m2,
            floor_band=deal.floor_band,
            distance_m=deal.distance_m,
            unit_price=deal.unit_price,
            adjusted_unit_price=deal.adjusted_unit_price,
            total_adjustment=deal.total_adjustment,
            weight=deal.weight,
            adjustments=deal.adjustments,
        )
        for deal in (said.comparables if said else ())
    )
