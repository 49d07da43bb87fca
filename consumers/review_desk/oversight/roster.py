"""排班: who is on duty when, and shifts swapped between colleagues with a supervisor's agreement."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from consumers.review_desk.oversight import notices
from consumers.review_desk.oversight.scope import require_common_region
from consumers.review_desk.oversight.supervisor_moves import CommandError, checked_reason
from consumers.review_desk.people.access import Permission, require
from consumers.review_desk.people.audited_refusals import refusals_kept
from consumers.review_desk.people.staff import Person
from infra.postgres import audit
from infra.postgres.audit import Act
from infra.postgres.pool import Pool
from schemas.domain.worktime import SHANGHAI, shanghai_date

T = TypeVar("T")

LONGEST_SHIFT: Final = timedelta(hours=12)
SUBJECT: Final = "roster"  # the audit's chain of what is planned

_SHIFT = "select shift_id::text, username, starts_at, ends_at from shift"
_BETWEEN = f"{_SHIFT} where starts_at < %s and ends_at > %s order by starts_at, username"
_ONE = f"{_SHIFT} where shift_id = %s for update"
_OF = f"{_SHIFT} where username = %s and ends_at > %s order by starts_at"
_PUT = "insert into shift (shift_id, username, starts_at, ends_at, put_by, put_at) values (%s, %s, %s, %s, %s, %s)"
_REMOVE = "delete from shift where shift_id = %s"
_HAND = "update shift set username = %s where shift_id = %s"
_SWAP = """
    select swap_id::text, w.shift_id::text, asked_by, colleague, reason, asked_at, state, s.starts_at, s.ends_at
    from shift_swap w join shift s using (shift_id)
"""
_OPEN_SWAPS = f"{_SWAP} where state = 'ASKED' order by s.starts_at"
_ONE_SWAP = f"{_SWAP} where swap_id = %s for update"
_ASK = """
    insert into shift_swap (swap_id, shift_id, asked_by, colleague, reason, asked_at, state)
    values (%s, %s, %s, %s, %s, %s, 'ASKED') on conflict do nothing
"""
_DECIDE = "update shift_swap set state = %s, decided_by = %s, decided_at = %s, remark = %s where swap_id = %s"
_LOCK = "lock table shift in share row exclusive mode"  # two shifts put at once cannot overlap


class SwapState(StrEnum):
    """Where a swap stands: 待批准, 已批准, 未批准."""

    ASKED = "ASKED"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A person's time on duty."""

    shift_id: str
    username: str
    starts_at: datetime
    ends_at: datetime

    def overlaps(self, other: "Shift") -> bool:
        """Whether both lie on some common time; one that begins as the other ends does not."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A shift that `asked_by` would give to `colleague`."""

    swap_id: str
    shift_id: str
    asked_by: str
    colleague: str
    reason: str
    asked_at: datetime
    state: SwapState
    starts_at: datetime
    ends_at: datetime


def shift_problem(shift: Shift, person: Person, others: Sequence[Shift]) -> str | None:
    """Why a person cannot have a shift, in Chinese; `None` when they can. `others`: that person's own."""
    if not timedelta(0) < shift.ends_at - shift.starts_at <= LONGEST_SHIFT:
        return f"班次须在{LONGEST_SHIFT // timedelta(hours=1)}小时以内，且结束晚于开始"
    if not person.is_active:
        return f"{person.name}已停用"
    if person.certified_until is None or person.certified_until < shanghai_date(shift.ends_at):
        return f"{person.name}的资格证书在该班次结束前已失效"
    if any(other.overlaps(shift) for other in others if other.shift_id != shift.shift_id):
        return f"{person.name}在该时段已有班次"
    return None


