"""Every event of the house and the records in it, one frozen dataclass per `.avsc` in `schemas/avro/`.

The `.avsc` is the contract; a contract test holds the two together (names, types, defaults, round trip).
Money is whole yuan (`value`; `unit_price` per m²), instants are UTC, ratios and percentages are plain numbers
(0.05 = 5 %). An enum travels as an Avro enum whose default symbol is its first member, except the open code lists
`Reason`, `LimitingFactor` and `PropertyTag`, which travel as strings.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from schemas.codes import (
    Action,
    AliasSource,
    AppraisalKind,
    AttributeOrigin,
    Audience,
    Automation,
    BatchState,
    CoverageStatus,
    DeliveryKind,
    Handling,
    Lane,
    MatchLevel,
    ModelRole,
    NoticeTrigger,
    Occasion,
    PropertyType,
    ReleaseStep,
    RentKind,
    ReviewOutcome,
    SegmentState,
    ServiceType,
    SourceKind,
    Status,
    Tradability,
    VerificationOutcome,
    WorkOrderKind,
    WorkOrderState,
)

# (precision, scale). What a channel sends may be wrong in any way; what was accepted has two places at most.
StatedArea = Annotated[Decimal, (18, 6)]
Area = Annotated[Decimal, (9, 2)]


# ---- asked --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A channel asks. Nothing in it is checked yet; only `address` and `area` are needed from a person.

    `valuation_id` is `schemas.ids.valuation_id(channel, client_request_id)`. `value_date` may lie in the past (then
    only what was known that day is used); `None` means the day of receipt. The stated attributes are optional.
    `chosen_community_id` answers an earlier NEEDS_CLARIFICATION (with `action` CLARIFY and the other fields repeated).
    `community`, `building` and `usage` (规划用途) are stated to be verified. CANCEL, FORCE_MANUAL and STATUS_QUERY
    speak of an earlier request under the same number: their address is empty and their area 0; `note` is the reason
    that FORCE_MANUAL needs.
    """

    valuation_id: str
    channel: str
    client_request_id: str
    requested_at: datetime
    address: str
    area: StatedArea
    area_unit: str = "㎡"
    action: Action = Action.VALUE
    service_type: ServiceType = ServiceType.VALUATE
    product: str | None = None
    loan_stage: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    subject_token: str | None = None
    embed_target: str | None = None
    force_manual: bool = False
    value_date: date | None = None
    property_type: str | None = None
    floor: int | None = None
    total_floors: int | None = None
    built_year: int | None = None
    rooms: int | None = None
    chosen_community_id: str | None = None
    note: str | None = None
    community: str | None = None
    building: str | None = None
    usage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An accepted request, cleaned; travels with the valuation to its end.

    `address` is as entered, trimmed, with ID-card and telephone numbers masked. `revision` is 1 for the first asking
    and grows by one with each clarification reply, with each return from the desk and with each dispute; `occasion`
    says which of them it was. `due_at`: until when a person has promised to answer, where that does not follow from
    `received_at`.
    """

    channel: str
    client_request_id: str
    lane: Lane
    service_type: ServiceType
    address: str
    area_m2: Area
    value_date: date
    received_at: datetime
    deadline_at: datetime
    revision: int = 1
    product: str | None = None
    loan_stage: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    embed_target: str | None = None
    force_manual: bool = False
    property_type: str | None = None
    floor: int | None = None
    total_floors: int | None = None
    built_year: int | None = None
    rooms: int | None = None
    chosen_community_id: str | None = None
    occasion: Occasion = Occasion.ASKED
    due_at: datetime | None = None
    community: str | None = None
    building: str | None = None
    usage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request holds to the contract. `digest` (hex sha256) tells a repeat from a conflict.

    A revision that a reviewer returned has none: no channel sent it, so none can repeat it.
    """

    valuation_id: str
    request: Request
    digest: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarificationTimedOut:
    """Nobody replied to NEEDS_CLARIFICATION in time (`reply_by`).

    Carries what was accepted, so that the valuation goes on from it without memory.
    """

    valuation_id: str
    request: Request
    digest: str
    reply_by: datetime
    timed_out_at: datetime


