"""审计回放: the audit as people of the desk may read it, line by line, and whether it is whole.

An auditor reads everything; a supervisor the valuations of the own regions. Every look is a line of its own.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.review_desk.people.access import Permission
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.task import NotAllowedError
from infra.postgres import audit, audit_check
from infra.postgres.audit import Act, Line, Seal
from infra.postgres.audit_check import Verdict
from infra.postgres.pool import Pool

SUBJECT: Final = "audit"  # the chain of looks at the audit
MOST_FOUND: Final = 200

_SEARCH: Final = """
    select subject, sequence, at, actor, action, details::text, previous, hash from audit_line l
    where (%(subject)s = '' or subject = %(subject)s) and (%(actor)s = '' or actor = %(actor)s)
      and (%(action)s = '' or action = %(action)s)
      and (%(since)s::timestamptz is null or at >= %(since)s) and (%(until)s::timestamptz is null or at < %(until)s)
      and (%(everything)s or exists (
        select 1 from task t where t.valuation_id::text = l.subject and t.region = any(%(regions)s)))
    order by at desc, subject, sequence desc limit %(most)s
"""
_REGIONS: Final = "select distinct region from task where valuation_id::text = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What lines are looked for; an empty text or `None` leaves a field open. `until` is not included."""

    subject: str = ""
    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


class AuditTrail:
    """The room's audit. Safe to use from several threads."""

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime]) -> None:
        """Keep what it needs."""
        self._pool, self._clock = pool, clock

    def record(self, subject: str, act: Act) -> None:
        """Add one line, in a transaction of its own."""
        with self._pool.connection() as connection:
            audit.append(connection, subject, act)

    def tick(self, now: datetime) -> Seal | None:
        """Seal what moved, once a minute; for the desk's tick."""
        with self._pool.connection() as connection:
            return audit.seal_when_due(connection, now)

    def lines(self, subject: str, person: Person) -> tuple[Line, ...]:
        """The chain of a subject, oldest first; empty when there is none.

        Raises:
            NotAllowedError: This person may not read it.
        """
        self._require(person, subject)
        self._looked(person, "LOOK", {"subject": subject})
        with self._pool.connection() as connection:
            return audit_check.lines_of(connection, subject)

    def search(self, wanted: Wanted, person: Person) -> tuple[Line, ...]:
        """Lines that this person may read, the latest first, `MOST_FOUND` at most. Raises `NotAllowedError`."""
        demand(self._pool, person, Permission.SEE_AUDIT, self._clock())
        said = {"subject": wanted.subject, "actor": wanted.actor, "action": wanted.action}
        self._looked(person, "SEARCH", {name: value for name, value in said.items() if value})
        values = {
            **said,
            "since": wanted.since,
            "until": wanted.until,
            "everything": person.has(Role.AUDITOR),
            "regions": [*map(str, person.regions)],
            "most": MOST_FOUND,
        }
        with self._pool.connection() as connection:
            return tuple(audit_check.line_of(row) for row in connection.execute(_SEARCH, values))

    def verify(self, subject: str | None, person: Person) -> Verdict:
        """Check one chain, or everything (auditors). Raises `NotAllowedError`."""
        self._require(person, subject)
        self._looked(person, "VERIFY", {"subject": subject or ""})
        with self._pool.connection() as connection:
            return audit_check.verify(connection, subject=subject)

    def _require(self, person: Person, subject: str | None) -> None:
        now = self._clock()
        demand(self._pool, person, Permission.SEE_AUDIT, now)
        if person.has(Role.AUDITOR):
            return
        with self._pool.connection() as connection:
            regions = _regions_of(connection, subject) if subject else frozenset()
            if regions and regions <= {*map(str, person.regions)}:
                return
            details = {"wanted": "SEE_AUDIT", "subject": subject or ""}
            audit.append(connection, SUBJECT, Act(actor=person.username, action="REFUSED", at=now, details=details))
        raise NotAllowedError("只能查看本区域案件的审计记录" if subject else "只有审计员可以核验全部记录")

    def _looked(self, person: Person, action: str, details: Mapping[str, Any]) -> None:
        self.record(SUBJECT, Act(actor=person.username, action=action, at=self._clock(), details=details))


def _regions_of(connection: Connection[TupleRow], subject: str) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute(_REGIONS, [subject]))


def details_of(line: Line) -> Mapping[str, Any]:
    """What a line tells beyond who, when and what."""
    told: dict[str, Any] = json.loads(line.details)
    return told
