"""`/api/guidelines` and `/api/bulletins`: what is in force, search, what has to be read, publishing."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from pydantic import BaseModel, ConfigDict

from consumers.review_desk.knowledge.guideline_set import GuidelineDraft, GuidelineError
from consumers.review_desk.office import Office
from consumers.review_desk.people.staff import Person
from consumers.review_desk.regions import Region


class Draft(BaseModel):
    """A guideline to be published."""

    model_config = ConfigDict(extra="forbid")

    guideline_id: str
    title: str
    text: str
    cities: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    withdrawn: bool = False


class BulletinDraft(BaseModel):
    """A bulletin to be published."""

    model_config = ConfigDict(extra="forbid")

    title: str
    text: str
    mandatory: bool = False
    regions: tuple[Region, ...] = ()


def add_guidelines_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    router = APIRouter(prefix="/api")
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("/guidelines")
    def guidelines(person: someone, text: str = "", version: str = "") -> dict[str, Any]:
        """The set in force, or as of a version; with `text` what says it."""
        if text:
            return {"found": [asdict(one) for one in office.guidelines.search(text, person)]}
        shown = office.guidelines.as_of(version) if version else office.guidelines.in_force()
        return {
            "version": version or office.guidelines.version_in_force(),
            "guidelines": [asdict(one) for one in shown],
        }

    @router.get("/guidelines/{guideline_id}/versions")
    def versions(_: someone, guideline_id: str) -> dict[str, Any]:
        """Every version of one, the latest first."""
        return {"versions": [asdict(one) for one in office.guidelines.versions(guideline_id)]}

    @router.post("/guidelines", status_code=status.HTTP_201_CREATED)
    def publish(person: someone, draft: Draft) -> dict[str, str]:
        """Publish the next version."""
        try:
            made = office.guidelines.publish(person, GuidelineDraft(**draft.model_dump()))
        except GuidelineError as error:
            raise _refused(error) from None
        return {"version": made.version}

    @router.get("/bulletins")
    def bulletins(person: someone) -> dict[str, Any]:
        """All bulletins for this person."""
        return {"bulletins": [asdict(one) for one in office.guidelines.bulletins(person)]}

    @router.post("/bulletins", status_code=status.HTTP_201_CREATED)
    def tell(person: someone, draft: BulletinDraft) -> dict[str, str]:
        """Publish a bulletin."""
        try:
            made = office.guidelines.publish_bulletin(
                person, draft.title, draft.text, mandatory=draft.mandatory, regions=draft.regions
            )
        except GuidelineError as error:
            raise _refused(error) from None
        return {"bulletin_id": made.bulletin_id}

    @router.post("/bulletins/{bulletin_id}/read", status_code=status.HTTP_204_NO_CONTENT)
    def read(person: someone, bulletin_id: str) -> None:
        """已阅."""
        office.guidelines.mark_read(bulletin_id, person)

    app.include_router(router)


def _refused(error: GuidelineError) -> HTTPException:
    return HTTPException(
        status.HTTP_422_UNPROCESSABLE_CONTENT, {"problems": [{"field": error.field, "message": error.why}]}
    )
