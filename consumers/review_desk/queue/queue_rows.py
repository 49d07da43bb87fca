"""The queue in SQL: which free tasks a person may have, in their order; what is in whose hands.

The conditions are those of `assignment.may_have`; a test holds the two against each other.
"""

from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.people.staff import Grade, Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.assignment import EXPERTS, Floor, highest_value, reach_of
from consumers.review_desk.queue.overflow import Opened
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import Task

_TAKEABLE: Final = "t.state in ('QUEUED', 'OFFERED', 'WORKING', 'ON_HOLD', 'PARKED')"  # as the index says
_FREE: Final = f"""
    {_TAKEABLE} and (
        t.state = 'QUEUED'
        or (t.state in ('OFFERED', 'WORKING', 'ON_HOLD') and t.lease_until <= %(now)s)
        or (t.state = 'PARKED' and t.parked_until <= %(now)s)
    )
"""
_NOT_BARRED: Final = """
    t.region = any(%(regions)s) and t.queue <> all(%(paused)s) and t.region <> all(%(paused)s)
    and (t.community_id is null or t.community_id <> all(%(conflicts)s)) and not t.candidates && %(conflicts)s::text[]
    and %(username)s <> all(t.excluded)
    and (%(highest)s::bigint is null or t.model_value is null or t.model_value <= %(highest)s)
    and (t.kind <> 'OPINION' or %(is_senior)s)
"""
_KEPT_FOR_ME: Final = "t.preferred = %(username)s"
_OPEN_TO_ME: Final = """
    (t.preferred is null or t.preferred_until <= %(now)s)
    and case
        when t."group" is not null then t."group" = any(%(groups)s)
        when t.kind = 'OPINION' then true
        else
            (t.kind = 'DISPUTE' and %(does_disputes)s)
            or (t.kind <> 'DISPUTE' and t.queue = any(%(main)s))
            or (
                (t.queue = any(%(backup)s) or %(is_generalist)s or (t.kind = 'DISPUTE' and t.queue = any(%(main)s)))
                and (t.queued_at <= %(backup_opened)s or t.queue <> all(%(served)s))
            )
            or (t.queue = any(%(neighbour)s) and t.queued_at <= %(neighbour_opened)s)
            or (%(is_expert)s and (t.queued_at <= %(experts_opened)s or t.due_at <= %(experts_due)s))
        end
"""
_ORDER: Final = "order by t.rank_at, t.task_id"
_FIRST: Final = "select t.task_id from task t where {} and {} and {} {} limit 1 for update skip locked"
# skip locked: two people who ask at the same moment get two tasks instead of one of them waiting.
_NEXT_KEPT: Final = _FIRST.format(_FREE, _NOT_BARRED, _KEPT_FOR_ME, _ORDER)
_NEXT: Final = _FIRST.format(_FREE, _NOT_BARRED, _OPEN_TO_ME, _ORDER)
_POOL: Final = f"where {_FREE} and {_NOT_BARRED} and ({_KEPT_FOR_ME} or {_OPEN_TO_ME}) {_ORDER} limit %(limit)s"
_WAITING: Final = f"""
    join (
        select t.task_id, row_number() over (partition by t.queue {_ORDER}) as place from task t
        where {_FREE} and t.queue <> all(%(paused)s) and t.region <> all(%(paused)s)
    ) as first using (task_id)
    where first.place <= %(limit)s {_ORDER}
"""  # of every queue: else people of one would be given nothing while another is long
_OPEN: Final = f"""
    where t.state not in ('DECIDED', 'RETURNED_TO_AUTO', 'CANCELLED') and t.region = any(%(regions)s)
    {_ORDER} limit %(limit)s
"""
_IN_HAND: Final = """
    where t.reviewer = %(username)s and t.state in ('OFFERED', 'WORKING', 'ON_HOLD') and t.lease_until > %(now)s
    order by t.due_at, t.task_id
"""
_NAMED_ON: Final = """
    where t.reviewer = %(username)s and t.state in ('OFFERED', 'WORKING', 'ON_HOLD') order by t.due_at, t.task_id
"""
_LAPSED: Final = """
    select t.task_id, t.reviewer from task t
    where t.state in ('QUEUED', 'OFFERED', 'WORKING', 'ON_HOLD', 'PARKED') and (
        (t.state in ('OFFERED', 'WORKING', 'ON_HOLD') and t.lease_until <= %(now)s)
        or (t.state = 'PARKED' and t.parked_until <= %(now)s)
    )
    order by t.rank_at, t.task_id limit 500
"""
_KEEP: Final = """
    update task set lease_until = least(%(until)s, lease_ends_at)
    where reviewer = %(username)s and state in ('WORKING', 'ON_HOLD') and lease_until > %(now)s
"""
_DRAFT: Final = "update task set draft = %(draft)s, drafted_by = reviewer where task_id = %(task_id)s"
_DECIDED_THERE: Final = """
    select d.reviewer from decision d join task t using (task_id)
    where t.community_id = %s and d.kind = 'VALUATION' and d.decided_at > %s and d.decided_at <= %s
    order by d.decided_at desc limit 1
"""
# The audit too: a conclusion that came back is overwritten by the next one, and with it who sent it back.
_JUDGES: Final = """
    select who from (
        select unnest(array[d.reviewer, d.approver]) from decision d where d.valuation_id = %(valuation_id)s::uuid
        union select unnest(array[a.reviewer, a.returned_by]) from approval a join task t using (task_id)
            where t.valuation_id = %(valuation_id)s::uuid
        union select t.reviewer from task t where t.valuation_id = %(valuation_id)s::uuid and t.kind = 'VALUATION'
        union select l.actor from audit_line l
            where l.subject = %(valuation_id)s::text and l.action = any(%(judging)s)
    ) as people (who)
    where who is not null order by who
"""
_JUDGING: Final = (
    "SUBMIT",
    "DECIDE",
    "CLARIFY",
    "RETURN_TO_AUTO",
    "APPROVE",
    "SEND_BACK",
    "DISAGREE",
    "OPINION",
    "PANEL_DECIDE",
)


