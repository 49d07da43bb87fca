"""`/api/tasks/{id}` and what ends it: the case, the decision, approval, panel and survey; and the search."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, status
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from consumers.review_desk.deciding.comparison import EditedComparable
from consumers.review_desk.deciding.decision import Conclusion, DeviationReason
from consumers.review_desk.office import Office
from consumers.review_desk.people.staff import Person
from schemas.codes import LimitingFactor, ReviewOutcome
from schemas.events import Adjustment

_MOST_TEXT: Final = 4000
_LONGEST_SEARCH: Final = 200
_Text = Annotated[str, Field(max_length=_MOST_TEXT)]
_Id = Annotated[str, Field(max_length=200)]


class Seen(BaseModel):
    """What every command says: the version of the task it was made in sight of."""

    model_config = ConfigDict(extra="forbid")

    version: int


class Edited(BaseModel):
    """A comparable as the reviewer adjusted it: `adjustments` by factor (0.03 = 3 % up), `weight` beside the others."""

    model_config = ConfigDict(extra="forbid")

    deal_id: _Id
    adjustments: dict[_Id, float] = Field(default_factory=dict, max_length=20)
    weight: float

    def edit(self) -> EditedComparable:
        """Return it as the desk keeps it."""
        adjustments = tuple(Adjustment(factor=factor, share=share) for factor, share in self.adjustments.items())
        return EditedComparable(deal_id=self.deal_id, adjustments=adjustments, weight=self.weight)


class Decision(Seen):
    """A decision. Money in whole yuan; `lower` and `upper` are totals; the total itself is computed."""

    outcome: ReviewOutcome
    rationale: _Text
    unit_price: int | None = None
    lower: int | None = None
    upper: int | None = None
    comparable_ids: list[_Id] = Field(default_factory=list, max_length=100)
    few_comparables_because: _Text | None = None
    deviation_because: DeviationReason | None = None
    confirmed_community_id: _Id | None = None
    limiting_factors: list[LimitingFactor] = Field(default_factory=list, max_length=20)
    comparison: list[Edited] = Field(default_factory=list, max_length=100)

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
            limiting_factors=tuple(self.limiting_factors),
            comparison=tuple(line.edit() for line in self.comparison),
        )


class SentBack(Seen):
    """Why a conclusion goes back. `unit_price`: one's own opinion, in yuan per m²; far off, a panel is called."""

    remark: _Text
    unit_price: int | None = Field(default=None, gt=0)


class Grounds(Seen):
    """The chair's grounds for the median of a panel; of several communities confirmed by its members, which it is."""

    rationale: _Text
    confirmed_community_id: _Id | None = None


class SurveyOrder(Seen):
    """What to look at in the house, and by when."""

    instructions: _Text
    due_at: AwareDatetime


class SurveyReport(BaseModel):
    """What was seen, with the numbers of the photographs in the store of pictures."""

    model_config = ConfigDict(extra="forbid")

    report: _Text
    photos: list[_Id] = Field(max_length=100)


LoggedIn = Callable[[Request], Person]


def add_decisions_api(app: FastAPI, office: Office, logged_in: LoggedIn) -> None:
    """Add the interface to an application."""
    for router in (_cases(office, logged_in), _second_people(office, logged_in), _surveys(office, logged_in)):
        app.include_router(router)


def _cases(office: Office, logged_in: LoggedIn) -> APIRouter:
    someone = Annotated[Person, Depends(logged_in)]
    router, decisions = APIRouter(prefix="/api"), office.decisions

    @router.get("/tasks/{task_id}")
    def case(task_id: UUID, person: someone) -> dict[str, Any]:
        """Return everything this person may see of the case."""
        return as_plain(decisions.case(str(task_id), person))

    @router.post("/tasks/{task_id}/decision", status_code=status.HTTP_201_CREATED)
    def decide(task_id: UUID, person: someone, decision: Decision) -> dict[str, str]:
        """`state`: where the task stands then; beyond the person's authority it is not decided yet."""
        state = decisions.decide(str(task_id), person, decision.conclusion(), version=decision.version)
        return _stands(task_id, state)

    @router.get("/search")
    def search(person: someone, text: str = "") -> dict[str, Any]:
        """`found`: newest first, at most fifty."""
        return {"found": [as_plain(found) for found in decisions.search(person, text[:_LONGEST_SEARCH])]}

    return router


def _second_people(office: Office, logged_in: LoggedIn) -> APIRouter:
    someone = Annotated[Person, Depends(logged_in)]
    router, decisions, panels = APIRouter(prefix="/api"), office.decisions, office.panels

    @router.get("/approvals")
    def approvals(person: someone) -> dict[str, Any]:
        return {"approvals": [as_plain(approval) for approval in decisions.approvals(person)]}

    @router.post("/tasks/{task_id}/approve")
    def approve(task_id: UUID, person: someone, seen: Seen) -> dict[str, str]:
        return _stands(task_id, decisions.approve(str(task_id), person, version=seen.version))

    @router.post("/tasks/{task_id}/send-back")
    def send_back(task_id: UUID, person: someone, sent: SentBack) -> dict[str, str]:
        state = decisions.send_back(str(task_id), person, sent.remark, version=sent.version, unit_price=sent.unit_price)
        return _stands(task_id, state)

    @router.get("/panels")
    def open_panels(person: someone) -> dict[str, Any]:
        return {"panels": [as_plain(panel) for panel in panels.panels(person)]}

    @router.post("/tasks/{task_id}/opinion", status_code=status.HTTP_201_CREATED)
    def conclude(task_id: UUID, person: someone, grounds: Grounds) -> dict[str, str]:
        """Sum up a panel as its chair. A sealed opinion is given as the decision of its own task."""
        state = panels.conclude(
            str(task_id),
            person,
            grounds.rationale,
            version=grounds.version,
            confirmed_community_id=grounds.confirmed_community_id,
        )
        return _stands(task_id, state)

    return router


def _surveys(office: Office, logged_in: LoggedIn) -> APIRouter:
    someone = Annotated[Person, Depends(logged_in)]
    router, surveys = APIRouter(prefix="/api"), office.surveys

    @router.get("/surveys")
    def open_surveys(person: someone) -> dict[str, Any]:
        return {"surveys": [as_plain(survey) for survey in surveys.open(person)]}

    @router.post("/tasks/{task_id}/survey", status_code=status.HTTP_201_CREATED)
    def order(task_id: UUID, person: someone, wanted: SurveyOrder) -> dict[str, str]:
        state = surveys.order(str(task_id), person, wanted.instructions, wanted.due_at, version=wanted.version)
        return _stands(task_id, state)

    @router.post("/tasks/{task_id}/survey/report")
    def report(task_id: UUID, person: someone, brought: SurveyReport) -> dict[str, str]:
        return _stands(task_id, surveys.report(str(task_id), person, brought.report, tuple(brought.photos)))

    return router


def as_plain(record: Any) -> dict[str, Any]:
    """A record of the desk with all below it, ready for JSON; unlike `asdict` it takes read-only mappings too."""
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return as_plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value


def _stands(task_id: UUID, state: str) -> dict[str, str]:
    return {"task_id": str(task_id), "state": state}
