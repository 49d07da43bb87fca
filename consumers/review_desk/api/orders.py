"""`/api/work-orders`: what channels want besides a value, and its answers."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from consumers.review_desk.office import Office
from consumers.review_desk.orders.order import LONGEST_TEXT, OrderClosedError
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.people.staff import Person

_CLOSED_SINCE: Final = timedelta(days=30)


class Answer(BaseModel):
    """The one answer to a work order."""

    model_config = ConfigDict(extra="forbid")

    text: str


class Reason(BaseModel):
    """Why an answer is sent back."""

    model_config = ConfigDict(extra="forbid")

    reason: str


class Colleague(BaseModel):
    """Who goes on."""

    model_config = ConfigDict(extra="forbid")

    to: str


class HandOver(Colleague):
    """Whose orders go to whom."""

    leaver: str


def add_orders_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    app.include_router(_handling(office, logged_in))
    app.include_router(_giving(office, logged_in))

    @app.exception_handler(OrderClosedError)
    def closed(_request: Request, error: OrderClosedError) -> JSONResponse:
        return JSONResponse({"detail": error.why}, status.HTTP_409_CONFLICT)


def _handling(office: Office, logged_in: Callable[[Request], Person]) -> APIRouter:
    router = APIRouter(prefix="/api/work-orders")
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("")
    def listed(person: someone) -> dict[str, Any]:
        """The open ones by when they are due, then those closed within thirty days."""
        found = office.orders.listed(person, office.clock() - _CLOSED_SINCE)
        return {"work_orders": [asdict(one) for one in found], "longest_answer": LONGEST_TEXT}

    @router.post("/{work_order_id}/accept")
    def accept(person: someone, work_order_id: str) -> dict[str, Any]:
        """Take an order on."""
        return asdict(office.orders.accept(work_order_id, person))

    @router.post("/{work_order_id}/answer")
    def answer(person: someone, work_order_id: str, body: Answer) -> dict[str, Any]:
        """Answer an order; that of a complaint or a report waits for a second person."""
        return asdict(office.orders.answer(work_order_id, person, body.text))

    @router.post("/{work_order_id}/approve")
    def approve(person: someone, work_order_id: str, body: Answer) -> dict[str, Any]:
        """Agree to the answer of another, as it was read."""
        return asdict(office.orders.approve(work_order_id, person, body.text))

    @router.post("/{work_order_id}/send-back")
    def send_back(person: someone, work_order_id: str, body: Reason) -> dict[str, Any]:
        """Have the answer of another gone over again."""
        return asdict(office.orders.send_back(work_order_id, person, body.reason))

    return router


def _giving(office: Office, logged_in: Callable[[Request], Person]) -> APIRouter:
    router = APIRouter(prefix="/api/work-orders")
    someone = Annotated[Person, Depends(logged_in)]

    @router.post("/{work_order_id}/reassign")
    def reassign(person: someone, work_order_id: str, body: Colleague) -> dict[str, Any]:
        """Give an order to somebody else."""
        return asdict(office.orders.reassign(work_order_id, person, known(body.to)))

    @router.post("/hand-over")
    def hand_over(person: someone, body: HandOver) -> dict[str, int]:
        """Give all open orders of one who leaves to somebody else."""
        return {"moved": office.orders.hand_over(person, body.leaver, known(body.to))}

    def known(username: str) -> Person:
        found = office.staff.person(username)
        if found is None:
            raise CommandError("to", f"没有人员 {username}，请核对工号")
        return found

    return router
