"""Jobs as the batch service itself writes them, for those who play it."""

from datetime import timedelta
from typing import Any

from producers.batch.answers import Tally
from producers.batch.files import FileKind
from producers.batch.job import ALERT_CHANGE, Job, job_as_json
from producers.batch.manifest import manifest
from schemas.codes import BatchState
from tests.fakes.answers import NOON

_TALLY = Tally(
    rows=2,
    refused=0,
    duplicates=0,
    sent=1,
    answered=1,
    manual=0,
    open=1,
    on_the_way=0,
    reports_due=1,
    reports_known=0,
    by_status={"COMPLETED_AUTO": 1},
)


def a_job(job_id: str = "j-1", state: BatchState = BatchState.RUNNING) -> Job:
    """A job of two rows, one of them answered."""
    return Job(
        job_id=job_id,
        channel="CREDIT_MGMT",
        name="a.csv",
        kind=FileKind.CSV,
        sha256="0" * 64,
        header=("地址", "建筑面积"),
        encoding="utf-8",
        rows=2,
        refused=0,
        duplicates=0,
        last_row=2,
        state=state,
        accepted_at=NOON,
        deadline_at=NOON + timedelta(hours=1),
        revaluation_of=None,
        alert_change=ALERT_CHANGE,
        sent_through=1,
        sent=1,
        written_off=0,
        withdrawn_through=0,
        news_at=NOON,
        progressed_at=NOON,
        progress_number=1,
        delivered_at=None,
        ended_at=None,
        reason=None,
    )


def job_json(job_id: str = "j-1", state: BatchState = BatchState.RUNNING) -> dict[str, Any]:
    """What is answered about it."""
    return job_as_json(a_job(job_id, state), _TALLY)


def manifest_json(job_id: str = "j-1") -> dict[str, Any]:
    """Its manifest."""
    return manifest(a_job(job_id), _TALLY, number=0, made_at=NOON, moved=0, result_sha256=None)
