"""What a stage is, as the runtime sees it. Nothing here knows of Kafka clients or of Faust."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from schemas.catalogue import Topic
from schemas.codes import Lane

E_contra = TypeVar("E_contra", contravariant=True)

Headers = Sequence[tuple[str, bytes | None]]


class RawMessage(Protocol):
    """A record as it came from the broker. Faust's own message has this shape, so nothing is copied."""

    @property
    def topic(self) -> str:
        """Kafka topic, lane included."""
        ...

    @property
    def partition(self) -> int:
        """Partition number."""
        ...

    @property
    def offset(self) -> int:
        """Place in the partition."""
        ...

    @property
    def timestamp(self) -> float | None:
        """Seconds since the epoch, set by the record's producer."""
        ...

    @property
    def key(self) -> bytes | None:
        """Key as sent."""
        ...

    @property
    def value(self) -> bytes | None:
        """Value as sent; `None` is a tombstone."""
        ...

    @property
    def headers(self) -> Headers | None:
        """Headers as sent, in order, repeats included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One event to publish. `lane` is `None` for topics without lanes."""

    topic: Topic
    event: Any
    lane: Lane | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one input: something to publish, or a stated reason for saying nothing.

    Silence by accident is how requests get lost, so an outcome that is neither raises `ValueError` at once.
    """

    outputs: tuple[Output, ...] = ()
    silence: str | None = None

    def __post_init__(self) -> None:
        if not self.outputs and not self.silence:
            message = "an outcome without outputs must name its silence"
            raise ValueError(message)


class Stage(Protocol[E_contra]):
    """A pure step of the flow: decoded events in, one outcome for each, in the same order.

    `handle` raises `TransientError` when the same batch may work later; it is then tried again, after a pause.
    Anything else it raises is a defect: the batch is taken apart, and the culprit becomes a dead letter.
    It may be called again with events it has seen; it must then answer the same.
    """

    @property
    def name(self) -> str:
        """Stage name, as in `streams/<name>`."""
        ...

    def handle(self, batch: Sequence[E_contra], /) -> Sequence[Outcome]:
        """Return one outcome per event, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of reference data. `event` is `None` for a deletion."""

    topic: Topic
    key: str
    event: object | None


class ReferenceView(Protocol):
    """Reference data a stage keeps in memory. Called on the stage's own thread, between batches only.

    So a view is a plain mutable object without locks, and one batch sees one version of it.
    """

    def apply(self, changes: Sequence[Change], /) -> None:
        """Take changes in; later ones of the same key win."""
        ...