# ---- resolved -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPart:
    """One piece of an address: `level` (province, city, district, town, road, number, community, …), and who cut it."""

    level: str
    text: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A community the address may mean. `probability` is calibrated; `matched_by` names the rule that found it."""

    community_id: str
    name: str
    city: str
    district: str
    probability: float
    matched_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedAddress:
    """标准地址. `probability` is the chance that `community_id` is right; no id there means nothing was good enough."""

    entered: str
    normalised: str
    match_level: MatchLevel
    probability: float
    province: str | None = None
    city: str | None = None
    district: str | None = None
    town: str | None = None
    road: str | None = None
    community_id: str | None = None
    community_name: str | None = None
    building: str | None = None
    unit: str | None = None
    room: str | None = None
    floor: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    candidates: tuple[Candidate, ...] = ()
    parts: tuple[AddressPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What is known of the subject property. `origins` says for each field that is set where it came from.

    `further`: numbers by name that only some kinds of property have, as in `Deal`.
    """

    property_type: PropertyType = PropertyType.UNKNOWN
    tradability: Tradability = Tradability.UNKNOWN
    floor: int | None = None
    total_floors: int | None = None
    floor_band: str | None = None
    built_year: int | None = None
    rooms: int | None = None
    halls: int | None = None
    building_type: str | None = None
    structure: str | None = None
    renovation: str | None = None
    has_lift: bool | None = None
    near_metro: bool | None = None
    origins: dict[str, AttributeOrigin] = field(default_factory=dict)
    further: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageDecision:
    """The coverage row in force at receipt which let the request in."""

    county_code: str
    row_version: str
    automation: Automation
    branch_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCheck:
    """验证项: one fact as it was stated, beside what a source has.

    `field` is COMMUNITY, BUILDING, UNIT, FLOOR, TOTAL_FLOORS, BUILT_YEAR, ROOMS, AREA, PROPERTY_TYPE, USAGE or
    TRADABILITY. `text` says it in Chinese; `source` names who knows `found`, `evidence` its row there.
    """

    field: str
    outcome: VerificationOutcome
    text: str
    stated: str | None = None
    found: str | None = None
    source: str | None = None
    evidence: str | None = None
    known_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """房屋信息验证: one outcome, and the checks behind it. `synthetic`: a source is made up, and says so.

    `unavailable_sources` could not be asked: what only they know is UNVERIFIABLE.
    """

    outcome: VerificationOutcome
    text: str
    checks: tuple[VerificationCheck, ...]
    verified_at: datetime
    synthetic: bool = False
    unavailable_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enriched:
    """The address is resolved and lies in coverage. `concerns` are reason codes for a person to look.

    `tags` are what the property registry says of the house, its building or its community (`PropertyTag`).
    `verification` is set where the service asks for it. `degraded_sources`: sources whose breaker is open.
    """

    valuation_id: str
    request: Request
    address: ResolvedAddress
    attributes: Attributes
    coverage: CoverageDecision
    enriched_at: datetime
    concerns: tuple[str, ...] = ()
    reference_version: str = ""
    tags: tuple[str, ...] = ()
    verification: Verification | None = None
    degraded_sources: tuple[str, ...] = ()


