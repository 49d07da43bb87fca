"""Every topic of the house. Provisioning, ACLs, AsyncAPI, docs and tests are made from this list alone."""

from dataclasses import dataclass
from datetime import timedelta

from schemas import events
from schemas.codes import Lane

BOTH_LANES = (Lane.ONLINE, Lane.BATCH)
PARTITIONS = 12  # 3 workers x 4; adding partitions later re-hashes every key, so there is room
ON_THE_WAY = timedelta(days=14)  # public holidays last up to 9 days; still replayable after them
FOR_PEOPLE = timedelta(days=60)  # reviews, decisions and dead letters outlive the longest outage and its clean-up
MAX_MESSAGE_BYTES = 1_048_576


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
    writers=("gateway", "batch", "bank"),
    readers=("intake", "ledger"),
    says="a channel asks",
)
ACCEPTED = Topic(
    name="valuation.accepted",
    event=events.Accepted,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("intake",),
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
    writers=("enrichment",),
    readers=("scoring", "ledger"),
    says="the address is resolved and covered",
)
SCORED = Topic(
    name="valuation.scored",
    event=events.Scored,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("scoring",),
    readers=("routing", "ledger"),
    says="value, interval, confidence, comparables and reasons",
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
    readers=("routing", "ledger"),
    says="what the reviewer decided",
    retention=FOR_PEOPLE,
)
RESULTS = Topic(
    name="valuation.results",
    event=events.Resulted,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("intake", "enrichment", "routing", "ledger"),
    readers=("gateway", "ledger", "reporting", "batch", "bank"),
    says="interim or final answer to the channel",
)
REPORTS = Topic(
    name="valuation.reports",
    event=events.Reported,
    key="valuation_id",
    lanes=BOTH_LANES,
    writers=("reporting",),
    readers=("ledger", "gateway", "bank"),
    says="the report lies in the store: number, uri, sha256",
)
DISPUTES = Topic(
    name="valuation.disputes",
    event=events.Disputed,
    key="valuation_id",
    writers=("gateway", "bank"),
    readers=("ledger",),
    says="a channel asks for another opinion (复估)",
    retention=FOR_PEOPLE,
)
FEEDBACK = Topic(
    name="valuation.feedback",
    event=events.Appraised,
    key="valuation_id",
    writers=("bank",),
    readers=("ledger",),
    says="offline appraisals and later deals for the same house",
    retention=FOR_PEOPLE,
)
COMMUNITIES = Topic(
    name="reference.communities",
    event=events.Community,
    key="community_id",
    writers=("reference-loader", "bank"),
    readers=("enrichment", "scoring", "gateway"),
    says="the community dictionary",
    retention=None,
    compacted=True,
)
DEALS = Topic(
    name="reference.deals",
    event=events.Deal,
    key="deal_id",
    writers=("reference-loader", "bank"),
    readers=("scoring",),
    says="closed deals",
    retention=None,
    compacted=True,
)
COVERAGE = Topic(
    name="reference.coverage",
    event=events.CoverageRow,
    key="county_code|effective_from",
    writers=("reference-loader", "bank"),
    readers=("enrichment",),
    says="where the service answers, and for which property types",
    partitions=1,
    retention=None,
    compacted=True,
)
INDEX = Topic(
    name="reference.index",
    event=events.IndexPoint,
    key="segment",
    writers=("reference-loader", "bank"),
    readers=("scoring",),
    says="price index levels",
    partitions=1,
    retention=None,
    compacted=True,
)
MODELS_RELEASED = Topic(
    name="models.released",
    event=events.ModelReleased,
    key="name",
    writers=("model-release",),
    readers=("scoring", "enrichment"),
    says="which artefact serves which segment",
    partitions=1,
    retention=None,
    compacted=True,
)
DEAD_LETTERS = Topic(
    name="valuation.dead-letters",
    event=None,
    key="original key",
    writers=("intake", "enrichment", "scoring", "routing", "reporting", "ledger", "desk", "ops"),
    readers=("ops",),
    says="original bytes and headers of what could not be handled, with the reason",
    retention=FOR_PEOPLE,
)
ALIASES = Topic(
    name="reference.aliases",
    event=events.CommunityAlias,
    key="alias_key",
    writers=("routing", "enrichment", "reference-loader"),
    readers=("enrichment", "gateway"),
    says="names of communities, confirmed by people",
    retention=None,
    compacted=True,
)
PROPERTIES = Topic(
    name="reference.properties",
    event=events.PropertyRecord,
    key="property_key",
    writers=("reference-loader",),
    readers=("enrichment", "ledger"),
    says="what people have established of communities, buildings, units and rooms",
    retention=None,
    compacted=True,
)

TOPICS = (
    REQUESTS,
    ACCEPTED,
    ENRICHED,
    SCORED,
    REVIEWS,
    DECISIONS,
    RESULTS,
    REPORTS,
    DISPUTES,
    FEEDBACK,
    COMMUNITIES,
    DEALS,
    COVERAGE,
    INDEX,
    MODELS_RELEASED,
    DEAD_LETTERS,
    ALIASES,
    PROPERTIES,
    CLARIFICATIONS,
)
