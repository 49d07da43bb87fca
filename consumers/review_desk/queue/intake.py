"""Review requests become tasks: what is new, what goes on with one there is, what was seen before, what is withdrawn.

Pure but for `insert_tasks`, which is the effects of the ingest loop and bears being called twice with the same records.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import moves, queue_rows
from consumers.review_desk.queue.cancelling import cancel_tasks, is_withdrawn
from consumers.review_desk.queue.overflow import opens_at
from consumers.review_desk.regions import region_of
from consumers.review_desk.store import TaskStore, insert, select_tasks
from consumers.review_desk.task import Kind, Task, TaskState
from infra.postgres.audit import Act
from infra.postgres.ingest import Received
from schemas.codes import Reason
from schemas.events import ReviewRequested, Withdrawn
from schemas.headers import TRACEPARENT, header
from schemas.ids import event_id

ACTOR: Final = "intake"
_LOTS: Final = 1 << 32
_LATEST: Final = """
    where t.valuation_id = %(valuation_id)s and t.kind = %(kind)s and t.origin is null order by t.revision desc limit 1
"""
_EVIDENCE: Final = "update task set evidence = %s, traceparent = %s where task_id = %s"


def insert_tasks(store: TaskStore, policy: DeskPolicy) -> Callable[[Connection[TupleRow], Sequence[Received]], None]:
    """Return what the ingest loop does with review requests, and with what channels withdraw."""

    def effects(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
        for received in batch:
            if isinstance(received.event, Withdrawn):
                cancel_tasks(connection, store, received.event)
                continue
            parent = header(received.headers, TRACEPARENT)
            take_in(connection, store, policy, received.event, received.value, parent)

    return effects


def take_in(
    connection: Connection[TupleRow],
    store: TaskStore,
    policy: DeskPolicy,
    review: ReviewRequested,
    evidence: bytes,
    traceparent: str | None,
) -> None:
    """Make a task of a request, or let the one there is go on with it. A revision seen before changes nothing."""
    kind, revision = kind_of(review), review.scored.request.revision
    found = select_tasks(connection, _LATEST, {"valuation_id": review.valuation_id, "kind": kind})
    if not found:
        if kind is Kind.DISPUTE or not is_withdrawn(connection, review.valuation_id):
            _add(connection, policy, review, evidence, traceparent, number=0)
        return
    held = store.lock(connection, found[0].task_id)
    if revision <= held.task.revision:
        return
    if not held.task.state.is_open:
        if held.task.state is TaskState.CANCELLED and is_withdrawn(connection, review.valuation_id):
            return
        _add(connection, policy, review, evidence, traceparent, number=revision)
        return
    act = Act(
        actor=ACTOR,
        action="REPLY_IN" if held.task.state is TaskState.WAIT_REPLY else "EVIDENCE_REPLACED",
        at=review.requested_at,
        details={"revision": revision, "before": held.task.revision},
    )
    held.save(gone_on(held.task, review, policy), act)
    connection.execute(_EVIDENCE, [evidence, traceparent, held.task.task_id])


def task_of(review: ReviewRequested, policy: DeskPolicy, *, number: int = 0) -> Task:
    """Return the task that a request is the beginning of, as nobody's yet. `number` tells a valuation's tasks apart.

    The first valuation has the valuation's own id.
    """
    kind, scored = kind_of(review), review.scored
    own_id = kind is Kind.VALUATION and number == 0
    fresh = Task(
        task_id=review.valuation_id if own_id else event_id(review.valuation_id, kind, number),
        valuation_id=review.valuation_id,
        revision=scored.request.revision,
        kind=kind,
        region=region_of(scored.address.province),
        city=scored.address.city or "",
        property_type=scored.attributes.property_type,
        skill=review.skill,
        community_id=scored.address.community_id,
        candidates=tuple(candidate.community_id for candidate in scored.address.candidates),
        address=scored.address.normalised or scored.request.address,
        area_m2=scored.request.area_m2,
        reasons=review.reasons,
        model_value=scored.valuation.value if scored.valuation else None,
        priority=review.priority,
        received_at=scored.request.received_at,
        requested_at=review.requested_at,
        due_at=review.due_at,
        blind=kind is not Kind.VALUATION or is_blind(review.valuation_id, policy),
        internal=kind is Kind.AUDIT,
        queued_at=review.requested_at,
    )
    return in_hours(fresh, review.requested_at, policy)


def kind_of(review: ReviewRequested) -> Kind:
    """What a request is for: a dispute, a sample of the model's answers, or a valuation."""
    if Reason.DISPUTE in review.reasons:
        return Kind.DISPUTE
    return Kind.AUDIT if review.reasons == (Reason.QA_SAMPLE,) else Kind.VALUATION


