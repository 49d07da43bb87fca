"""Where tasks are kept. One way to change a task: lock its row, decide on the next state, save it with its audit line.

Everything a command does (task, audit, its own rows, the event to be published) is one transaction.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, Task, TaskState, TaskUnavailableError
from infra.kafka.producer import Record
from infra.postgres import audit, outbox
from infra.postgres.audit import Act
from infra.postgres.pool import Pool
from infra.telemetry.tracing import child_of
from schemas.catalogue import Topic
from schemas.codec import Codec
from schemas.events import ReviewRequested
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

SOURCE: Final = "consumers/review_desk"

_NAMES: Final = tuple(field.name for field in fields(Task))
_QUOTED: Final = tuple(f'"{name}"' for name in _NAMES)  # `group` is a word of SQL's
COLUMNS: Final = ", ".join(f"t.{name}" for name in _QUOTED)
_FIND = f"select {COLUMNS}, t.evidence, t.traceparent from task t where task_id = %s"
_LOCK = f"{_FIND} for update"
_PLACES: Final = tuple(f"%({name})s" for name in _NAMES)
_SAVE = f"update task set ({', '.join(_QUOTED)}) = ({', '.join(_PLACES)}) where task_id = %(task_id)s"
_INSERT = f"""
    insert into task ({", ".join(_QUOTED)}, evidence, traceparent)
    values ({", ".join(_PLACES)}, %(evidence)s, %(traceparent)s)
"""


@dataclass(slots=True)
class Held:
    """A task whose row is locked by the transaction of `connection`."""

    connection: Connection[TupleRow]
    task: Task
    traceparent: str | None
    _store: "TaskStore"
    _evidence: bytes
    _review: ReviewRequested | None = None

    @property
    def review(self) -> ReviewRequested:
        """The request that the task came from, with all evidence; decoded when it is first asked for."""
        if self._review is None:
            self._review = self._store.codec.decode(self._evidence, ReviewRequested)
        return self._review

    def save(self, task: Task, act: Act) -> Task:
        """Keep what the task has become, under the next version, and the act that made it so."""
        self.task = replace(task, version=self.task.version + 1)
        self.connection.execute(_SAVE.encode(), _values(self.task))
        audit.append(self.connection, task.valuation_id, _placed(act, self.task))
        return self.task

    def note(self, act: Act) -> None:
        """Audit an act that leaves the task as it is: a look, a refusal."""
        audit.append(self.connection, self.task.valuation_id, _placed(act, self.task))

    def publish(self, topic: Topic, event: Any, act: Act, *, number: int | None = None) -> None:
        """Send an event about the valuation once this transaction is done. `number` tells several of a kind apart.

        The audit keeps the digest of its bytes, so that a replay finds another event in its place.
        """
        kind, value = event_type(event), self._store.codec.encode(event)
        own_id = event_id(self.task.valuation_id, kind, self.task.revision if number is None else number)
        record = Record(
            topic=topic.named(),
            key=self.task.valuation_id.encode(),
            value=value,
            headers=event_headers(
                event_id=own_id,
                event_type=kind,
                source=SOURCE,
                at=act.at,
                traceparent=child_of(self.traceparent.encode() if self.traceparent else None, self._store.randomness),
            ),
        )
        outbox.write(self.connection, [record])
        sent = {"event_id": own_id, "event": type(event).__name__, "sha256": hashlib.sha256(value).hexdigest()}
        self.note(Act(actor=act.actor, action="PUBLISHED", at=act.at, details=sent))


class TaskStore:
    """Tasks in PostgreSQL."""

    def __init__(self, pool: Pool, codec: Codec, *, randomness: random.Random) -> None:
        """Prepare; `randomness` makes span ids."""
        self.pool, self.codec, self.randomness = pool, codec, randomness

    @contextmanager
    def locked(self, task_id: str, *, version: int | None = None) -> Iterator[Held]:
        """Lock a task for the block, which is one transaction.

        Raises:
            TaskUnavailableError: There is no such task, or it has moved on since `version`.
        """
        with self.pool.connection() as connection:
            yield self.lock(connection, task_id, version=version)

    def lock(self, connection: Connection[TupleRow], task_id: str, *, version: int | None = None) -> Held:
        """Lock a task inside a transaction of the caller's. Raises as `locked` does."""
        found = _of_id(connection, _LOCK, task_id)
        if not found:
            raise TaskUnavailableError("没有这项任务", None)
        task = task_of(found[0])
        if version is not None and version != task.version:
            raise TaskUnavailableError("任务内容已更新，请按当前内容重新处理", task)
        return Held(connection, task, found[0]["traceparent"], self, bytes(found[0]["evidence"]))

    def find(self, task_id: str) -> tuple[Task, ReviewRequested] | None:
        """Return a task with its evidence, unlocked."""
        with self.pool.connection() as connection:
            found = _of_id(connection, _FIND, task_id)
        if not found:
            return None
        return task_of(found[0]), self.codec.decode(bytes(found[0]["evidence"]), ReviewRequested)


def insert(connection: Connection[TupleRow], task: Task, evidence: bytes, traceparent: str | None, act: Act) -> None:
    """Add a new task, inside a transaction of the caller's. `evidence`: the `ReviewRequested` as bytes."""
    values = _values(task) | {"evidence": evidence, "traceparent": traceparent}
    connection.execute(_INSERT.encode(), values)
    audit.append(connection, task.valuation_id, _placed(act, task))


def select_tasks(connection: Connection[TupleRow], rest: str, values: Mapping[str, Any]) -> tuple[Task, ...]:
    """Return the tasks of `select … from task t <rest>`. `rest` is SQL of ours, `values` its parameters."""
    return tuple(task_of(row) for row in _rows(connection, f"select {COLUMNS} from task t {rest}", values))


def task_of(row: Mapping[str, Any]) -> Task:
    """Return the task of a row with all its columns."""
    values = {name: row[name] for name in _NAMES}
    return Task(
        **values
        | {
            "task_id": str(row["task_id"]),
            "valuation_id": str(row["valuation_id"]),
            "kind": Kind(row["kind"]),
            "region": Region(row["region"]),
            "state": TaskState(row["state"]),
            "reasons": tuple(row["reasons"]),
            "candidates": tuple(row["candidates"]),
            "excluded": tuple(row["excluded"]),
            "origin": None if row["origin"] is None else str(row["origin"]),
        }
    )


def _of_id(connection: Connection[TupleRow], query: str, task_id: str) -> list[dict[str, Any]]:
    """The row of a task; none for what is no id at all, as typed into an address."""
    try:
        wanted = UUID(task_id)
    except ValueError:
        return []
    return _rows(connection, query, [wanted])


def _rows(connection: Connection[TupleRow], query: str, values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def _values(task: Task) -> dict[str, Any]:
    values = {name: _storable(getattr(task, name)) for name in _NAMES}
    return values | {
        "reasons": list(task.reasons),
        "candidates": list(task.candidates),
        "excluded": list(task.excluded),
        "draft": Jsonb(dict(task.draft)),
    }


def _storable(value: Any) -> Any:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _placed(act: Act, task: Task) -> Act:
    """With the task and where it stands now, so that a chain can be read by itself."""
    placed = {"task_id": task.task_id, "kind": str(task.kind), "state": str(task.state), "version": task.version}
    return replace(act, details={**placed, **act.details})
