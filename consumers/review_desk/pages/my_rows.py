"""What is before a person: in work, returned, on hold, asked by colleagues; as the rows of 我的任务."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consumers.review_desk.deciding.decision_rows import first_opinion
from consumers.review_desk.office import Office
from consumers.review_desk.pages.lists import Row, task_row
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.written import left
from consumers.review_desk.people.staff import Person
from consumers.review_desk.queue.desk import MyWork
from consumers.review_desk.queue.notes import Consultation
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import Task

_ASKED_ABOUT = "where t.task_id = any(%(ids)s::uuid[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is before a person: `work`, and by task the remark with which it came back from approval.

    `asked_about`: the tasks that colleagues ask about, by id; `names`: those of the colleagues, by account.
    """

    work: MyWork
    remarks: Mapping[str, str]
    asked_about: Mapping[str, Task] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def ask_before(office: Office, person: Person) -> Before:
    """Ask the services for all of it."""
    work = office.desk.my_work(person)
    mine = (*((work.working,) if work.working else ()), *work.held)
    with office.pool.connection() as connection:
        firsts = {task.task_id: first_opinion(connection, task.task_id) for task in mine}
        about = {"ids": [one.task_id for one in work.consultations]}
        asked = select_tasks(connection, _ASKED_ABOUT, about) if work.consultations else ()
    names = Names(office.staff)
    names.learn(one.asked_by for one in work.consultations)
    return Before(
        work=work,
        asked_about={task.task_id: task for task in asked},
        names={one.asked_by: names.of(one.asked_by) for one in work.consultations},
        remarks={key: first.remark for key, first in firsts.items() if first and first.remark},
    )


def rows_of(before: Before, now: datetime) -> list[Row]:
    """What is to be done: in work, returned, on hold, then what colleagues ask. A row's sign and word tell the kind."""
    work = before.work
    rows: list[Row] = []
    for task in (*((work.working,) if work.working else ()), *work.held):
        remark = before.remarks.get(task.task_id, "")
        kind = "↩ 退回修改" if remark else "▶ 处理中" if task is work.working else "‖ 挂起"
        until = f"还有 {left(task.held_until, now)}" if task.held_until and task is not work.working else ""
        rows.append(_row(task, now, kind, remark or until, resumes=task is not work.working))
    rows += [_asked_row(one, before, now) for one in work.consultations]
    return rows


def _row(task: Task, now: datetime, kind: str, note: str, *, resumes: bool) -> Row:
    return {**task_row(task, now), "kind": kind, "note": note, "resumes": resumes, "question": 0}


def _asked_row(one: Consultation, before: Before, now: datetime) -> Row:
    task = before.asked_about.get(one.task_id)
    return {
        **({"address": "", "urgency": "", "sign": "", "reasons": []} if task is None else task_row(task, now)),
        "task_id": one.task_id,
        "id": f"question-{one.consultation_id}",
        "kind": "？同事征询",
        "note": f"{before.names.get(one.asked_by, one.asked_by)}：{one.question}",
        "question": one.consultation_id,
        "resumes": False,
    }
