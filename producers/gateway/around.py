"""What surrounds every request: its trace, its count, its line in the audit, and the refusal while the instance ends.

Plain ASGI: a wrapper that made responses anew would hide from a stream of events that its reader has gone.
"""

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producers.gateway.audit import GatewayAudit
from producers.gateway.drain import RETRY_AFTER_S, Drain
from producers.gateway.http import problem_response
from producers.gateway.meters import Meters
from producers.gateway.problems import Code, ProblemError
from schemas.headers import TRACEPARENT

_ALSO_WHILE_ENDING: Final = frozenset({"/health", "/metrics"})


class Around:
    """The outermost part of the application that sees its answers.

    `new_traceparent` continues a caller's trace, or begins one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        audit: GatewayAudit,
        meters: Meters,
        drain: Drain,
        new_traceparent: Callable[[str | None], str],
    ) -> None:
        self._app, self._audit, self._meters, self._drain = app, audit, meters, drain
        self._new_traceparent = new_traceparent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything else is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.traceparent = self._new_traceparent(request.headers.get(TRACEPARENT))
        started: list[Message] = []

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(MutableHeaders(scope=message), request)
                self._meters.answers.add(of=str(message["status"]))
                started.append(message)
            await send(message)

        if scope["path"] in _ALSO_WHILE_ENDING:
            await self._app(scope, receive, told)
        elif self._drain.is_announced:
            refusal = problem_response(ProblemError(Code.DRAINING, retry_after_s=RETRY_AFTER_S))
            await refusal(scope, receive, told)
        else:
            with self._drain.holding():
                await self._noted(request, receive, told, started)

    async def _noted(self, request: Request, receive: Receive, told: Send, started: list[Message]) -> None:
        try:
            await self._app(request.scope, receive, told)
        finally:
            first = started[0] if started else None
            headers = Headers(scope=first) if first else Headers()
            self._audit.note(request, status=first["status"] if first else None, headers=headers)

    def _complete(self, headers: MutableHeaders, request: Request) -> None:
        headers[TRACEPARENT] = request.state.traceparent
        headers["X-Content-Type-Options"] = "nosniff"
        if self._drain.is_announced:
            headers["Connection"] = "close"
