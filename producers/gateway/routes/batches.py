"""批量作业: the gateway says whose they are; the batch service keeps them."""

from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, StringConstraints

from producers.gateway.access.caller import Caller
from producers.gateway.batches import JOB_ID, BatchService, at, only
from producers.gateway.openapi import READING, answers, files, problems_of
from producers.gateway.problems import Code, ProblemError
from producers.gateway.routes.standing import Admit
from producers.gateway.transfer import FileTransfer
from schemas.domain.channels import Scope

_HANDED_ON: Final = (
    "name", "job_id", "count", "sha256", "deadline_at", "revaluation_of", "alert_change", "column",
)  # fmt: skip
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_SUBMITTING: Final = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_ACTING: Final = (401, 403, 404, 409, 422, 429, 503)
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: XLSX, CSV (UTF-8 or GB18030) or Parquet.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_SHEETS: Final = (
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.apache.parquet",
)
JobId = str
_Column = Annotated[str, StringConstraints(pattern="^[^:]+:.")]
_Kind = Literal["csv", "xlsx", "parquet"]
_NUMBER: Final = Query(ge=1, description="Of an earlier manifest; the latest when absent.")


def _numbered(number: int | None) -> list[tuple[str, str]]:
    """So that a result file and the manifest that vouches for it can be fetched as a pair."""
    return [] if number is None else [("number", str(number))]


