"""复估: a value is disputed and valued anew by others, blind. What was said first beside what is said now; K-03.

Who had a part in the first value never gets the dispute: such people are in the task's `excluded`, and `assignment.py`
refuses them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Person
from consumers.review_desk.regions import Region
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import TaskState

UPHELD_MOVE: Final = Decimal("0.05")
"""Assumed: a new value more than 5 % from the first gives the requester right; as far apart two reviewers agree."""
_TEN_THOUSAND: Final = 10_000

# The first value is what people had decided before, else what the model had answered, also where people had given the
# case back to it. A dispute comes in when it is raised: its task's `received_at` is the receipt of the first request.
_DISPUTES: Final = """
    select t.task_id::text, t.valuation_id::text, t.revision, t.region, t.city, t.address, t.state,
        t.requested_at as received_at, t.due_at, t.reviewer, t.excluded, t.model_value, f.value as decided_value,
        f.outcome as first_outcome, f.reviewer as first_reviewer, d.outcome, d.value, d.decided_at
    from task t left join decision d on d.task_id = t.task_id and t.state = 'DECIDED'
    left join lateral (
        select e.value, e.outcome, e.reviewer from decision e
        where e.valuation_id = t.valuation_id and e.revision < t.revision and e.kind in ('VALUATION', 'DISPUTE')
            and e.outcome <> 'RETURN_TO_AUTO'
        order by e.revision desc limit 1
    ) f on true
    where t.kind = 'DISPUTE' and t.requested_at >= %(since)s and t.requested_at < %(until)s
    order by t.state in ('DECIDED', 'CANCELLED'), t.due_at, t.task_id
"""
_RESULTS: Final = """
    select count(distinct t.valuation_id) from decision d join task t using (task_id)
    where not t.internal and t.kind <> 'AUDIT' and d.decided_at >= %s and d.decided_at < %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute. Values are totals in yuan; `value` is `None` until it is decided, or where no value was given.

    `received_at`: when the dispute came in. `first_value`: what is disputed; `is_first_automatic`: the model's answer.
    `excluded`: who may not value it.
    """

    task_id: str
    valuation_id: str
    revision: int
    region: Region
    city: str
    address: str
    state: TaskState
    received_at: datetime
    due_at: datetime
    reviewer: str | None
    excluded: tuple[str, ...]
    first_outcome: str | None
    first_value: int | None
    is_first_automatic: bool
    outcome: str | None
    value: int | None
    decided_at: datetime | None

    @property
    def move(self) -> float | None:
        """(new - first) / first; `None` without two values."""
        if not self.value or not self.first_value:
            return None
        return (self.value - self.first_value) / self.first_value

    @property
    def is_upheld(self) -> bool | None:
        """Whether the requester was right: another outcome, or a value further off than `UPHELD_MOVE`.

        `None` before the decision.
        """
        if self.outcome is None:
            return None
        if self.value is None or self.first_value is None:
            return self.outcome != (self.first_outcome or "VALUE")
        return abs(self.value - self.first_value) > UPHELD_MOVE * self.first_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Uphold:
    """K-03 of a window. `results`: the answers it is measured by; `per_10_000` is `None` without any."""

    disputes: int
    decided: int
    upheld: int
    results: int

    @property
    def per_10_000(self) -> float | None:
        """Upheld disputes for each ten thousand results."""
        return self.upheld / self.results * _TEN_THOUSAND if self.results else None


def uphold(disputes: Iterable[Dispute], results: int) -> Uphold:
    """The figures of disputes, measured by so many results."""
    counted = list(disputes)
    judged = [one.is_upheld for one in counted if one.is_upheld is not None]
    return Uphold(disputes=len(counted), decided=len(judged), upheld=sum(judged), results=results)


def as_seen(dispute: Dispute, person: Person) -> Dispute | None:
    """What a person may see of it; `None`: nothing.

    Whoever could be given it must not know the first value before it is decided: the new one has to be blind. Reviewers
    see their own alone, and not who was excluded.
    """
    if dispute.region not in person.regions:
        return None
    sees_all = may(person, Permission.SEE_QUALITY)
    if not sees_all and dispute.reviewer != person.username:
        return None
    if may(person, Permission.WORK) and dispute.state.is_open:
        dispute = replace(dispute, first_value=None, first_outcome=None)
    return dispute if sees_all else replace(dispute, excluded=())


class Disputes:
    """What the page of disputes shows."""

    def __init__(self, store: TaskStore, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives the instant now, in UTC."""
        self._store, self._clock = store, clock

    def disputes(self, person: Person, since: datetime, until: datetime) -> tuple[Dispute, ...]:
        """The disputes that came in, as the person may see them: open ones by their due time, then the others.

        Raises:
            NotAllowedError: No right to see work orders; audited.
        """
        demand(self._store.pool, person, Permission.WORK_ORDERS, self._clock())
        with self._store.pool.connection() as connection:
            found = _disputes(connection, since, until)
        return tuple(seen for one in found if (seen := as_seen(one, person)) is not None)

    def uphold(self, person: Person, since: datetime, until: datetime, *, results: int | None = None) -> Uphold:
        """K-03 of a window, over all regions. `results`: of the whole house; without, what people have decided.

        The desk knows no automatic answers, so that its own figure is higher than the contract's.

        Raises:
            NotAllowedError: No right to see quality; audited.
        """
        demand(self._store.pool, person, Permission.SEE_QUALITY, self._clock())
        with self._store.pool.connection() as connection:
            found = _disputes(connection, since, until)
            row = connection.execute(_RESULTS, [since, until]).fetchone()
        return uphold(found, results if results is not None else (0 if row is None else int(row[0])))


def _disputes(connection: Connection[TupleRow], since: datetime, until: datetime) -> tuple[Dispute, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(_dispute(row) for row in cursor.execute(_DISPUTES, {"since": since, "until": until}).fetchall())


def _dispute(row: dict[str, Any]) -> Dispute:
    is_automatic = row["first_reviewer"] is None
    kept = {
        name: row[name]
        for name in ("task_id", "valuation_id", "revision", "city", "address", "received_at", "due_at", "reviewer")
    }
    return Dispute(
        **kept,
        region=Region(row["region"]),
        state=TaskState(row["state"]),
        excluded=tuple(row["excluded"]),
        first_outcome=row["first_outcome"],
        first_value=row["model_value"] if is_automatic else row["decided_value"],
        is_first_automatic=is_automatic,
        outcome=row["outcome"],
        value=row["value"],
        decided_at=row["decided_at"],
    )
