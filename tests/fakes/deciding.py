"""Tasks, people and a complete conclusion, for tests of what happens to a decision."""

from dataclasses import replace
from datetime import date

from consumers.review_desk.deciding.decision import Conclusion, Signed
from consumers.review_desk.people.staff import Family, Grade, Person, Role
from consumers.review_desk.regions import region_of
from consumers.review_desk.task import Kind, Task
from schemas.codes import ReviewOutcome
from schemas.events import ReviewRequested
from tests.fakes import valuations as made
from tests.fakes.valuations import NOON

QUEUE = "YANGTZE_DELTA/RESIDENTIAL"
GOOD = Conclusion(
    outcome=ReviewOutcome.VALUE,
    unit_price=41_500,
    rationale="近两月同小区成交价格上涨，取三例均值",
    comparable_ids=("deal-1", "deal-2", "deal-3"),
)
UNABLE = replace(GOOD, outcome=ReviewOutcome.UNABLE, unit_price=None, comparable_ids=())


def a_person(username: str = "lin", grade: Grade = Grade.G2, **changes) -> Person:
    """Somebody who may work; from G3 on they may approve."""
    roles = {Role.REVIEWER} if grade in {Grade.G1, Grade.G2} else {Role.REVIEWER, Role.SENIOR}
    person = Person(
        username=username,
        name=username,
        grade=grade,
        roles=frozenset(roles),
        main_queue=QUEUE,
        skills={QUEUE: 3, Family.DISPUTE: 3},
        certified_until=date(2030, 1, 1),
    )
    return replace(person, **changes)


def a_task(review: ReviewRequested | None = None, **changes) -> Task:
    """The task of a review, waiting in its queue."""
    review = review or made.review()
    scored = review.scored
    task = Task(
        task_id=review.valuation_id,
        valuation_id=review.valuation_id,
        revision=scored.request.revision,
        kind=Kind.VALUATION,
        region=region_of(scored.address.province),
        city=scored.address.city or "",
        property_type=scored.attributes.property_type,
        skill="RESIDENTIAL",
        community_id=scored.address.community_id,
        address=scored.address.normalised,
        area_m2=scored.request.area_m2,
        reasons=review.reasons,
        model_value=scored.valuation.value if scored.valuation else None,
        priority=review.priority,
        received_at=scored.request.received_at,
        requested_at=review.requested_at,
        due_at=review.due_at,
        queued_at=NOON,
    )
    return replace(task, **changes)


def signed(conclusion: Conclusion = GOOD, **changes) -> Signed:
    """A conclusion with a reviewer's name under it."""
    made_by = Signed(
        conclusion=conclusion,
        reviewer="lin",
        grade=Grade.G2,
        claimed_at=NOON,
        decided_at=NOON,
        guideline_version="2026-01",
    )
    return replace(made_by, **changes)
