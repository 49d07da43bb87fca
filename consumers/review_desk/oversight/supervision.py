"""The supervisor's commands (requirement RD15): each has a reason, is audited, and tells the person it concerns.

Who may not is refused, and the refusal audited too.
"""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from consumers.review_desk.deciding.decision_rows import first_opinion
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.oversight import notices, pauses, segment_holds, watching
from consumers.review_desk.oversight.handover import OPEN_OF, ending, handover_list, reminder
from consumers.review_desk.oversight.notices import Notice
from consumers.review_desk.oversight.pauses import Pause
from consumers.review_desk.oversight.roster import shifts_of
from consumers.review_desk.oversight.scope import (
    region_of_queue,
    require_able,
    require_common_region,
    require_regions,
    seen_by,
)
from consumers.review_desk.oversight.supervisor_moves import (
    Command,
    CommandError,
    checked_reason,
    force_released,
    left_behind,
    panel_called,
    prioritised,
    reassigned,
    seized,
)
from consumers.review_desk.oversight.watching import Watch, Watched
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import DESK, refusals_audited
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region, region_of_city
from consumers.review_desk.store import TaskStore, select_tasks
from consumers.review_desk.task import Kind, NotAllowedError, Task, TaskUnavailableError
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.catalogue import SEGMENTS, Topic
from schemas.events import SegmentStanding

if TYPE_CHECKING:
    from consumers.review_desk.queue.desk import Desk

