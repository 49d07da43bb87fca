"""Work orders in PostgreSQL. A command locks the row, makes the pure move and says it: one transaction."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.orders import order as moves
from consumers.review_desk.orders.order import OrderClosedError, WorkOrder
from consumers.review_desk.oversight.supervisor_moves import CommandError
from consumers.review_desk.people.access import Permission, may, require
from consumers.review_desk.people.audited_refusals import refusals_kept
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Person
from consumers.review_desk.store import SOURCE
from infra.kafka.producer import Record
from infra.postgres import audit, outbox
from infra.postgres.audit import Act
from infra.postgres.pool import Pool
from infra.telemetry.tracing import child_of
from schemas.catalogue import WORK_ORDER_PROGRESS, Topic
from schemas.codec import Codec
from schemas.codes import WorkOrderKind, WorkOrderState
from schemas.events import WorkOrderRaised
from schemas.headers import event_headers, event_type
from schemas.ids import event_id

ACTOR: Final = "intake"
_MOST: Final = 500

_NAMES: Final = tuple(field.name for field in fields(WorkOrder))
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT: Final = f"""
    insert into work_order ({_COLUMNS}) values ({", ".join(f"%({name})s" for name in _NAMES)}) on conflict do nothing
"""
_SAVE: Final = f"""
    update work_order set ({_COLUMNS}) = ({", ".join(f"%({name})s" for name in _NAMES)})
    where work_order_id = %(work_order_id)s
"""
_LOCK: Final = f"select {_COLUMNS} from work_order where work_order_id = %s for update"
_OF_HANDLER: Final = "select work_order_id::text from work_order where handler = %s and closed_at is null"
_OVERDUE: Final = f"""
    select {_COLUMNS} from work_order
    where closed_at is null and late <> state and case state when 'RAISED' then accept_by else due_at end < %s
    order by work_order_id limit %s for update skip locked
"""
_LISTED: Final = f"""
    select {_COLUMNS} from work_order where closed_at is null or closed_at >= %s
    order by closed_at is not null, case state when 'RAISED' then accept_by else due_at end, work_order_id limit %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVoice:
    """Makes the records of progress. `randomness` makes span ids."""

    codec: Codec
    randomness: random.Random
    topic: Topic = WORK_ORDER_PROGRESS

    def record(self, order: WorkOrder, at: datetime) -> Record:
        """What the channel is told of the order's last step; the same step always has the same event id."""
        event = moves.progressed(order, at)
        kind = event_type(event)
        return Record(
            topic=self.topic.named(),
            key=order.work_order_id.encode(),
            value=self.codec.encode(event),
            headers=event_headers(
                event_id=event_id(order.work_order_id, kind, order.steps),
                event_type=kind,
                source=SOURCE,
                at=at,
                traceparent=child_of(None, self.randomness),
            ),
        )


def take_in(connection: Connection[TupleRow], raised: WorkOrderRaised, voice: OrderVoice, now: datetime) -> None:
    """Open an order inside the transaction of the ingest loop. One that is known changes nothing."""
    order = moves.opened(raised)
    if connection.execute(_INSERT.encode(), _row(order)).rowcount == 0:
        return
    _said(connection, order, Act(actor=ACTOR, action="ORDER_RAISED", at=now), voice)


