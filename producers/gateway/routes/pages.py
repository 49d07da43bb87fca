"""Checking a report without credentials: the page behind its QR code, and the archived file."""

from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from producers.gateway.openapi import Responses, files, problems_of
from producers.gateway.pages import PAGE_HEADERS, verification_page
from producers.gateway.ports import IssuedReport, ReportArchive
from producers.gateway.problems import Code, ProblemError
from producers.gateway.routes.evidence import ReportCode, delivered_by_number, verified
from producers.gateway.service import Gateway
from schemas.domain.worktime import SHANGHAI

_PAGE = {"text/html": {"schema": {"type": "string"}}}
_PAGES: Responses = {
    200: {"description": "It is ours; the page says whether it still counts", "content": _PAGE},
    404: {"description": "No report has this number and code together", "content": _PAGE},
}


def verification_routes(gateway: Gateway, visitor: Callable[..., Any], archive: ReportArchive) -> APIRouter:
    """`visitor` limits how often those without credentials may ask."""
    router = APIRouter(prefix="/verify", tags=["evidence"], dependencies=[Depends(visitor)])

    @router.get(
        "/{report_no}",
        summary="Is this report ours?",
        response_class=HTMLResponse,
        responses={**problems_of((422, 429, 503)), **_PAGES},
    )
    async def verify(report_no: str, code: Annotated[str, Query(max_length=64)] = "") -> HTMLResponse:
        """A page in Chinese: whether a report with this number and verification code was issued, and still counts."""
        issued = await _found(gateway, report_no, code)
        page = verification_page(
            issued.reported.report_no if issued else report_no,
            issued.reported if issued else None,
            code=issued.reported.verification_code if issued else "",
            revoked=issued.revoked if issued else None,
            valid_until=await _valid_until(gateway, issued) if issued else None,
            today=gateway.clock().astimezone(SHANGHAI).date(),
        )
        status = HTTPStatus.NOT_FOUND if issued is None else HTTPStatus.OK
        return HTMLResponse(page, status, headers=dict(PAGE_HEADERS))

    @router.get(
        "/{report_no}/report",
        summary="The archived file, by number and code",
        response_class=Response,
        responses={**files("房屋估价报告单", "application/pdf"), **problems_of((404, 422, 429, 500, 503))},
    )
    async def verify_report(report_no: str, code: ReportCode) -> Response:
        """For whoever holds the paper, to compare it with what was archived; marked 已作废 where it is revoked."""
        return await delivered_by_number(gateway, report_no, code, archive)

    return router


async def _found(gateway: Gateway, report_no: str, code: str) -> IssuedReport | None:
    try:
        return await verified(gateway, report_no, code)
    except ProblemError as problem:
        if problem.code is Code.NOT_FOUND:
            return None
        raise


async def _valid_until(gateway: Gateway, issued: IssuedReport) -> date | None:
    """Until when the value counts that the report is about; unknown once another answer took its place."""
    archived = await gateway.archived(issued.reported.valuation_id)
    result = archived.state.result if archived and archived.state else None
    return result.valid_until if result is not None and result.revision == issued.reported.revision else None
