"""工单: raise one, look at it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from producers.gateway.access.caller import Caller
from producers.gateway.bodies import WorkOrderBody, read, wrong
from producers.gateway.http import json_body
from producers.gateway.openapi import READING, WRITING, answers, body_of, problems_of
from producers.gateway.ownership import owner_of
from producers.gateway.routes.standing import Admit
from producers.gateway.service import Gateway
from producers.gateway.voice import Voice
from producers.gateway.work_orders import WorkOrders, raised_view, work_order
from schemas.domain.channels import Scope

_NOT_KEPT = {"Cache-Control": "no-store"}


def work_order_routes(gateway: Gateway, admit: Admit, voice: Voice) -> APIRouter:
    """For channels that want something besides a value."""
    router = APIRouter(prefix="/v1/work-orders", tags=["work orders"])
    orders = WorkOrders(ledger=gateway.ledger)

    @router.post(
        "",
        summary="Raise a work order (工单)",
        status_code=HTTPStatus.ACCEPTED,
        responses={**answers("WorkOrderStanding", {202: "Raised"}), **problems_of(set(WRITING) - {404})},
        openapi_extra=body_of(WorkOrderBody),
    )
    async def raise_work_order(
        request: Request, caller: Annotated[Caller, Depends(admit(Scope.WORK_ORDERS_WRITE))]
    ) -> JSONResponse:
        """The same number again is the same work order. It is accepted within a working day and answered once."""
        body = read(WorkOrderBody, await json_body(request))
        code = caller.channel.code
        raised = work_order(body, channel=code, at=gateway.clock())
        if body.valuation_id is not None and not await gateway.known(body.valuation_id, owner_of(caller)):
            raise wrong("valuation_id", "UNKNOWN", "没有这笔估值，或不属于本渠道，请核对估值编号")
        shown = await orders.repeated(raised)
        if shown is None:
            await voice.work_order(raised, parent=request.state.traceparent)
            orders.remember(raised)
            shown = raised_view(raised)
        location = f"/v1/work-orders/{raised.work_order_id}"
        return JSONResponse(shown, HTTPStatus.ACCEPTED, headers={**_NOT_KEPT, "Location": location})

    @router.get(
        "/{work_order_id}",
        summary="Look at a work order",
        responses={**answers("WorkOrderStanding", {200: "How far it is"}), **problems_of(READING)},
    )
    async def look_at_work_order(
        work_order_id: str, caller: Annotated[Caller, Depends(admit(Scope.WORK_ORDERS_WRITE))]
    ) -> JSONResponse:
        """RAISED, ACCEPTED, then ANSWERED with its `answer`, or REJECTED."""
        return JSONResponse(await orders.look(work_order_id, caller.channel.code), headers=_NOT_KEPT)

    return router
