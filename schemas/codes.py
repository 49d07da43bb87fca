"""The closed lists of the house. Outward codes keep the spelling of the customer's requirements.

The first member of an enum is its default in Avro: what a reader takes for a symbol it does not know yet.
"""

from enum import StrEnum


class Lane(StrEnum):
    """联机单笔 / 批量: every topic on the way has both, so that a flood of one never delays the other."""

    ONLINE = "online"
    BATCH = "batch"


class Action(StrEnum):
    """What a record on `valuation.requests` wants."""

    VALUE = "VALUE"
    CLARIFY = "CLARIFY"
    CANCEL = "CANCEL"
    FORCE_MANUAL = "FORCE_MANUAL"
    STATUS_QUERY = "STATUS_QUERY"


class ServiceType(StrEnum):
    """估值 / 房屋信息验证 / both."""

    VALUATE = "VALUATE"
    VERIFY = "VERIFY"
    VERIFY_AND_VALUATE = "VERIFY_AND_VALUATE"


class VerificationOutcome(StrEnum):
    """验证结论: what a check of stated facts found. Never CONFIRMED without a source that says so."""

    UNVERIFIABLE = "UNVERIFIABLE"
    CONFIRMED = "CONFIRMED"
    MISMATCH = "MISMATCH"
    NOT_FOUND = "NOT_FOUND"


class Product(StrEnum):
    """Loan products under the contract: 按揭 and 抵押."""

    HOUSE_PURCHASE_MORTGAGE = "HOUSE_PURCHASE_MORTGAGE"
    HOUSE_SECURED = "HOUSE_SECURED"


class LoanStage(StrEnum):
    """贷前调查 / 贷中审查审批 / other (batch only)."""

    PRE_LOAN_INVESTIGATION = "PRE_LOAN_INVESTIGATION"
    IN_LOAN_APPROVAL = "IN_LOAN_APPROVAL"
    OTHER = "OTHER"


class Status(StrEnum):
    """Where a valuation stands. The first four are interim, the rest final; a final status never changes."""

    PROCESSING = "PROCESSING"
    RECEIVED = "RECEIVED"
    NEEDS_CLARIFICATION = "NEEDS_CLARIFICATION"
    PENDING_MANUAL = "PENDING_MANUAL"
    COMPLETED_AUTO = "COMPLETED_AUTO"
    COMPLETED_MANUAL = "COMPLETED_MANUAL"
    UNABLE_TO_VALUE = "UNABLE_TO_VALUE"
    OUT_OF_COVERAGE = "OUT_OF_COVERAGE"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    REJECTED_INVALID = "REJECTED_INVALID"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"

    @property
    def is_final(self) -> bool:
        """Whether nothing more follows for this valuation."""
        return self not in _INTERIM


_INTERIM = frozenset({Status.RECEIVED, Status.PROCESSING, Status.NEEDS_CLARIFICATION, Status.PENDING_MANUAL})


class Reason(StrEnum):
    """Reason codes in results and review tasks. Travel as plain strings: the list grows with the rules."""

    # why a request is refused
    FIELD_INVALID = "FIELD_INVALID"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    SERVICE_NOT_ALLOWED = "SERVICE_NOT_ALLOWED"
    ACTION_NOT_ALLOWED = "ACTION_NOT_ALLOWED"
    CORPORATE_LOAN = "CORPORATE_LOAN"
    DUPLICATE_CONFLICT = "DUPLICATE_CONFLICT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    ALREADY_FINAL = "ALREADY_FINAL"
    NOT_FOUND = "NOT_FOUND"
    # withdrawn, or answered before
    CANCELLED_BY_CHANNEL = "CANCELLED_BY_CHANNEL"
    REUSED = "REUSED"
    # why it is late
    LATE = "LATE"
    MAINTENANCE = "MAINTENANCE"
    SYSTEM_DEGRADED = "SYSTEM_DEGRADED"
    COMPARISON_ONLY = "COMPARISON_ONLY"
    # gates
    OUTSIDE_MAINLAND = "OUTSIDE_MAINLAND"
    AREA_NOT_COVERED = "AREA_NOT_COVERED"
    TYPE_NOT_ENABLED = "TYPE_NOT_ENABLED"
    NOT_TRADABLE = "NOT_TRADABLE"
    # why a person must look
    ADDR_AMBIGUOUS = "ADDR_AMBIGUOUS"
    ADDR_PARTIAL = "ADDR_PARTIAL"
    ADDR_UNKNOWN = "ADDR_UNKNOWN"
    CLARIFICATION_REMINDER = "CLARIFICATION_REMINDER"
    CLARIFICATION_TIMEOUT = "CLARIFICATION_TIMEOUT"
    AREA_IMPLAUSIBLE = "AREA_IMPLAUSIBLE"
    THIN_COMPARABLES = "THIN_COMPARABLES"
    WIDE_RANGE = "WIDE_RANGE"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    MODEL_DISAGREEMENT = "MODEL_DISAGREEMENT"
    OUTLIER_PRICE = "OUTLIER_PRICE"
    COMPARISON_RULE_UNMET = "COMPARISON_RULE_UNMET"
    UNSEEN_TYPE = "UNSEEN_TYPE"
    NO_MODEL = "NO_MODEL"
    SOURCE_NOT_LICENSED = "SOURCE_NOT_LICENSED"
    CITY_HUMAN_ONLY = "CITY_HUMAN_ONLY"
    SEGMENT_HOLD = "SEGMENT_HOLD"
    HIGH_VALUE = "HIGH_VALUE"
    FORCED_BY_BANK = "FORCED_BY_BANK"
    VERIFY_MISMATCH = "VERIFY_MISMATCH"
    VERIFY_NOT_FOUND = "VERIFY_NOT_FOUND"
    DISPUTE = "DISPUTE"
    DESK_REPLY = "DESK_REPLY"
    QA_SAMPLE = "QA_SAMPLE"
    # what a person decided
    REVIEWED = "REVIEWED"
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"


