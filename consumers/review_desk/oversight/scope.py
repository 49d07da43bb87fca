"""How far a supervisor's word reaches: own regions, people who may have a task, and no sealed opinion."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.assignment import barred
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, NotAllowedError, Task
from consumers.review_desk.words import REGION


def require_common_region(by: Person, person: Person) -> None:
    """Refuse a command on somebody with whom its giver shares no region. Raises `NotAllowedError`."""
    if by.regions.isdisjoint(person.regions):
        raise NotAllowedError(f"{person.name}不在您负责的区域")


def require_able(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> None:
    """A supervisor's word replaces skill and turn, not the promises about people: certificate, region, conflicts."""
    if (why := barred(task, person, now, policy)) is not None:
        raise NotAllowedError(f"{person.name}：{why}")


def require_regions(by: Person, meant: AbstractSet[Region]) -> None:
    """Refuse what reaches beyond a supervisor's own regions."""
    if not meant <= by.regions:
        foreign = "、".join(REGION[region] for region in Region if region in meant - by.regions)
        raise NotAllowedError(f"您不负责{foreign}，请只选择您负责的区域")


def seen_by(person: Person, task: Task) -> Task:
    """A watched task: of a blind one without the draft for who values, too, since another seat of it may be theirs."""
    is_sealed = task.kind is Kind.OPINION or (task.blind and may(person, Permission.WORK))
    return replace(task, draft={}) if is_sealed else task


def region_of_queue(queue: str) -> Region:
    """The region of a queue (`YANGTZE_DELTA/VILLA`, or the region alone). Raises `CommandError` for none."""
    region = queue.partition("/")[0]
    if region not in set(Region):
        raise CommandError("queue", "没有这个队列")
    return Region(region)
