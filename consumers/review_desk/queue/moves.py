"""How a task moves (requirements 4.7): pure transitions, each refusing what the state does not allow.

A lapsed lease needs no clean-up: `as_of` says what a task is at an instant, and every move starts from that.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.task import Task, TaskState, TaskUnavailableError
from schemas.domain.worktime import add_desk_time, desk_time_between

_SUBMITTED: Final = frozenset({TaskState.PENDING_APPROVAL, TaskState.PANEL, TaskState.DECIDED})
_WAITING_FOR_OTHERS: Final = frozenset({TaskState.PENDING_APPROVAL, TaskState.WAIT_REPLY, TaskState.WAIT_SURVEY})
_FREED_BY_FORCE: Final = frozenset(
    {TaskState.OFFERED, TaskState.WORKING, TaskState.ON_HOLD, TaskState.WAIT_SURVEY, TaskState.QUEUED}
)


def as_of(task: Task, now: datetime) -> Task:
    """What the task is at this instant: a lapsed offer, claim or hold is queued, and so is one parked till now.

    After a hold that ran its time the person who held it comes first; after silence anybody may have it.
    """
    if task.state is TaskState.PARKED and task.parked_until is not None and task.parked_until <= now:
        return unpark(task, task.parked_until)
    if task.state is TaskState.ON_HOLD and task.held_until is not None and task.held_until <= now:
        return _queued(task)  # `hold` has reserved it already
    in_hand = task.state in {TaskState.OFFERED, TaskState.WORKING, TaskState.ON_HOLD}
    if in_hand and (task.lease_until is None or task.lease_until <= now):
        return replace(_queued(task), preferred=None, preferred_until=None)
    return task


def is_free(task: Task, now: datetime) -> bool:
    """Whether somebody could be given it at this instant."""
    return as_of(task, now).state is TaskState.QUEUED


# ---- into somebody's hands ----------------------------------------------------------------------------------------


def offer(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    """QUEUED → OFFERED, for `policy.offer`."""
    free_now = _unread_by(_free(task, now), person)
    return replace(free_now, state=TaskState.OFFERED, reviewer=person.username, lease_until=now + policy.offer)


def accept(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    """OFFERED → WORKING; the lease starts."""
    return _in_work(_offered(task, person, now), person, now, policy)


def refuse(task: Task, person: Person, now: datetime) -> Task:
    """OFFERED → QUEUED, and no longer kept for them. Whether that was one refusal too many: `presence.missed`."""
    refused = _queued(_offered(task, person, now))
    return replace(refused, preferred=None, preferred_until=None) if task.preferred == person.username else refused


def claim(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    """QUEUED → WORKING: pulled from the pool."""
    return _in_work(_free(task, now), person, now, policy)


def keep(task: Task, now: datetime, policy: DeskPolicy) -> Task:
    """A sign of life: the lease goes on, up to its end."""
    if task.lease_ends_at is None:
        return task
    return replace(task, lease_until=min(now + policy.silent + policy.grace, task.lease_ends_at))


def renew(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    """Extend the end of the lease by as much again, once."""
    working = _working(task, person, now)
    if working.renewals >= policy.most_renewals or working.lease_ends_at is None:
        raise TaskUnavailableError("处理时限只能延长一次，请尽快完成，或挂起、转交", task)
    renewed = replace(working, lease_ends_at=working.lease_ends_at + policy.lease, renewals=working.renewals + 1)
    return keep(renewed, now, policy)


# ---- back, aside and on to others -----------------------------------------------------------------------------------


def release(task: Task, person: Person, now: datetime) -> Task:
    """WORKING or ON_HOLD → QUEUED by whoever has it. The draft stays."""
    mine = _mine(task, person, now, TaskState.WORKING, TaskState.ON_HOLD)
    return replace(_queued(mine), preferred=None, preferred_until=None)


def free(task: Task) -> Task:
    """OFFERED, WORKING, ON_HOLD, WAIT_SURVEY → QUEUED whoever has it: by a supervisor, or as its holder is gone."""
    if task.state not in _FREED_BY_FORCE:
        raise TaskUnavailableError("该任务当前状态不能退回队列", task)
    return replace(_queued(task), preferred=None, preferred_until=None)


def recall(task: Task, now: datetime) -> Task:
    """PENDING_APPROVAL, WAIT_REPLY, WAIT_SURVEY → QUEUED, with its draft: what it waits for does not come.

    The due time of what waited for the channel moves by the desk time that passed meanwhile; it is not asked again.
    """
    if task.state not in _WAITING_FOR_OTHERS:
        raise TaskUnavailableError("该任务不在等待复核、渠道答复或勘察，不能撤回队列", task)
    running = _clock_runs(task, now) if task.state is TaskState.WAIT_REPLY else task
    return replace(_queued(running), queued_at=now, preferred=None, preferred_until=None)


def hold(task: Task, person: Person, now: datetime, policy: DeskPolicy, *, until: datetime, already_held: int) -> Task:
    """WORKING → ON_HOLD; the clock runs on. `already_held`: how many this person has on hold."""
    working = _working(task, person, now)
    if already_held >= policy.most_held:
        raise TaskUnavailableError(f"最多挂起{policy.most_held}件，请先处理已挂起的任务", task)
    if until <= now:
        raise TaskUnavailableError("挂起到期时间须晚于现在", task)
    return replace(
        working,
        state=TaskState.ON_HOLD,
        held_until=until,
        lease_until=min(until, now + policy.silent + policy.grace),
        lease_ends_at=until,
        preferred=person.username,
        preferred_until=until + policy.same_reviewer_within,
    )


def resume(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    """ON_HOLD → WORKING, with a new lease. When it was first claimed stays."""
    held = _mine(task, person, now, TaskState.ON_HOLD)
    return replace(_in_work(held, person, now, policy), claimed_at=held.claimed_at)


def transfer(task: Task, person: Person, to: Person, now: datetime, policy: DeskPolicy, *, is_ready: bool) -> Task:
    """WORKING → OFFERED to a colleague who is ready, else QUEUED with the colleague first. The due time stays."""
    passed_on = _passed_on(task, person, now, policy)
    if is_ready:
        return offer(passed_on, to, now, policy)
    return replace(passed_on, preferred=to.username, preferred_until=now + policy.same_reviewer_within)


def to_group(task: Task, person: Person, group: str, now: datetime, policy: DeskPolicy) -> Task:
    """WORKING → QUEUED for the people of a pool alone. Counts as a transfer."""
    return replace(_passed_on(task, person, now, policy), group=group)


def park(task: Task, until: datetime) -> Task:
    """QUEUED → PARKED until the desk opens."""
    return replace(_in(task, TaskState.QUEUED), state=TaskState.PARKED, parked_until=until, queued_at=until)


def unpark(task: Task, now: datetime) -> Task:
    """PARKED → QUEUED: the desk opens, or a duty pool is on."""
    return replace(_in(task, TaskState.PARKED), state=TaskState.QUEUED, parked_until=None, queued_at=now)


# ---- waiting for others ---------------------------------------------------------------------------------------------


def wait_for_reply(task: Task, person: Person, now: datetime) -> Task:
    """WORKING → WAIT_REPLY, once; the clock stands still. The reviewer stays named, and gets the reply first."""
    working = _working(task, person, now)
    if working.clarified:
        raise TaskUnavailableError("每笔估值只能请渠道补充一次，请按现有材料处理", task)
    return replace(_let_go(working), state=TaskState.WAIT_REPLY, clarified=True, paused_since=now)


def reply_came(task: Task, now: datetime, policy: DeskPolicy) -> Task:
    """WAIT_REPLY → QUEUED, the same reviewer first. The due time moves by the desk time that passed meanwhile."""
    return _for_the_same(_clock_runs(_in(task, TaskState.WAIT_REPLY), now), now, policy)


def wait_for_survey(task: Task, person: Person, now: datetime) -> Task:
    """WORKING → WAIT_SURVEY; the clock runs on."""
    return replace(_let_go(_working(task, person, now)), state=TaskState.WAIT_SURVEY)


def survey_in(task: Task, now: datetime, policy: DeskPolicy) -> Task:
    """WAIT_SURVEY → QUEUED, the same reviewer first."""
    return _for_the_same(_in(task, TaskState.WAIT_SURVEY), now, policy)


# ---- to an end ------------------------------------------------------------------------------------------------------


def submit(task: Task, person: Person, now: datetime, to: TaskState) -> Task:
    """WORKING → PENDING_APPROVAL, PANEL or DECIDED (`to`). The reviewer stays named; a decided task has no draft."""
    if to not in _SUBMITTED:
        raise ValueError(f"a task is submitted to approval, a panel or its end, not to {to}")
    submitted = replace(_let_go(_working(task, person, now)), state=to)
    return replace(submitted, draft={}, drafted_by=None) if to is TaskState.DECIDED else submitted


def decide(task: Task, to: TaskState = TaskState.DECIDED) -> Task:
    """PENDING_APPROVAL or PANEL → DECIDED, or RETURNED_TO_AUTO (`to`): approved, or the panel has spoken."""
    waiting = _in(task, TaskState.PENDING_APPROVAL, TaskState.PANEL)
    return replace(_let_go(waiting), state=to, draft={}, drafted_by=None)


def send_back(task: Task, now: datetime, policy: DeskPolicy, *, is_free: bool) -> Task:
    """PENDING_APPROVAL → WORKING with its reviewer; QUEUED for them first while they are away or have another task."""
    pending = _in(task, TaskState.PENDING_APPROVAL)
    if not is_free or pending.reviewer is None:
        return _for_the_same(pending, now, policy)
    ends_at = now + policy.lease
    return keep(replace(pending, state=TaskState.WORKING, lease_ends_at=ends_at, renewals=0), now, policy)


def return_to_auto(task: Task, person: Person, now: datetime) -> Task:
    """WORKING → RETURNED_TO_AUTO. Whether the valuation was returned before is the decision's business."""
    return replace(_let_go(_working(task, person, now)), state=TaskState.RETURNED_TO_AUTO, draft={}, drafted_by=None)