class LimitingFactor(StrEnum):
    """限制因素: what weakens a value. Travel as plain strings, as reasons do."""

    FEW_COMPARABLES = "FEW_COMPARABLES"
    STALE_COMPARABLES = "STALE_COMPARABLES"
    STALE_SOURCE = "STALE_SOURCE"
    WIDE_DISPERSION = "WIDE_DISPERSION"
    AREA_OUT_OF_RANGE = "AREA_OUT_OF_RANGE"
    ADDRESS_PARTIAL = "ADDRESS_PARTIAL"
    ATTRIBUTE_IMPUTED = "ATTRIBUTE_IMPUTED"
    FAST_MARKET = "FAST_MARKET"
    SEGMENT_HELD = "SEGMENT_HELD"
    MODEL_DISAGREEMENT = "MODEL_DISAGREEMENT"
    NEW_COMMUNITY = "NEW_COMMUNITY"
    UNUSUAL_PROPERTY = "UNUSUAL_PROPERTY"
    TRADABILITY_UNKNOWN = "TRADABILITY_UNKNOWN"
    RENTS_UNKNOWN = "RENTS_UNKNOWN"
    LAND_TERM_ASSUMED = "LAND_TERM_ASSUMED"
    RETROSPECTIVE = "RETROSPECTIVE"


class PropertyType(StrEnum):
    """物业类型. APARTMENT to OFFICE can be valued once enabled; the others are recognised in order to be refused."""

    UNKNOWN = "UNKNOWN"
    APARTMENT = "APARTMENT"
    VILLA = "VILLA"
    SHOP = "SHOP"
    OFFICE = "OFFICE"
    MIXED_USE_FLAT = "MIXED_USE_FLAT"
    INDUSTRIAL = "INDUSTRIAL"
    PARKING = "PARKING"

    @property
    def is_commercial(self) -> bool:
        """Whether the commercial method and segment apply."""
        return self in {PropertyType.SHOP, PropertyType.OFFICE}


class Tradability(StrEnum):
    """Whether the house is a commodity house that may be sold: 可上市交易商品房."""

    UNKNOWN = "UNKNOWN"
    TRADABLE = "TRADABLE"
    SMALL_TITLE = "SMALL_TITLE"  # 小产权房
    PUBLIC_HOUSING = "PUBLIC_HOUSING"  # 公房
    SUBSIDISED = "SUBSIDISED"  # 保障房
    RURAL = "RURAL"  # 宅基地
    RESTRICTED = "RESTRICTED"


class AttributeOrigin(StrEnum):
    """Where an attribute of the subject comes from."""

    UNKNOWN = "unknown"
    REQUEST = "request"
    PARSED = "parsed"
    DICTIONARY = "dictionary"
    IMPUTED = "imputed"
    REGISTRY = "registry"


class MatchLevel(StrEnum):
    """How far down an address was resolved."""

    NONE = "NONE"
    DISTRICT = "DISTRICT"
    ROAD = "ROAD"
    COMMUNITY = "COMMUNITY"
    BUILDING = "BUILDING"
    ROOM = "ROOM"


class CoverageStatus(StrEnum):
    """Bank-owned state of a county-level division."""

    PLANNED = "PLANNED"
    ACTIVE = "ACTIVE"
    WITHDRAWN = "WITHDRAWN"


class Automation(StrEnum):
    """Operator-owned state of a county-level division: may the model's answer stand there?"""

    HUMAN_ONLY = "HUMAN_ONLY"
    AUTO = "AUTO"
    SUSPENDED = "SUSPENDED"


class SegmentState(StrEnum):
    """Whether the model's answers may stand in a segment: not yet, by rule admitted, stopped."""

    HUMAN_ONLY = "HUMAN_ONLY"
    AUTOMATIC = "AUTOMATIC"
    HELD = "HELD"


class Handling(StrEnum):
    """What became of a valuation that met no usable model: with a person, waiting, valued again, compared."""

    REVIEW = "REVIEW"
    PARKED = "PARKED"
    RESUMED = "RESUMED"
    COMPARED = "COMPARED"