# ---- valued -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """修正: one factor by which a comparable was moved towards the subject (`share` 0.03 = 3 % up)."""

    factor: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparable:
    """可比实例: a past deal, adjusted to the subject and the value date. `weight` shares add up to 1."""

    deal_id: str
    community_id: str
    community_name: str
    deal_date: date
    area_m2: float
    unit_price: int
    adjusted_unit_price: int
    weight: float
    total_adjustment: float
    adjustments: tuple[Adjustment, ...] = ()
    distance_m: int | None = None
    floor_band: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCheck:
    """A rule of market comparison (GB/T 50291): whether it is met, and the figure."""

    rule: str
    met: bool
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonPart:
    """What moved the unit price from the typical level: yuan per m², share of the level, and a Chinese text."""

    factor: str
    text: str
    unit_price_change: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """Which artefact gave the value. `fallback_level` 0 (same plan) … 6 (city), valuation by deeper back-off.

    `role` CHALLENGER: a canary, the model on trial answered.
    """

    name: str
    version: str
    artefact_sha256: str
    feature_set_version: str
    segment: str
    fallback_level: int
    role: ModelRole = ModelRole.CHAMPION


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUsed:
    """数据来源: one source that a value rests on, under the licence `reference` (empty where none was required).

    `newest_on`: the day on which its newest row for the subject's city became known. `is_stale`: that was longer
    before the value date than the source may be silent.
    """

    source: str
    reference: str
    newest_on: date | None = None
    is_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeApproach:
    """收益法: how `income_value` was reached.

    `monthly_rent` is the market rent of the subject (yuan per m² and month), `net_income` what is left of it in a year
    (yuan per m²), capitalised at `rate` while growing by `growth` over `remaining_years` of land use. `rate_basis`:
    DEFAULT, CITY (given for the city) or MARKET (drawn from `yields` deals). `weight`: its share in the log unit price,
    beside the comparison.
    """

    unit_price: int
    monthly_rent: float
    net_income: float
    rate: float
    growth: float
    remaining_years: float
    term_assumed: bool
    rate_basis: str
    rents: int
    yields: int
    fsd: float
    weight: float
    assumptions_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A value and its certainty: `base_unit_price` + Σ `reasons` = `unit_price`, `value` = `unit_price` × area.

    `lower` < `value` < `upper` (yuan, promised `interval_coverage`); `fsd` is the forecast standard deviation of the
    log error; `p10` the calibrated chance to be within ±10 % of `p10_reference` (`deal` or `manual`); `confidence`
    0–100 and `confidence_level` 0–7 come from them by a published table. `income_value` and `income` belong to property
    that is let; `comparables_text` says in Chinese why there are fewer than three comparables, where there are.
    """

    value: int
    unit_price: int
    lower: int
    upper: int
    interval_coverage: float
    interval_method: str
    calibration_id: str
    fsd: float
    p10: float
    p10_reference: str
    confidence: int
    confidence_level: int
    base_unit_price: int
    reasons: tuple[ReasonPart, ...]
    comparables: tuple[Comparable, ...]
    rule_checks: tuple[RuleCheck, ...]
    limiting_factors: tuple[str, ...]
    model: ModelReference
    data_as_of: date
    index_version: str
    comparison_value: int | None = None
    sources: tuple[str, ...] = ()
    lineage: tuple[SourceUsed, ...] = ()
    income_value: int | None = None
    income: IncomeApproach | None = None
    comparables_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The model has spoken. `valuation` is `None` where it could not; `concerns` then say why."""

    valuation_id: str
    request: Request
    address: ResolvedAddress
    attributes: Attributes
    coverage: CoverageDecision
    valuation: Valuation | None
    scored_at: datetime
    concerns: tuple[str, ...] = ()
    reference_version: str = ""
    tags: tuple[str, ...] = ()
    verification: Verification | None = None
    degraded_sources: tuple[str, ...] = ()


