"""A batch job: one file of one channel, and what may become of it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from producers.batch.answers import Tally
from producers.batch.files import FileKind
from schemas.codes import BatchState
from schemas.domain.contract import BATCH_LEAST, BATCH_PACE

# Policy where an order says nothing: within as much a valuer's second opinion may differ too; further is news.
ALERT_CHANGE: Final = 0.10
_LONGEST_ID: Final = 40  # a row's request number, job and line, has 64 characters at most
_ID: Final = re.compile(r"[A-Za-z0-9._-]+")

OPEN: Final = frozenset({BatchState.QUEUED, BatchState.RUNNING, BatchState.PAUSED})
PAUSABLE: Final = frozenset({BatchState.QUEUED, BatchState.RUNNING})
CANCELLABLE: Final = OPEN | {BatchState.DELIVERED}
HAS_FILES: Final = frozenset({BatchState.DELIVERED, BatchState.COMPLETED, BatchState.CANCELLED})
FROM_FILE: Final = "file"  # `revaluation_of` when the file itself says what its rows were valued at


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a channel wants done with a file. `count` and `sha256` are what it believes to have sent.

    `columns` says which header is which field, where the headers do not say it themselves.
    """

    channel: str
    name: str
    job_id: str | None = None
    count: int | None = None
    sha256: str | None = None
    deadline_at: datetime | None = None
    revaluation_of: str | None = None
    alert_change: float = ALERT_CHANGE
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. `last_row` is the number of the last row to be sent, `claimed_through` of the last begun."""

    job_id: str
    channel: str
    name: str
    kind: FileKind
    sha256: str
    header: tuple[str, ...]
    encoding: str | None
    rows: int
    refused: int
    duplicates: int
    last_row: int
    state: BatchState
    accepted_at: datetime
    deadline_at: datetime
    revaluation_of: str | None
    alert_change: float
    columns: tuple[tuple[str, str], ...] = ()
    claimed_through: int = 0
    sent_through: int
    sent: int
    written_off: int
    withdrawn_through: int
    news_at: datetime
    progressed_at: datetime
    progress_number: int
    delivered_at: datetime | None
    ended_at: datetime | None
    reason: str | None

    @property
    def begun_through(self) -> int:
        """The number of the last row that may have gone out."""
        return max(self.sent_through, self.claimed_through)

    @property
    def is_all_sent(self) -> bool:
        """Whether no row is left to send."""
        return self.sent_through >= self.last_row


def job_id(order: Order, content_sha256: str) -> str:
    """The id of a job: as ordered, else of what is asked for, so that the same file again is the same job."""
    if order.job_id:
        return order.job_id
    asked = "|".join((order.channel, content_sha256, order.revaluation_of or ""))
    return f"b{sha256(asked.encode()).hexdigest()[:20]}"


def is_job_id(text: str) -> bool:
    """Whether a channel may call a job so."""
    return len(text) <= _LONGEST_ID and _ID.fullmatch(text) is not None


def default_deadline(accepted_at: datetime, rows: int) -> datetime:
    """Until when the automatic items of a job are due that names no deadline (C-05)."""
    return accepted_at + max(BATCH_LEAST.value, timedelta(seconds=rows / BATCH_PACE.value))


def job_as_json(job: Job, now: Tally) -> dict[str, Any]:
    """A job as its channel sees it."""
    return {
        "job_id": job.job_id,
        "channel": job.channel,
        "name": job.name,
        "state": str(job.state),
        **now.as_json(),
        "accepted_at": job.accepted_at.isoformat(),
        "deadline_at": job.deadline_at.isoformat(),
        "delivered_at": _text(job.delivered_at),
        "ended_at": _text(job.ended_at),
        "revaluation_of": job.revaluation_of,
        "alert_change": job.alert_change,
        "reason": job.reason,
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
