"""交接: what a person has open when their shift ends, and how it gets to somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.oversight.roster import Shift
from consumers.review_desk.task import Task, TaskState
from schemas.domain.worktime import SHANGHAI

LEAD: Final = timedelta(minutes=10)

# What is in a person's hands, so that it has to be in somebody else's when they go.
OPEN_OF: Final = """
    where t.reviewer = %(username)s and t.state in ('OFFERED', 'WORKING', 'ON_HOLD', 'WAIT_REPLY', 'WAIT_SURVEY')
    order by t.due_at, t.task_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task on the list. `has_draft`: something was typed already, which whoever gets it will find."""

    task_id: str
    state: TaskState
    address: str
    due_at: datetime
    left: timedelta
    has_draft: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverList:
    """What somebody has to hand over by `ends_at`, the most pressing first."""

    username: str
    ends_at: datetime
    items: tuple[Item, ...]


def ending(shifts: Sequence[Shift], now: datetime, lead: timedelta = LEAD) -> tuple[Shift, ...]:
    """The shifts that end within `lead` and lead nowhere: who goes straight on with another one stays."""
    return tuple(
        shift
        for shift in shifts
        if shift.starts_at <= now < shift.ends_at <= now + lead
        and not any(
            other.username == shift.username and other.starts_at <= shift.ends_at < other.ends_at for other in shifts
        )
    )


def handover_list(shift: Shift, tasks: Sequence[Task], now: datetime) -> HandoverList:
    """The list of a shift that ends, of what its person has open."""
    items = tuple(
        Item(
            task_id=task.task_id,
            state=task.state,
            address=task.address,
            due_at=task.due_at,
            left=task.due_at - now,
            has_draft=bool(task.draft),
        )
        for task in sorted(tasks, key=lambda task: (task.due_at, task.task_id))
        if task.reviewer == shift.username
    )
    return HandoverList(username=shift.username, ends_at=shift.ends_at, items=items)


def reminder(handover: HandoverList, now: datetime) -> Notice:
    """What the person reads ten minutes before the end."""
    until = handover.ends_at.astimezone(SHANGHAI).strftime("%H:%M")
    left = f"名下还有 {len(handover.items)} 件任务，请办结、退回或转交" if handover.items else "名下没有待交接的任务"
    return Notice(
        severity=Severity.WARNING,
        text=f"您的班次 {until} 结束，{left}",
        written_by="roster",
        written_at=now,
        shown_until=handover.ends_at,
        people=frozenset({handover.username}),
    )
