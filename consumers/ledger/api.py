"""The ledger over HTTP, for other processes of the house: its tables are read by nobody else.

Listens on loopback or inside the cluster only; what a channel may see is the gateway's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.responses import JSONResponse

from consumers.ledger.queries import LedgerQueries, State
from consumers.ledger.registry import RegistryQueries
from schemas.domain.property_key import PropertyKeyError

_AVRO = "application/avro"


def build(
    queries: LedgerQueries,
    clock: Callable[[], datetime],
    registry: RegistryQueries | None = None,
    appraisals: APIRouter | None = None,
    work_orders: APIRouter | None = None,
) -> FastAPI:
    """Build the application. `clock` gives the end of a summary's window.

    Without `registry`, `appraisals` (`appraisal_api.routes`) or `work_orders` (`work_orders.routes`) it tells
    nothing of these.
    """
    app = FastAPI(title="估值台账", docs_url=None, redoc_url=None)
    _add_valuations(app, queries)
    _add_reports(app, queries)
    _add_summary(app, queries, clock)
    if registry is not None:
        _add_registry(app, registry)
    for further in (appraisals, work_orders):
        if further is not None:
            app.include_router(further)

    @app.exception_handler(psycopg.OperationalError)
    def away(_request: Request, error: psycopg.OperationalError) -> JSONResponse:
        detail = {"detail": "the database is away", "error": type(error).__name__}
        return JSONResponse(detail, status.HTTP_503_SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"live": True}

    return app


def _add_valuations(app: FastAPI, queries: LedgerQueries) -> None:
    @app.get("/valuations")
    def find(
        channel: str | None = None, client_request_id: str | None = None, business_ref: str | None = None
    ) -> dict[str, Any]:
        """`valuations`: states by `channel` and `client_request_id` (one or none), or by `business_ref`, newest first.

        With a `channel` beside the `business_ref` those of that channel alone.
        """
        return {"valuations": [asdict(state) for state in _found(queries, channel, client_request_id, business_ref)]}

    @app.get("/valuations/{valuation_id}")
    def valuation(valuation_id: UUID) -> dict[str, Any]:
        """`state`, `result` (the event that stands, or null) and `reports` (what counts first, the newest first)."""
        return {
            "state": asdict(_known(queries, valuation_id)),
            "result": queries.answer(valuation_id),
            "reports": [asdict(report) for report in queries.reports_of(valuation_id)],
        }

    @app.get("/valuations/{valuation_id}/result")
    def result(valuation_id: UUID) -> Response:
        """Return the result that stands as the bytes which were on the topic (Confluent wire format)."""
        answer = queries.answer_bytes(valuation_id)
        if answer is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "no answer yet")
        return Response(answer, media_type=_AVRO)

    @app.get("/valuations/{valuation_id}/timeline")
    def timeline(valuation_id: UUID) -> dict[str, Any]:
        """`state`, `events` in order, `stages` with their latencies in milliseconds."""
        return {
            "state": asdict(_known(queries, valuation_id)),
            "events": [asdict(entry) for entry in queries.timeline(valuation_id)],
            "stages": [asdict(stage) for stage in queries.stage_times(valuation_id)],
        }


def _add_reports(app: FastAPI, queries: LedgerQueries) -> None:
    @app.get("/reports/{report_no}")
    def report(report_no: str) -> dict[str, Any]:
        found = queries.report(report_no)
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no report {report_no}")
        return asdict(found)


def _add_summary(app: FastAPI, queries: LedgerQueries, clock: Callable[[], datetime]) -> None:
    @app.get("/summary")
    def summary(since: datetime, grace_s: Annotated[float, Query(ge=0)] = 0.0) -> dict[str, Any]:
        """Everything received since then; `grace_s` more seconds before an unanswered request counts as lost."""
        _must_have_zone(since)
        now = clock()
        whole = asdict(queries.summary(since, now))
        lost = queries.lost(since, now, grace=timedelta(seconds=grace_s))
        return whole | {"lost": [asdict(one) for one in lost]}

    @app.get("/latencies")
    def latencies(since: datetime, until: datetime | None = None, lane: str | None = None) -> dict[str, Any]:
        """`stages`: percentiles over events appended in the window, of one lane or both."""
        _must_have_zone(since)
        stages = queries.stage_percentiles(since, until or clock(), lane)
        return {"stages": [asdict(stage) for stage in stages]}


def _add_registry(app: FastAPI, registry: RegistryQueries) -> None:
    @app.get("/registry")
    def registered(property_key: str) -> dict[str, Any]:
        """`current` (or null) and `history` (newest first) of a community, building, unit or room."""
        try:
            current, history = registry.current(property_key), registry.history(property_key)
        except PropertyKeyError as error:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from None
        return {"current": current and asdict(current), "history": [asdict(one) for one in history]}


def _found(
    queries: LedgerQueries, channel: str | None, client_request_id: str | None, business_ref: str | None
) -> Sequence[State]:
    if business_ref is not None:
        return queries.by_business_ref(business_ref, channel)
    if channel is None or client_request_id is None:
        detail = "give channel and client_request_id, or business_ref"
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, detail)
    found = queries.by_client_request(channel, client_request_id)
    return () if found is None else (found,)


def _known(queries: LedgerQueries, valuation_id: UUID) -> State:
    state = queries.state(valuation_id)
    if state is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"no valuation {valuation_id}")
    return state


def _must_have_zone(since: datetime) -> None:
    if since.tzinfo is None:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "since needs a time zone, e.g. 2026-01-01T00:00:00Z")
