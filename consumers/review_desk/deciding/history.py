"""What the desk knows from before: earlier decisions on a house and its neighbours, and how a case is found again."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.people.staff import Person
from consumers.review_desk.regions import Region
from consumers.review_desk.store import select_tasks
from consumers.review_desk.task import Kind, Task, TaskState
from schemas.codes import ReviewOutcome
from schemas.domain.pinyin import initials, syllables
from schemas.domain.property_key import building_of, levels_of

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST: Final = 50
_MOST_EARLIER: Final = 20
# What a person decided for the channel; samples and opinions are not known to one another.
_EARLIER: Final = """
    select d.task_id, d.kind, d.outcome, d.unit_price, d.decided_at, d.property_key, t.address, t.area_m2
    from decision d join task t on t.task_id = d.task_id
    where d.kind in ('VALUATION', 'DISPUTE') and d.task_id <> %(task_id)s
      and (d.property_key = %(community)s or d.property_key like %(below)s)
    order by d.property_key = %(key)s desc, d.property_key like %(in_building)s desc, d.decided_at desc limit %(most)s
"""
_PENDING: Final = """
    where t.state = 'PENDING_APPROVAL' and t.region = any(%(regions)s) order by t.due_at, t.task_id limit 200
"""
_BUSY: Final = "select exists (select from task where reviewer = %s and state in ('OFFERED', 'WORKING'))"
_SEARCH: Final = """
    select t.task_id, t.valuation_id, t.kind, t.region, t.state, t.address, t.city, t.reviewer, t.due_at,
        d.outcome, d.decided_at, d.reviewer = %(username)s as is_own
    from task t left join decision d on d.task_id = t.task_id
    where t.region = any(%(regions)s)
      and (%(sees_samples)s or not t.internal or %(username)s in (t.reviewer, d.reviewer)
           or (t.task_id = %(id)s::uuid and %(username)s <> all(t.excluded))) and ({})
    order by coalesce(d.decided_at, t.requested_at) desc, t.task_id limit %(most)s
"""
_BY_SOUND_AMONG: Final = 2_000  # the latest cases, whose addresses are read aloud; a tenth of a second
_SHORTEST_SOUND: Final = 3
# A sample has the id of the valuation it came from: found by that, it would be known.
_BY_ID: Final = "t.task_id = %(id)s or (t.valuation_id = %(id)s and (%(sees_samples)s or not t.internal))"
_BY_DAY: Final = """
    (t.requested_at >= %(since)s and t.requested_at < %(until)s)
    or (d.decided_at >= %(since)s and d.decided_at < %(until)s)