def is_blind(valuation_id: str, policy: DeskPolicy) -> bool:
    """Whether an ordinary task is among those without the model's value: by lot, the same whenever it is asked."""
    lot = hashlib.sha256(f"blind|{valuation_id}".encode()).digest()
    return int.from_bytes(lot[:4]) < policy.blind_share * _LOTS


def in_hours(task: Task, now: datetime, policy: DeskPolicy) -> Task:
    """Queued while the desk is open or a duty pool works, else parked until it opens."""
    opening = opens_at(now, policy)
    return task if opening <= now else moves.park(task, opening)


def gone_on(task: Task, review: ReviewRequested, policy: DeskPolicy) -> Task:
    """What an open task becomes with a later revision of its request: the evidence is new, the promised time stays.

    What waited for the reply is queued, its reviewer first, and due when the channel was told: that promise was made at
    the reply's receipt, with the pause until then, and the reply comes here a moment later. What somebody works on
    stays in their hands, under a new version, so that nothing is decided on what was there before.
    """
    now = review.requested_at
    fresh = task_of(review, policy)
    renewed = replace(
        task,
        revision=fresh.revision,
        region=fresh.region,
        city=fresh.city,
        property_type=fresh.property_type,
        skill=fresh.skill,
        community_id=fresh.community_id,
        candidates=fresh.candidates,
        address=fresh.address,
        area_m2=fresh.area_m2,
        reasons=fresh.reasons,
        model_value=fresh.model_value,
        priority=max(task.priority, fresh.priority),
        requested_at=now,
    )
    if renewed.state is not TaskState.WAIT_REPLY:
        return renewed
    replied = replace(moves.reply_came(renewed, now, policy), due_at=review.due_at)
    return _reserved_when_open(in_hours(replied, now, policy), policy)


def _add(
    connection: Connection[TupleRow],
    policy: DeskPolicy,
    review: ReviewRequested,
    evidence: bytes,
    traceparent: str | None,
    *,
    number: int,
) -> None:
    task = task_of(review, policy, number=number)
    if task.kind is Kind.DISPUTE:
        task = replace(task, excluded=queue_rows.judges(connection, task.valuation_id))
    if task.kind is Kind.VALUATION:
        task = _for_who_knows_the_community(connection, task, policy)
    act = Act(actor=ACTOR, action="ROUTED", at=review.requested_at, details={"reasons": list(task.reasons)})
    insert(connection, task, evidence, traceparent, act)


def _for_who_knows_the_community(connection: Connection[TupleRow], task: Task, policy: DeskPolicy) -> Task:
    """First for who decided last in the same community, if that was within days (RD6)."""
    if task.community_id is None:
        return task
    since = task.requested_at - policy.same_community_within
    who = queue_rows.decided_there(connection, task.community_id, since, task.requested_at)
    if who is None:
        return task
    return replace(task, preferred=who, preferred_until=task.queued_at + policy.same_reviewer_within)


def _reserved_when_open(task: Task, policy: DeskPolicy) -> Task:
    """The time for which a task is somebody's first does not run while nobody is there."""
    within = policy.same_reviewer_within if task.preferred else timedelta(0)
    return replace(task, preferred_until=task.queued_at + within if task.preferred else None)
