"""The gateway's web application, put together from what it is given. Nothing happens on import."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from producers.gateway.access.access import Access
from producers.gateway.access.routes import access_routes
from producers.gateway.access.signed_bodies import SignedBodies
from producers.gateway.admission import Admission
from producers.gateway.around import Around
from producers.gateway.audit import GatewayAudit
from producers.gateway.batches import BatchService, RefusedJobError
from producers.gateway.bodies import CancellationBody, DisputeBody, ManualReviewBody, ReceiptBody, WorkOrderBody
from producers.gateway.drain import Drain
from producers.gateway.event_stream import StreamTimes
from producers.gateway.http import problem_response
from producers.gateway.meters import Meters
from producers.gateway.openapi import publish
from producers.gateway.pages import page_routes
from producers.gateway.ports import ReportArchive
from producers.gateway.prices.routes import Prices, price_routes
from producers.gateway.problems import MEDIA_TYPE, Code, ProblemError
from producers.gateway.request_body import ClarificationBody, ValuationBody, query_problems
from producers.gateway.routes.batches import batch_routes
from producers.gateway.routes.commands import command_routes, word_routes
from producers.gateway.routes.events import event_routes
from producers.gateway.routes.evidence import evidence_routes, report_routes
from producers.gateway.routes.operations import operation_routes
from producers.gateway.routes.pages import verification_routes
from producers.gateway.routes.valuations import finding_routes, valuation_routes
from producers.gateway.routes.work_orders import work_order_routes
from producers.gateway.service import Gateway
from producers.gateway.suggestions.routes import Suggestions, suggestion_routes
from producers.gateway.voice import Voice
from schemas.domain.channels import Scope

log = logging.getLogger(__name__)

_BODIES: Final = (
    ValuationBody, ClarificationBody, CancellationBody, ManualReviewBody, DisputeBody, ReceiptBody, WorkOrderBody,
)  # fmt: skip
_BY_STATUS: Final = {
    HTTPStatus.NOT_FOUND: Code.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Code.UNSUPPORTED_MEDIA_TYPE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the application is made of.

    `typing` admits those who ask for suggestions: a person types many letters for each valuation.
    """

    gateway: Gateway
    voice: Voice
    access: Access
    typing: Access
    suggestions: Suggestions
    prices: Prices
    archive: ReportArchive
    batches: BatchService
    meters: Meters
    audit: GatewayAudit
    drain: Drain = field(default_factory=Drain)
    stream_times: StreamTimes = field(default_factory=StreamTimes)

    def reasons(self) -> tuple[str, ...]:
        """Why requests cannot be answered now; none when they can."""
        found = []
        if not self.gateway.is_following():
            found.append("the results topics are not being followed: is the broker away?")
        if not self.suggestions.is_loaded():
            found.append("the dictionary of communities is not loaded yet")
        return tuple(found)


def build(parts: Parts) -> FastAPI:
    """The application. Traffic may come at once: until answers are being followed, a request is answered 503."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.audit.close()

    # The interactive pages of FastAPI load their scripts from outside; the machine-readable document is enough.
    app = FastAPI(
        title="House valuation",
        version="1",
        description="房屋自动估值服务 HTTP 接口",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=living,
    )
    app.add_middleware(SignedBodies)
    app.add_middleware(
        Around,
        audit=parts.audit,
        meters=parts.meters,
        drain=parts.drain,
        new_traceparent=parts.gateway.new_traceparent,
    )
    _answer_problems(app)
    _with_credentials(app, parts)
    _for_pages(app, parts)
    app.include_router(access_routes(parts.access))
    app.include_router(operation_routes(parts.reasons, parts.drain, parts.meters))
    publish(app, _BODIES)
    return app


def _with_credentials(app: FastAPI, parts: Parts) -> None:
    gateway, admit = parts.gateway, parts.access.with_credentials
    admission = Admission(access=parts.access, voice=parts.voice)
    app.include_router(valuation_routes(gateway, admit, admission, parts.meters, prefix="/v1"))
    app.include_router(finding_routes(gateway, admit))
    app.include_router(event_routes(gateway, admit, parts.drain, parts.stream_times, prefix="/v1"))
    app.include_router(command_routes(gateway, admit))
    app.include_router(word_routes(gateway, admit, parts.voice))
    app.include_router(report_routes(gateway, admit, parts.archive, prefix="/v1"))
    app.include_router(evidence_routes(gateway, admit, parts.archive))
    app.include_router(work_order_routes(gateway, admit, parts.voice))
    app.include_router(batch_routes(parts.batches, admit))
    typing = parts.typing.with_credentials(Scope.VALUATIONS_READ)
    app.include_router(suggestion_routes(parts.suggestions, typing, parts.meters, prefix="/v1"))
    app.include_router(price_routes(parts.prices, admit(Scope.VALUATIONS_READ), prefix="/v1"))


def _for_pages(app: FastAPI, parts: Parts) -> None:
    gateway, admit, addresses = parts.gateway, parts.access.for_page, parts.access.addresses
    admission = Admission(access=parts.access, voice=parts.voice)
    app.include_router(valuation_routes(gateway, admit, admission, parts.meters, prefix="/h5", in_schema=False))
    app.include_router(event_routes(gateway, admit, parts.drain, parts.stream_times, prefix="/h5", visitors=addresses))
    app.include_router(report_routes(gateway, admit, parts.archive, prefix="/h5", in_schema=False))
    typing = parts.typing.for_page(Scope.VALUATIONS_READ)
    app.include_router(suggestion_routes(parts.suggestions, typing, parts.meters, prefix="/h5", in_schema=False))
    app.include_router(price_routes(parts.prices, admit(Scope.VALUATIONS_READ), prefix="/h5", in_schema=False))
    app.include_router(page_routes())
    app.include_router(verification_routes(gateway, parts.access.for_checking(), parts.archive))


def _answer_problems(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def known(_: Request, problem: ProblemError) -> JSONResponse:
        response = problem_response(problem)
        if problem.valuation_id is not None:
            response.headers["X-Valuation-Id"] = problem.valuation_id
        return response

    @app.exception_handler(RefusedJobError)
    async def of_a_job(_: Request, refusal: RefusedJobError) -> JSONResponse:
        return JSONResponse(refusal.document, refusal.status, headers={**refusal.headers, "Content-Type": MEDIA_TYPE})

    @app.exception_handler(RequestValidationError)
    async def of_the_query(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(ProblemError(Code.INVALID_REQUEST, problems=query_problems(error.errors())))

    @app.exception_handler(HTTPException)
    async def of_the_framework(_: Request, error: HTTPException) -> JSONResponse:
        response = problem_response(ProblemError(_BY_STATUS.get(HTTPStatus(error.status_code), Code.INTERNAL)))
        response.headers.update({"Allow": error.headers["Allow"]} if error.headers and "Allow" in error.headers else {})
        return response

    @app.exception_handler(ClientDisconnect)
    async def of_nobody(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # who hung up while sending reads nothing

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error, extra={"method": request.method})
        return problem_response(ProblemError(Code.INTERNAL))
