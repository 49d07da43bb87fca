"""Withdraw, ask for a person, dispute, acknowledge. Each may be sent again without harm."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from producers.gateway import commands
from producers.gateway.access.caller import Caller
from producers.gateway.arrivals import State
from producers.gateway.bodies import CancellationBody, DisputeBody, ManualReviewBody, ReceiptBody, read
from producers.gateway.commands import Command
from producers.gateway.disputes import Disputes, dispute, dispute_view
from producers.gateway.http import answer, json_body, preferred_wait_s
from producers.gateway.openapi import WRITING, answers, body_of, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.problems import Code, ProblemError
from producers.gateway.receipts import receipt_of_delivery, receipt_of_report
from producers.gateway.routes.standing import SETTLED, UNSETTLED, Admit, answered
from producers.gateway.routes.valuations import Prefer
from producers.gateway.service import Gateway
from producers.gateway.voice import Voice
from schemas.domain.channels import Profile, Scope

_INSIDE = frozenset({Profile.STAFF, Profile.INTERNAL})
_STANDING = {**answers("Valuation", {200: SETTLED, 202: UNSETTLED}), **problems_of(WRITING)}


def command_routes(gateway: Gateway, admit: Admit) -> APIRouter:
    """What is done to a valuation that has not ended."""
    router = APIRouter(prefix="/v1/valuations/{valuation_id}", tags=["commands"])

    async def carried_out(
        found: Command | State, valuation_id: str, caller: Caller, request: Request, prefer: str | None
    ) -> JSONResponse:
        if isinstance(found, Command):
            request.state.traceparent = found.continuing(request.state.traceparent)
            wait_s = preferred_wait_s(prefer, min(gateway.waits.answer_s, caller.channel.answer_within_s))
            state = await commands.send(gateway, found, wait_s=wait_s, traceparent=request.state.traceparent)
        else:
            state = found
        return answered(state, caller.channel, valuation_id, f"/v1/valuations/{valuation_id}")

    @router.post("/cancellation", summary="Withdraw it", responses=_STANDING, openapi_extra=body_of(CancellationBody))
    async def cancel(
        valuation_id: str,
        request: Request,
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_WRITE))],
        prefer: Prefer = None,
    ) -> JSONResponse:
        """200: CANCELLED, now or before. After any other end: 409 `already-final`, and the end stands."""
        body = read(CancellationBody, await json_body(request))
        found = await commands.cancellation(gateway, valuation_id, owner_of(caller), body.reason)
        return await carried_out(found, valuation_id, caller, request, prefer)

    @router.post(
        "/manual-review", summary="Let a person value it", responses=_STANDING, openapi_extra=body_of(ManualReviewBody)
    )
    async def force_manual(
        valuation_id: str,
        request: Request,
        caller: Annotated[Caller, Depends(admit(Scope.VALUATIONS_WRITE))],
        prefer: Prefer = None,
    ) -> JSONResponse:
        """For staff channels. 202 with PENDING_MANUAL and its `due_at`, also when it is with people already."""
        body = read(ManualReviewBody, await json_body(request))
        if not caller.channel.may_force_manual:
            raise ProblemError(Code.FORBIDDEN)
        found = await commands.manual_review(gateway, valuation_id, owner_of(caller), body.reason)
        return await carried_out(found, valuation_id, caller, request, prefer)

    return router


def word_routes(gateway: Gateway, admit: Admit, voice: Voice) -> APIRouter:
    """What is said about a valuation that has ended."""
    router = APIRouter(prefix="/v1/valuations/{valuation_id}", tags=["commands"])
    disputes = Disputes(ledger=gateway.ledger)

    @router.post(
        "/dispute",
        summary="Dispute its value (复估)",
        status_code=HTTPStatus.ACCEPTED,
        responses={**answers("DisputeTaken", {202: "Taken, with the time it is due"}), **problems_of(WRITING)},
        openapi_extra=body_of(DisputeBody),
    )
    async def dispute_it(
        valuation_id: str, request: Request, caller: Annotated[Caller, Depends(admit(Scope.DISPUTES_WRITE))]
    ) -> JSONResponse:
        """People who had no part in the first value decide anew; it stands until then. Channels without people: 403."""
        body = read(DisputeBody, await json_body(request))
        state = await gateway.state(valuation_id, owner_of(caller))
        raised = dispute(state, caller.channel, reason_code=body.reason_code, text=body.text, at=gateway.clock())
        assert state is not None  # noqa: S101 - `dispute` refuses it
        earlier = await disputes.repeated(state, raised)
        if earlier is None:
            await voice.dispute(raised, revision=state.result.revision, parent=request.state.traceparent)
            disputes.remember(state, raised)
        return answer(dispute_view(earlier or raised), status=HTTPStatus.ACCEPTED)

    @router.post(
        "/receipt",
        summary="Say that your system has it (回执)",
        status_code=HTTPStatus.ACCEPTED,
        responses={**answers("ReceiptTaken", {202: "Taken"}), **problems_of(WRITING)},
        openapi_extra=body_of(ReceiptBody),
    )
    async def receipt(
        valuation_id: str, request: Request, caller: Annotated[Caller, Depends(admit(Scope.RECEIPTS_WRITE))]
    ) -> JSONResponse:
        """Of a delivery by its `delivery_id`, else of the report that was fetched; `sha256` is of what arrived."""
        body = read(ReceiptBody, await json_body(request))
        code, now = caller.channel.code, gateway.clock()
        if body.delivery_id is not None:
            await gateway.state(valuation_id, owner_of(caller))
            receipted = receipt_of_delivery(body, body.delivery_id, channel=code, at=now)
        else:
            receipted = receipt_of_report(body, await gateway.report(valuation_id, owner_of(caller)), at=now)
        await voice.receipt(receipted, parent=request.state.traceparent)
        told = {"valuation_id": valuation_id, "delivery_id": receipted.delivery_id}
        return answer(told, status=HTTPStatus.ACCEPTED)

    return router
