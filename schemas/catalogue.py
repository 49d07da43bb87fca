"""Every topic of the house. Provisioning, ACLs, AsyncAPI, docs and tests are made from this list alone."""

from dataclasses import dataclass
from datetime import timedelta

from schemas import events
from schemas.codes import Lane

BOTH_LANES = (Lane.ONLINE, Lane.BATCH)
PARTITIONS = 12  # 3 workers x 4; adding partitions later re-hashes every key, so there is room
ON_THE_WAY = timedelta(days=14)  # public holidays last up to 9 days; still replayable after them
REHEARSED = timedelta(days=35)  # a change of policy is previewed on the last 30 days
UNTIL_OUTCOMES = timedelta(days=180)  # deals and appraisals that tell who was right come months later
FOR_PEOPLE = timedelta(days=60)  # reviews, decisions and dead letters outlive the longest outage and its clean-up
MAX_MESSAGE_BYTES = 1_048_576

CHANNELS_WITH_TOPIC = ("CREDIT_MGMT", "NET_BANK", "MOBILE_BANK", "DIRECT_BANK", "APP", "WECHAT_OA", "BATCH_FILE")
"""Channels whose results are pushed. The website's visitors and the probe ask for theirs."""

CHANNELS_ASKING_BY_KAFKA = ("CREDIT_MGMT", "BATCH_FILE")
"""Those of staff. Requests of customers' channels pass the gateway, which counts them and checks who asks."""


def bank_principal(channel: str) -> str:
    """What a channel's system is called at the broker: `bank-net-bank` for NET_BANK."""
    return f"bank-{channel.lower().replace('_', '-')}"


