"""`/api/tasks` and `/api/presence`: what a person does with tasks, for programs. The rules are the desk's."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from consumers.review_desk.deciding.case import masked
from consumers.review_desk.office import Office
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.task import IncompleteCommandError, Task

_Text = Annotated[str, Field(max_length=4000)]
_Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Claim(_Body):
    """Which task is wanted; without one, the next."""

    task_id: UUID | None = None


class SignOfLife(_Body):
    """The draft of the form, when it has changed."""

    draft: dict[str, Any] | None = None


class Because(_Body):
    """Why."""

    reason: _Text = ""


class Hold(_Body):
    """Why, and until when."""

    reason: _Text
    until: AwareDatetime


class PassOn(_Body):
    """To whom: a colleague, or a group (`EXPERTS`, `YANGTZE_DELTA/RESIDENTIAL`)."""

    to: _Name | None = None
    group: _Name | None = None
    note: _Text


class Being(_Body):
    """What somebody wants to be: READY, BREAK (with a reason), WRAP_UP or OFFLINE."""

    state: PresenceState
    reason: _Text = ""


def add_tasks_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    app.include_router(_getting(office, logged_in))
    app.include_router(_having(office, logged_in))
    app.include_router(_being(office, logged_in))

    @app.exception_handler(IncompleteCommandError)
    def incomplete(_request: Request, error: IncompleteCommandError) -> JSONResponse:
        return JSONResponse({"detail": error.why}, status.HTTP_422_UNPROCESSABLE_CONTENT)


def _getting(office: Office, logged_in: Callable[[Request], Person]) -> APIRouter:
    router, desk = APIRouter(prefix="/api/tasks"), office.desk
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("")
    def tasks(person: someone) -> dict[str, Any]:
        """`pool`: what this person may take, in its order; `waiting`, for supervisors: all that is open."""
        sees_all = may(person, Permission.SUPERVISE)
        return {
            "pool": [_line(masked(task)) for task in desk.pool(person)],
            "waiting": [_line(task) for task in desk.waiting(person)] if sees_all else [],
        }

    @router.post("/claim")
    def claim(person: someone, wanted: Claim | None = None) -> dict[str, Any]:
        """`task`: the one asked for, or the next; null when nothing is free."""
        if wanted is not None and wanted.task_id is not None:
            return _answer(desk.claim(str(wanted.task_id), person))
        return _answer(desk.claim_next(person))

    @router.post("/{task_id}/accept")
    def accept(task_id: UUID, person: someone) -> dict[str, Any]:
        return _answer(desk.accept(str(task_id), person))

    @router.post("/{task_id}/refuse")
    def refuse(task_id: UUID, person: someone, because: Because) -> dict[str, Any]:
        """`presence`: a third offer missed in a row is a break."""
        return {"presence": asdict(desk.refuse(str(task_id), person, because.reason))}

    return router


def _having(office: Office, logged_in: Callable[[Request], Person]) -> APIRouter:
    router, desk = APIRouter(prefix="/api/tasks"), office.desk
    someone = Annotated[Person, Depends(logged_in)]

    @router.post("/{task_id}/heartbeat")
    def heartbeat(task_id: UUID, person: someone, life: SignOfLife | None = None) -> dict[str, Any]:
        """`lease_until`: the task stays with the person till then."""
        task = desk.heartbeat(person, str(task_id), life.draft if life else None)
        if task is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "没有这项任务")
        return {"lease_until": task.lease_until, "lease_ends_at": task.lease_ends_at, "version": task.version}

    @router.post("/{task_id}/release")
    def release(task_id: UUID, person: someone) -> dict[str, Any]:
        return _answer(desk.release(str(task_id), person))

    @router.post("/{task_id}/renew")
    def renew(task_id: UUID, person: someone) -> dict[str, Any]:
        return _answer(desk.renew(str(task_id), person))

    @router.post("/{task_id}/hold")
    def hold(task_id: UUID, person: someone, wanted: Hold) -> dict[str, Any]:
        return _answer(desk.hold(str(task_id), person, wanted.reason, wanted.until))

    @router.post("/{task_id}/resume")
    def resume(task_id: UUID, person: someone) -> dict[str, Any]:
        return _answer(desk.resume(str(task_id), person))

    @router.post("/{task_id}/transfer")
    def transfer(task_id: UUID, person: someone, wanted: PassOn) -> dict[str, Any]:
        if wanted.to is not None and wanted.group is None:
            return _answer(desk.transfer(str(task_id), person, wanted.to, wanted.note))
        if wanted.group is not None and wanted.to is None:
            return _answer(desk.to_group(str(task_id), person, wanted.group, wanted.note))
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "请填写转给谁（to）或哪个小组（group），二者选一")

    return router


def _being(office: Office, logged_in: Callable[[Request], Person]) -> APIRouter:
    router, desk = APIRouter(prefix="/api/presence"), office.desk
    someone = Annotated[Person, Depends(logged_in)]

    @router.post("")
    def turn(person: someone, wanted: Being) -> dict[str, Any]:
        match wanted.state:
            case PresenceState.READY:
                return {"presence": asdict(desk.ready(person))}
            case PresenceState.BREAK:
                return {"presence": asdict(desk.take_break(person, wanted.reason))}
            case PresenceState.WRAP_UP:
                return {"presence": asdict(desk.wrap_up(person))}
            case PresenceState.OFFLINE:
                return {"presence": asdict(desk.leave(person))}
            case _:
                raise HTTPException(
                    status.HTTP_422_UNPROCESSABLE_CONTENT, "state 只能是 READY、BREAK、WRAP_UP 或 OFFLINE"
                )

    return router


def _answer(task: Task | None) -> dict[str, Any]:
    return {"task": None if task is None else _line(masked(task))}


def _line(task: Task) -> dict[str, Any]:
    """A task without its draft, and without the model's value where nobody is to see it; `masked` for who values."""
    shown = {name: value for name, value in asdict(task).items() if name != "draft"}
    return shown | {"model_value": None} if task.blind else shown
