"""Timeline and report."""

import asyncio
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response

from producers.gateway.access.caller import Caller
from producers.gateway.http import answer
from producers.gateway.openapi import READING, answers, files, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.ports import IssuedReport, ReportStore
from producers.gateway.problems import Code, ProblemError
from producers.gateway.routes.standing import Admit
from producers.gateway.service import RETRY_AFTER_S, Gateway
from producers.gateway.views import timeline_view
from schemas.domain.channels import Profile, Scope
from schemas.errors import TransientError
from schemas.events import Reported

_INSIDE = frozenset({Profile.STAFF, Profile.INTERNAL})
_PDF = {**files("房屋估价报告单; `ETag` is its sha256", "application/pdf"), **problems_of({*READING, 500})}
ReportCode = Annotated[str, Query(description="The verification code printed on it.", max_length=64)]


def report_routes(
    gateway: Gateway, admit: Admit, reports: ReportStore, *, prefix: str, in_schema: bool = True
) -> APIRouter:
    """The report of a valuation, for the channel that asked for it."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["evidence"])

    @router.get(
        "/valuations/{valuation_id}/report", summary="The report as PDF", responses=_PDF, response_class=Response
    )
    async def report(valuation_id: str, caller: Annotated[Caller, Depends(admit(Scope.REPORTS_READ))]) -> Response:
        """房屋估价报告单. Not for public channels."""
        if caller.channel.profile is Profile.PUBLIC:
            raise ProblemError(Code.FORBIDDEN)
        return await delivered(await gateway.report(valuation_id, owner_of(caller)), reports)

    return router


def evidence_routes(gateway: Gateway, admit: Admit, reports: ReportStore) -> APIRouter:
    """What proves a valuation to those inside the bank."""
    router = APIRouter(prefix="/v1", tags=["evidence"])

    @router.get(
        "/valuations/{valuation_id}/timeline",
        summary="Every event of a valuation",
        responses={**answers("Timeline", {200: "In order"}), **problems_of(READING)},
    )
    async def timeline(
        valuation_id: str, caller: Annotated[Caller, Depends(admit(Scope.TIMELINE_READ))]
    ) -> JSONResponse:
        """For staff channels."""
        if caller.channel.profile not in _INSIDE:
            raise ProblemError(Code.FORBIDDEN)
        await gateway.state(valuation_id, owner_of(caller))
        async with gateway.asking_the_ledger():
            found = await gateway.ledger.timeline(valuation_id)
        return answer({"valuation_id": valuation_id, **timeline_view(found)}, status=HTTPStatus.OK)

    @router.get("/reports/{report_no}", summary="A report by number and code", responses=_PDF, response_class=Response)
    async def report_by_number(
        report_no: str, code: ReportCode, caller: Annotated[Caller, Depends(admit(Scope.REPORTS_READ))]
    ) -> Response:
        """For whoever holds the paper: its number and the verification code printed on it, together."""
        del caller  # any channel may: the code is what opens it
        return await delivered_by_number(gateway, report_no, code, reports)

    return router


async def verified(gateway: Gateway, report_no: str, code: str) -> IssuedReport:
    """The report of that number, to those who have its code; a wrong code learns nothing, not even that it exists.

    Raises:
        ProblemError: NOT_FOUND, UNAVAILABLE.
    """
    async with gateway.asking_the_ledger():
        issued = await gateway.ledger.report(report_no)
    if issued is None or not compare_digest(issued.reported.verification_code.encode(), code.encode()):
        raise ProblemError(Code.NOT_FOUND)
    return issued


async def delivered_by_number(gateway: Gateway, report_no: str, code: str, reports: ReportStore) -> Response:
    """The file of `verified`; the header `X-Report-Status` says when it is revoked."""
    issued = await verified(gateway, report_no, code)
    response = await delivered(issued.reported, reports)
    if issued.revoked is not None:
        response.headers["X-Report-Status"] = "revoked"
    return response


async def delivered(reported: Reported, reports: ReportStore) -> Response:
    """The file of a report, when it is what was announced. Raises `ProblemError` UNAVAILABLE, INTERNAL."""
    subject = reported.valuation_id
    try:
        content = await asyncio.to_thread(reports.read, reported.uri)
    except (OSError, TransientError):
        raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=subject) from None
    if sha256(content).hexdigest() != reported.sha256:
        raise ProblemError(Code.INTERNAL, valuation_id=subject)
    return Response(
        content,
        media_type=reported.media_type,
        headers={
            "Content-Disposition": f'inline; filename="{reported.report_no}.pdf"',
            "Cache-Control": "private, no-store",
            "ETag": f'"{reported.sha256}"',
            "X-Valuation-Id": subject,
        },
    )
