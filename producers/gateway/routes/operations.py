"""For those who run the service."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from producers.gateway.drain import Drain
from producers.gateway.meters import Meters
from producers.gateway.openapi import answers

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def operation_routes(reasons: Callable[[], Sequence[str]], drain: Drain, meters: Meters) -> APIRouter:
    """`reasons`: why requests cannot be answered now; none when they can."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/health",
        summary="Can requests be answered?",
        responses=answers("Health", {200: "Yes", 503: "No; `reasons` says why"}),
    )
    async def health() -> JSONResponse:
        """200 when answers are being followed and suggestions are loaded; 503 otherwise, and while it is ending."""
        found = [*(["draining: the instance is ending"] if drain.is_announced else []), *reasons()]
        return JSONResponse({"ready": not found, "reasons": found}, 503 if found else 200)

    @router.get("/metrics", summary="What this instance counts", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Prometheus text."""
        return PlainTextResponse(meters.text(), media_type=_PROMETHEUS)

    return router