def batch_routes(service: BatchService, admit: Admit) -> APIRouter:
    """For channels that may send lists."""
    router = APIRouter(prefix="/v1/batches", tags=["batches"])
    admitted = Depends(_with_batches(admit))

    @router.post(
        "",
        summary="Value every row of a file",
        status_code=201,
        responses={
            **answers("Batch", {201: "A new job", 200: "The same file again: the same job"}),
            **problems_of(_SUBMITTING),
        },
        openapi_extra=_UPLOAD,
    )
    async def submit(  # noqa: PLR0913, PLR0917 - what a job's header holds; FastAPI names them
        request: Request,
        caller: Annotated[Caller, admitted],
        name: Annotated[str, Query(min_length=1, max_length=200, description="Of the file, with its ending.")],
        count: Annotated[int | None, Query(ge=1, description="Rows; another number is refused.")] = None,
        sha256: Annotated[str | None, Query(pattern="^[0-9a-fA-F]{64}$", description="Of the file, hex.")] = None,
        deadline_at: Annotated[AwareDatetime | None, Query(description="When you need it.")] = None,
        revaluation_of: Annotated[
            str | None, Query(pattern=JOB_ID, description="Job compared with (贷后重估).")
        ] = None,
        alert_change: Annotated[float | None, Query(gt=0, le=1, description="Alert beyond it; 0.1 = 10 %.")] = None,
        column: Annotated[list[_Column] | None, Query(description="`field:HEADER`, as often as needed.")] = None,
        job_id: Annotated[str | None, Query(pattern=JOB_ID, description="Your own; else of the content.")] = None,
    ) -> JSONResponse:
        """The file is the body. 201 with the job, 200 with the job that the same file is already."""
        del name, count, sha256, deadline_at, revaluation_of, alert_change, column, job_id  # checked; handed on as sent
        query, declared = only(request.query_params.multi_items(), _HANDED_ON), request.headers.get("content-length")
        status, job = await service.submit(caller.channel.code, query, declared, request.stream())
        return JSONResponse(job, status, headers={**_NOT_KEPT, "Location": f"/v1/batches{at(job['job_id'])}"})

    @router.get(
        "",
        summary="Your jobs",
        responses={**answers("Batches", {200: "Newest first"}), **problems_of(READING)},
    )
    async def jobs(caller: Annotated[Caller, admitted]) -> JSONResponse:
        """All jobs of the channel."""
        return JSONResponse(await service.ask("GET", "", caller.channel.code), headers=_NOT_KEPT)

    @router.get(
        "/{job_id}",
        summary="How far a job is",
        responses={**answers("Batch", {200: "Its state and counts"}), **problems_of(READING)},
    )
    async def job(job_id: JobId, caller: Annotated[Caller, admitted]) -> JSONResponse:
        """DELIVERED: every row that people need not decide is answered. COMPLETED: every row is."""
        return JSONResponse(await service.ask("GET", at(job_id), caller.channel.code), headers=_NOT_KEPT)

    @router.get(
        "/{job_id}/manifest",
        summary="Counts and digests of a job",
        responses={
            **answers("BatchManifest", {200: "Counts by status, and files with sha256"}),
            **problems_of(_ACTING),
        },
    )
    async def manifest(
        job_id: JobId, caller: Annotated[Caller, admitted], number: Annotated[int | None, _NUMBER] = None
    ) -> JSONResponse:
        """What the result file is checked against."""
        found = await service.manifest(job_id, caller.channel.code, _numbered(number))
        return JSONResponse(found, headers=_NOT_KEPT)

    @router.get(
        "/{job_id}/lines",
        summary="What is wrong with which row",
        responses={**answers("BatchLines", {200: "Refused rows, and rows that repeat others"}), **problems_of(_ACTING)},
    )
    async def lines(job_id: JobId, caller: Annotated[Caller, admitted]) -> JSONResponse:
        """A bad row stops no other; it also says so in the result file."""
        return JSONResponse(await service.ask("GET", at(job_id, "lines"), caller.channel.code), headers=_NOT_KEPT)

    @router.get(
        "/{job_id}/result",
        summary="The result file of a job",
        responses={**files("Your columns and order, the answers behind them", *_SHEETS), **problems_of(_ACTING)},
        response_class=Response,
    )
    async def result(
        job_id: JobId,
        caller: Annotated[Caller, admitted],
        kind: Annotated[_Kind | None, Query(alias="format", description="Another form than the upload's.")] = None,
        number: Annotated[int | None, _NUMBER] = None,
    ) -> Response:
        """As far as it is answered; again later, for what people have decided since."""
        query = [*_numbered(number), *([("format", kind)] if kind else [])]
        return FileTransfer(partial(service.file, at(job_id, "result"), caller.channel.code, query), _NOT_KEPT)

    for step, summary in (("pause", "Send no further rows for now"), ("resume", "Go on")):
        _add_step(router, service, admitted, step, summary)

    @router.post(
        "/{job_id}/cancel",
        summary="End a job",
        responses={**answers("Batch", {200: "The job as it is now"}), **problems_of(_ACTING)},
    )
    async def cancel_job(
        job_id: JobId,
        caller: Annotated[Caller, admitted],
        reason: Annotated[str | None, Query(min_length=1, max_length=200, description="For the file.")] = None,
    ) -> JSONResponse:
        """Sends nothing more, and withdraws what has no final answer. What is answered stays."""
        query = [("reason", reason)] if reason else []
        now = await service.ask("POST", at(job_id, "cancel"), caller.channel.code, query)
        return JSONResponse(now, headers=_NOT_KEPT)

    return router


def _add_step(router: APIRouter, service: BatchService, admitted: Any, step: str, summary: str) -> None:
    async def act(job_id: JobId, caller: Annotated[Caller, admitted]) -> JSONResponse:
        return JSONResponse(await service.ask("POST", at(job_id, step), caller.channel.code), headers=_NOT_KEPT)

    act.__name__ = f"{step}_job"
    act.__doc__ = "What is answered stays. Again is harmless; a job that has ended answers 409."
    responses = {**answers("Batch", {200: "The job as it is now"}), **problems_of(_ACTING)}
    router.post(f"/{{job_id}}/{step}", summary=summary, responses=responses)(act)


def _with_batches(admit: Admit) -> Any:
    def batching(caller: Annotated[Caller, Depends(admit(Scope.BATCHES_WRITE))]) -> Caller:
        if not caller.channel.may_be_batch:
            raise ProblemError(Code.FORBIDDEN)
        return caller

    return batching