class Occasion(StrEnum):
    """Why a valuation is run: its channel asked (or replied about the address), or people had it and it goes on."""

    ASKED = "ASKED"
    DESK_REPLY = "DESK_REPLY"  # the desk's question was replied to, or its time ran out
    RETURNED = "RETURNED"  # a reviewer gave it back to the model, and said which community is meant
    DISPUTED = "DISPUTED"  # 复估


class ReviewOutcome(StrEnum):
    """What a reviewer may decide."""

    UNABLE = "UNABLE"
    VALUE = "VALUE"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    OUT_OF_COVERAGE = "OUT_OF_COVERAGE"
    CLARIFY = "CLARIFY"
    RETURN_TO_AUTO = "RETURN_TO_AUTO"


class DeliveryKind(StrEnum):
    """What is delivered to a bank system."""

    RESULT = "RESULT"
    REPORT = "REPORT"
    REVOCATION = "REVOCATION"
    NOTICE = "NOTICE"
    WORK_ORDER = "WORK_ORDER"
    BATCH = "BATCH"


class NoticeTrigger(StrEnum):
    """What somebody is told of."""

    RESULTED = "RESULTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    INTERIM = "INTERIM"
    DUE_SOON = "DUE_SOON"
    SUPERSEDED = "SUPERSEDED"
    BATCH_DONE = "BATCH_DONE"
    REVALUATION_ALERT = "REVALUATION_ALERT"
    MAINTENANCE = "MAINTENANCE"
    INCIDENT = "INCIDENT"


class Audience(StrEnum):
    """Who is told: 客户经理, 客户, or the bank's operations."""

    CUSTOMER_MANAGER = "CUSTOMER_MANAGER"
    CUSTOMER = "CUSTOMER"
    OPERATIONS = "OPERATIONS"


class WorkOrderKind(StrEnum):
    """工单: what a channel wants besides a value. DISPUTE (复估) has a topic of its own."""

    CONSULTATION = "CONSULTATION"
    DISPUTE = "DISPUTE"
    DATA_CORRECTION = "DATA_CORRECTION"
    VERIFY_MISMATCH = "VERIFY_MISMATCH"
    FAULT = "FAULT"
    COMPLAINT = "COMPLAINT"
    REPORT = "REPORT"  # 举报


class WorkOrderState(StrEnum):
    """How far a work order is. It is answered once."""

    RAISED = "RAISED"
    ACCEPTED = "ACCEPTED"
    ANSWERED = "ANSWERED"
    REJECTED = "REJECTED"


class BatchState(StrEnum):
    """How far a batch job is. DELIVERED: its automatic items are answered, people still have some."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    DELIVERED = "DELIVERED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class ModelRole(StrEnum):
    """Champion answers; a challenger is scored in its shadow."""

    CHALLENGER = "CHALLENGER"
    CHAMPION = "CHAMPION"


class ReleaseStep(StrEnum):
    """One step on the way of a model: shadow, canary, full, and back."""

    RELEASED = "RELEASED"  # in charge at once, without a trial
    CHALLENGED = "CHALLENGED"  # in the shadow of the champion
    CANARY = "CANARY"  # answers a share of the properties; 0: back in the shadow
    PROPOSED = "PROPOSED"  # somebody asks that the challenger be promoted
    PROMOTED = "PROMOTED"  # a second person agreed
    ROLLED_BACK = "ROLLED_BACK"
    WITHDRAWN = "WITHDRAWN"  # the challenger is gone


class AppraisalKind(StrEnum):
    """What an outside figure for the same house is."""

    OFFLINE_APPRAISAL = "OFFLINE_APPRAISAL"
    DEAL = "DEAL"


class AliasSource(StrEnum):
    """Who knew which community was meant by a name."""

    IMPORT = "IMPORT"
    REVIEWER = "REVIEWER"
    STAFF_REPLY = "STAFF_REPLY"


class RentKind(StrEnum):
    """Whether a rent is asked for or agreed."""

    LISTING = "LISTING"
    CONTRACT = "CONTRACT"


class SourceKind(StrEnum):
    """What a source of reference data delivers."""

    OTHER = "OTHER"
    DEALS = "DEALS"
    REGISTRY = "REGISTRY"  # 不动产登记
    DICTIONARY = "DICTIONARY"  # 楼盘字典
    INDEX = "INDEX"
    RENTS = "RENTS"


class SourceUse(StrEnum):
    """What a licence may allow. Travel as plain strings: a reader must not take a newer use for one of these."""

    TRAINING = "TRAINING"  # models may learn from its rows
    COMPARABLES = "COMPARABLES"  # values may rest on its rows, and show them
    DICTIONARY = "DICTIONARY"  # addresses may be resolved by its rows


class PropertyTag(StrEnum):
    """What people should know of a house before they value it. Travel as plain strings: the list grows."""

    DISPUTED = "DISPUTED"  # 争议多
    THINLY_TRADED = "THINLY_TRADED"  # 交易稀少


# What the released artefact that reads addresses is called, and the segment it says it serves.
ADDRESS_TAGGER = "address-tagger"
ADDRESS_SEGMENT = "ADDRESS"