_ASKING = tuple(bank_principal(channel) for channel in CHANNELS_ASKING_BY_KAFKA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic family: one Kafka topic per lane, or one alone where `lanes` is empty.

    `event` is `None` where the bytes are somebody else's (dead letters). `key` names the event's field that is the key.
    """

    name: str
    event: type | None
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    says: str
    lanes: tuple[Lane, ...] = ()
    partitions: int = PARTITIONS
    retention: timedelta | None = ON_THE_WAY
    compacted: bool = False

    def named(self, lane: Lane | None = None) -> str:
        """The Kafka topic's name; `lane` must be one of `lanes`, or `None` where there are none."""
        if lane is None and not self.lanes:
            return self.name
        if lane not in self.lanes:
            raise ValueError(f"topic {self.name} has lanes {[*self.lanes]}, not {lane!r}")
        return f"{self.name}.{lane}"

    @property
    def names(self) -> tuple[str, ...]:
        """All Kafka topics of the family."""
        return tuple(f"{self.name}.{lane}" for lane in self.lanes) or (self.name,)

    @property
    def subject(self) -> str:
        """The registry's subject: one for all lanes."""
        return f"{self.name}-value"


REQUESTS = Topic(
    name="valuation.requests",
    event=events.Requested,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("gateway", "batch", "bank", *_ASKING),
    readers=("intake", "ledger"),
    says="a channel asks",
)
ACCEPTED = Topic(
    name="valuation.accepted",
    event=events.Accepted,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("intake", "routing", "ledger"),
    readers=("enrichment", "intake", "ledger"),
    says="the request holds to the contract; its deadline is set",
)
CLARIFICATIONS = Topic(
    name="valuation.clarifications",
    event=events.ClarificationTimedOut,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("ledger",),
    readers=("intake", "ledger"),
    says="a question about an address was not answered in time",
    retention=FOR_PEOPLE,
)
ENRICHED = Topic(
    name="valuation.enriched",
    event=events.Enriched,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("enrichment", "routing"),
    readers=("scoring", "routing", "shadow", "ledger"),
    says="the address is resolved and covered",
)
SCORED = Topic(
    name="valuation.scored",
    event=events.Scored,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("scoring", "routing"),
    readers=("routing", "ledger", "model-release", "policy-office"),
    says="value, interval, confidence, comparables and reasons",
    retention=REHEARSED,
)
REVIEWS = Topic(
    name="valuation.reviews",
    event=events.ReviewRequested,
    key="valuation_id",
    writers=("routing",),
    readers=("desk", "ledger"),
    says="a person must look, with all evidence",
    retention=FOR_PEOPLE,
)
DECISIONS = Topic(
    name="valuation.decisions",
    event=events.Decided,
    key="valuation_id",
    writers=("desk",),
    readers=("routing", "intake", "ledger", "policy-office"),
    says="what the reviewer decided",
    retention=FOR_PEOPLE,
)
REVIEW_PROGRESS = Topic(
    name="valuation.review-progress",
    event=events.ReviewProgressed,
    key="valuation_id",
    writers=("desk",),
    readers=("routing", "ledger"),
    says="place in the queue and expected time of a review",
    retention=FOR_PEOPLE,
)
REVIEW_CLOCKS = Topic(
    name="valuation.review-clocks",
    event=events.ReviewAtRisk,
    key="valuation_id",
    writers=("desk",),
    readers=("ops", "ledger", "notifier", "bank"),
    says="a review has used up 50, 75, 90 or 100 % of its time, or nobody acts on it",
    retention=FOR_PEOPLE,
)
RESULTS = Topic(
    name="valuation.results",
    event=events.Resulted,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("intake", "enrichment", "routing", "ledger", "gateway"),
    readers=(
        "gateway",
        "ledger",
        "reporting",
        "batch",
        "callbacks",
        "notifier",
        "bank",
        "policy-office",
    ),
    says="interim or final answer to the channel",
)
REPORTS = Topic(
    name="valuation.reports",
    event=events.Reported,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("reporting",),
    readers=("ledger", "gateway", "batch", "callbacks", "notifier", "bank"),
    says="the report lies in the store: number, uri, sha256",
)
DISPUTES = Topic(
    name="valuation.disputes",
    event=events.Disputed,
    key="valuation_id",
    writers=("gateway", "bank", *_ASKING),
    readers=("ledger",),
    says="a channel asks for another opinion (复估)",
    retention=FOR_PEOPLE,
)
DISPUTES_OPENED = Topic(
    name="valuation.disputes-opened",
    event=events.DisputeOpened,
    key="valuation_id",
    writers=("ledger",),
    readers=("routing", "ledger"),
    says="a dispute is about an answer that stands, with the case as it was valued",
    retention=FOR_PEOPLE,
)
WITHDRAWALS = Topic(
    name="valuation.withdrawals",
    event=events.Withdrawn,
    key="valuation_id",
    writers=("ledger",),
    readers=("routing", "reporting", "desk"),
    says="a channel has withdrawn a valuation, or taken it from the model",
    partitions=1,
    retention=FOR_PEOPLE,
)
FEEDBACK = Topic(
    name="valuation.feedback",
    event=events.Appraised,
    key="appraisal_id",
    writers=("bank", "reference-loader"),
    readers=("ledger", "model-release", "policy-office"),
    says="offline appraisals and later deals for the same house",
    retention=FOR_PEOPLE,
)
BREACHES = Topic(
    name="valuation.breaches",
    event=events.DeviationBreached,
    key="valuation_id",
    writers=("ledger",),
    readers=("ops", "bank"),
    says="an automatic value deviates from an offline appraisal by more than was promised",
    retention=FOR_PEOPLE,
)
AUDIT = Topic(
    name="valuation.audit",
    event=events.Audited,
    key="valuation_id",
    writers=("gateway",),
    readers=("ledger",),
    says="what the gateway did for whom; the ledger chains it",
    retention=FOR_PEOPLE,
)
REVOCATIONS = Topic(
    name="valuation.revocations",
    event=events.ReportRevoked,
    key="valuation_id",
    writers=("ledger",),
    readers=("ledger", "callbacks", "notifier"),
    says="a report no longer counts",
    retention=FOR_PEOPLE,
)
RECEIPTS = Topic(
    name="bank.receipts",
    event=events.Receipted,
    key="delivery_id",
    writers=("bank", "gateway", "callbacks", *map(bank_principal, CHANNELS_WITH_TOPIC)),
    readers=("callbacks", "notifier"),
    says="a bank system has what was delivered to it",
    retention=FOR_PEOPLE,
)
NOTICES = Topic(
    name="bank.notices",
    event=events.Noticed,
    key="subject_id",
    writers=("notifier",),
    readers=("callbacks", "bank"),
    says="words for customer managers, customers and the bank's operations",
    retention=FOR_PEOPLE,
)
WORK_ORDERS = Topic(
    name="valuation.work-orders",
    event=events.WorkOrderRaised,
    key="work_order_id",
    writers=("gateway", "bank", *_ASKING),
    readers=("desk", "ledger"),
    says="a channel wants something besides a value",
    retention=FOR_PEOPLE,
)
WORK_ORDER_PROGRESS = Topic(
    name="valuation.work-order-progress",
    event=events.WorkOrderProgressed,
    key="work_order_id",
    writers=("desk",),
    readers=("ledger", "callbacks", "notifier", "bank"),
    says="what became of a work order",
    retention=FOR_PEOPLE,
)
BATCHES = Topic(
    name="valuation.batches",
    event=events.BatchProgressed,
    key="job_id",
    writers=("batch",),
    readers=("callbacks", "notifier", "bank"),
    says="how far a batch job is, and what came of it",
    retention=FOR_PEOPLE,
)
VALUES_MOVED = Topic(
    name="valuation.values-moved",
    event=events.ValueMoved,
    key="valuation_id",
    writers=("batch",),
    readers=("notifier", "bank"),
    says="a revaluation found a value far from the last one",
    retention=FOR_PEOPLE,
)


def _bank_answers(channel: str) -> Topic:
    principal = bank_principal(channel)
    return Topic(
        name=f"bank.answers.{principal.removeprefix('bank-')}",
        event=events.Delivered,
        key="subject_id",
        writers=("callbacks",),
        readers=(principal,),
        says=f"results, reports and notices for {channel} alone, as it may see them",
        partitions=3,
        retention=FOR_PEOPLE,
    )


BANK_ANSWERS = {channel: _bank_answers(channel) for channel in CHANNELS_WITH_TOPIC}
"""Channel -> its own topic: no channel can read what another is told."""

COMMUNITIES = Topic(
    name="reference.communities",
    event=events.Community,
    key="community_id",
    writers=("reference-loader", "bank"),
    readers=("enrichment", "scoring", "gateway", "shadow", "model-release", "source-registry", "reference-loader"),
    says="the community dictionary",
    retention=None,
    compacted=True,
)
DEALS = Topic(
    name="reference.deals",
    event=events.Deal,
    key="deal_id",
    writers=("reference-loader", "bank"),
    readers=("scoring", "gateway", "shadow", "model-release", "source-registry", "reference-loader"),
    says="closed deals",
    retention=None,
    compacted=True,
)
RENTS = Topic(
    name="reference.rents",
    event=events.Rent,
    key="rent_id",
    writers=("reference-loader", "bank"),
    readers=("scoring", "shadow", "model-release", "source-registry", "reference-loader"),
    says="asked and agreed rents of property that is let",
    retention=None,
    compacted=True,
)
REUSABLE = Topic(
    name="reference.answers",
    event=events.ReusableAnswer,
    key="reuse_key",
    writers=("ledger",),
    readers=("routing",),
    says="automatic answers that may be issued again for the same unit, area and service",
    retention=None,  # routing reads the last weeks of it: no answer is valid for longer
    compacted=True,
)
COVERAGE = Topic(
    name="reference.coverage",
    event=events.CoverageRow,
    key="county_code|effective_from",
    writers=("reference-loader", "bank"),
    readers=("enrichment", "reference-loader"),
    says="where the service answers, and for which property types",
    partitions=1,
    retention=None,
    compacted=True,
)
INDEX = Topic(
    name="reference.index",
    event=events.IndexPoint,
    key="segment|vintage|on_date",
    writers=("reference-loader", "bank"),
    readers=("scoring", "ops", "reference-loader"),
    says="price index levels, every vintage beside those before it",
    partitions=1,
    retention=None,
    compacted=True,
)
MODELS_RELEASED = Topic(
    name="models.released",
    event=events.ModelReleased,
    key="name",
    writers=("model-release",),
    readers=("scoring", "enrichment", "routing", "shadow", "model-release", "policy-office"),
    says="which artefact serves which segment",
    partitions=1,
    retention=None,
    compacted=True,
)
MODEL_STEPS = Topic(
    name="models.steps",
    event=events.ModelStep,
    key="segment",
    writers=("model-release",),
    readers=("model-release",),
    says="how each model came into charge: shadow, canary, full, back, each with who, when and why",
    partitions=1,
    retention=None,  # not compacted: the topic is the history, and has a few records a month
)
SHADOW = Topic(
    name="valuation.shadow",
    event=events.ShadowValued,
    key="valuation_id",
    writers=("shadow",),
    readers=("model-release",),
    says="champion and challenger on the same subject",
    retention=UNTIL_OUTCOMES,
)
DEAD_LETTERS = Topic(
    name="valuation.dead-letters",
    event=None,
    key="original key",
    writers=(
        "intake",
        "enrichment",
        "scoring",
        "shadow",
        "routing",
        "reporting",
        "ledger",
        "desk",
        "callbacks",
        "notifier",
        "ops",
    ),
    readers=("ops",),
    says="original bytes and headers of what could not be handled, with the reason",
    retention=FOR_PEOPLE,
)
ALIASES = Topic(
    name="reference.aliases",
    event=events.CommunityAlias,
    key="alias_key",
    writers=("routing", "enrichment", "reference-loader"),
    readers=("enrichment", "gateway", "reference-loader"),
    says="names of communities, confirmed by people",
    retention=None,
    compacted=True,
)
PROPERTIES = Topic(
    name="reference.properties",
    event=events.PropertyRecord,
    key="property_key",
    writers=("reference-loader",),
    readers=("enrichment", "ledger", "reference-loader"),
    says="what people have established of communities, buildings, units and rooms",
    retention=None,
    compacted=True,
)

SOURCES = Topic(
    name="reference.sources",
    event=events.SourceLicence,
    key="source",
    writers=("source-registry",),
    readers=("enrichment", "scoring", "gateway", "reference-loader", "model-release", "shadow", "source-registry"),
    says="what each source of reference data may be used for, under which contract",
    partitions=1,
    retention=None,
    compacted=True,
)
DELIVERIES = Topic(
    name="reference.deliveries",
    event=events.SourceDelivery,
    key="source",
    writers=("reference-loader",),
    readers=("reference-loader", "source-registry", "enrichment", "scoring", "shadow", "model-release"),
    says="how the latest delivery of each source went",
    partitions=1,
    retention=None,
    compacted=True,
)

SEGMENTS = Topic(
    name="policy.segments",
    event=events.SegmentStanding,
    key="segment",
    writers=("policy-office", "desk"),
    readers=("routing", "policy-office"),
    says="where the model's answers may stand: every admission, hold and release, in their order",
    partitions=1,
    retention=None,  # not compacted: the topic is the history, and has a few records a month
)
PROPOSALS = Topic(
    name="policy.proposals",
    event=events.PolicyProposed,
    key="proposal_id",
    writers=("policy-office",),
    readers=("routing", "policy-office", "model-release"),
    says="routing policies that were proposed, with who approved them",
    partitions=1,
    retention=None,
)
DEGRADED = Topic(
    name="valuation.degraded",
    event=events.Degraded,
    key="valuation_id",
    writers=("routing",),
    readers=("routing", "policy-office"),
    says="valuations that met no usable model: with a person, parked, resumed, compared afterwards",
    partitions=1,
    retention=FOR_PEOPLE,
)

FURTHER_GROUPS = {
    "routing": ("valuation-scoring", "valuation-settle"),
    bank_principal("CREDIT_MGMT"): ("credit-system",),
}
"""Consumer groups a principal joins beside its own, by prefix.

Routing stands in for the scorer, and settles decisions; the credit system's receivers have its name.
"""

TOPICS = (
    REQUESTS,
    ACCEPTED,
    ENRICHED,
    SCORED,
    REVIEWS,
    DECISIONS,
    REVIEW_PROGRESS,
    REVIEW_CLOCKS,
    RESULTS,
    REPORTS,
    DISPUTES,
    DISPUTES_OPENED,
    FEEDBACK,
    BREACHES,
    COMMUNITIES,
    DEALS,
    COVERAGE,
    INDEX,
    MODELS_RELEASED,
    DEAD_LETTERS,
    ALIASES,
    PROPERTIES,
    CLARIFICATIONS,
    SOURCES,
    RENTS,
    DELIVERIES,
    SEGMENTS,
    PROPOSALS,
    DEGRADED,
    MODEL_STEPS,
    SHADOW,
    AUDIT,
    REVOCATIONS,
    RECEIPTS,
    NOTICES,
    WORK_ORDERS,
    WORK_ORDER_PROGRESS,
    BATCHES,
    VALUES_MOVED,
    *BANK_ANSWERS.values(),
    WITHDRAWALS,
    REUSABLE,
)
