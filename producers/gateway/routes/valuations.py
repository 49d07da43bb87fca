"""Ask, look, find, reply to a question."""

import asyncio
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse

from producers.gateway.access.caller import Caller
from producers.gateway.admission import Admission
from producers.gateway.bodies import wrong
from producers.gateway.http import answer, json_body, preferred_wait_s
from producers.gateway.meters import Meters
from producers.gateway.openapi import READING, WRITING, answers, body_of, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.request_body import ClarificationBody, ValuationBody, read_clarification, read_request
from producers.gateway.routes.standing import SETTLED, UNSETTLED, Admit, answered, shown
from producers.gateway.service import Gateway
from schemas.codes import Lane
from schemas.domain.channels import Scope
from schemas.domain.contract import ONLINE_ANSWER
from schemas.domain.request_rules import MAX_REFERENCE, MAX_REQUEST_NUMBER, problems
from schemas.domain.worktime import SHANGHAI
from schemas.ids import valuation_id as id_of

_MOST_FOUND = 20  # a business number has a handful of houses; more is a list, which is a batch job's result
Prefer = Annotated[
    str | None, Header(description=f"`wait=N` seconds, at most {ONLINE_ANSWER.value.total_seconds():g}.")
]


def valuation_routes(
    gateway: Gateway, admit: Admit, admission: Admission, meters: Meters, *, prefix: str, in_schema: bool = True
) -> APIRouter:
    """Ask, look, clarify."""
    router = APIRouter(prefix=prefix, include_in_schema=in_schema, tags=["valuations"])

    def located(valuation_id: str) -> str:
        return f"{prefix}/valuations/{valuation_id}"

    @router.post(
        "/valuations",
        summary="Ask for a valuation",
        responses={**answers("Valuation", {200: SETTLED, 202: UNSETTLED}), **problems_of(set(WRITING) - {404})},
        openapi_extra=body_of(ValuationBody),
    )
    async def ask(
        request: Request,
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_WRITE))],
        idempotency_key: Annotated[str | None, Header()] = None,
        prefer: Prefer = None,
    ) -> JSONResponse:
        """Records the request safely and answers within `Prefer: wait=N` seconds: 200 final, 202 not yet."""
        now = gateway.clock()
        began = asyncio.get_running_loop().time()
        owner = owner_of(caller)
        requested = read_request(
            await json_body(request),
            owner=owner,
            idempotency_key=idempotency_key,
            received_at=now,
            rules=partial(problems, lane=Lane.ONLINE, today=now.astimezone(SHANGHAI).date()),
        )
        if owner.prefix:  # a customer's page: the bank's token says who it is, not the page
            requested = replace(requested, subject_token=caller.subject)
        await admission.admit(caller, requested, parent=request.state.traceparent)
        wait_s = _wait_s(gateway, caller, prefer)
        state = await gateway.ask(requested, wait_s=wait_s, traceparent=request.state.traceparent)
        meters.seconds.observe(asyncio.get_running_loop().time() - began)
        return answered(state, caller.channel, requested.valuation_id, located(requested.valuation_id))

    @router.get(
        "/valuations/{valuation_id}",
        summary="Look at a valuation",
        responses={**answers("Valuation", {200: "The latest answer"}), **problems_of(READING)},
    )
    async def look(valuation_id: str, caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_READ))]) -> JSONResponse:
        """The latest answer. Only the channel that asked may see it."""
        state = await gateway.state(valuation_id, owner_of(caller))
        return answer(shown(state, caller.channel, valuation_id), status=HTTPStatus.OK)

    @router.post(
        "/valuations/{valuation_id}/clarification",
        summary="Choose one of the candidates",
        responses={**answers("Valuation", {200: SETTLED, 202: UNSETTLED}), **problems_of(WRITING)},
        openapi_extra=body_of(ClarificationBody),
    )
    async def clarify(
        valuation_id: str,
        request: Request,
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_WRITE))],
        prefer: Prefer = None,
    ) -> JSONResponse:
        """Answers NEEDS_CLARIFICATION, once and until its `answer_by`; the same valuation goes on in its own trace."""
        community_id = read_clarification(await json_body(request))
        reply = await gateway.reply(valuation_id, owner_of(caller), community_id)
        request.state.traceparent = reply.continuing(request.state.traceparent)
        wait_s = _wait_s(gateway, caller, prefer)
        state = await gateway.clarify(reply, wait_s=wait_s, traceparent=request.state.traceparent)
        return answered(state, caller.channel, valuation_id, located(valuation_id))

    return router


def finding_routes(gateway: Gateway, admit: Admit) -> APIRouter:
    """Find valuations by the channel's own numbers."""
    router = APIRouter(prefix="/v1", tags=["valuations"])

    @router.get(
        "/valuations",
        summary="Find valuations by your own number",
        responses={**answers("Valuations", {200: "Newest first; empty when there is none"}), **problems_of(READING)},
    )
    async def find(
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_READ))],
        client_request_id: Annotated[str | None, Query(min_length=1, max_length=MAX_REQUEST_NUMBER)] = None,
        business_ref: Annotated[str | None, Query(min_length=1, max_length=MAX_REFERENCE)] = None,
    ) -> JSONResponse:
        """By one of `client_request_id` and `business_ref`; the latest 20, of this channel alone."""
        channel = caller.channel
        if (client_request_id is None) is (business_ref is None):
            raise wrong("client_request_id", "MISSING", "请提供 client_request_id 或 business_ref，只能二者取一。")
        if business_ref is not None:
            numbers = await gateway.numbers_of(channel.code, business_ref)
        else:
            numbers = (id_of(channel.code, client_request_id or ""),)
        found = [
            shown(state, channel, number)
            for number in numbers[:_MOST_FOUND]
            for state in await gateway.known(number, owner_of(caller))
        ]
        return JSONResponse({"valuations": found}, headers={"Cache-Control": "no-store"})

    return router


def _wait_s(gateway: Gateway, caller: Caller, prefer: str | None) -> float:
    return preferred_wait_s(prefer, min(gateway.waits.answer_s, caller.channel.answer_within_s))
