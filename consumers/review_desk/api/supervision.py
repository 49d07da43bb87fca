"""`/api/supervision`, `/api/notices` and `/api/roster`: the supervisor's commands and figures as JSON."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Path, Request, status
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.notices import LONGEST_NOTICE, Notice, Severity
from consumers.review_desk.oversight.supervisor_moves import HIGHEST_PRIORITY, CommandError
from consumers.review_desk.oversight.wallboard import Wallboard
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Task

_Reason = Annotated[str, Field(max_length=500)]
_Name = Annotated[str, Field(min_length=1, max_length=100)]
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
LoggedIn = Callable[[Request], Person]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Because(_Strict):
    """Why; and the version of the task that was seen, so that a stale command is refused."""

    reason: _Reason
    version: int | None = None


class Reassignment(Because):
    """Who gets the task, by user name."""

    to: _Name


class Chair(Because):
    """Which expert sums up, by user name."""

    chair: _Name


class Priority(Because):
    """The higher comes first."""

    priority: int = Field(ge=0, le=HIGHEST_PRIORITY)


class HandOver(_Strict):
    """Everything `username` has open goes to `to`, or back to the queues."""

    username: _Name
    to: _Name | None = None
    reason: _Reason


class QueuePause(_Strict):
    """A queue as `YANGTZE_DELTA/RESIDENTIAL`, or a region for all of its queues."""

    queue: _Name
    reason: _Reason


class State(_Strict):
    """READY, BREAK or OFFLINE."""

    state: _Name
    reason: _Reason


class Hold(_Strict):
    """A segment of the market, or one community of it, whose automatic answers stop."""

    city: _Name
    property_class: _Name
    community_id: str | None = Field(default=None, max_length=100)
    reason: _Reason


class Announcement(_Strict):
    """A notice. Without `roles` or `regions` it is for all; without `shown_until` it stays until it was seen."""

    severity: Severity = Severity.INFO
    text: str = Field(min_length=1, max_length=LONGEST_NOTICE)
    shown_until: AwareDatetime | None = None
    roles: frozenset[Role] = frozenset()
    regions: frozenset[Region] = frozenset()


class Planned(_Strict):
    """A shift."""

    username: _Name
    starts_at: AwareDatetime
    ends_at: AwareDatetime


def add_supervision_api(app: FastAPI, office: Office, logged_in: LoggedIn) -> None:
    """Add the interface to an application."""
    app.include_router(_tasks(office, logged_in))
    app.include_router(_desk(office, logged_in))
    app.include_router(_notices(office, logged_in))
    app.include_router(_roster(office, logged_in))

    @app.exception_handler(CommandError)
    def incomplete(_request: Request, error: CommandError) -> JSONResponse:
        body = {"detail": error.why, "field": error.field}
        return JSONResponse(body, status.HTTP_422_UNPROCESSABLE_CONTENT)


def _tasks(office: Office, logged_in: LoggedIn) -> APIRouter:
    router, commands = APIRouter(prefix="/api/supervision/tasks/{task_id}"), office.supervision
    someone = Annotated[Person, Depends(logged_in)]

    @router.post("/seize")
    def seize(task_id: UUID, by: someone, said: Because) -> dict[str, Any]:
        return _line(commands.seize(by, str(task_id), said.reason, version=said.version))

    @router.post("/reassign")
    def reassign(task_id: UUID, by: someone, said: Reassignment) -> dict[str, Any]:
        return _line(commands.reassign(by, str(task_id), said.to, said.reason, version=said.version))

    @router.post("/release")
    def force_release(task_id: UUID, by: someone, said: Because) -> dict[str, Any]:
        return _line(commands.force_release(by, str(task_id), said.reason, version=said.version))

    @router.post("/panel")
    def call_panel(task_id: UUID, by: someone, said: Because) -> dict[str, Any]:
        return _line(commands.call_panel(by, str(task_id), said.reason, version=said.version))

    @router.post("/reseat")
    def reseat(task_id: UUID, by: someone, said: Because) -> dict[str, Any]:
        return _line(commands.reseat(by, str(task_id), said.reason, version=said.version))

    @router.post("/chair")
    def name_chair(task_id: UUID, by: someone, said: Chair) -> dict[str, Any]:
        return _line(commands.name_chair(by, str(task_id), said.chair, said.reason, version=said.version))

    @router.post("/priority")
    def set_priority(task_id: UUID, by: someone, said: Priority) -> dict[str, Any]:
        return _line(commands.set_priority(by, str(task_id), said.priority, said.reason, version=said.version))

    return router


def _desk(office: Office, logged_in: LoggedIn) -> APIRouter:
    router, commands = APIRouter(prefix="/api/supervision"), office.supervision
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("/wallboard")
    def wallboard(person: someone) -> dict[str, Any]:
        """The person's regions at this moment; spans of time as ISO 8601 durations."""
        return asdict(Wallboard(office.pool, policy=office.policy, clock=office.clock).snapshot(person.regions))

    @router.post("/hand-over")
    def hand_over(by: someone, said: HandOver) -> dict[str, Any]:
        """`moved`: ids of tasks; `left`: those that could not be, with why."""
        return asdict(commands.hand_over(by, said.username, said.to, said.reason))

    @router.get("/pauses")
    def pauses(person: someone) -> dict[str, Any]:
        return {"pauses": [asdict(pause) for pause in commands.pauses(person)]}

    @router.post("/pauses", status_code=status.HTTP_204_NO_CONTENT)
    def pause(by: someone, said: QueuePause) -> None:
        commands.pause_queue(by, said.queue, said.reason)

    @router.post("/pauses/end", status_code=status.HTTP_204_NO_CONTENT)
    def resume(by: someone, said: QueuePause) -> None:
        commands.resume_queue(by, said.queue, said.reason)

    @router.post("/people/{username}/state", status_code=status.HTTP_204_NO_CONTENT)
    def set_state(username: str, by: someone, said: State) -> None:
        commands.set_state(by, username, said.state, said.reason)

    @router.post("/holds", status_code=status.HTTP_201_CREATED)
    def hold(by: someone, said: Hold) -> dict[str, Any]:
        """`segment`: the key of what is held now. Two people release it in the policy office."""
        standing = commands.hold_segment(
            by, said.city, said.property_class, said.reason, community_id=said.community_id
        )
        return {"segment": standing.segment, "at": standing.at}

    return router


