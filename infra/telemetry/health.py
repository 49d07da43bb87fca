"""A small HTTP server on its own thread: `/health`, `/live`, `/metrics`.

It answers while the event loop is busy or stuck, which is exactly when somebody asks.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a process says of itself. `ready` is true only when `reasons` is empty."""

    live: bool
    reasons: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether work is being done."""
        return self.live and not self.reasons

    def as_json(self) -> str:
        """One JSON object: `ready`, `live`, `reasons`, then the details."""
        body = {"ready": self.ready, "live": self.live, "reasons": list(self.reasons), **self.details}
        return json.dumps(body, ensure_ascii=False)


class HealthServer:
    """Serves until `stop`. `port` 0 lets the kernel pick; the one picked is in `port` afterwards."""

    def __init__(
        self, health: Callable[[], Health], metrics: Callable[[], str], *, port: int, host: str = "127.0.0.1"
    ) -> None:
        self._server = ThreadingHTTPServer((host, port), _requests_for(health, metrics))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is really open."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and wait for the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _requests_for(health: Callable[[], Health], metrics: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    def answer(path: str) -> tuple[HTTPStatus, str, str]:
        if path == "/metrics":
            return HTTPStatus.OK, _PROMETHEUS, metrics()
        if path not in {"/health", "/live"}:
            return HTTPStatus.NOT_FOUND, _JSON, json.dumps({"paths": ["/health", "/live", "/metrics"]})
        state = health()
        good = state.live if path == "/live" else state.ready
        return (HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE), _JSON, state.as_json()

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, text = answer(self.path.partition("?")[0])
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class named it
            """Say nothing: a probe every few seconds is no news."""

    return Requests
