"""The batch service's HTTP interface. For the gateway and `avm batch`, on loopback: who asks, they have checked."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool

from producers.batch.answers import Tally
from producers.batch.delivering import result_part
from producers.batch.files import CHUNK, FileKind
from producers.batch.job import ALERT_CHANGE, Job, Order, job_as_json
from producers.batch.jobs import Vouched
from producers.batch.loop import Service
from producers.batch.manifest import is_outdated
from producers.batch.problems import MEDIA_TYPE, Code, JobRefusedError
from producers.batch.uploads import RETRY_AFTER_S, Uploads, uploaded
from schemas.codes import BatchState

log = logging.getLogger(__name__)

MEDIA_TYPES: Final = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.PARQUET: "application/vnd.apache.parquet",
}
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Of a manifest and its result; default: latest.")]
Channel = Annotated[str, Query(description="The channel that asks, as its caller has found out.")]


def build(service: Service, *, spool: Path, is_working: Callable[[], bool]) -> FastAPI:
    """Put the interface together. `spool`: where an upload lies until it is a job; `is_working` answers /health."""
    spool.mkdir(parents=True, exist_ok=True)
    app = FastAPI(title="Batch jobs", openapi_url=None, docs_url=None, redoc_url=None)
    _add_problems(app)

    @app.get("/health")
    def health() -> JSONResponse:
        """Whether answers come in and requests go out."""
        works = is_working()
        return JSONResponse({"working": works}, status_code=200 if works else 503)

    _add_upload(app, service, spool)
    _add_looks(app, service)
    _add_files(app, service)
    _add_moves(app, service)
    return app


def _add_upload(app: FastAPI, service: Service, spool: Path) -> None:
    uploads = Uploads()

    @app.post("/jobs")
    async def open_job(  # noqa: PLR0913, PLR0917 - FastAPI reads the parameters from the signature
        request: Request,
        channel: Channel,
        name: Annotated[str, Query(max_length=255)] = "file",
        job_id: str | None = None,
        count: Annotated[int | None, Query(ge=0)] = None,
        sha256: str | None = None,
        deadline_at: datetime | None = None,
        revaluation_of: str | None = None,
        alert_change: float = ALERT_CHANGE,
        column: Annotated[list[str] | None, Query()] = None,
    ) -> JSONResponse:
        """Make a job of the file in the body; the same file again is the same job."""
        order = Order(
            channel=channel,
            name=name,
            job_id=job_id,
            count=count,
            sha256=sha256,
            deadline_at=_with_zone(deadline_at),
            revaluation_of=revaluation_of,
            alert_change=alert_change,
            columns=named_columns(column or []),
        )
        with uploads.taken():
            async with uploaded(request, spool) as (path, found):
                job, is_new = await run_in_threadpool(service.opening.open, path, found, order)
        return JSONResponse(await run_in_threadpool(_shown, service, job), status_code=201 if is_new else 200)


def _add_looks(app: FastAPI, service: Service) -> None:
    @app.get("/jobs")
    def jobs(channel: Channel) -> dict[str, Any]:
        """The latest jobs of a channel."""
        return {"jobs": [job_as_json(job, now) for job, now in service.jobs.all(channel)]}

    @app.get("/jobs/{job_id}")
    def job(job_id: str, channel: Channel) -> dict[str, Any]:
        """How far a job is."""
        return job_as_json(*service.jobs.get(job_id, channel))

    @app.get("/jobs/{job_id}/lines")
    def lines(job_id: str, channel: Channel) -> dict[str, Any]:
        """What is wrong with which row, and which rows repeat which."""
        return service.jobs.lines(job_id, channel)


def _add_files(app: FastAPI, service: Service) -> None:
    @app.get("/jobs/{job_id}/result")
    def result(
        job_id: str,
        channel: Channel,
        format: FileKind | None = None,  # noqa: A002
        number: Number = None,
    ) -> StreamingResponse:
        """The result file: of a delivered job one that a manifest vouches for, before that as it stands."""
        job, now = service.jobs.get(job_id, channel)
        kind = format or job.kind
        if number is not None and kind is not job.kind:
            raise JobRefusedError(
                Code.INVALID_REQUEST, f"number: result files are kept as {job.kind}; leave out format"
            )
        said = _vouched(service, job, now, number) if kind is job.kind else None
        headers = {"Content-Disposition": f'attachment; filename="{job.job_id}.{kind}"'}
        if said is None:
            return StreamingResponse(_live(service, job, kind), media_type=MEDIA_TYPES[kind], headers=headers)
        if not service.jobs.has_part(job_id, result_part(said.number)):
            why = f"result {said.number} of job {job_id} is no longer kept; fetch the manifest and its result anew"
            raise JobRefusedError(Code.NOT_FOUND, why)
        headers |= {"ETag": f'"{said.sha256}"', "Content-Length": str(said.size)}
        pieces = service.jobs.pieces(job_id, result_part(said.number), said.size)
        return StreamingResponse(pieces, media_type=MEDIA_TYPES[kind], headers=headers)

    @app.get("/jobs/{job_id}/manifest")
    def manifest(job_id: str, channel: Channel, number: Number = None) -> Response:
        """The manifest: partial while a job is under way, then final, then with what has come since."""
        job, now = service.jobs.get(job_id, channel)
        said = _vouched(service, job, now, number)
        document = service.delivering.partial(job, now) if said is None else said.document
        return Response(document, media_type="application/json")


def _add_moves(app: FastAPI, service: Service) -> None:
    @app.post("/jobs/{job_id}/pause")
    def pause(job_id: str, channel: Channel) -> dict[str, Any]:
        """Send nothing more for now."""
        return job_as_json(*service.jobs.pause(job_id, channel))

    @app.post("/jobs/{job_id}/resume")
    def resume(job_id: str, channel: Channel) -> dict[str, Any]:
        """Go on."""
        return job_as_json(*service.jobs.resume(job_id, channel))

    @app.post("/jobs/{job_id}/cancel")
    def cancel(
        job_id: str, channel: Channel, reason: Annotated[str, Query(max_length=200)] = "批量作业已撤销"
    ) -> dict[str, Any]:
        """Send nothing more, and withdraw what has no final answer."""
        if not reason.isprintable():
            raise JobRefusedError(Code.INVALID_REQUEST, "reason: of visible characters alone")
        return job_as_json(*service.jobs.cancel(job_id, channel, reason))


def _vouched(service: Service, job: Job, now: Tally, number: int | None) -> Vouched | None:
    """The manifest of this number, default the one that speaks of the job now, made when there is news.

    `None` before there is one. Raises `JobRefusedError` for a number that there is not.
    """
    if number is not None:
        named = service.jobs.manifest(job.job_id, number)
        if named is None:
            raise JobRefusedError(Code.NOT_FOUND, f"job {job.job_id} has no manifest {number}; leave out number")
        return named
    if job.state is not BatchState.DELIVERED and job.ended_at is None:
        return None
    kept = service.jobs.manifest(job.job_id)
    if kept is None or (kept.news_at != job.news_at and is_outdated(kept.document, now, service.clock())):
        service.delivering.deliver(job, job.state)
        kept = service.jobs.manifest(job.job_id)
    return kept


def _live(service: Service, job: Job, kind: FileKind) -> Iterator[bytes]:
    with service.delivering.result(job, kind) as path, path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _shown(service: Service, job: Job) -> dict[str, Any]:
    return job_as_json(*service.jobs.get(job.job_id, job.channel))


def named_columns(pairs: list[str]) -> tuple[tuple[str, str], ...]:
    """`field:HEADER` as pairs. Raises `JobRefusedError` for anything else."""
    named = []
    for pair in pairs:
        field, colon, header = pair.partition(":")
        if not colon or not header:
            raise JobRefusedError(Code.INVALID_REQUEST, f"column={pair}: write field:HEADER, e.g. column=address:地址")
        named.append((field, header))
    return tuple(named)


def _with_zone(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise JobRefusedError(Code.INVALID_REQUEST, "deadline_at: give its zone, e.g. 2026-03-02T18:00:00+08:00")
    return at


def _add_problems(app: FastAPI) -> None:
    @app.exception_handler(JobRefusedError)
    async def refused(_request: Request, error: JobRefusedError) -> JSONResponse:
        headers = {"Retry-After": str(RETRY_AFTER_S)} if error.code is Code.TOO_MANY_UPLOADS else None
        return JSONResponse(error.document(), status_code=error.status, media_type=MEDIA_TYPE, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return await refused(_request, JobRefusedError(Code.INVALID_REQUEST, found))

    async def away(_request: Request, _error: Exception) -> JSONResponse:
        detail = "the database is away; send the same file again later: nothing is asked twice"
        return await refused(_request, JobRefusedError(Code.UNAVAILABLE, detail))

    for kind in (psycopg.OperationalError, PoolTimeout):
        app.add_exception_handler(kind, away)