class Roster:
    """Shifts and swaps in PostgreSQL."""

    def __init__(
        self,
        pool: Pool,
        *,
        person: Callable[[str], Person | None],
        clock: Callable[[], datetime],
        new_id: Callable[[], uuid.UUID],
    ) -> None:
        """`person` gives somebody by user name; `new_id` makes ids of shifts and swaps, e.g. `uuid.uuid4`."""
        self._pool, self._person, self._clock, self._new_id = pool, person, clock, new_id

    def week(self, monday: date) -> tuple[Shift, ...]:
        """The shifts that touch a week of Shanghai's calendar, by their beginning."""
        since = datetime(monday.year, monday.month, monday.day, tzinfo=SHANGHAI)
        return self.between(since, since + timedelta(days=7))

    def between(self, since: datetime, until: datetime) -> tuple[Shift, ...]:
        """The shifts that touch a span of time, by their beginning."""
        with self._pool.connection() as connection:
            return _shifts(connection, _BETWEEN, [until, since])

    def put(self, by: Person, username: str, starts_at: datetime, ends_at: datetime) -> Shift:
        """Plan a shift. Raises `CommandError`, or `NotAllowedError` for who may not plan."""
        shift = Shift(shift_id=str(self._new_id()), username=username, starts_at=starts_at, ends_at=ends_at)
        now = self._clock()
        with self._refusals_audited(by, "PUT_SHIFT"), self._pool.connection() as connection:
            connection.execute(_LOCK)
            self._require(by, username)
            self._check(connection, shift)
            connection.execute(_PUT, [shift.shift_id, username, starts_at, ends_at, by.username, now])
            audit.append(connection, SUBJECT, Act(actor=by.username, action="PUT_SHIFT", at=now, details=_said(shift)))
        return shift

    def remove(self, by: Person, shift_id: str, reason: str) -> None:
        """Take a shift off the roster; who had it is told. A second call does nothing."""
        because, now = checked_reason(reason), self._clock()
        with self._refusals_audited(by, "REMOVE_SHIFT"), self._pool.connection() as connection:
            self._require(by)
            found = _shifts(connection, _ONE, [shift_id])
            for shift in found:
                self._require(by, shift.username)
                connection.execute(_REMOVE, [shift_id])
                act = Act(actor=by.username, action="REMOVE_SHIFT", at=now, details={**_said(shift), "reason": because})
                audit.append(connection, SUBJECT, act)
                told = f"您{_when(shift)}的班次已取消：{because}"
                notices.tell(connection, shift.username, told, by=by.username, at=now)

    def ask_swap(self, person: Person, shift_id: str, colleague: str, reason: str) -> None:
        """Ask that a colleague takes one's shift. Raises `CommandError`."""
        because, now = checked_reason(reason), self._clock()
        with self._pool.connection() as connection:
            shift = _only(_shifts(connection, _ONE, [shift_id]), "没有这个班次")
            if shift.username != person.username:
                raise CommandError("shift_id", "只能申请调换自己的班次")
            if shift.starts_at <= now:
                raise CommandError("shift_id", "班次已经开始，请联系班长")
            if colleague == person.username:
                raise CommandError("colleague", "请选择另一位同事")
            self._check(connection, replace(shift, username=colleague))
            values = [self._new_id(), shift_id, person.username, colleague, because, now]
            if connection.execute(_ASK, values).rowcount == 0:
                raise CommandError("shift_id", "该班次已有待批准的调班申请")
            details = {**_said(shift), "colleague": colleague, "reason": because}
            audit.append(connection, SUBJECT, Act(actor=person.username, action="ASK_SWAP", at=now, details=details))

    def swaps(self) -> tuple[Swap, ...]:
        """The swaps that wait for a supervisor, the nearest shift first."""
        with self._pool.connection() as connection:
            return _swaps(connection, _OPEN_SWAPS, [])

    def decide_swap(self, by: Person, swap_id: str, *, approve: bool, remark: str = "") -> SwapState:
        """Agree to a swap or not; a refusal needs a remark. Both people are told. Raises `CommandError`."""
        said = remark.strip() if approve else checked_reason(remark)
        state, now = SwapState.APPROVED if approve else SwapState.REFUSED, self._clock()
        with self._refusals_audited(by, "DECIDE_SWAP"), self._pool.connection() as connection:
            connection.execute(_LOCK)
            self._require(by)
            swap = _only(_swaps(connection, _ONE_SWAP, [swap_id]), "没有这项调班申请")
            if swap.state is not SwapState.ASKED:
                raise CommandError("swap_id", "该调班申请已处理")
            self._require(by, swap.asked_by, swap.colleague)
            if by.username in {swap.asked_by, swap.colleague}:
                raise CommandError("swap_id", "不能批准与本人有关的调班")
            shift = _only(_shifts(connection, _ONE, [swap.shift_id]), "该班次已取消")
            if approve:
                self._check(connection, replace(shift, username=swap.colleague))
                connection.execute(_HAND, [swap.colleague, swap.shift_id])
            connection.execute(_DECIDE, [state, by.username, now, said, swap_id])
            details = {**_said(shift), "colleague": swap.colleague, "state": str(state), "remark": said}
            audit.append(connection, SUBJECT, Act(actor=by.username, action="DECIDE_SWAP", at=now, details=details))
            told = f"{_when(shift)}的调班申请{'已批准' if approve else '未批准：' + said}"
            for username in (swap.asked_by, swap.colleague):
                notices.tell(connection, username, told, by=by.username, at=now)
        return state

    def _require(self, by: Person, *usernames: str) -> None:
        """Who plans may do so for people with whom they have a region in common; not for who is in no register."""
        require(by, Permission.PLAN_ROSTER)
        for username in usernames:
            person = self._person(username)
            if person is not None:
                require_common_region(by, person)

    def _refusals_audited(self, by: Person, command: str) -> AbstractContextManager[None]:
        return refusals_kept(self._pool, self._clock, by.username, {"command": command}, lambda: SUBJECT)

    def _check(self, connection: Connection[TupleRow], shift: Shift) -> None:
        person = self._person(shift.username)
        if person is None:
            raise CommandError("username", "没有这位同事")
        others = _shifts(connection, _OF, [shift.username, shift.starts_at])
        if (why := shift_problem(shift, person, others)) is not None:
            raise CommandError("shift", why)


def shifts_of(connection: Connection[TupleRow], username: str, now: datetime) -> tuple[Shift, ...]:
    """A person's shifts that have not ended, by their beginning."""
    return _shifts(connection, _OF, [username, now])


def _shifts(connection: Connection[TupleRow], query: str, values: Sequence[Any]) -> tuple[Shift, ...]:
    with connection.cursor(row_factory=class_row(Shift)) as cursor:
        return tuple(cursor.execute(query.encode(), values).fetchall())


def _swaps(connection: Connection[TupleRow], query: str, values: Sequence[Any]) -> tuple[Swap, ...]:
    with connection.cursor(row_factory=class_row(Swap)) as cursor:
        found = cursor.execute(query.encode(), values).fetchall()
    return tuple(replace(swap, state=SwapState(swap.state)) for swap in found)


def _only(found: Sequence[T], why: str) -> T:
    if not found:
        raise CommandError("id", why)
    return found[0]


def _said(shift: Shift) -> dict[str, str]:
    return {
        "shift_id": shift.shift_id,
        "username": shift.username,
        "starts_at": shift.starts_at.isoformat(),
        "ends_at": shift.ends_at.isoformat(),
    }


def _when(shift: Shift) -> str:
    since, until = shift.starts_at.astimezone(SHANGHAI), shift.ends_at.astimezone(SHANGHAI)
    return f"{since:%m月%d日 %H:%M}—{until:%H:%M}"
