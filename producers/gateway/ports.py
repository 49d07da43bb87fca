"""What the gateway needs of the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from infra.kafka.producer import Record
from producers.gateway.arrivals import State
from schemas.events import Reported, ReportRevoked, Requested


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


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedReport:
    """A report, and its revocation where it no longer counts."""

    reported: Reported
    revoked: ReportRevoked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderState:
    """工单 as the ledger has it. `due_at`: until when the step after `state` is owed."""

    work_order_id: str
    client_request_id: str
    kind: str
    state: str
    raised_at: datetime | None = None
    due_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str | None = None
    valuation_id: str = ""
    business_ref: str | None = None


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

    async def report(self, report_no: str) -> IssuedReport | None:
        """The report of that number, `None` when none was issued."""
        ...

    async def valuations_of(self, channel: str, business_ref: str) -> Sequence[str]:
        """The channel's valuations under its own business number, newest first."""
        ...

    async def work_order(self, work_order_id: str, channel: str) -> WorkOrderState | None:
        """A work order of that channel; `None` when it has none of that id."""
        ...


class ReportStamp(Protocol):
    """Makes the copy of a revoked report that is handed out, marked 已作废. Called on a worker thread."""

    def __call__(self, pdf: bytes, revoked: ReportRevoked, /) -> bytes:
        """The marked copy of the report's bytes. Raises `PermanentError` for a file that brings no content to mark."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportArchive:
    """Where reports lie, and how one that no longer counts is marked.

    `is_revocable`: there is a ledger, which alone knows what was revoked.
    """

    store: "ReportStore"
    stamp: ReportStamp
    is_revocable: bool = True


class ReportStore(Protocol):
    """Where reports lie. Called on a worker thread."""

    def read(self, uri: str) -> bytes:
        """The report's bytes. Raises `OSError` (`FileNotFoundError`) or `TransientError` when they cannot be had."""
        ...
