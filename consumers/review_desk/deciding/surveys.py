"""实地勘察: a work order to go and see a house that cannot be valued on paper (RD14).

The case stays open and its clock runs; the channel hears that somebody is on the way. The report comes with references
to photographs in the store of pictures; its words stay at the desk.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import class_row

from consumers.review_desk.deciding.decision import IncompleteDecisionError, Violation
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import refusals_audited
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves
from consumers.review_desk.store import Held, TaskStore
from consumers.review_desk.task import TaskState, TaskUnavailableError
from infra.postgres.audit import Act
from schemas.catalogue import REVIEW_PROGRESS, Topic
from schemas.events import ReviewProgressed

SHORTEST_TEXT: Final = 10
MOST_PHOTOS: Final = 40
_PHOTO: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{1,199}")

_COLUMNS: Final = """
    task_id::text, number, valuation_id::text, region, address, instructions, ordered_by, ordered_at, due_at, photos,
    report, reported_by, reported_at
"""
_ORDER: Final = """
    insert into survey (task_id, number, valuation_id, region, address, instructions, ordered_by, ordered_at, due_at)
    select %(task_id)s, coalesce(max(number), 0) + 1, %(valuation_id)s, %(region)s, %(address)s, %(instructions)s,
        %(ordered_by)s, %(ordered_at)s, %(due_at)s
    from survey where task_id = %(task_id)s
"""
_REPORT: Final = """
    update survey set photos = %s, report = %s, reported_by = %s, reported_at = %s
    where task_id = %s and reported_at is null
"""
_OPEN: Final = f"""
    select {_COLUMNS} from survey where reported_at is null and region = any(%s) order by due_at, task_id
"""
_OF_TASK: Final = f"select {_COLUMNS} from survey where task_id = %s order by number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A work order. `photos` are references; `report` and what follows are empty until somebody has been there."""

    task_id: str
    number: int
    valuation_id: str
    region: str
    address: str
    instructions: str
    ordered_by: str
    ordered_at: datetime
    due_at: datetime
    photos: list[str]
    report: str | None
    reported_by: str | None
    reported_at: datetime | None


def order_violations(instructions: str, due_at: datetime, now: datetime) -> tuple[Violation, ...]:
    """What is wrong with an order."""
    found = []
    if len(instructions.strip()) < SHORTEST_TEXT:
        found.append(Violation(field="instructions", message=f"请写明勘察要求，不少于{SHORTEST_TEXT}个字"))
    if due_at <= now:
        found.append(Violation(field="due_at", message="勘察期限须晚于现在"))
    return tuple(found)


def report_violations(report: str, photos: tuple[str, ...]) -> tuple[Violation, ...]:
    """What is wrong with a report."""
    found = []
    if len(report.strip()) < SHORTEST_TEXT:
        found.append(Violation(field="report", message=f"请填写勘察情况，不少于{SHORTEST_TEXT}个字"))
    if not 1 <= len(photos) <= MOST_PHOTOS or not all(_PHOTO.fullmatch(photo) for photo in photos):
        message = f"请填写1至{MOST_PHOTOS}个照片编号（字母、数字及 . _ / -）"
        found.append(Violation(field="photos", message=message))
    return tuple(found)


class Surveys:
    """The commands about surveys. Refusals as in `Decisions`."""

    def __init__(
        self,
        store: TaskStore,
        *,
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        progress_topic: Topic = REVIEW_PROGRESS,
    ) -> None:
        """Prepare; `progress_topic` is where the channel's interim news goes."""
        self._store, self._policy, self._clock, self._progress = store, policy, clock, progress_topic

    def order(self, task_id: str, person: Person, instructions: str, due_at: datetime, *, version: int) -> TaskState:
        """Send somebody to see the house of the task in hand; the task waits for the report.

        Raises:
            IncompleteDecisionError: The order is not complete; nothing has changed.
        """
        now = self._clock()
        found = order_violations(instructions, due_at, now)
        if found:
            raise IncompleteDecisionError(found)
        refusals = refusals_audited(self._store, self._clock, person, "ORDER_SURVEY", task_id)
        with refusals, self._store.locked(task_id, version=version) as held:
            require(person, Permission.WORK, held.task.region)
            waiting = moves.wait_for_survey(held.task, person, now)
            self._insert(held, person, instructions, due_at, now)
            act = Act(actor=person.username, action="ORDER_SURVEY", at=now, details={"due_at": due_at.isoformat()})
            held.save(waiting, act)
            self._tell(held, act)
            return held.task.state

    def report(self, task_id: str, person: Person, report: str, photos: tuple[str, ...]) -> TaskState:
        """Bring the report in; the task goes back into the queue, its reviewer first.

        Raises:
            IncompleteDecisionError: The report is not complete; nothing has changed.
        """
        found = report_violations(report, photos)
        if found:
            raise IncompleteDecisionError(found)
        now = self._clock()
        refusals = refusals_audited(self._store, self._clock, person, "REPORT_SURVEY", task_id)
        with refusals, self._store.locked(task_id) as held:
            require(person, Permission.WORK_ORDERS, held.task.region)
            row = (list(photos), report.replace("\x00", "\ufffd"), person.username, now, task_id)
            if held.connection.execute(_REPORT, row).rowcount == 0:
                raise TaskUnavailableError("该任务没有待回报的勘察工单", held.task)
            act = Act(actor=person.username, action="REPORT_SURVEY", at=now, details={"photos": len(photos)})
            if held.task.state is TaskState.WAIT_SURVEY:
                held.save(moves.survey_in(held.task, now, self._policy), act)
            else:  # a supervisor has taken it out of waiting; the report is none the less there
                held.note(act)
            return held.task.state

    def open(self, person: Person) -> tuple[Survey, ...]:
        """The work orders of a person's regions that nobody has reported on, by due time."""
        with self._store.pool.connection() as connection, connection.cursor(row_factory=class_row(Survey)) as cursor:
            return tuple(cursor.execute(_OPEN.encode(), [sorted(person.regions)]).fetchall())

    def of_task(self, task_id: str) -> tuple[Survey, ...]:
        """All surveys of a task, the first first."""
        with self._store.pool.connection() as connection, connection.cursor(row_factory=class_row(Survey)) as cursor:
            return tuple(cursor.execute(_OF_TASK.encode(), [task_id]).fetchall())

    def _insert(self, held: Held, person: Person, instructions: str, due_at: datetime, now: datetime) -> None:
        values = {
            "task_id": held.task.task_id,
            "valuation_id": held.task.valuation_id,
            "region": held.task.region,
            "address": held.task.address,
            "instructions": instructions.replace("\x00", "\ufffd"),
            "ordered_by": person.username,
            "ordered_at": now,
            "due_at": due_at,
        }
        held.connection.execute(_ORDER, values)

    def _tell(self, held: Held, act: Act) -> None:
        """Tell the channel that somebody goes to see the house. Of an internal task nobody waits for anything."""
        if held.task.internal:
            return
        number = max(1, (act.at - held.task.received_at) // timedelta(seconds=1))
        event = ReviewProgressed(
            valuation_id=held.task.valuation_id,
            review=held.review,
            number=number,
            due_at=held.task.due_at,
            progressed_at=act.at,
            on_survey=True,
            desk=str(held.task.region),
        )
        held.publish(self._progress, event, act, number=number)
