"""The gateway's paths. Once for channels with an API key (`/v1`), once for the anonymous page (`/h5`)."""

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from producers.gateway.board import State
from producers.gateway.http import answer, json_body, preferred_wait_s
from producers.gateway.meters import Meters
from producers.gateway.ports import LedgerUnavailableError, ReportStore
from producers.gateway.problems import SCHEMA, Code, ProblemError
from producers.gateway.request_body import ClarificationBody, ValuationBody, read_clarification, read_request
from producers.gateway.service import RETRY_AFTER_S, Gateway
from producers.gateway.views import timeline_view, view
from schemas.codes import Lane, Status
from schemas.domain.channels import Channel, Profile
from schemas.domain.contract import ONLINE_ANSWER
from schemas.domain.request_rules import problems
from schemas.domain.worktime import SHANGHAI
from schemas.errors import TransientError

ChannelOf = Callable[..., Channel]
_INSIDE = frozenset({Profile.STAFF, Profile.INTERNAL})
_Responses = dict[int | str, dict[str, Any]]
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {"schema": SCHEMA}}}
_LOOKING: _Responses = dict.fromkeys((401, 404, 429, 503), _PROBLEM)
_ASKING: _Responses = dict.fromkeys((400, 401, 409, 413, 415, 422, 429, 503), _PROBLEM)
_PREFER = f"`wait=N` seconds, at most {ONLINE_ANSWER.value.total_seconds():g}"
_ANSWER = {"application/json": {"schema": {"type": "object"}}}


def _json_of(model: type[ValuationBody | ClarificationBody]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    if "service_type" in schema["properties"]:
        schema["properties"]["service_type"] = ValuationBody.model_json_schema()["$defs"]["ServiceType"]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def valuation_routes(
    gateway: Gateway, channel_of: ChannelOf, meters: Meters, *, prefix: str, in_schema: bool = True
) -> APIRouter:
    """Ask, look, clarify."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["valuations"])

    def located(valuation_id: str) -> str:
        return f"{prefix}/valuations/{valuation_id}"

    @router.post(
        "/valuations",
        summary="Ask for a valuation",
        responses={200: {"description": "Final", "content": _ANSWER}, 202: {"description": "Not yet"}, **_ASKING},
        openapi_extra=_json_of(ValuationBody),
    )
    async def ask(
        request: Request,
        channel: Annotated[Channel, Depends(channel_of)],
        idempotency_key: Annotated[str | None, Header()] = None,
        prefer: Annotated[str | None, Header(description=_PREFER)] = None,
    ) -> JSONResponse:
        """Records the request safely and answers within `Prefer: wait=N` seconds: 200 final, 202 not yet."""
        now = gateway.clock()
        began = asyncio.get_running_loop().time()
        requested = read_request(
            await json_body(request),
            channel=channel.code,
            idempotency_key=idempotency_key,
            received_at=now,
            rules=partial(problems, lane=Lane.ONLINE, today=now.astimezone(SHANGHAI).date()),
        )
        wait_s = preferred_wait_s(prefer, gateway.waits.answer_s)
        state = await gateway.ask(requested, wait_s=wait_s, traceparent=request.state.traceparent)
        meters.seconds.observe(asyncio.get_running_loop().time() - began)
        return _answered(state, channel, requested.valuation_id, located(requested.valuation_id))

    @router.get("/valuations/{valuation_id}", summary="Look at a valuation", responses={**_LOOKING})
    async def look(valuation_id: str, channel: Annotated[Channel, Depends(channel_of)]) -> JSONResponse:
        """The latest answer. Only the channel that asked may see it."""
        state = await gateway.state(valuation_id, channel.code)
        body = view(state, channel.profile) if state else _under_way(valuation_id)
        return answer(body, status=HTTPStatus.OK)

    @router.post(
        "/valuations/{valuation_id}/clarification",
        summary="Choose one of the candidates",
        responses={200: {"description": "Final", "content": _ANSWER}, 202: {"description": "Not yet"}, **_ASKING},
        openapi_extra=_json_of(ClarificationBody),
    )
    async def clarify(
        valuation_id: str,
        request: Request,
        channel: Annotated[Channel, Depends(channel_of)],
        prefer: Annotated[str | None, Header()] = None,
    ) -> JSONResponse:
        """Answers NEEDS_CLARIFICATION, once and until its `answer_by`; the same valuation goes on in its own trace."""
        reply = await gateway.reply(valuation_id, channel.code, read_clarification(await json_body(request)))
        request.state.traceparent = reply.continuing(request.state.traceparent)
        wait_s = preferred_wait_s(prefer, gateway.waits.answer_s)
        state = await gateway.clarify(reply, wait_s=wait_s, traceparent=request.state.traceparent)
        return _answered(state, channel, valuation_id, located(valuation_id))

    return router


def evidence_routes(gateway: Gateway, channel_of: ChannelOf, reports: ReportStore) -> APIRouter:
    """Timeline and report."""
    router = APIRouter(prefix="/v1", tags=["evidence"])

    @router.get("/valuations/{valuation_id}/timeline", summary="Every event of a valuation", responses={**_LOOKING})
    async def timeline(valuation_id: str, channel: Annotated[Channel, Depends(channel_of)]) -> JSONResponse:
        """For staff channels."""
        if channel.profile not in _INSIDE:
            raise ProblemError(Code.FORBIDDEN)
        await gateway.state(valuation_id, channel.code)
        try:
            found = await gateway.ledger.timeline(valuation_id)
        except LedgerUnavailableError:
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S) from None
        return answer({"valuation_id": valuation_id, **timeline_view(found)}, status=HTTPStatus.OK)

    @router.get(
        "/valuations/{valuation_id}/report",
        summary="The report as PDF",
        responses={200: {"content": {"application/pdf": {}}}, **_LOOKING},
        response_class=Response,
    )
    async def report(valuation_id: str, channel: Annotated[Channel, Depends(channel_of)]) -> Response:
        """房屋估价报告单. Not for public channels."""
        if channel.profile is Profile.PUBLIC:
            raise ProblemError(Code.FORBIDDEN)
        reported = await gateway.report(valuation_id, channel.code)
        try:
            content = await asyncio.to_thread(reports.read, reported.uri)
        except (OSError, TransientError):
            raise ProblemError(Code.UNAVAILABLE, retry_after_s=RETRY_AFTER_S, valuation_id=valuation_id) from None
        if sha256(content).hexdigest() != reported.sha256:
            raise ProblemError(Code.INTERNAL, valuation_id=valuation_id)
        return Response(
            content,
            media_type=reported.media_type,
            headers={
                "Content-Disposition": f'inline; filename="{reported.report_no}.pdf"',
                "Cache-Control": "private, no-store",
                "ETag": f'"{reported.sha256}"',
                "X-Valuation-Id": valuation_id,
            },
        )

    return router


def _answered(state: State | None, channel: Channel, valuation_id: str, location: str) -> JSONResponse:
    if state is None:
        return answer(_under_way(valuation_id), status=HTTPStatus.ACCEPTED, location=location)
    body = view(state, channel.profile)
    if state.result.status.is_final:
        return answer(body, status=HTTPStatus.OK)
    return answer(body, status=HTTPStatus.ACCEPTED, location=location)


def _under_way(valuation_id: str) -> dict[str, Any]:
    return {"valuation_id": valuation_id, "status": Status.PROCESSING, "status_text": "处理中", "final": False}