# ---- decided ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReference:
    """分流策略: the version and digest of the rules that decided, and the rule that fired (`AUTO` when none did)."""

    version: str
    sha256: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequested:
    """A person has to value the subject. `reasons` is never empty; a higher `priority` goes first.

    `skill` is the property class of the routing policy (RESIDENTIAL, VILLA, COMMERCIAL): who can value it. Empty where
    the type has no class. `supersedes` names the answer that a dispute is about: what is decided replaces it.
    """

    valuation_id: str
    scored: Scored
    reasons: tuple[str, ...]
    priority: int
    due_at: datetime
    policy: PolicyReference
    requested_at: datetime
    skill: str = ""
    supersedes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a reviewer decided. Carries the task back whole, so that settling it needs no memory. No internal note.

    `confirmed_community_id`: the community the reviewer knows the entered address to mean, one of its candidates.
    `blind`: no value of the model's was shown before the reviewer had given theirs. `desk` is the region whose desk
    decided.
    """

    valuation_id: str
    review: ReviewRequested
    outcome: ReviewOutcome
    reasons: tuple[str, ...]
    reviewer: str
    reviewer_grade: str
    claimed_at: datetime
    decided_at: datetime
    guideline_version: str
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    comparable_ids: tuple[str, ...] = ()
    approver: str | None = None
    confirmed_community_id: str | None = None
    blind: bool = False
    desk: str = ""
    signatories: tuple["Signatory", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewProgressed:
    """How far a review is, for the channel that waits: told first when it is queued, again when much has changed.

    `position` is its place among those that wait (1: the next), `expected_at` when it will be decided at the pace of
    the desk; both `None` where nobody can say. `number` tells the progress of one valuation apart and grows.
    `on_survey`: somebody goes to see the house (实地勘察). `desk` is the region whose desk has it.
    """

    valuation_id: str
    review: ReviewRequested
    number: int
    due_at: datetime
    progressed_at: datetime
    position: int | None = None
    expected_at: datetime | None = None
    on_survey: bool = False
    desk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAtRisk:
    """办结时限预警: a review has used up `share` of its time (0.5 = half), or nobody acts on it.

    `is_breach`: the time has run out (C-03). `escalated_to` is empty for a mark of the clock, else who is told now
    (SUPERVISOR, OPERATIONS, MANAGEMENT) because it is overdue, or because nobody takes anything from its queue.
    `number` tells the warnings of one valuation apart. `state` is the task's, `queue` region and property class.
    `kind`: DISPUTE where a dispute is to be answered; empty for a first answer.
    """

    valuation_id: str
    revision: int
    number: int
    share: float
    due_at: datetime
    noted_at: datetime
    state: str
    is_breach: bool = False
    escalated_to: str = ""
    queue: str = ""
    desk: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """A valuation met a system without a usable model for it, and what is done about it (`handling`).

    `scored` has no value, except where it is COMPARED: then it has the value the model gives after recovery, and a
    person's stands. `release` names the model release for which it was RESUMED or is COMPARED.
    """

    valuation_id: str
    scored: Scored
    handling: Handling
    at: datetime
    release: str | None = None


# ---- answered -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a field of a request and how to mend it, in Chinese."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """签字人: who stands for a manual value, by the signing number of the desk's register and never by name.

    `capacity` is VALUER (估价) or APPROVER (复核).
    """

    capacity: str
    signing_no: str
    grade: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanDecision:
    """The human part of a result, without names. `model_value` is what the model had said, if anything."""

    outcome: ReviewOutcome
    reviewer_grade: str
    four_eyes: bool
    claimed_at: datetime
    decided_at: datetime
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    model_value: int | None = None
    signatories: tuple[Signatory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resulted:
    """An interim or final answer to the channel.

    The value that counts is `value`/`unit_price`/`lower`/`upper` here (a reviewer's, when `human` is set, else the
    model's); `valuation` holds the model's evidence. `reason_text` is Chinese. `problems` are set for REJECTED_INVALID,
    `due_at` for PENDING_MANUAL and for NEEDS_CLARIFICATION with candidates (a reply until then is in time),
    `valid_until` for a value. `queue_position` and `expected_at` belong to PENDING_MANUAL; `update` is 0 for the first
    interim answer of its status and tells the later ones apart (1: PROCESSING that waits for a model). `supersedes`:
    the answer that no longer counts, by its report number. `reused_from`: the valuation whose answer is issued again,
    because it is about the same unit and still valid.
    """

    valuation_id: str
    status: Status
    revision: int
    channel: str
    client_request_id: str
    lane: Lane
    service_type: ServiceType
    address_entered: str
    received_at: datetime
    resulted_at: datetime
    reasons: tuple[str, ...] = ()
    reason_text: str = ""
    area_m2: Area | None = None
    value_date: date | None = None
    deadline_at: datetime | None = None
    due_at: datetime | None = None
    valid_until: date | None = None
    product: str | None = None
    loan_stage: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    embed_target: str | None = None
    value: int | None = None
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    address: ResolvedAddress | None = None
    attributes: Attributes | None = None
    valuation: Valuation | None = None
    human: HumanDecision | None = None
    policy: PolicyReference | None = None
    problems: tuple[Problem, ...] = ()
    human_touched: bool = False
    supersedes: str | None = None
    queue_position: int | None = None
    expected_at: datetime | None = None
    update: int = 0
    verification: Verification | None = None
    degraded_sources: tuple[str, ...] = ()
    reused_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The 估价报告单 lies in the report store. A reader verifies `sha256` after fetching `uri`."""

    valuation_id: str
    revision: int
    channel: str
    client_request_id: str
    report_no: str
    verification_code: str
    uri: str
    sha256: str
    size_bytes: int
    pages: int
    media_type: str
    template_version: str
    contract_ref: str
    issued_at: datetime
    business_ref: str | None = None
    embed_target: str | None = None
    supersedes_report_no: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRevoked:
    """报告作废: a report no longer counts. `replaced_by` is the number of the one that does, where there is one.

    `by` is a staff number; empty where a later version replaced it.
    """

    valuation_id: str
    report_no: str
    channel: str
    reason: str
    revoked_at: datetime
    by: str = ""
    replaced_by: str | None = None
    business_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """复估: a channel does not accept a value and asks for another opinion."""

    valuation_id: str
    channel: str
    client_request_id: str
    reason_code: str
    raised_at: datetime
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened:
    """复估受理: a dispute is about an answer that stands, so people value the house again.

    `scored` is the case as its next revision, `supersedes` the answer that the decision will replace: its report
    number, or the id of its event where no report was issued.
    """

    valuation_id: str
    scored: Scored
    reason_code: str
    raised_at: datetime
    opened_at: datetime
    supersedes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraised:
    """A figure from outside for a house we valued: 线下人工估值 or a later deal.

    The house is that of `valuation_id` (empty where the sender does not know it), else that of `property_key`, else
    that of `address`; without a room `area_m2` tells it from its neighbours. `appraisal_id` is the sender's own number,
    unique within `source` (empty: the figure speaks for itself); sent again with a later `reported_at` it replaces what
    was said before. `blind`: whoever appraised had not seen our value.
    """

    valuation_id: str
    kind: AppraisalKind
    unit_price: int
    value: int
    on_date: date
    reported_at: datetime
    source: str
    appraisal_id: str = ""
    property_key: str | None = None
    address: str | None = None
    area_m2: Area | None = None
    blind: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationBreached:
    """偏离度超限: an automatic value lies further from an offline appraisal of the same house than was promised (C-04).

    `deviation` is (`value` − `appraised_value`) ÷ `appraised_value`; both are totals in yuan. `model` is name and
    version.
    """

    valuation_id: str
    appraisal_id: str
    deviation: float
    value: int
    appraised_value: int
    appraised_on: date
    found_at: datetime
    city: str | None = None
    property_type: PropertyType = PropertyType.UNKNOWN
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the gateway did for whom: a line of its audit, without anything of what was asked or told.

    `actor` is the channel and the first digits of its key's hash (`CREDIT_MGMT/1f0c…`), the channel alone where there
    is no key. `valuation_id` is empty where the act concerns none. `repeated`: how many more like it there were since
    the last one told, in a flood of refusals.
    """

    valuation_id: str
    actor: str
    action: str
    http_status: int
    at: datetime
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """撤回: what is still said of a valuation's askings answers nobody any more, unless it supersedes an answer.

    `action` CANCEL: of all askings, because its channel withdrew it and CANCELLED is its end. FORCE_MANUAL: of those up
    to `revision`, because its channel wants people to value it, who have the next one.
    """

    valuation_id: str
    action: Action
    revision: int
    withdrawn_at: datetime


# ---- brought to the bank ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """推送: one thing for one channel, as that channel may see it.

    The body of its webhook and of its topic are the same. `body` is JSON, `sha256` (hex) of its UTF-8 bytes;
    `subject_id` the valuation, work order or job it is about. `delivery_id` is derived from `event_id` and channel: a
    second sending is the same delivery.
    """

    delivery_id: str
    channel: str
    kind: DeliveryKind
    subject_id: str
    event_id: str
    body: str
    sha256: str
    delivered_at: datetime
    business_ref: str | None = None
    embed_target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipted:
    """回执: a bank system has a delivery. `sha256` is of the body as it arrived there; `stored` false with a `fault`.

    `embedded_at_target`: for reports, the place where it now stands in the bank's system.
    """

    delivery_id: str
    channel: str
    received_at: datetime
    sha256: str
    stored: bool = True
    fault: str | None = None
    embedded_at_target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """通知: words for somebody outside, made of an approved template alone.

    `notice_id` is derived from its cause: one for each. `subject_id` is the valuation, job, window or incident.
    `needs_receipt`: without a receipt in time it is sent again and somebody is paged.
    """

    notice_id: str
    trigger: NoticeTrigger
    audience: Audience
    subject_id: str
    title: str
    text: str
    template: str
    template_version: str
    noticed_at: datetime
    channel: str | None = None
    client_request_id: str | None = None
    business_ref: str | None = None
    branch_code: str | None = None
    needs_receipt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderRaised:
    """工单: a channel wants something besides a value.

    `work_order_id` is derived from channel and the channel's number. `valuation_id` is empty where it is about none.
    """

    work_order_id: str
    kind: WorkOrderKind
    channel: str
    client_request_id: str
    text: str
    raised_at: datetime
    valuation_id: str = ""
    business_ref: str | None = None
    escalated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderProgressed:
    """工单进展: what became of a work order; `answer` (from an approved template or checked words) ends it.

    `number` tells the steps of one work order apart and grows. `due_at`: until when the step after it is owed.
    """

    work_order_id: str
    number: int
    state: WorkOrderState
    kind: WorkOrderKind
    channel: str
    client_request_id: str
    at: datetime
    due_at: datetime | None = None
    answer: str | None = None
    valuation_id: str = ""
    business_ref: str | None = None
    escalated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgressed:
    """批量作业进展: a job's counts at a step. `by_status`: answered rows by status.

    `manifest_sha256` and `result_sha256` (hex) are set once there are files to fetch.
    """

    job_id: str
    channel: str
    state: BatchState
    number: int
    rows: int
    refused: int
    answered: int
    deadline_at: datetime
    at: datetime
    by_status: dict[str, int] = field(default_factory=dict)
    manifest_sha256: str | None = None
    result_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMoved:
    """贷后重估预警: a revaluation found a value further from the last one than agreed. `change` −0.12 = 12 % less."""

    valuation_id: str
    channel: str
    job_id: str
    former_value: int
    value: int
    change: float
    former_on: date
    value_on: date
    found_at: datetime
    business_ref: str | None = None
    branch_code: str | None = None


# ---- how it is decided --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFigures:
    """What a segment was judged by: `deals` of twelve months, and what a backtest out of time would have let stand.

    `ppe10` is the share of the `accepted` cases within 10 % of the price paid, of cases in [`since`, `until`).
    """

    deals: int
    accepted: int
    ppe10: float
    since: date
    until: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentStanding:
    """准入与暂停: whether the model's answers may stand in a segment (city and property class, or one community of it).

    `segment` is `schemas.domain.segments.segment_key` of the three. `by` and `second` are staff numbers. A hold needs
    one person, everything else two. `by_rule` says that `figures` reached the rule; otherwise `reason` must carry it.
    """

    segment: str
    city: str
    property_class: str
    state: SegmentState
    reason: str
    by: str
    at: datetime
    version: int
    community_id: str | None = None
    second: str | None = None
    figures: SegmentFigures | None = None
    by_rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyApproval:
    """One person's yes to a proposed policy."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProposed:
    """A routing policy somebody proposes, with all approvals so far; takes effect with two, of two other people.

    `content` is the TOML file, `sha256` (hex) of its bytes; `preview` what it would have changed, as JSON.
    `base_sha256` is of the text it was made in sight of: with another one approved since, it can no longer be.
    """

    proposal_id: str
    content: str
    sha256: str
    reason: str
    by: str
    at: datetime
    preview: str = ""
    approvals: tuple[PolicyApproval, ...] = ()
    base_sha256: str = ""


# ---- reference data -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """小区: one row of the community dictionary. Coordinates in `datum` (WGS-84, GCJ-02 or BD-09)."""

    community_id: str
    name: str
    province: str
    city: str
    district: str
    aliases: tuple[str, ...] = ()
    business_circle: str | None = None
    road: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    datum: str | None = None
    built_year: int | None = None
    building_type: str | None = None
    total_floors: int | None = None
    buildings: int | None = None
    households: int | None = None
    min_area_m2: float | None = None
    max_area_m2: float | None = None
    property_types: tuple[str, ...] = ()
    tradability: Tradability = Tradability.UNKNOWN
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityAlias:
    """小区别名: in this city, `alias` (as written) means this community, said by somebody who knew.

    `alias_key` is `schemas.domain.aliases.alias_key(city, alias)`: a later confirmation of the name replaces an
    earlier one. `confirmed_by` is a pseudonym or the code of a channel, never the name of a person.
    """

    alias_key: str
    alias: str
    city: str
    community_id: str
    source: AliasSource
    confirmed_by: str
    confirmed_at: datetime
    valuation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRecord:
    """房产登记: all that people have established of a community, a building, a unit or a room, after a correction.

    `property_key` is that of `schemas.domain.property_key`; the next correction of the key replaces this record. A
    fact that is `None` or UNKNOWN was not established. `corrected_by` is a staff number, `source` the evidence.
    `area_m2` is the registered gross floor area, `usage` the registered use (规划用途) in words.
    """

    property_key: str
    source: str
    corrected_by: str
    corrected_at: datetime
    valuation_id: str | None = None
    property_type: PropertyType = PropertyType.UNKNOWN
    tradability: Tradability = Tradability.UNKNOWN
    floor: int | None = None
    total_floors: int | None = None
    built_year: int | None = None
    rooms: int | None = None
    halls: int | None = None
    building_type: str | None = None
    structure: str | None = None
    renovation: str | None = None
    has_lift: bool | None = None
    near_metro: bool | None = None
    tags: tuple[str, ...] = ()
    area_m2: float | None = None
    usage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusableAnswer:
    """可复用结果: an automatic answer that may be issued again for the same unit, area and service while it is valid.

    `reuse_key` is `schemas.domain.reuse.reuse_key`. `valuation` is `None` once the answer is disputed or withdrawn.
    `value_date` is the day of its request's receipt: an answer about a day in the past is never kept here.
    """

    reuse_key: str
    valuation_id: str
    value_date: date
    valid_until: date
    answered_at: datetime
    attributes: Attributes
    valuation: Valuation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """成交: a closed deal. `known_on` is the day it became public (`None`: its own day). `unit_price` in yuan/m².

    `further`: numbers by name that only some kinds of property have (land area of a villa, frontage of a shop).
    """

    deal_id: str
    community_id: str
    city: str
    deal_date: date
    area_m2: float
    unit_price: float
    property_type: PropertyType = PropertyType.APARTMENT
    known_on: date | None = None
    community_name: str | None = None
    district: str | None = None
    business_circle: str | None = None
    building: str | None = None
    floor: int | None = None
    floor_band: str | None = None
    total_floors: int | None = None
    built_year: int | None = None
    rooms: int | None = None
    halls: int | None = None
    building_type: str | None = None
    structure: str | None = None
    renovation: str | None = None
    has_lift: bool | None = None
    near_metro: bool | None = None
    five_years: bool | None = None
    longitude: float | None = None
    latitude: float | None = None
    source: str = ""
    further: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rent:
    """租金: what letting a house brings or is said to bring.

    `monthly_rent` in yuan per m² and month, before vacancy and costs. `known_on` is the day it became public (`None`:
    its own day).
    """

    rent_id: str
    community_id: str
    city: str
    rent_date: date
    monthly_rent: float
    property_type: PropertyType
    kind: RentKind = RentKind.LISTING
    known_on: date | None = None
    area_m2: float | None = None
    community_name: str | None = None
    district: str | None = None
    floor: int | None = None
    floor_band: str | None = None
    total_floors: int | None = None
    built_year: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """One county-level division of the coverage table, valid in [`effective_from`, `effective_to`]."""

    county_code: str
    province: str
    city: str
    county: str
    status: CoverageStatus
    automation: Automation
    property_types: tuple[str, ...]
    effective_from: date
    version: str
    source: str
    effective_to: date | None = None
    branch_code: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPoint:
    """One point of a price index, as published in `vintage`: log level relative to the segment's first point.

    `segment` is the property type, and the city after a bar (`APARTMENT|北京市`); without one it is of all cities.
    """

    segment: str
    on_date: date
    log_level: float
    vintage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLicence:
    """数据来源授权: what the rows of `source` (their own `source` field) may be used for, and by whose word.

    `holder` is the 许可方, `reference` its contract number, `allowed_uses` are of `SourceUse`. Valid from `valid_from`
    to `valid_until`, both days included (`None`: until revoked); revoked once `revoked_at` is set, until two people
    reinstate it. A source whose newest row is older than `fresh_within_days` is stale (`None`: it may be silent). Staff
    numbers, no names.
    """

    source: str
    kind: SourceKind
    holder: str
    reference: str
    allowed_uses: tuple[str, ...]
    valid_from: date
    approved_by: str
    second_approver: str
    approved_at: datetime
    valid_until: date | None = None
    fresh_within_days: int | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revocation_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDelivery:
    """来源供数: how the latest delivery of a source went. After too many bad ones its loads rest until `closed_until`.

    `failures` counts bad deliveries in a row, `fault` says what was wrong with the last of them.
    """

    source: str
    delivered_at: datetime
    loaded: int
    rejected: int
    failures: int = 0
    fault: str | None = None
    closed_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReleased:
    """An artefact of the model store serves `segment` from now on. A scorer refuses it if the sha256 differs.

    A challenger answers the `share` of the properties (0 to 1) that is drawn for it and is valued in the shadow of all.
    `approved_by` is the second person, where there was one. `sources` are those it learned from.
    """

    name: str
    version: str
    segment: str
    role: ModelRole
    uri: str
    sha256: str
    feature_set_version: str
    released_at: datetime
    released_by: str
    share: float = 0.0
    approved_by: str | None = None
    reason: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStep:
    """模型发布流程: one step of a release, with who, when and why. `former` is what was in its place before.

    `figures` are those the step was decided on, by name (`impact.over_5`, `paired.difference`).
    """

    segment: str
    step: ReleaseStep
    release: ModelReleased
    by: str
    at: datetime
    reason: str
    former: ModelReleased | None = None
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowAnswer:
    """What one model makes of a subject, as in `Valuation`; all figures are `None` where it gives no value."""

    version: str
    artefact_sha256: str
    value: int | None = None
    lower: int | None = None
    upper: int | None = None
    p10: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowValued:
    """挑战模型影子估值: champion and challenger on the same subject, fixed before any outcome is known.

    `in_canary`: the challenger answered. Says nothing of the subject but its county.
    """

    valuation_id: str
    segment: str
    county_code: str
    value_date: date
    champion: ShadowAnswer
    challenger: ShadowAnswer
    in_canary: bool
    valued_at: datetime
