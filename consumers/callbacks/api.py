"""`/health` and `/metrics` of the process. Listens on loopback or inside the cluster only."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse


def build(text: Callable[[], str]) -> FastAPI:
    """Build the application; `text` gives the metrics in Prometheus' format."""
    app = FastAPI(title="结果回传", docs_url=None, redoc_url=None)

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"live": True}

    @app.get("/metrics")
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app
