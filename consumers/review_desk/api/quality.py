"""`/api/quality` and `/api/disputes`: samples, agreement, known answers, patterns of failure; disputes and K-03."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from pydantic import BaseModel, ConfigDict, Field

from consumers.review_desk.office import Office
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.people.staff import Person
from consumers.review_desk.quality.seeds import Basis, KnownAnswer
from schemas.domain.worktime import SHANGHAI

_ONE_DAY: Final = timedelta(days=1)
_FIRST, _LAST = date(2000, 1, 1), date(2099, 12, 31)  # a year mistyped is no instant


class Seed(BaseModel):
    """A known answer: of which decided task, the total in whole yuan, and whose word that is."""

    model_config = ConfigDict(extra="forbid")

    task_id: UUID
    value: int = Field(gt=0)
    basis: Basis
    source: str = Field(default="", max_length=100)


class Closing(BaseModel):
    """Why a pattern is dealt with."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=500)


def add_quality_api(app: FastAPI, office: Office, logged_in: Callable[[Request], Person]) -> None:
    """Add the interface to an application. Windows are days in Shanghai, both included."""
    router = APIRouter(prefix="/api")
    someone = Annotated[Person, Depends(logged_in)]

    @router.get("/quality/agreement")
    def agreement(person: someone, since: date, until: date) -> dict[str, Any]:
        """Figures by reviewer and queue, of automatic answers, and skill gaps."""
        return asdict(office.quality.agreement(person, *window(since, until)))

    @router.get("/quality/pairs")
    def pairs(person: someone, since: date, until: date) -> dict[str, Any]:
        """Every decision beside what it was checked by."""
        found = office.quality.pairs(person, *window(since, until))
        return {"pairs": [asdict(one) | {"deviation": one.deviation} for one in found]}

    @router.get("/quality/draws")
    def draws(person: someone) -> dict[str, Any]:
        """What was drawn on which day; without the seed, by which lots could be told beforehand."""
        return {"draws": [one.details() for one in office.quality.draws(person)]}

    @router.get("/quality/seeds")
    def seeds(person: someone) -> dict[str, Any]:
        """Known answers and what became of them."""
        return {"seeds": [asdict(one) for one in office.quality.seeds(person)]}

    @router.post("/quality/seeds", status_code=status.HTTP_201_CREATED)
    def plant(person: someone, seed: Seed) -> dict[str, str]:
        """Put a known answer into the queue."""
        answer = KnownAnswer(value=seed.value, basis=seed.basis, source=seed.source)
        return {"task_id": office.quality.plant(str(seed.task_id), answer, person)}

    @router.get("/quality/patterns")
    def patterns(person: someone) -> dict[str, Any]:
        """Patterns of failure, the open ones first."""
        return {"patterns": [asdict(one) for one in office.corrections.patterns(person)]}

    @router.post("/quality/patterns/{pattern_id}/close", status_code=status.HTTP_204_NO_CONTENT)
    def close(person: someone, pattern_id: UUID, closing: Closing) -> None:
        """Say that a pattern was dealt with."""
        try:
            office.corrections.close(str(pattern_id), person, closing.reason)
        except CommandError as error:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, error.why) from None

    @router.get("/disputes")
    def disputes(person: someone, since: date, until: date) -> dict[str, Any]:
        """Disputes as the person may see them."""
        found = office.disputes.disputes(person, *window(since, until))
        return {"disputes": [asdict(one) | {"is_upheld": one.is_upheld} for one in found]}

    app.include_router(router)


def window(since: date, until: date) -> tuple[datetime, datetime]:
    """The instants of a window of days. Raises `HTTPException` for one that is none."""
    if not _FIRST <= since <= until <= _LAST:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "请填写2000年至2099年间、先后正确的起止日期")
    begins, ends = (datetime.combine(on, time.min, SHANGHAI) for on in (since, until + _ONE_DAY))
    return begins, ends
