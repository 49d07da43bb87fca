"""`/api/export`: what may leave the desk as a file, and the one interface where anything does."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from consumers.review_desk.knowledge.trail import details_of
from consumers.review_desk.office import Office
from consumers.review_desk.people.accounts import SUBJECT
from consumers.review_desk.people.staff import Person
from infra.postgres.audit import Act, instant

_AS_FILE = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}


def add_export_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    router = APIRouter(prefix="/api/export")

    @router.get("/audit/{subject}")
    def audit(subject: str, person: Annotated[Person, Depends(logged_in)]) -> Response:
        """The chain of a subject as JSON Lines; that it was taken is audited before it is given."""
        lines = office.trail.lines(subject, person)
        details = {"subject": subject, "lines": len(lines)}
        act = Act(actor=person.username, action="EXPORTED", at=office.clock(), details=details)
        office.trail.record(SUBJECT, act)
        texts = [asdict(line) | {"at": instant(line.at), "details": details_of(line)} for line in lines]
        body = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts)
        return Response(body, media_type="application/x-ndjson", headers=_AS_FILE)

    app.include_router(router)
