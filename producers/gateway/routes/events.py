"""Where a valuation stands, told as it changes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response, StreamingResponse

from producers.gateway.access.caller import Caller
from producers.gateway.drain import Drain
from producers.gateway.event_stream import MEDIA_TYPE, EventStream, StreamTimes
from producers.gateway.openapi import READING, Responses, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.routes.standing import Admit
from producers.gateway.service import Gateway
from schemas.domain.channels import Scope

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
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_routes(
    gateway: Gateway, admit: Admit, drain: Drain, times: StreamTimes, *, prefix: str, in_schema: bool = True
) -> APIRouter:
    """The stream of a valuation."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["valuations"])

    @router.get(
        "/valuations/{valuation_id}/events",
        summary="Be told as it changes (server-sent events)",
        responses=_STREAM,
        response_class=StreamingResponse,
    )
    async def follow(
        valuation_id: str,
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_READ))],
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
        return StreamingResponse(stream.frames(), media_type=MEDIA_TYPE, headers=headers)

    return router
