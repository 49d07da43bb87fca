"""The review queue in PostgreSQL."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.review_desk.task import Conclusion, Task, TaskState, one_at_a_time, refusal, task_of
from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.postgres.ingest import Received
from infra.postgres.pool import Pool
from infra.telemetry.tracing import child_of
from schemas.catalogue import DECISIONS, Topic
from schemas.codec import Codec
from schemas.domain.rounding import total
from schemas.events import Decided, ReviewRequested
from schemas.headers import TRACEPARENT, event_headers, event_type, header
from schemas.ids import event_id

_SOURCE: Final = "consumers/review_desk"

_COLUMNS: Final = ", ".join(field.name for field in fields(Task))
# A second review of the same valuation (after a clarification) takes the place of the first, whoever holds that.
_OPEN = """
    insert into task as t (valuation_id, revision, city, property_type, address, area_m2, reasons, priority, due_at,
        requested_at, evidence, traceparent)
    values (%(valuation_id)s, %(revision)s, %(city)s, %(property_type)s, %(address)s, %(area_m2)s, %(reasons)s,
        %(priority)s, %(due_at)s, %(requested_at)s, %(evidence)s, %(traceparent)s)
    on conflict (valuation_id) do update set
        revision = excluded.revision, city = excluded.city, property_type = excluded.property_type,
        address = excluded.address, area_m2 = excluded.area_m2, reasons = excluded.reasons,
        priority = excluded.priority, due_at = excluded.due_at, requested_at = excluded.requested_at,
        evidence = excluded.evidence, traceparent = excluded.traceparent, state = 'QUEUED', reviewer = null,
        claimed_at = null, lease_until = null, draft = '{}', version = t.version + 1
    where t.revision < excluded.revision
"""
_ORDER = "order by priority desc, due_at, valuation_id"
_LAPSED = "state = 'CLAIMED' and lease_until <= %(now)s"
_FREE = f"(state = 'QUEUED' or {_LAPSED})"
_LIST = f"select {_COLUMNS} from task where state <> 'DECIDED' {_ORDER} limit %(limit)s"
_HELD = f"select {_COLUMNS} from task where reviewer = %(reviewer)s and state = 'CLAIMED' and lease_until > %(now)s"
_FREE_OWN_LAPSED = f"""
    update task set state = 'QUEUED', reviewer = null, claimed_at = null, lease_until = null, version = version + 1
    where reviewer = %(reviewer)s and {_LAPSED}
"""
_CLAIM = f"""
    set state = 'CLAIMED', reviewer = %(reviewer)s, claimed_at = %(now)s, lease_until = %(lease_until)s,
        version = version + 1
    where valuation_id = %(valuation_id)s and {_FREE}
    returning {_COLUMNS}
"""
# skip locked: two reviewers who click at the same moment get two tasks instead of one waiting.
_FIRST_FREE = f"select valuation_id from task where {_FREE} {_ORDER} limit 1 for update skip locked"
_MINE = "valuation_id = %(valuation_id)s and reviewer = %(reviewer)s and state = 'CLAIMED' and lease_until > %(now)s"
_KEEP = f"""
    update task set lease_until = %(lease_until)s, draft = coalesce(%(draft)s, draft) where {_MINE} returning {_COLUMNS}
"""
_RELEASE = f"""
    update task set state = 'QUEUED', reviewer = null, claimed_at = null, lease_until = null, version = version + 1
    where {_MINE} returning {_COLUMNS}
"""
_DECIDE = f"""
    update task set state = 'DECIDED', lease_until = null, draft = '{{}}', version = version + 1
    where {_MINE} and version = %(version)s returning revision, traceparent
"""
_DECISION = """
    insert into decision (valuation_id, revision, outcome, unit_price, value, lower, upper, reasons, comparable_ids,
        few_comparables_because, deviation_because, rationale, guideline_version, reviewer, grade, claimed_at,
        decided_at, confirmed_community_id)
    values (%(valuation_id)s, %(revision)s, %(outcome)s, %(unit_price)s, %(value)s, %(lower)s, %(upper)s, %(reasons)s,
        %(comparable_ids)s, %(few_comparables_because)s, %(deviation_because)s, %(rationale)s, %(guideline_version)s,
        %(reviewer)s, %(grade)s, %(claimed_at)s, %(decided_at)s, %(confirmed_community_id)s)
