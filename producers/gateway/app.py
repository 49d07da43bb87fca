"""The gateway's web application, put together from what it is given. Nothing happens on import."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from producers.gateway.api_keys import ApiKeys
from producers.gateway.audit import GatewayAudit, add_audit
from producers.gateway.http import problem_response
from producers.gateway.meters import Meters
from producers.gateway.pages import ask_page, verification_page
from producers.gateway.ports import LedgerUnavailableError, ReportStore
from producers.gateway.problems import Code, ProblemError
from producers.gateway.rate_limit import RateLimits
from producers.gateway.request_body import query_problems
from producers.gateway.routes import evidence_routes, valuation_routes
from producers.gateway.service import RETRY_AFTER_S, Gateway
from producers.gateway.suggestions.routes import Suggestions, suggestion_routes
from schemas.domain import channels
from schemas.domain.channels import Channel
from schemas.headers import TRACEPARENT

log = logging.getLogger(__name__)

PUBLIC_CHANNEL = "WEBSITE"
API_KEY_HEADER = "X-API-Key"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_BY_STATUS = {
    HTTPStatus.NOT_FOUND: Code.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Code.UNSUPPORTED_MEDIA_TYPE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may come in, and how often. `monotonic_s` is a clock in seconds that never goes back."""

    keys: ApiKeys
    limits: RateLimits
    monotonic_s: Callable[[], float]

    def with_key(self, x_api_key: Annotated[str | None, Header(alias=API_KEY_HEADER)] = None) -> Channel:
        """The channel of an API key. Raises `ProblemError` UNAUTHENTICATED, RATE_LIMITED."""
        code = self.keys.channel_of(x_api_key)
        found = channels.find(code) if code else None
        if found is None:
            raise ProblemError(Code.UNAUTHENTICATED)
        return self._admitted(found)

    def anonymous(self) -> Channel:
        """The public channel. Raises `ProblemError` RATE_LIMITED."""
        return self._admitted(channels.channel(PUBLIC_CHANNEL))

    def _admitted(self, channel: Channel) -> Channel:
        seconds = self.limits.refused_for_s(channel.code, self.monotonic_s())
        if seconds is not None:
            raise ProblemError(Code.RATE_LIMITED, retry_after_s=seconds)
        return channel


def build(  # noqa: PLR0913 - what the application is made of
    gateway: Gateway,
    *,
    access: Access,
    typing: Access,
    suggestions: Suggestions,
    reports: ReportStore,
    meters: Meters,
    audit: GatewayAudit,
) -> FastAPI:
    """The application. Traffic may come at once: until answers are being followed, a request is answered 503.

    `typing` admits those who ask for suggestions: a person types many letters for each valuation.
    """

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        await audit.close()

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
    add_audit(app, audit)
    _trace_and_count(app, gateway, meters)
    _answer_problems(app)
    app.include_router(valuation_routes(gateway, access.with_key, meters, prefix="/v1"))
    app.include_router(evidence_routes(gateway, access.with_key, reports))
    app.include_router(valuation_routes(gateway, access.anonymous, meters, prefix="/h5", in_schema=False))
    app.include_router(suggestion_routes(suggestions, typing.with_key, meters, prefix="/v1"))
    app.include_router(suggestion_routes(suggestions, typing.anonymous, meters, prefix="/h5", in_schema=False))
    _pages(app, gateway, access)
    _operations(app, gateway, suggestions, meters)
    return app


def _trace_and_count(app: FastAPI, gateway: Gateway, meters: Meters) -> None:
    @app.middleware("http")
    async def trace_and_count(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.traceparent = gateway.new_traceparent(request.headers.get(TRACEPARENT))
        response = await go_on(request)
        response.headers[TRACEPARENT] = request.state.traceparent
        response.headers["X-Content-Type-Options"] = "nosniff"
        meters.answers.add(of=str(response.status_code))
        return response


def _answer_problems(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def known(_: Request, problem: ProblemError) -> JSONResponse:
        response = problem_response(problem)
        if problem.valuation_id is not None:
            response.headers["X-Valuation-Id"] = problem.valuation_id
        return response

    @app.exception_handler(RequestValidationError)
    async def of_the_query(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(ProblemError(Code.INVALID_REQUEST, problems=query_problems(error.errors())))

    @app.exception_handler(HTTPException)
    async def of_the_framework(_: Request, error: HTTPException) -> JSONResponse:
        return problem_response(ProblemError(_BY_STATUS.get(HTTPStatus(error.status_code), Code.INTERNAL)))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error, extra={"method": request.method})
        return problem_response(ProblemError(Code.INTERNAL))


def _pages(app: FastAPI, gateway: Gateway, access: Access) -> None:
    @app.get("/", include_in_schema=False)
    async def home() -> HTMLResponse:
        return HTMLResponse(ask_page(), headers=_PAGE_HEADERS)

    @app.get("/verify/{report_no}", tags=["evidence"], summary="Is this report ours?", response_class=HTMLResponse)
    async def verify(report_no: str, code: str = "") -> HTMLResponse:
        """A page in Chinese: whether a report with this number and verification code was issued."""
        access.anonymous()
        try:
            reported = await gateway.ledger.report(report_no)
        except LedgerUnavailableError:
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S) from None
        if reported is not None and not compare_digest(reported.verification_code.encode(), code.encode()):
            reported = None  # a wrong code learns nothing, not even that the number exists
        status = HTTPStatus.NOT_FOUND if reported is None else HTTPStatus.OK
        page = verification_page(report_no, reported)
        return HTMLResponse(page, status, headers=_PAGE_HEADERS)


def _operations(app: FastAPI, gateway: Gateway, suggestions: Suggestions, meters: Meters) -> None:
    @app.get("/health", tags=["operations"], summary="Can requests be answered?")
    async def health() -> JSONResponse:
        """200 when answers are being followed and suggestions are loaded, 503 otherwise."""
        reasons = [] if gateway.is_following() else ["the results topics are not being followed: is the broker away?"]
        if not suggestions.is_loaded():
            reasons.append("the dictionary of communities is not loaded yet")
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Prometheus text."""
        return PlainTextResponse(meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
