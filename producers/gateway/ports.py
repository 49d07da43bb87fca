"""What the gateway needs of the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infra.kafka.producer import Record
from producers.gateway.board import State
from schemas.events import Reported, Requested


class Publisher(Protocol):
    """Sends records; returns once the broker has all of them safely."""

    async def publish_async(self, records: Sequence[Record]) -> None:
        """Raises `PublishError` when the broker does not confirm."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What the ledger keeps of a valuation. `channel` is its owner; `state` is `None` before the first answer."""

    channel: str | None
    state: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that happened to a valuation, as the ledger's JSON; views choose from it."""

    events: Sequence[Mapping[str, Any]]
    stages: Sequence[Mapping[str, Any]]


class LedgerUnavailableError(Exception):
    """The ledger cannot be asked now."""


class Ledger(Protocol):
    """The archive of all valuations. Every method raises `LedgerUnavailableError` when it is away."""

    async def valuation(self, valuation_id: str) -> Archived | None:
        """What is known of one valuation, `None` when there is none."""
        ...

    async def request(self, valuation_id: str) -> Requested | None:
        """The request as it was first sent, personal data masked; `None` when the ledger has not seen it."""
        ...

    async def timeline(self, valuation_id: str) -> Timeline:
        """Its events and the times between them."""
        ...

    async def report(self, report_no: str) -> Reported | None:
        """The report of that number, `None` when none was issued."""
        ...


class ReportStore(Protocol):
    """Where reports lie. Called on a worker thread."""

    def read(self, uri: str) -> bytes:
        """The report's bytes. Raises `OSError` (`FileNotFoundError`) or `TransientError` when they cannot be had."""
        ...
