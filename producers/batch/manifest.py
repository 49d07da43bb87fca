"""清单: what a job came to, vouched for by the digests of both files."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from producers.batch.answers import Tally
from producers.batch.job import Job
from schemas.codes import BatchState

PARTIAL: Final = "PARTIAL"  # under way: counts alone
FINAL: Final = "FINAL"  # of all that needs nobody
SUPPLEMENT: Final = "SUPPLEMENT"  # with what people have decided, and which reports have come, since
_REPORTS_TOGETHER: Final = timedelta(minutes=1)


def manifest(
    job: Job, now: Tally, *, number: int, made_at: datetime, moved: int, result_sha256: str | None
) -> dict[str, Any]:
    """The manifest of a job. `number` 0 is partial; `moved`: values further from the former ones than agreed."""
    found: dict[str, Any] = {
        "kind": PARTIAL if number == 0 else FINAL if number == 1 else SUPPLEMENT,
        "number": number,
        "job_id": job.job_id,
        "channel": job.channel,
        "state": str(job.state),
        "made_at": made_at.isoformat(),
        "accepted_at": job.accepted_at.isoformat(),
        "deadline_at": job.deadline_at.isoformat(),
        "delivered_at": job.delivered_at.isoformat() if job.delivered_at else None,
        "is_in_time": (job.delivered_at or made_at) <= job.deadline_at,
        **now.as_json(),
        "input": {"name": job.name, "sha256": job.sha256},
        "result": None if result_sha256 is None else {"sha256": result_sha256},
    }
    if job.revaluation_of:
        found["revaluation"] = {"of": job.revaluation_of, "alert_change": job.alert_change, "moved": moved}
    return found


def as_text(document: dict[str, Any]) -> str:
    """The manifest as it is kept and handed out, byte by byte the same."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def is_outdated(document: str, now: Tally, at: datetime) -> bool:
    """Whether news since a manifest is worth another.

    While reports come one by one, they are worth one a minute: who fetches manifest and result gets two of a kind.
    """
    said = json.loads(document)
    if said["by_status"] != now.by_status or not now.reports_awaited:
        return True
    return at - datetime.fromisoformat(said["made_at"]) >= _REPORTS_TOGETHER


def next_number(latest: int | None, state: BatchState) -> int:
    """The number of the next manifest of a job; partial ones are not numbered."""
    return 0 if state in {BatchState.QUEUED, BatchState.RUNNING, BatchState.PAUSED} else (latest or 0) + 1
