"""A look at a case: who may have one, and what the desk puts beside the evidence. Every look is audited."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.deciding import decision_rows, history
from consumers.review_desk.deciding.approving import may_approve
from consumers.review_desk.deciding.case import Case, Surroundings, case_of
from consumers.review_desk.deciding.panel_rows import opinions_of, standing
from consumers.review_desk.deciding.panels import SEATS
from consumers.review_desk.knowledge.guideline_set import Guideline
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, notes
from consumers.review_desk.task import Kind, Task, TaskState, TaskUnavailableError
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.events import ReviewRequested


def look(  # noqa: PLR0913, PLR0917 - what a look consists of
    connection: Connection[TupleRow],
    task: Task,
    review: ReviewRequested,
    person: Person,
    guidelines: tuple[Guideline, ...],
    now: datetime,
    policy: DeskPolicy,
) -> Case:
    """Return all that a person may see of a case.

    Raises:
        NotAllowedError: The person sees no cases, or none of this region.
        TaskUnavailableError: The case is in others' hands.
    """
    first = decision_rows.first_opinion(connection, task.task_id)
    if not may_approve(person, task, first, now, policy):
        require_sight(task, person, _asked(connection, task), now)
    around = Surroundings(
        earlier=history.earlier(connection, task, decision_rows.key_of(review)),
        guidelines=guidelines,
        notes=notes.of_task(connection, task.task_id),
        remark=first.remark if first else None,
        was_returned=decision_rows.was_returned(connection, task.valuation_id),
    )
    details = {"task_id": task.task_id, "state": task.state, "version": task.version}
    audit.append(connection, task.valuation_id, Act(actor=person.username, action="LOOK", at=now, details=details))
    if task.kind is Kind.OPINION and task.reviewer != person.username:
        task = replace(task, draft={})  # an opinion is sealed from the first word
    return case_of(task, review, around, now=now)


def require_sight(task: Task, person: Person, asked: Collection[str], now: datetime) -> None:
    """Refuse who may not look. A case is seen by who has it or its offer, is `asked`, or oversees."""
    require(person, Permission.SEE_CASE, task.region)
    if moves.as_of(task, now).reviewer == person.username or person.username in asked:
        return
    if person.has(Role.SUPERVISOR, Role.QA, Role.AUDITOR):
        return
    raise TaskUnavailableError("该任务不在您手上，不能查看", task)


def _asked(connection: Connection[TupleRow], task: Task) -> frozenset[str]:
    """Colleagues whose advice is still awaited; members and chair of a panel that is full: nothing is sealed then."""
    consulted = {one.asked_of for one in notes.consultations_of(connection, task.task_id) if one.answered_at is None}
    opinions = opinions_of(connection, task.task_id) if task.state is TaskState.PANEL else ()
    if len(opinions) < SEATS:
        return frozenset(consulted)
    chair = standing(connection, task.task_id).chair
    return frozenset(consulted | {opinion.reviewer for opinion in opinions} | ({chair} if chair else set()))