def cancel(task: Task) -> Task:
    """Any open state → CANCELLED: nobody asks for it any more."""
    if not task.state.is_open:
        raise TaskUnavailableError("该任务已经办结", task)
    return replace(_let_go(task), state=TaskState.CANCELLED, draft={}, drafted_by=None)


# ---- what the moves are made of -------------------------------------------------------------------------------------


def _in(task: Task, *states: TaskState) -> Task:
    if task.state not in states:
        raise TaskUnavailableError("任务状态已变化，请刷新后再试", task)
    return task


def _free(task: Task, now: datetime) -> Task:
    settled = as_of(task, now)
    if settled.state is TaskState.QUEUED:
        return settled
    if not task.state.is_open:
        raise TaskUnavailableError("该任务已经办结", task)
    raise TaskUnavailableError("该任务正由他人处理，或暂不能领取", task)


def _mine(task: Task, person: Person, now: datetime, *states: TaskState) -> Task:
    if as_of(task, now).state in states and task.reviewer == person.username:
        return task
    if not task.state.is_open:
        raise TaskUnavailableError("该任务已经办结", task)
    raise TaskUnavailableError("该任务已不在您手上：可能已超时退回，或由班长调整", task)


def _working(task: Task, person: Person, now: datetime) -> Task:
    return _mine(task, person, now, TaskState.WORKING)


