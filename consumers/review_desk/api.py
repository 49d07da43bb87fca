"""The desk's JSON interface, `/api/…`: by bearer token or by the session cookie of the pages."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from consumers.review_desk.accounts import Accounts, Reviewer
from consumers.review_desk.desk import Desk
from consumers.review_desk.task import (
    Conclusion,
    DeviationReason,
    IncompleteDecisionError,
    Task,
    TaskUnavailableError,
)
from schemas.codes import ReviewOutcome

SESSION_COOKIE = "desk_session"
_BEARER = "Bearer "
_MOST_TEXT = 4000


class Login(BaseModel):
    """User and password of a local account."""

    username: str = Field(max_length=100)
    password: str = Field(max_length=200)


class Claim(BaseModel):
    """Which task is wanted; without one, the next."""

    valuation_id: UUID | None = None


class SignOfLife(BaseModel):
    """The draft of the form, when it has changed."""

    draft: dict[str, Any] | None = None


class Decision(BaseModel):
    """A decision. Money in whole yuan; `lower` and `upper` are totals; the total itself is computed."""

    model_config = ConfigDict(extra="forbid")

    version: int
    outcome: ReviewOutcome
    rationale: str = Field(max_length=_MOST_TEXT)
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    comparable_ids: list[str] = Field(default_factory=list, max_length=100)
    few_comparables_because: str | None = Field(default=None, max_length=_MOST_TEXT)
    deviation_because: DeviationReason | None = None
    confirmed_community_id: str | None = Field(default=None, max_length=200)

    def conclusion(self) -> Conclusion:
        """Return what was decided."""
        return Conclusion(
            outcome=self.outcome,
            rationale=self.rationale,
            unit_price=self.unit_price,
            lower=self.lower,
            upper=self.upper,
            comparable_ids=tuple(self.comparable_ids),
            few_comparables_because=self.few_comparables_because,
            deviation_because=self.deviation_because,
            confirmed_community_id=self.confirmed_community_id,
        )


def token_of(request: Request) -> str | None:
    """Return the token a request brings: as bearer, else in the cookie."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith(_BEARER):
        return authorization.removeprefix(_BEARER)
    return request.cookies.get(SESSION_COOKIE)


def add_api(app: FastAPI, desk: Desk, accounts: Accounts) -> None:
    """Add the interface to an application."""

    def logged_in(request: Request) -> Reviewer:
        reviewer = accounts.who(token_of(request))
        if reviewer is None:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "请先登录", headers={"WWW-Authenticate": "Bearer"})
        return reviewer

    app.include_router(_sessions(accounts))
    app.include_router(_tasks(desk, logged_in))
    _add_refusals(app)


def _sessions(accounts: Accounts) -> APIRouter:
    router = APIRouter(prefix="/api")

    @router.post("/login")
    def log_in(login: Login) -> dict[str, str]:
        """`token`: to be sent as `Authorization: Bearer …`."""
        token = accounts.log_in(login.username, login.password)
        if token is None:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "用户名或密码不正确")
        return {"token": token}

    @router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
    def log_out(request: Request) -> None:
        accounts.log_out(token_of(request))

    return router


def _tasks(desk: Desk, logged_in: Callable[[Request], Reviewer]) -> APIRouter:
    router = APIRouter(prefix="/api/tasks")
    someone = Annotated[Reviewer, Depends(logged_in)]

    @router.get("")
    def waiting(_reviewer: someone) -> dict[str, Any]:
        """`tasks`: what is open, in the order in which it is handed out."""
        return {"tasks": [_line(task) for task in desk.waiting()]}

    @router.post("/claim")
    def claim(reviewer: someone, wanted: Claim | None = None) -> dict[str, Any]:
        """`task`: the one asked for, or the next; null when nothing is free."""
        if wanted is not None and wanted.valuation_id is not None:
            return {"task": _line(desk.claim(str(wanted.valuation_id), reviewer))}
        task = desk.claim_next(reviewer)
        return {"task": None if task is None else _line(task)}

    @router.get("/{valuation_id}")
    def case(valuation_id: UUID, reviewer: someone) -> dict[str, Any]:
        """Return everything a reviewer may see of the case in hand."""
        return asdict(desk.case(str(valuation_id), reviewer))

    @router.post("/{valuation_id}/heartbeat")
    def heartbeat(valuation_id: UUID, reviewer: someone, life: SignOfLife | None = None) -> dict[str, Any]:
        """`lease_until`: the task stays with the reviewer till then."""
        task = desk.keep(str(valuation_id), reviewer, life.draft if life else None)
        return {"lease_until": task.lease_until, "version": task.version}

    @router.post("/{valuation_id}/release")
    def release(valuation_id: UUID, reviewer: someone) -> dict[str, Any]:
        return {"task": _line(desk.release(str(valuation_id), reviewer))}

    @router.post("/{valuation_id}/decision", status_code=status.HTTP_201_CREATED)
    def decide(valuation_id: UUID, reviewer: someone, decision: Decision) -> dict[str, str]:
        desk.decide(str(valuation_id), reviewer, decision.conclusion(), version=decision.version)
        return {"valuation_id": str(valuation_id), "state": "DECIDED"}

    return router


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(TaskUnavailableError)
    def unavailable(_request: Request, error: TaskUnavailableError) -> JSONResponse:
        code = status.HTTP_404_NOT_FOUND if error.current is None else status.HTTP_409_CONFLICT
        state = None if error.current is None else error.current.state
        version = None if error.current is None else error.current.version
        return JSONResponse({"detail": error.why, "state": state, "version": version}, code)

    @app.exception_handler(IncompleteDecisionError)
    def incomplete(_request: Request, error: IncompleteDecisionError) -> JSONResponse:
        body = {"detail": "决定不完整", "violations": [asdict(violation) for violation in error.violations]}
        return JSONResponse(body, status.HTTP_422_UNPROCESSABLE_CONTENT)

    @app.exception_handler(psycopg.OperationalError)
    def away(_request: Request, _error: psycopg.OperationalError) -> JSONResponse:
        body = {"detail": "数据库暂不可用，请稍后再试"}
        return JSONResponse(body, status.HTTP_503_SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})


def _line(task: Task) -> dict[str, Any]:
    return {name: value for name, value in asdict(task).items() if name != "draft"}