_DONE: Final[Mapping[Command, str]] = {
    Command.SEIZE: "班长已接管您的任务",
    Command.REASSIGN: "班长已将您的任务改派他人",
    Command.FORCE_RELEASE: "班长已将您的任务退回队列",
    Command.SET_PRIORITY: "班长已调整您名下任务的优先级",
    Command.WATCH: "班长正在旁看您处理的任务",
}
_IS_THERE: Final = "select 1 from presence where username = %s and seen_at > %s"
_STATES: Final[Mapping[str, str]] = {"READY": "就绪", "BREAK": "小休", "OFFLINE": "离线"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What a bulk hand-over did: ids of tasks moved, and those that somebody else has to settle, with why."""

    moved: tuple[str, ...]
    left: Mapping[str, str]


class Supervision:
    """Commands on tasks, queues, people and segments. Each is one transaction."""

    def __init__(  # noqa: PLR0913 - what its commands touch
        self,
        store: TaskStore,
        *,
        desk: "Desk",
        person: Callable[[str], Person | None],
        policy: DeskPolicy,
        clock: Callable[[], datetime],
        new_id: Callable[[], uuid.UUID],
        panels: Panels,
        segments: Topic = SEGMENTS,
    ) -> None:
        """`person` gives somebody by user name; `new_id` makes ids of watches, e.g. `uuid.uuid4`."""
        self._store, self._desk, self._person, self._panels = store, desk, person, panels
        self._policy, self._clock, self._new_id, self._segments = policy, clock, new_id, segments

    # ---- on a task --------------------------------------------------------------------------------------------------

    def seize(self, by: Person, task_id: str, reason: str, *, version: int | None = None) -> Task:
        """Take a task over oneself, with the draft. Raises `TaskUnavailableError`, `NotAllowedError`, `CommandError`.

        A supervisor who may not value has to assign it to somebody who may.
        """

        def move(task: Task, now: datetime) -> Task:
            require_able(task, by, now, self._policy)
            return seized(task, by, now, self._policy)

        return self._change(by, task_id, Command.SEIZE, reason, move, version=version)

    def reassign(self, by: Person, task_id: str, to: str, reason: str, *, version: int | None = None) -> Task:
        """Give a task to a certain person. Raises as `seize` does."""
        colleague = self._known(to)

        def move(task: Task, now: datetime) -> Task:
            require_able(task, colleague, now, self._policy)
            return reassigned(task, colleague, now, self._policy)

        task = self._change(by, task_id, Command.REASSIGN, reason, move, version=version, more={"to": to})
        self._say(by, to, f"班长将一件任务改派给您：{reason.strip()}")
        return task

    def force_release(self, by: Person, task_id: str, reason: str, *, version: int | None = None) -> Task:
        """Put a task back into the queue, whoever has it. Raises as `seize` does."""
        return self._change(by, task_id, Command.FORCE_RELEASE, reason, force_released, version=version)

    def set_priority(self, by: Person, task_id: str, priority: int, reason: str, *, version: int | None = None) -> Task:
        """Let a task come earlier or later. Raises as `seize` does."""
        return self._change(
            by, task_id, Command.SET_PRIORITY, reason, lambda task, _now: prioritised(task, priority), version=version
        )

    def call_panel(self, by: Person, task_id: str, reason: str, *, version: int | None = None) -> Task:
        """Let a panel decide what waits for an approval that nobody can give. Raises as `seize` does."""
        because, now = checked_reason(reason), self._clock()
        refusals = self._refusals_audited(by, Command.CALL_PANEL, task_id)
        with refusals, self._store.locked(task_id, version=version) as held:
            require(by, Permission.SUPERVISE, held.task.region)
            first = first_opinion(held.connection, task_id)
            details = {"reason": because, "before": _standing(held.task)}
            act = Act(actor=by.username, action=Command.CALL_PANEL, at=now, details=details)
            held.save(panel_called(held.task), act)
            has_judged = (first.returned_by,) if first is not None and first.returned_by else ()
            self._panels.open(held, because=f"班长召集：{because}", at=now, excluded=has_judged)
            if held.task.reviewer is not None:
                told = f"您的结论改由合议决定（{held.task.address}）：{because}"
                notices.tell(held.connection, held.task.reviewer, told, by=by.username, at=now)
            return held.task

    def reseat(self, by: Person, task_id: str, reason: str, *, version: int | None = None) -> Task:
        """Give the seats of a panel anew that nobody has filled. Raises as `seize` does."""
        self._panels.reseat(task_id, by, checked_reason(reason), version=version)
        return self._found(task_id)

    def name_chair(self, by: Person, task_id: str, chair: str, reason: str, *, version: int | None = None) -> Task:
        """Let another expert sum up a full panel whose own cannot; they are told. Raises as `seize` does."""
        expert, because = self._known(chair), checked_reason(reason)
        self._panels.name_chair(task_id, by, expert, because, version=version)
        task = self._found(task_id)
        self._say(by, chair, f"班长请您主持合议（{task.address}）：{because}")
        return task

    def hand_over(self, by: Person, username: str, to: str | None, reason: str) -> HandedOver:
        """Hand everything a leaver has open to one person, or back to the queues.

        Each task by itself, so that one that cannot be moved keeps none of the others. Raises `CommandError`.
        """
        colleague = None if to is None else self._known(to)
        if colleague is not None and colleague.username == username:
            raise CommandError("to", "请选择另一位同事")
        checked_reason(reason)
        with self._store.pool.connection() as connection:
            tasks = select_tasks(connection, OPEN_OF, {"username": username})

        def move(task: Task, now: datetime) -> Task:
            if colleague is not None:
                require_able(task, colleague, now, self._policy)
            return left_behind(task, colleague, now, self._policy)

        moved, left = [], {}
        for task in tasks:
            try:
                self._change(by, task.task_id, Command.REASSIGN, reason, move, more={"to": to, "leaver": username})
                moved.append(task.task_id)
            except (TaskUnavailableError, NotAllowedError) as error:
                left[task.task_id] = error.why
        return HandedOver(moved=tuple(moved), left=left)

    def watch(self, by: Person, task_id: str, reason: str) -> str:
        """Begin to watch a task and return the watch's id, by which `look` sees it. Raises as `seize` does."""
        because, now, watch_id = checked_reason(reason), self._clock(), str(self._new_id())
        with self._refusals_audited(by, Command.WATCH, task_id), self._store.locked(task_id) as held:
            require(by, Permission.SUPERVISE, held.task.region)
            if held.task.kind is Kind.OPINION:
                raise NotAllowedError("合议意见独立封存，不能旁看")
            watch = Watch(watch_id=watch_id, task_id=task_id, supervisor=by.username, reason=because, since=now)
            watching.open_watch(held.connection, watch)
            held.note(Act(actor=by.username, action=Command.WATCH, at=now, details={"reason": because}))
            if self._policy.tell_watched and held.task.reviewer is not None:
                told = f"{_DONE[Command.WATCH]}：{because}"
                notices.tell(held.connection, held.task.reviewer, told, by=by.username, at=now)
        return watch_id

    def look(self, by: Person, watch_id: str) -> Watched:
        """What the watched task and its draft are now. Raises `NotAllowedError` for a watch that is not one's own."""
        with self._store.pool.connection() as connection:
            watch = watching.find(connection, watch_id)
        found = None if watch is None else self._store.find(watch.task_id)
        if watch is None or watch.supervisor != by.username or found is None:
            raise NotAllowedError("没有这项旁看，请在班长台重新发起")
        require(by, Permission.SUPERVISE, found[0].region)
        return Watched(watch=watch, task=seen_by(by, found[0]), review=found[1])

    # ---- on queues, people, the market -----------------------------------------------------------------------------

    def pause_queue(self, by: Person, queue: str, reason: str) -> None:
        """Let nothing of a queue (`YANGTZE_DELTA/VILLA`, or a region) be given out. A second call does nothing."""
        because, now = checked_reason(reason), self._clock()
        with self._refusals_audited(by, Command.PAUSE_QUEUE), self._store.pool.connection() as connection:
            require(by, Permission.SUPERVISE, region_of_queue(queue))
            what = Pause(queue=queue, reason=because, paused_by=by.username, paused_at=now)
            if pauses.pause(connection, what):
                audit.append(connection, DESK, self._act(by, Command.PAUSE_QUEUE, because, now, queue=queue))

    def resume_queue(self, by: Person, queue: str, reason: str) -> None:
        """End the pause of a queue. A second call does nothing."""
        because, now = checked_reason(reason), self._clock()
        with self._refusals_audited(by, Command.RESUME_QUEUE), self._store.pool.connection() as connection:
            require(by, Permission.SUPERVISE, region_of_queue(queue))
            if pauses.resume(connection, queue):
                audit.append(connection, DESK, self._act(by, Command.RESUME_QUEUE, because, now, queue=queue))

    def pauses(self, person: Person) -> tuple[Pause, ...]:
        """The queues of a person's regions that are paused now, with who, when and why."""
        with self._store.pool.connection() as connection:
            return tuple(one for one in pauses.pauses(connection) if region_of_queue(one.queue) in person.regions)

    def set_state(self, by: Person, username: str, state: str, reason: str) -> None:
        """Make somebody READY who is there, or put them on BREAK or OFFLINE (which hands their tasks back).

        None of it is a sign that they are there: who is away stays away, and is given nothing. Written down before it
        is done, so that a command the desk then refuses is on record; told only once it is done.
        """
        because, now, person = checked_reason(reason), self._clock(), self._known(username)
        change = {
            "READY": lambda: self._desk.ready(person, by_themselves=False),
            "BREAK": lambda: self._desk.take_break(person, f"班长安排：{because}", by_themselves=False),
            "OFFLINE": lambda: self._desk.leave(person, by_themselves=False),
        }.get(state)
        if change is None:
            raise CommandError("state", "只能设为就绪、小休或离线")
        with self._refusals_audited(by, Command.SET_STATE), self._store.pool.connection() as connection:
            require(by, Permission.SUPERVISE)
            require_common_region(by, person)
            if state == "READY" and not self._is_there(connection, person, now):
                raise CommandError("state", f"{person.name}没有打开复核台，不能设为就绪")
            act = self._act(by, Command.SET_STATE, because, now, username=username, to=state)
            audit.append(connection, DESK, act)
        change()
        self._say(by, username, f"班长已将您的状态设为{_STATES[state]}：{because}")

    def hold_segment(
        self, by: Person, city: str, property_class: str, reason: str, *, community_id: str | None = None
    ) -> SegmentStanding:
        """Stop automatic answers in a segment, at once. Raises `CommandError`, `NotAllowedError`."""
        because, now = checked_reason(reason), self._clock()
        standing = segment_holds.hold(city, property_class, community_id, reason=because, by=by.username, at=now)
        with self._refusals_audited(by, Command.HOLD_SEGMENT), self._store.pool.connection() as connection:
            require(by, Permission.SUPERVISE)
            require_regions(by, {region_of_city(standing.city)})
            act = self._act(by, Command.HOLD_SEGMENT, because, now, segment=standing.segment)
            audit.append(connection, DESK, act)
            segment_holds.publish(connection, standing, self._segments, self._store.codec)
        return standing

    # ---- notices ---------------------------------------------------------------------------------------------------

    def broadcast(self, by: Person, notice: Notice) -> int:
        """Show a notice to the roles and regions it is for, and return its id.

        The regions must be one's own; a notice to all needs all of them. Raises `CommandError`, `NotAllowedError`.
        """
        text = notice.text.strip()
        if not 0 < len(text) <= notices.LONGEST_NOTICE:
            raise CommandError("text", f"公告内容须为1至{notices.LONGEST_NOTICE}个字")
        if notice.shown_until is not None and notice.shown_until <= notice.written_at:
            raise CommandError("shown_until", "截止时间须晚于现在")
        with self._refusals_audited(by, Command.BROADCAST), self._store.pool.connection() as connection:
            require(by, Permission.SUPERVISE)
            require_regions(by, notice.regions or frozenset(Region))
            number = notices.write(connection, notice)
            details = {"notice_id": number, "severity": str(notice.severity), "text": text}
            act = Act(actor=by.username, action=Command.BROADCAST, at=notice.written_at, details=details)
            audit.append(connection, DESK, act)
        return number

    def notices(self, person: Person) -> tuple[Notice, ...]:
        """What a person has to see now, and ten minutes before their shift ends what they have to hand over.

        At most a few at a time, the most urgent; the next come once these have been seen.
        """
        now = self._clock()
        with self._store.pool.connection() as connection:
            shown = notices.shown_to(connection, person, now)
            due = ending(shifts_of(connection, person.username, now), now)
            tasks = select_tasks(connection, OPEN_OF, {"username": person.username}) if due else ()
        return notices.few((*(reminder(handover_list(shift, tasks, now), now) for shift in due), *shown), now)

    def acknowledge(self, person: Person, notice_id: int) -> None:
        """Note that a person has seen a notice. A second call changes nothing."""
        with self._store.pool.connection() as connection:
            notices.seen(connection, notice_id, person, self._clock())

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _change(  # noqa: PLR0913 - what a command on a task consists of
        self,
        by: Person,
        task_id: str,
        command: Command,
        reason: str,
        move: Callable[[Task, datetime], Task],
        *,
        version: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Task:
        because, now = checked_reason(reason), self._clock()
        with (
            self._refusals_audited(by, command, task_id),
            self._store.locked(task_id, version=version) as held,
        ):
            before = held.task
            require(by, Permission.SUPERVISE, before.region)
            details = {"reason": because, "before": _standing(before), **(more or {})}
            try:
                after = held.save(move(before, now), Act(actor=by.username, action=command, at=now, details=details))
            except UniqueViolation:
                raise TaskUnavailableError("您已有处理中的任务，请先办结或挂起", before) from None
            if before.reviewer is not None and before.reviewer != by.username:
                told = f"{_DONE[command]}（{before.address}）：{because}"
                notices.tell(held.connection, before.reviewer, told, by=by.username, at=now)
        return after

    def _refusals_audited(
        self, by: Person, command: Command, task_id: str | None = None
    ) -> AbstractContextManager[None]:
        return refusals_audited(self._store, self._clock, by, str(command), task_id)

    def _say(self, by: Person, username: str, text: str) -> None:
        with self._store.pool.connection() as connection:
            notices.tell(connection, username, text, by=by.username, at=self._clock())

    def _found(self, task_id: str) -> Task:
        found = self._store.find(task_id)
        if found is None:
            raise TaskUnavailableError("没有这项任务", None)
        return found[0]

    def _known(self, username: str) -> Person:
        person = self._person(username)
        if person is None:
            raise CommandError("username", "没有这位同事")
        return person

    def _is_there(self, connection: Connection[TupleRow], person: Person, now: datetime) -> bool:
        """Whether a page of the person's has given a sign of life of late."""
        return connection.execute(_IS_THERE, [person.username, now - self._policy.silent]).fetchone() is not None

    @staticmethod
    def _act(by: Person, command: Command, reason: str, at: datetime, **more: str) -> Act:
        return Act(actor=by.username, action=command, at=at, details={"reason": reason, **more})


def _standing(task: Task) -> dict[str, Any]:
    return {"state": str(task.state), "reviewer": task.reviewer, "priority": task.priority}
