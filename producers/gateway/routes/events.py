"""Where a valuation stands, told as it changes."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from producers.gateway.access.addresses import Addresses
from producers.gateway.access.caller import Caller
from producers.gateway.drain import Drain
from producers.gateway.event_stream import MEDIA_TYPE, EventStream, StreamTimes
from producers.gateway.openapi import READING, Responses, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.places import Places
from producers.gateway.problems import Code
from producers.gateway.routes.standing import Admit
from producers.gateway.service import Gateway
from schemas.domain import channels

_EVENT = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["answer", "report"]},
        "id": {"type": "string", "description": "`revision.update.STATUS`, for a report with `.report` behind it."},
        "data": {"type": "string", "description": "JSON: a `Valuation`, or what is known of its report."},
    },
    "examples": [{"event": "answer", "id": "1.0.PENDING_MANUAL", "data": '{"status": "PENDING_MANUAL"}'}],
}
_STREAM: Responses = {
    200: {
        "description": "`answer` for each state, `report` once there is one; comments in between are heart-beats",
        "content": {MEDIA_TYPE: {"schema": _EVENT}},
    },
    204: {"description": "`Last-Event-ID` was the last event: nothing will come, do not connect again"},
    **problems_of(READING),
}
# Buffers of proxies would keep events back until there are many.
_OF_A_SYSTEM: Final = 200  # one for each valuation that somebody in the bank looks at
_OF_A_VISITOR: Final = 20  # a customer's, or an address's: a branch shares one
_IN_ALL: Final = 1_000  # some 20 kB each; pages and systems do not take each other's
_RETRY_AFTER_S: Final = 15
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_routes(
    gateway: Gateway,
    admit: Admit,
    drain: Drain,
    times: StreamTimes,
    *,
    prefix: str,
    visitors: Addresses | None = None,
) -> APIRouter:
    """The stream of a valuation. `visitors` tells apart who comes to a page without a name; `None`: for systems."""
    each = _OF_A_SYSTEM if visitors is None else _OF_A_VISITOR
    places = Places(each=each, in_all=_IN_ALL, refusal=Code.TOO_MANY_STREAMS, retry_after_s=_RETRY_AFTER_S)
    router = APIRouter(prefix=prefix, include_in_schema=visitors is None, tags=["valuations"])

    @router.get(
        "/valuations/{valuation_id}/events",
        summary="Be told as it changes (server-sent events)",
        responses=_STREAM,
        response_class=StreamingResponse,
    )
    async def follow(
        valuation_id: str,
        request: Request,
        caller: Annotated[Caller, Depends(admit(channels.Scope.VALUATIONS_READ))],
        last_event_id: Annotated[str, Header(max_length=64)] = "",
    ) -> Response:
        """Ends with the final answer and its report; otherwise after 15 minutes: come back with `Last-Event-ID`."""
        channel = caller.channel
        owner = owner_of(caller)
        state = await gateway.state(valuation_id, owner)
        stream = EventStream(
            valuation_id=valuation_id,
            profile=channel.profile,
            board=gateway.board,
            look=lambda: gateway.state(valuation_id, owner),
            drain=drain,
            times=times,
            seen=last_event_id,
        )
        if stream.is_complete(state):
            return Response(status_code=204, headers=_HEADERS)
        headers = _HEADERS | {"X-Valuation-Id": valuation_id}
        nameless = visitors if caller.subject is None else None
        holder = caller.credential if nameless is None else nameless.of(request)
        return _Stream(stream.frames(), places.taken(holder), headers)

    return router


class _Stream(StreamingResponse):
    """Takes its place when it is sent, and gives it back with its end, also when nobody is there to read."""

    def __init__(
        self, frames: AsyncIterator[bytes], place: AbstractContextManager[None], headers: dict[str, str]
    ) -> None:
        super().__init__(frames, media_type=MEDIA_TYPE, headers=headers)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises `ProblemError` TOO_MANY_STREAMS before anything is sent."""
        with self._place:
            await super().__call__(scope, receive, send)
