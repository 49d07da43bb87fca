"""What a reviewer sees of a case: an allow-list. A field that is not named here does not reach the desk's screens.

Never here: the channel's references (`business_ref`, `client_request_id`, `embed_target`), product and branch, and
anything of the customer or the loan amount, which no event carries anyway. A certificate of title would come as a
token, and only whether it matches would be shown; no event carries one yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from consumers.review_desk.deciding.comparison import as_sold, lines_of, rule_checks
from consumers.review_desk.deciding.decision import outcomes_of
from consumers.review_desk.deciding.history import Earlier
from consumers.review_desk.knowledge.guideline_set import Guideline
from consumers.review_desk.queue.notes import Note
from consumers.review_desk.task import Kind, Task
from schemas.codes import Reason, ReviewOutcome
from schemas.events import Adjustment, Candidate, Comparable, ReasonPart, ReviewRequested, RuleCheck, Verification

# What a blind case still says of why it is here: what concerns the house, and nothing of what a model made of it.
_OF_THE_HOUSE: Final = frozenset(
    {
        Reason.ADDR_AMBIGUOUS,
        Reason.ADDR_PARTIAL,
        Reason.ADDR_UNKNOWN,
        Reason.CLARIFICATION_TIMEOUT,
        Reason.VERIFY_MISMATCH,
        Reason.VERIFY_NOT_FOUND,
        Reason.CITY_HUMAN_ONLY,
        Reason.FORCED_BY_BANK,
        Reason.DISPUTE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The house: what was entered, what was resolved, what is known of it. `origins`: by field, from where."""

    address_entered: str
    address: str
    match_level: str
    probability: float
    province: str | None
    city: str | None
    district: str | None
    community_id: str | None
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
    longitude: float | None
    latitude: float | None
    origins: Mapping[str, str]


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
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task with its evidence. `reasons`, `concerns` and `tags` are codes.

    `verification` is `None` where the channel asked for none. `model` and `earlier` are empty for a blind task.
    `outcomes` are those it may end with. `certificate_matches`: whether the certificate of title is the house's
    (`None`: none was given). `remark`: why it came back from approval. `time_left` is wall time to `task.due_at`,
    negative when that has passed.
    """

    task: Task
    subject: Subject
    candidates: tuple[Candidate, ...]
    model: ModelOpinion | None
    comparables: tuple[ComparableCase, ...]
    comparables_text: str
    rule_checks: tuple[RuleCheck, ...]
    concerns: tuple[str, ...]
    tags: tuple[str, ...]
    sources: tuple[str, ...]
    verification: Verification | None
    certificate_matches: bool | None
    received_at: datetime
    time_left: timedelta
    outcomes: tuple[ReviewOutcome, ...]
    earlier: tuple[Earlier, ...]
    guidelines: tuple[Guideline, ...]
    notes: tuple[Note, ...]
    remark: str | None

    @property
    def community_is_open(self) -> bool:
        """Whether the address left open which of its candidates is meant, so that a person can confirm one."""
        return self.subject.community is None and bool(self.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the desk itself adds to the evidence of a case."""

    earlier: tuple[Earlier, ...] = ()
    guidelines: tuple[Guideline, ...] = ()
    notes: tuple[Note, ...] = ()
    remark: str | None = None
    was_returned: bool = False


def masked(task: Task) -> Task:
    """The task as reviewers see it: all kinds alike but for the dispute, and of a blind one nothing the model said."""
    shown = replace(
        task,
        valuation_id=task.task_id,  # only an ordinary task has the id of its valuation
        priority=0 if task.blind else task.priority,  # samples have a low one
        kind=Kind.DISPUTE if task.kind is Kind.DISPUTE else Kind.VALUATION,
        internal=False,
        origin=None,
        excluded=(),
        drafted_by=None,
        requested_at=task.received_at,  # routing takes a moment, which a sample has not taken
        queued_at=task.received_at if task.queued_at == task.requested_at else task.queued_at,
        model_value=None if task.blind else task.model_value,
    )
    return replace(shown, reasons=_seen(task.reasons)) if task.blind else shown


def case_of(task: Task, review: ReviewRequested, around: Surroundings, *, now: datetime) -> Case:
    """Return what may be seen of a task and its evidence."""
    scored, valuation = review.scored, review.scored.valuation
    deals = valuation.comparables if valuation else ()
    if task.blind:
        deals = as_sold(deals)
    return Case(
        task=masked(task),
        subject=_subject(review),
        candidates=scored.address.candidates,
        model=None if task.blind else _model(review),
        comparables=_comparables(deals),
        comparables_text=valuation.comparables_text if valuation and not task.blind else "",
        rule_checks=rule_checks(lines_of(deals), scored.request.value_date),
        concerns=_seen(scored.concerns) if task.blind else scored.concerns,
        tags=scored.tags,
        sources=valuation.sources if valuation else (),
        verification=scored.verification,
        certificate_matches=None,
        received_at=scored.request.received_at,
        time_left=task.due_at - now,
        outcomes=outcomes_of(task, review, returned=around.was_returned),
        earlier=() if task.blind else around.earlier,
        guidelines=around.guidelines,
        notes=around.notes,
        remark=around.remark,
    )


def _seen(reasons: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(reason for reason in reasons if reason in _OF_THE_HOUSE)


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
        community_id=address.community_id,
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
        longitude=address.longitude,
        latitude=address.latitude,
        origins=MappingProxyType({name: str(origin) for name, origin in known.origins.items()}),
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
        model_version=f"{said.model.name} {said.model.version}",
        data_as_of=said.data_as_of,
    )


def _comparables(deals: Iterable[Comparable]) -> tuple[ComparableCase, ...]:
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
            source=deal.source,
        )
        for deal in deals
    )