"""


def insert_tasks(connection: Connection[TupleRow], batch: Sequence[Received]) -> None:
    """Put reviews into the queue: the effects of the ingest loop."""
    rows = [_row(received.event, received.value, header(received.headers, TRACEPARENT)) for received in batch]
    with connection.cursor() as cursor:
        cursor.executemany(_OPEN, rows)


class PostgresReviewTasks:
    """`ReviewTasks` in PostgreSQL. Each method is one transaction."""

    def __init__(self, pool: Pool, codec: Codec, *, randomness: random.Random, decisions: Topic = DECISIONS) -> None:
        """Prepare; `randomness` makes span ids, `decisions` is where decided events go."""
        self._pool, self._codec, self._randomness, self._decisions = pool, codec, randomness, decisions

    def open(self, review: ReviewRequested, *, traceparent: str | None = None) -> None:
        """See `ReviewTasks`."""
        with self._pool.connection() as connection:
            connection.execute(_OPEN, _row(review, self._codec.encode(review), traceparent))

    def open_tasks(self, *, now: datetime, limit: int = 200) -> tuple[Task, ...]:
        """See `ReviewTasks`."""
        with self._pool.connection() as connection:
            found = _tasks(connection, _LIST, {"limit": limit})
        return tuple(task if task.is_held(now) else _as_queued(task) for task in found)

    def find(self, valuation_id: str) -> tuple[Task, ReviewRequested] | None:
        """See `ReviewTasks`."""
        query = f"select {_COLUMNS} from task where valuation_id = %(valuation_id)s"
        with self._pool.connection() as connection:
            values = {"valuation_id": valuation_id}
            found = _tasks(connection, query, values)
            row = connection.execute(
                "select evidence from task where valuation_id = %(valuation_id)s", values
            ).fetchone()
        if not found or row is None:
            return None
        return found[0], self._codec.decode(bytes(row[0]), ReviewRequested)

    def claim_next(self, reviewer: str, *, now: datetime, lease_until: datetime) -> Task | None:
        """See `ReviewTasks`."""
        values = {"reviewer": reviewer, "now": now, "lease_until": lease_until}
        query = f"update task {_CLAIM.replace('%(valuation_id)s', f'({_FIRST_FREE})')}"
        try:
            with self._pool.connection() as connection:
                held = _tasks(connection, _HELD, values)
                if held:
                    return held[0]
                connection.execute(_FREE_OWN_LAPSED, values)
                return next(iter(_tasks(connection, query, values)), None)
        except psycopg.errors.UniqueViolation:  # the same reviewer asked twice at once; the other request won
            with self._pool.connection() as connection:
                return next(iter(_tasks(connection, _HELD, values)), None)

    def claim(self, valuation_id: str, reviewer: str, *, now: datetime, lease_until: datetime) -> Task:
        """See `ReviewTasks`."""
        values = {"valuation_id": valuation_id, "reviewer": reviewer, "now": now, "lease_until": lease_until}
        try:
            with self._pool.connection() as connection:
                held = _tasks(connection, _HELD, values)
                if held and held[0].valuation_id == valuation_id:
                    return held[0]
                if held:
                    raise one_at_a_time(held[0])
                connection.execute(_FREE_OWN_LAPSED, values)
                claimed = _tasks(connection, f"update task {_CLAIM}", values)
        except psycopg.errors.UniqueViolation:
            raise one_at_a_time(None) from None
        return claimed[0] if claimed else self._refuse(valuation_id)

    def keep(
        self,
        valuation_id: str,
        reviewer: str,
        *,
        now: datetime,
        lease_until: datetime,
        draft: Mapping[str, Any] | None = None,
    ) -> Task:
        """See `ReviewTasks`."""
        values = {"lease_until": lease_until, "draft": None if draft is None else Jsonb(dict(draft))}
        return self._change(_KEEP, valuation_id, reviewer, now, values)

    def release(self, valuation_id: str, reviewer: str, *, now: datetime) -> Task:
        """See `ReviewTasks`."""
        return self._change(_RELEASE, valuation_id, reviewer, now, {})

    def decide(self, decided: Decided, conclusion: Conclusion, *, version: int) -> None:
        """See `ReviewTasks`. Task, decision and outbox are one transaction."""
        values = {
            "valuation_id": decided.valuation_id,
            "reviewer": decided.reviewer,
            "now": decided.decided_at,
            "version": version,
        }
        with self._pool.connection() as connection:
            row = connection.execute(_DECIDE.encode(), values).fetchone()
            if row is not None:
                revision, traceparent = row
                connection.execute(_DECISION, _decision_row(decided, conclusion, revision))
                outbox.write(connection, [self._record(decided, revision, traceparent)])
        if row is None:
            self._refuse(decided.valuation_id)

    def _change(self, query: str, valuation_id: str, reviewer: str, now: datetime, values: Mapping[str, Any]) -> Task:
        known = {"valuation_id": valuation_id, "reviewer": reviewer, "now": now, **values}
        with self._pool.connection() as connection:
            changed = _tasks(connection, query, known)
        return changed[0] if changed else self._refuse(valuation_id)

    def _refuse(self, valuation_id: str) -> Any:
        found = self.find(valuation_id)
        raise refusal(None if found is None else found[0])

    def _record(self, decided: Decided, revision: int, traceparent: str | None) -> Record:
        kind = event_type(decided)
        return Record(
            topic=self._decisions.named(),
            key=decided.valuation_id.encode(),
            value=self._codec.encode(decided),
            headers=event_headers(
                event_id=event_id(decided.valuation_id, kind, revision),
                event_type=kind,
                source=_SOURCE,
                at=decided.decided_at,
                traceparent=child_of(traceparent.encode() if traceparent else None, self._randomness),
            ),
        )


def _row(review: ReviewRequested, evidence: bytes, traceparent: str | None) -> dict[str, Any]:
    task = task_of(review)
    names = ("revision", "city", "property_type", "address", "area_m2", "priority", "due_at", "requested_at")
    columns = {name: _storable(getattr(task, name)) for name in names}
    return columns | {
        "valuation_id": task.valuation_id,
        "reasons": list(task.reasons),
        "evidence": evidence,
        "traceparent": traceparent,
    }


def _storable(value: Any) -> Any:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _decision_row(decided: Decided, conclusion: Conclusion, revision: int) -> dict[str, Any]:
    area = decided.review.scored.request.area_m2
    return {
        **asdict(conclusion),
        "valuation_id": decided.valuation_id,
        "revision": revision,
        "value": None if decided.unit_price is None else total(decided.unit_price, area),
        "unit_price": decided.unit_price,
        "lower": decided.lower,
        "upper": decided.upper,
        "reasons": list(decided.reasons),
        "comparable_ids": list(decided.comparable_ids),
        "rationale": _storable(conclusion.rationale),
        "few_comparables_because": _storable(conclusion.few_comparables_because),
        "guideline_version": decided.guideline_version,
        "reviewer": decided.reviewer,
        "grade": decided.reviewer_grade,
        "claimed_at": decided.claimed_at,
        "decided_at": decided.decided_at,
    }


def _tasks(connection: Connection[TupleRow], query: str, values: Mapping[str, Any]) -> list[Task]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_task(row) for row in cursor.execute(query.encode(), values).fetchall()]


def _task(row: dict[str, Any]) -> Task:
    return Task(
        **row
        | {
            "valuation_id": str(row["valuation_id"]),
            "state": TaskState(row["state"]),
            "reasons": tuple(row["reasons"]),
        }
    )


def _as_queued(task: Task) -> Task:
    return replace(task, state=TaskState.QUEUED, reviewer=None, claimed_at=None, lease_until=None)