class WorkOrders:
    """The commands of people about work orders, and what happens by itself."""

    def __init__(self, pool: Pool, voice: OrderVoice, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives the instant now, in UTC."""
        self._pool, self._voice, self._clock = pool, voice, clock

    def listed(self, person: Person, since: datetime) -> tuple[WorkOrder, ...]:
        """The open ones by when they are due, then those closed since. Raises `NotAllowedError`, audited."""
        demand(self._pool, person, Permission.WORK_ORDERS, self._clock())
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return tuple(map(_order, cursor.execute(_LISTED.encode(), [since, _MOST]).fetchall()))

    def accept(self, work_order_id: str, person: Person) -> WorkOrder:
        """Take an order on. Raises `OrderClosedError`, `NotAllowedError`."""
        return self._moved(work_order_id, person, "ORDER_ACCEPT", lambda order, _: moves.accept(order, person))

    def answer(self, work_order_id: str, person: Person, text: str) -> WorkOrder:
        """Answer an order. Raises as `order.answer` does."""
        return self._moved(
            work_order_id, person, "ORDER_ANSWER", lambda order, now: moves.answer(order, person, text, now)
        )

    def approve(self, work_order_id: str, person: Person, seen: str) -> WorkOrder:
        """Agree to an answer as it was seen. Raises as `order.approve` does."""
        return self._moved(
            work_order_id, person, "ORDER_APPROVE", lambda order, now: moves.approve(order, person, seen, now)
        )

    def send_back(self, work_order_id: str, person: Person, reason: str) -> WorkOrder:
        """Have an answer gone over again. Raises as `order.send_back` does."""
        return self._moved(
            work_order_id, person, "ORDER_SEND_BACK", lambda order, _: moves.send_back(order, person, reason)
        )

    def reassign(self, work_order_id: str, person: Person, to: Person) -> WorkOrder:
        """Give an order to somebody else; for supervisors. Raises `OrderClosedError`, `NotAllowedError`."""
        return self._moved(
            work_order_id,
            person,
            "ORDER_REASSIGN",
            lambda order, _: moves.reassign(order, to.username),
            needs=Permission.SUPERVISE,
            to=to,
        )

    def hand_over(self, person: Person, leaver: str, to: Person) -> int:
        """Give all open orders of one who leaves to somebody else; how many. Raises `NotAllowedError`."""
        demand(self._pool, person, Permission.SUPERVISE, self._clock())
        with self._pool.connection() as connection:
            rows = connection.execute(_OF_HANDLER, [leaver]).fetchall()
        for (work_order_id,) in rows:
            self.reassign(work_order_id, person, to)
        return len(rows)

    def tick(self, now: datetime) -> None:
        """Put up the flag of what is overdue, and tell the channel."""
        with self._pool.connection() as connection:
            with connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(_OVERDUE.encode(), [now, _MOST]).fetchall()
            for row in rows:
                order = moves.pressed(_order(row), now)
                if order is not None:
                    self._save(connection, order, Act(actor="clock", action="ORDER_ESCALATED", at=now))

    def _moved(
        self,
        work_order_id: str,
        person: Person,
        action: str,
        move: Callable[[WorkOrder, datetime], WorkOrder],
        *,
        needs: Permission = Permission.HANDLE_WORK_ORDERS,
        to: Person | None = None,
    ) -> WorkOrder:
        """Lock, move, save and say. `to`: who else must be allowed to handle it."""
        with self._refusals(work_order_id, person, action), self._pool.connection() as connection:
            now = self._clock()
            require(person, needs)
            if to is not None and not may(to, Permission.HANDLE_WORK_ORDERS):
                raise CommandError("to", f"{to.name}没有办理工单的权限，请选择他人")
            before = _locked(connection, work_order_id)
            after = move(before, now)
            if after != before:
                details = {} if to is None else {"to": to.username}
                act = Act(actor=person.username, action=action, at=now, details=details)
                self._save(connection, after, act, is_told=after.steps != before.steps)
            return after

    def _save(self, connection: Connection[TupleRow], order: WorkOrder, act: Act, *, is_told: bool = True) -> None:
        connection.execute(_SAVE.encode(), _row(order))
        _said(connection, order, act, self._voice if is_told else None)

    @contextmanager
    def _refusals(self, work_order_id: str, person: Person, action: str) -> Iterator[None]:
        kept: AbstractContextManager[None] = refusals_kept(
            self._pool, self._clock, person.username, {"wanted": action}, lambda: work_order_id
        )
        with kept:
            yield


def _said(connection: Connection[TupleRow], order: WorkOrder, act: Act, voice: OrderVoice | None) -> None:
    details = {"kind": str(order.kind), "state": str(order.state), **act.details}
    audit.append(connection, order.work_order_id, Act(actor=act.actor, action=act.action, at=act.at, details=details))
    if voice is not None:
        outbox.write(connection, [voice.record(order, act.at)])


def _locked(connection: Connection[TupleRow], work_order_id: str) -> WorkOrder:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LOCK.encode(), [_uuid(work_order_id)]).fetchone()
    if row is None:
        raise OrderClosedError("没有这张工单")
    return _order(row)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise OrderClosedError("没有这张工单") from None


def _order(row: dict[str, Any]) -> WorkOrder:
    return WorkOrder(
        **row
        | {
            "work_order_id": str(row["work_order_id"]),
            "kind": WorkOrderKind(row["kind"]),
            "state": WorkOrderState(row["state"]),
        }
    )


def _row(order: WorkOrder) -> dict[str, Any]:
    return {name: _storable(value) for name, value in asdict(order).items()}


def _storable(value: Any) -> Any:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value
