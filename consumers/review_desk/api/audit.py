"""`/api/audit`: lines of the audit, and whether its chains are whole."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request

from consumers.review_desk.knowledge.trail import Wanted, details_of
from consumers.review_desk.office import Office
from consumers.review_desk.people.staff import Person
from infra.postgres.audit import Line, instant
from infra.postgres.audit_check import Verdict


def add_audit_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    router = APIRouter(prefix="/api/audit")
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("")
    def search(
        person: someone,
        subject: str = "",
        actor: str = "",
        action: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> dict[str, Any]:
        """Lines, the latest first; instants need a time zone."""
        wanted = Wanted(subject=subject, actor=actor, action=action, since=since, until=until)
        return {"lines": [_said(line) for line in office.trail.search(wanted, person)]}

    @router.get("/verification")
    def verify_all(person: someone) -> dict[str, Any]:
        """Check everything."""
        return _verdict(office.trail.verify(None, person))

    @router.get("/{subject}")
    def chain(person: someone, subject: str) -> dict[str, Any]:
        """The chain of a subject and its verdict."""
        lines = office.trail.lines(subject, person)
        return {"lines": [_said(line) for line in lines], **_verdict(office.trail.verify(subject, person))}

    app.include_router(router)


def _said(line: Line) -> dict[str, Any]:
    return asdict(line) | {"at": instant(line.at), "details": details_of(line)}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"sound": verdict.is_sound, "checked": verdict.lines, "defects": [str(one) for one in verdict.defects]}