def _notices(office: Office, logged_in: LoggedIn) -> APIRouter:
    router, commands = APIRouter(prefix="/api/notices"), office.supervision
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("")
    def shown(person: someone) -> dict[str, Any]:
        """`notices`: what the person has to see now."""
        return {"notices": [_notice(notice) for notice in commands.notices(person)]}

    @router.post("", status_code=status.HTTP_201_CREATED)
    def broadcast(by: someone, said: Announcement) -> dict[str, int]:
        notice = Notice(**said.model_dump(), written_by=by.username, written_at=office.clock())
        return {"notice_id": commands.broadcast(by, notice)}

    @router.post("/{notice_id}/seen", status_code=status.HTTP_204_NO_CONTENT)
    def seen(notice_id: _Number, person: someone) -> None:
        commands.acknowledge(person, notice_id)

    return router


def _roster(office: Office, logged_in: LoggedIn) -> APIRouter:
    router = APIRouter(prefix="/api/roster")
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("")
    def week(monday: date) -> dict[str, Any]:
        """`shifts`: those that touch the week; `swaps`: those that wait for a supervisor."""
        shifts, swaps = office.roster.week(monday), office.roster.swaps()
        return {"shifts": [asdict(one) for one in shifts], "swaps": [asdict(one) for one in swaps]}

    @router.post("", status_code=status.HTTP_201_CREATED)
    def put(by: someone, said: Planned) -> dict[str, Any]:
        return asdict(office.roster.put(by, said.username, said.starts_at, said.ends_at))

    return router


_SHOWN: Final = ("task_id", "state", "reviewer", "preferred", "preferred_until", "priority", "due_at", "version")


def _line(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in _SHOWN}


def _notice(notice: Notice) -> dict[str, Any]:
    at: dict[str, datetime | None] = {"written_at": notice.written_at, "shown_until": notice.shown_until}
    return {"notice_id": notice.notice_id, "severity": notice.severity, "text": notice.text, **at}
