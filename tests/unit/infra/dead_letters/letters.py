"""Records of a dead-letter topic, made by the rooms' own code where they are dead letters."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from infra.dead_letters.letters import DeadLetter, Place, read
from infra.kafka.producer import Record
from schemas.codec import Codec
from schemas.events import Requested
from schemas.registry import CatalogueRegistry
from streams.runtime.failures import Burial, Failure, FailureClass, dead_letter

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
STAMP_MS = round((NOW + timedelta(hours=1)).timestamp() * 1000)
TOPIC = "valuation.requests.online"
GRAVES = "valuation.dead-letters"
CODEC = Codec(CatalogueRegistry())
ADDRESS = "北京市朝阳区阜成路甲3号院2号楼4单元501"
REQUESTED = Requested(
    valuation_id="v-7",
    channel="app",
    client_request_id="7",
    requested_at=NOW,
    address=ADDRESS,
    area=Decimal("89.500000"),
    note="门口电话13800138000",
)


@dataclass(frozen=True, kw_only=True)
class Original:
    """A record as a worker sees it."""

    topic: str = TOPIC
    partition: int = 3
    offset: int = 7
    key: bytes | None = b"v-7"
    value: bytes | None = CODEC.encode(REQUESTED)
    headers: tuple[tuple[str, bytes | None], ...] = (("ce_id", b"e-7"), ("traceparent", b"00-x"))
    timestamp: float | None = None


@dataclass(frozen=True)
class Written:
    """A record as the broker gives it back."""

    record: Record

    def key(self):
        return self.record.key

    def value(self):
        return self.record.value

    def headers(self):
        return list(self.record.headers) or None

    def timestamp(self):
        return (1, STAMP_MS)


def buried(
    original: Original | None = None,
    *,
    stage: str = "intake",
    kind: FailureClass = FailureClass.DEFECT,
    at: datetime = NOW,
    max_bytes: int = 1_000_000,
) -> Record:
    """The dead letter that a stage's runtime writes."""
    failure = Failure(kind=kind, error=ValueError("a secret"), attempts=2, first_failed_at=at)
    burial = Burial(topic=GRAVES, stage=stage, release="1.0", max_bytes=max_bytes)
    return dead_letter(original or Original(), failure, burial)


def letter(original: Original | None = None, **how: object) -> DeadLetter:
    """It, read back."""
    found = read(Written(buried(original, **how)))
    assert isinstance(found, DeadLetter)
    return found


def place(offset: int = 7, partition: int = 3, topic: str = TOPIC) -> Place:
    return Place(topic=topic, partition=partition, offset=offset)