def question(person: Person, opened: Opened, policy: DeskPolicy, floor: Floor) -> dict[str, Any]:
    """What the conditions above ask: everything about a person, the hour and the desk that decides."""
    reach = reach_of(person)
    return {
        "username": person.username,
        "regions": [str(region) for region in person.regions],
        "conflicts": list(person.conflicts),
        "highest": highest_value(person, policy),
        "is_senior": person.grade in {Grade.G3, Grade.G4},
        "is_expert": EXPERTS in reach.groups,
        "is_generalist": reach.is_generalist,
        "does_disputes": reach.does_disputes,
        "groups": list(reach.groups),
        "main": list(reach.main),
        "backup": list(reach.backup),
        "neighbour": list(reach.neighbour),
        "now": opened.now,
        "backup_opened": opened.backup,
        "neighbour_opened": opened.neighbour,
        "experts_opened": opened.experts,
        "experts_due": opened.experts_due,
        "served": list(floor.served),
        "paused": list(floor.paused),
    }


def next_for(connection: Connection[TupleRow], asked: dict[str, Any]) -> str | None:
    """Lock the first task that the person of `question` may have, and return its id: what is kept for them first."""
    for query in (_NEXT_KEPT, _NEXT):
        row = connection.execute(query.encode(), asked).fetchone()
        if row is not None:
            return str(row[0])
    return None


def pool(connection: Connection[TupleRow], asked: dict[str, Any], limit: int) -> tuple[Task, ...]:
    """What the person of `question` may take, in the order of the queue."""
    return select_tasks(connection, _POOL, asked | {"limit": limit})


def waiting(connection: Connection[TupleRow], now: datetime, floor: Floor, limit: int) -> tuple[Task, ...]:
    """The first `limit` of every queue that are free now, in their order; none of what is paused."""
    return select_tasks(connection, _WAITING, {"now": now, "paused": list(floor.paused), "limit": limit})


def open_tasks(connection: Connection[TupleRow], person: Person, limit: int) -> tuple[Task, ...]:
    """All open tasks of a person's regions, in their order."""
    regions = [str(region) for region in person.regions]
    return select_tasks(connection, _OPEN, {"regions": regions, "limit": limit})


def in_hand(connection: Connection[TupleRow], username: str, now: datetime) -> tuple[Task, ...]:
    """What somebody is offered, works on and has on hold, at this instant."""
    return select_tasks(connection, _IN_HAND, {"username": username, "now": now})


def named_on(connection: Connection[TupleRow], username: str) -> tuple[Task, ...]:
    """What has somebody's name on it, though the lease may have run out."""
    return select_tasks(connection, _NAMED_ON, {"username": username})


def lapsed(connection: Connection[TupleRow], now: datetime) -> list[tuple[str, str | None]]:
    """Tasks whose row says less than the time does, and who had them: lapsed leases, and what was parked till now."""
    return [(str(task_id), reviewer) for task_id, reviewer in connection.execute(_LAPSED, {"now": now})]


def keep(connection: Connection[TupleRow], username: str, now: datetime, policy: DeskPolicy) -> None:
    """Extend the leases of all somebody has in work and on hold. No version moves: nothing was decided."""
    connection.execute(_KEEP, {"username": username, "now": now, "until": now + policy.silent + policy.grace})


def keep_draft(connection: Connection[TupleRow], task_id: str, draft: Any) -> None:
    """Keep what was typed so far."""
    connection.execute(_DRAFT, {"task_id": task_id, "draft": draft})


def decided_there(connection: Connection[TupleRow], community_id: str, since: datetime, now: datetime) -> str | None:
    """Who decided last about something in a community since then."""
    row = connection.execute(_DECIDED_THERE, [community_id, since, now]).fetchone()
    return None if row is None else str(row[0])


def judges(connection: Connection[TupleRow], valuation_id: str) -> tuple[str, ...]:
    """Everybody who ever judged a valuation: wrote, approved or sent back a conclusion, or sat on its panel."""
    asked = {"valuation_id": valuation_id, "judging": list(_JUDGING)}
    return tuple(str(row[0]) for row in connection.execute(_JUDGES, asked))
