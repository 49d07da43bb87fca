"""`/api/staff`: the register of people. What may be changed by whom is the register's own rule."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from pydantic import BaseModel, ConfigDict, Field

from consumers.review_desk.office import Office
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.regions import Region

_Level = Annotated[int, Field(ge=1, le=5)]
_Text = Annotated[str, Field(min_length=1, max_length=100)]


class Entry(BaseModel):
    """A line of the register. `main_queue` and `skills` name queues as `YANGTZE_DELTA/RESIDENTIAL`."""

    model_config = ConfigDict(extra="forbid")

    name: _Text
    grade: Grade
    roles: frozenset[Role]
    regions: frozenset[Region] = frozenset(Region)
    main_queue: str = Field(default="", max_length=100)
    skills: dict[_Text, _Level] = Field(default_factory=dict)
    employer: _Text
    site: _Text
    hired_on: date
    certified_until: date | None = None
    conflicts: frozenset[_Text] = frozenset()
    is_active: bool = True
    signing_no: str = Field(default="", pattern=r"^([A-Z0-9][A-Z0-9-]{1,19})?$")

    def person(self, username: str) -> Person:
        """Return the person that the line describes."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Person(username=username, **values | {"skills": MappingProxyType(self.skills)})


class Conflicts(BaseModel):
    """Communities that somebody may not value, by their ids."""

    model_config = ConfigDict(extra="forbid")

    communities: frozenset[_Text]


def add_staff_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application."""
    router = APIRouter(prefix="/api/staff")
    someone = Annotated[Person, Depends(logged_in)]

    def known(username: str) -> Person:
        person = office.staff.person(username)
        if person is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"没有用户名为 {username} 的人员")
        return person

    @router.get("")
    def people() -> dict[str, Any]:
        """`people`: everybody, those retired too."""
        return {"people": [line_of(person) for person in office.staff.people()]}

    @router.get("/{username}")
    def one(username: str) -> dict[str, Any]:
        return line_of(known(username))

    @router.put("/{username}")
    def put(username: str, entry: Entry, by: someone) -> dict[str, Any]:
        office.staff.put(entry.person(username), by)
        return line_of(known(username))

    @router.put("/{username}/conflicts")
    def set_conflicts(username: str, conflicts: Conflicts, by: someone) -> dict[str, Any]:
        known(username)
        office.staff.set_conflicts(username, conflicts.communities, by)
        return line_of(known(username))

    @router.post("/{username}/retire")
    def retire(username: str, by: someone) -> dict[str, Any]:
        known(username)
        office.staff.retire(username, by)
        return line_of(known(username))

    app.include_router(router)


def line_of(person: Person) -> dict[str, Any]:
    """Return a person as JSON has them; sets become sorted lists."""
    sets = {name: sorted(getattr(person, name)) for name in ("roles", "regions", "conflicts")}
    return {name: getattr(person, name) for name in _FIELDS} | sets | {"skills": dict(person.skills)}


_FIELDS = tuple(field.name for field in fields(Person))
