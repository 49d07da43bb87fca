"""Small stand-ins for the broker's side of the runtime: messages, offsets, a publisher that can refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.kafka.producer import Record
from schemas.errors import PublishError


@dataclass(eq=False)
class FakeMessage:
    """A message as Faust hands it over; compared by identity, as Faust's are."""

    offset: int
    value: bytes | None
    topic: str = "in"
    partition: int = 0
    key: bytes | None = b"k"
    timestamp: float | None = 0.0
    headers: Sequence[tuple[str, bytes | None]] | None = ()
    generation: int = 1


@dataclass
class FakePublisher:
    """Records what it published; refuses the batch that holds the record number `refuse_at` (counted from 0)."""

    refuse_at: int | None = None
    published: list[Record] = field(default_factory=list)

    async def publish_async(self, records: Sequence[Record], /) -> None:
        for record in records:
            if self.refuse_at is not None and len(self.published) == self.refuse_at:
                raise PublishError("refused")
            self.published.append(record)


@dataclass
class FakeOffsets:
    """Remembers what was acknowledged and released, as the consumer would."""

    generation: int = 1
    acknowledged: list[FakeMessage] = field(default_factory=list)
    released: list[FakeMessage] = field(default_factory=list)

    def is_current(self, message: FakeMessage, /) -> bool:
        return message.generation == self.generation

    def acknowledge(self, message: FakeMessage, /) -> None:
        self.acknowledged.append(message)

    def release(self, message: FakeMessage, /) -> None:
        self.released.append(message)


class NoReference:
    """A stage without reference data."""

    def apply_waiting(self) -> None:
        """Nothing to apply."""
