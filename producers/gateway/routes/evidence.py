"""Timeline and report."""

import asyncio
import logging
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
from producers.gateway.pages.printed import code_as_printed, number_as_printed
from producers.gateway.ports import IssuedReport, ReportArchive
from producers.gateway.problems import Code, ProblemError
from producers.gateway.routes.standing import Admit
from producers.gateway.service import RETRY_AFTER_S, Gateway
from producers.gateway.views import timeline_view
from schemas.domain.channels import Profile, Scope
from schemas.errors import PermanentError, TransientError
from schemas.events import Reported

log = logging.getLogger(__name__)

_INSIDE = frozenset({Profile.STAFF, Profile.INTERNAL})
_PDF = {
    **files("房屋估价报告单; `ETag` is the sha256 of what is sent", "application/pdf"),
    **problems_of({*READING, 500}),
}
Original = Annotated[bool, Query(description="As issued, also where it was revoked; for staff channels.")]
ReportCode = Annotated[str, Query(description="The verification code printed on it.", max_length=64)]


def report_routes(
    gateway: Gateway, admit: Admit, archive: ReportArchive, *, prefix: str, in_schema: bool = True
) -> APIRouter:
    """The report of a valuation, for the channel that asked for it."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["evidence"])

    @router.get(
        "/valuations/{valuation_id}/report", summary="The report as PDF", responses=_PDF, response_class=Response
    )
    async def report(
        valuation_id: str,
        caller: Annotated[Caller, Depends(admit(Scope.REPORTS_READ))],
        original: Original = False,  # noqa: FBT002 - a parameter of the query
    ) -> Response:
        """房屋估价报告单; one that no longer counts is marked 已作废. Not for public channels."""
        if caller.channel.profile is Profile.PUBLIC:
            raise ProblemError(Code.FORBIDDEN)
        whole = _may_have_the_original(caller, original=original)
        reported = await gateway.report(valuation_id, owner_of(caller))
        issued = (
            await _as_the_ledger_knows_it(gateway, reported)
            if archive.is_revocable
            else IssuedReport(reported=reported)
        )
        return await delivered(issued, archive, original=whole)

    return router


def evidence_routes(gateway: Gateway, admit: Admit, archive: ReportArchive) -> APIRouter:
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
        report_no: str,
        code: ReportCode,
        caller: Annotated[Caller, Depends(admit(Scope.REPORTS_READ))],
        original: Original = False,  # noqa: FBT002 - a parameter of the query
    ) -> Response:
        """For whoever holds the paper: its number and the verification code printed on it, together."""
        whole = _may_have_the_original(caller, original=original)  # else any channel may: the code is what opens it
        return await delivered_by_number(gateway, report_no, code, archive, original=whole)

    return router


async def verified(gateway: Gateway, report_no: str, code: str) -> IssuedReport:
    """The report of that number, to those who have its code; a wrong code learns nothing, not even that it exists.

    Both may be written as people write them: in small letters, with other blanks and dashes or none, O for 0.

    Raises:
        ProblemError: NOT_FOUND, UNAVAILABLE.
    """
    async with gateway.asking_the_ledger():
        issued = await gateway.ledger.report(number_as_printed(report_no))
    written = code_as_printed(code).encode()
    if issued is None or not compare_digest(issued.reported.verification_code.encode(), written):
        raise ProblemError(Code.NOT_FOUND)
    return issued


async def delivered_by_number(
    gateway: Gateway, report_no: str, code: str, archive: ReportArchive, *, original: bool = False
) -> Response:
    """The file of `verified`, as `delivered` gives it."""
    return await delivered(await verified(gateway, report_no, code), archive, original=original)


async def delivered(issued: IssuedReport, archive: ReportArchive, *, original: bool = False) -> Response:
    """The file of a report, when it is what was announced; of one that no longer counts the copy marked 已作废.

    `original`: as it was issued all the same. The header `X-Report-Status: revoked` stands on both.

    Raises:
        ProblemError: UNAVAILABLE; INTERNAL, also where the copy cannot be made: nothing unmarked goes out instead.
    """
    reported, subject = issued.reported, issued.reported.valuation_id
    try:
        content = await asyncio.to_thread(archive.store.read, reported.uri)
    except (OSError, TransientError):
        raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=subject) from None
    if sha256(content).hexdigest() != reported.sha256:
        raise ProblemError(Code.INTERNAL, valuation_id=subject)
    if issued.revoked is not None and not original:
        try:
            content = await asyncio.to_thread(archive.stamp, content, issued.revoked)
        except PermanentError as error:
            log.critical("a revoked report cannot be marked", extra={"valuation_id": subject, "cause": str(error)})
            raise ProblemError(Code.INTERNAL, valuation_id=subject) from None
    return Response(
        content,
        media_type=reported.media_type,
        headers={
            "Content-Disposition": f'inline; filename="{reported.report_no}.pdf"',
            "Cache-Control": "private, no-store",
            "ETag": f'"{sha256(content).hexdigest()}"',
            "X-Valuation-Id": subject,
            **({} if issued.revoked is None else {"X-Report-Status": "revoked"}),
        },
    )


async def _as_the_ledger_knows_it(gateway: Gateway, reported: Reported) -> IssuedReport:
    """Whether a report still counts. One that the ledger has not read yet was issued this moment, and does.

    Raises:
        ProblemError: UNAVAILABLE: a report that may be revoked is not handed out unmarked.
    """
    async with gateway.asking_the_ledger():
        issued = await gateway.ledger.report(reported.report_no)
    return issued if issued is not None else IssuedReport(reported=reported)


def _may_have_the_original(caller: Caller, *, original: bool) -> bool:
    """Raises `ProblemError` FORBIDDEN where somebody outside the bank asks for it."""
    if original and caller.channel.profile not in _INSIDE:
        raise ProblemError(Code.FORBIDDEN)
    return original