"""
_ANY: Final = "true"
_BY_TEXT: Final = "t.address ilike %(part)s or t.reviewer = %(text)s or d.reviewer = %(text)s"


class Nearness(StrEnum):
    """How near an earlier case lies: the same unit, its building, its community."""

    UNIT = "UNIT"
    BUILDING = "BUILDING"
    COMMUNITY = "COMMUNITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier decision of the desk. `unit_price` in yuan per m², for the outcome VALUE."""

    nearness: Nearness
    is_dispute: bool
    outcome: ReviewOutcome
    unit_price: int | None
    address: str
    area_m2: Decimal
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A line of a search. No figures: those are behind the look, which is audited."""

    task_id: str
    valuation_id: str
    kind: Kind
    region: Region
    state: TaskState
    address: str
    city: str
    reviewer: str | None
    due_at: datetime
    outcome: ReviewOutcome | None
    decided_at: datetime | None


def nearness_of(key: str, other: str) -> Nearness:
    """How near the house of a key lies to that of another key of the same community."""
    if key == other and levels_of(key).room:
        return Nearness.UNIT
    building = building_of(key)
    return Nearness.BUILDING if building and building == building_of(other) else Nearness.COMMUNITY


def earlier(connection: Connection[TupleRow], task: Task, key: str | None) -> tuple[Earlier, ...]:
    """Earlier decisions on the unit, then its building, then its community; the newest of each first."""
    if not key:
        return ()
    community = levels_of(key).community_id
    values = {
        "task_id": task.task_id,
        "key": key,
        "community": community,
        "below": f"{_escaped(community)}|%",
        "in_building": f"{_escaped(building_of(key) or community)}|%",
        "most": _MOST_EARLIER,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_EARLIER, values).fetchall()
    return tuple(
        Earlier(
            nearness=nearness_of(key, row["property_key"]),
            is_dispute=row["kind"] == Kind.DISPUTE,
            outcome=ReviewOutcome(row["outcome"]),
            unit_price=row["unit_price"],
            address=row["address"],
            area_m2=row["area_m2"],
            decided_at=row["decided_at"],
        )
        for row in rows
    )


def pending(connection: Connection[TupleRow], regions: frozenset[Region]) -> tuple[Task, ...]:
    """Tasks of these regions that wait for a second person, by due time."""
    return select_tasks(connection, _PENDING, {"regions": sorted(regions)})


def is_busy(connection: Connection[TupleRow], username: str) -> bool:
    """Whether a person has a task in work, or the offer of one."""
    row = connection.execute(_BUSY, [username]).fetchone()
    return bool(row and row[0])


def search(connection: Connection[TupleRow], person: Person, text: str, *, sees_samples: bool) -> tuple[Found, ...]:
    """Find tasks of the person's regions, newest first. Empty for a text of blanks.

    `sees_samples`: whether all samples and opinions are among them, and called what they are. Others find those
    that they had in hand themselves, and by its id one that they might have: a task on the screen that cannot be found
    would be known by that.
    """
    wanted = text.strip()
    condition, values = _asked(wanted)
    if not condition:
        return ()
    known = {"regions": sorted(person.regions), "sees_samples": sees_samples, "username": person.username, "id": None}
    rows = _select(connection, condition, {**known, **values, "most": _MOST})
    if not rows and _is_sound(wanted):
        latest = _select(connection, _ANY, {**known, "most": _BY_SOUND_AMONG})
        rows = [row for row in latest if wanted.lower() in _sound_of(row["address"])][:_MOST]
    return tuple(_found(row, sees_samples=sees_samples) for row in rows)


def _select(connection: Connection[TupleRow], condition: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_SEARCH.format(condition).encode(), values).fetchall()


def _is_sound(text: str) -> bool:
    return len(text) >= _SHORTEST_SOUND and text.isascii() and text.isalpha()


@lru_cache(maxsize=4 * _BY_SOUND_AMONG)
def _sound_of(address: str) -> str:
    """An address as it is typed: in full (cuiyuansanqu) and by first letters (cysq)."""
    return f"{''.join(syllables(address))} {initials(address)}"


def _asked(text: str) -> tuple[str, dict[str, Any]]:
    if not text:
        return "", {}
    if (identifier := _uuid(text)) is not None:
        return _BY_ID, {"id": identifier}
    if (day := _day(text)) is not None:
        since = datetime(day.year, day.month, day.day, tzinfo=_SHANGHAI)
        return _BY_DAY, {"since": since, "until": since + timedelta(days=1)}
    return _BY_TEXT, {"part": f"%{_escaped(text)}%", "text": text}


def _found(row: dict[str, Any], *, sees_samples: bool) -> Found:
    kind = Kind(row["kind"])
    shown = kind if sees_samples or kind is Kind.DISPUTE else Kind.VALUATION
    is_sealed = kind is Kind.OPINION and not row["is_own"]
    outcome = None if is_sealed else row["outcome"]
    return Found(
        **{name: value for name, value in row.items() if name != "is_own"}
        | {
            "task_id": str(row["task_id"]),
            "valuation_id": str(row["valuation_id" if sees_samples else "task_id"]),  # as `case.masked` says
            "kind": shown,
            "region": Region(row["region"]),
            "state": TaskState(row["state"]),
            "outcome": None if outcome is None else ReviewOutcome(outcome),
        }
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text.replace("\x00", ""))