def _offered(task: Task, person: Person, now: datetime) -> Task:
    if as_of(task, now).state is TaskState.OFFERED and task.reviewer == person.username:
        return task
    raise TaskUnavailableError("派单已过时或已撤回", task)


def _clock_runs(task: Task, now: datetime) -> Task:
    """After a wait for the channel: the due time moves by the desk time that passed meanwhile."""
    passed = desk_time_between(task.paused_since or now, now)
    return replace(
        task,
        paused=task.paused + passed,
        paused_since=None,
        due_at=add_desk_time(task.due_at, passed) if passed else task.due_at,
    )


def _in_work(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    working = replace(
        _unread_by(task, person),
        state=TaskState.WORKING,
        reviewer=person.username,
        claimed_at=now,
        lease_ends_at=now + policy.lease,
        renewals=0,
        held_until=None,
        preferred=None,
        preferred_until=None,
    )
    return keep(working, now, policy)


def _unread_by(task: Task, person: Person) -> Task:
    """What a person gets of a task: of a blind one nothing that somebody else had typed."""
    if not task.blind or task.drafted_by == person.username:
        return task
    return replace(task, draft={}, drafted_by=None)


def _let_go(task: Task) -> Task:
    """Nobody works on it any more; who did, and since when, stays."""
    return replace(task, lease_until=None, lease_ends_at=None, held_until=None)


def _queued(task: Task) -> Task:
    """Back into the queue, in its old place and with its draft."""
    return replace(_let_go(task), state=TaskState.QUEUED, reviewer=None, claimed_at=None, renewals=0)


def _for_the_same(task: Task, now: datetime, policy: DeskPolicy) -> Task:
    """Into the queue anew, for the reviewer who had it for a while, then for anybody."""
    return replace(
        _queued(task),
        queued_at=now,
        preferred=task.reviewer,
        preferred_until=None if task.reviewer is None else now + policy.same_reviewer_within,
    )


def _passed_on(task: Task, person: Person, now: datetime, policy: DeskPolicy) -> Task:
    working = _working(task, person, now)
    if working.transfers >= policy.most_transfers:
        raise TaskUnavailableError(f"已转交{policy.most_transfers}次，请班长决定由谁处理", task)
    return replace(_queued(working), queued_at=now, group=None, transfers=working.transfers + 1)
