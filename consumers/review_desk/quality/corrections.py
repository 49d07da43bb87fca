"""Patterns of failure at the desk: looks for them, holds the segments, tells the supervisors; closed by a person.

The hold stops automatic answers in sight of one program; only two people lift it (`avm segments release`). That does
not close the pattern: a person does, at the desk, once the cause is dealt with, and until then it does not fire again.
What had been valued automatically since the pattern began is listed by `avm desk-quality affected`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from consumers.review_desk.oversight import notices
from consumers.review_desk.oversight.notices import Notice, Severity
from consumers.review_desk.oversight.segment_holds import hold, publish
from consumers.review_desk.oversight.supervisor_moves import CommandError, checked_reason
from consumers.review_desk.pace import Pace
from consumers.review_desk.people.access import Permission
from consumers.review_desk.people.refusals import demand
from consumers.review_desk.people.staff import Person, Role
from consumers.review_desk.quality.patterns import Pattern, PatternRules, Scope, Signal, Subject, patterns
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import TaskUnavailableError
from consumers.review_desk.words import PROPERTY_CLASS, said
from infra.postgres import audit
from infra.postgres.audit import Act
from schemas.catalogue import SEGMENTS, Topic
from schemas.events import ReviewRequested, SegmentStanding

log = logging.getLogger(__name__)

PROGRAM: Final = "DESK-PATTERN"  # stands where a staff number does: the record of a hold names who held
_EVERY: Final = timedelta(minutes=1)

_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema || '.pattern', 0))"
# Disputes by when they were raised (`received_at` is the receipt of the first request, maybe long ago), corrections by
# their decision. What stays at the desk says nothing about a segment twice: a second reading is of a case that counts.
_SIGNALS: Final = """
    select t.valuation_id, t.requested_at as at, t.city, t.skill, t.community_id, t.evidence
    from task t where t.kind = 'DISPUTE' and t.requested_at > %(since)s and t.requested_at <= %(now)s
    union all
    select t.valuation_id, d.decided_at, t.city, t.skill, coalesce(d.confirmed_community_id, t.community_id), t.evidence
    from decision d join task t using (task_id)
    where t.kind in ('VALUATION', 'DISPUTE', 'AUDIT') and d.decided_at > %(since)s and d.decided_at <= %(now)s
        and t.state = 'DECIDED' and d.outcome = 'VALUE' and t.model_value > 0
        and abs(d.value - t.model_value) > %(move)s * t.model_value
"""
_CLOSED = "select distinct on (scope, name) scope, name, closed_at from pattern order by scope, name, found_at desc"
_KEEP = """
    insert into pattern (pattern_id, scope, name, valuation_ids, segments, first_at, found_at)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning pattern_id
"""
_SHOW = """
    select pattern_id::text, scope, name, cardinality(valuation_ids) as signals, segments, first_at, found_at,
        closed_at, closed_by, closed_because
    from pattern order by closed_at is not null, found_at desc, pattern_id limit 100
"""
_CLOSE = """
    update pattern set closed_at = %s, closed_by = %s, closed_because = %s
    where pattern_id = %s and closed_at is null returning scope, name
"""
_WHERE: Final = {Scope.COMMUNITY: "小区", Scope.CITY: "城市", Scope.MODEL: "模型版本"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A pattern as it is kept. `segments` are the keys that were held; the last three `None` while it is open."""

    pattern_id: str
    scope: str
    name: str
    signals: int
    segments: tuple[str, ...]
    first_at: datetime
    found_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_because: str | None


class Corrections:
    """Looks for patterns and acts on them."""

    def __init__(
        self,
        store: TaskStore,
        *,
        clock: Callable[[], datetime],
        rules: PatternRules | None = None,
        topic: Topic = SEGMENTS,
    ) -> None:
        """`clock` gives the instant now, in UTC; `topic` is where holds are made known."""
        self._store, self._clock, self._topic = store, clock, topic
        self.rules = rules or PatternRules()
        self._pace = Pace(_EVERY)

    def tick(self, now: datetime) -> None:
        """Check once a minute; cheap to call often."""
        if self._pace.is_due(now):
            self.check(now)

    def check(self, now: datetime) -> tuple[Pattern, ...]:
        """Act on what has become a pattern: hold, incident line, notice. Each fires once; returns those that did.

        A segment that several patterns show in is held once. One pattern that fails leaves the others be, and is tried
        again at the next check.
        """
        fired: list[Pattern] = []
        standings: dict[str, SegmentStanding] = {}
        with self._store.pool.connection() as connection:
            connection.execute(_LOCK)
            for pattern in patterns(self._signals(connection, now), _closed(connection), self.rules):
                try:
                    with connection.transaction():
                        held = self._fire(connection, pattern, now, standings)
                except Exception:
                    log.exception("a pattern could not be acted on", extra={"scope": str(pattern.subject.scope)})
                    continue
                if held is not None:
                    standings |= held
                    fired.append(pattern)
        return tuple(fired)

    def patterns(self, person: Person) -> tuple[Found, ...]:
        """The patterns found so far, the open ones first. Raises `NotAllowedError`; audited."""
        demand(self._store.pool, person, Permission.SEE_QUALITY, self._clock())
        with (
            self._store.pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(_SHOW).fetchall()
        return tuple(Found(**row | {"segments": tuple(row["segments"])}) for row in rows)

    def close(self, pattern_id: str, person: Person, reason: str) -> None:
        """Say that a pattern was dealt with. Its segments stay held until two people release them.

        Raises:
            CommandError: Without a reason worth the name.
            NotAllowedError: The person supervises nobody; audited.
            TaskUnavailableError: There is no such pattern, or it is closed.
        """
        demand(self._store.pool, person, Permission.SUPERVISE, self._clock())
        because, now = checked_reason(reason), self._clock()
        with self._store.pool.connection() as connection:
            row = connection.execute(_CLOSE, [now, person.username, because, pattern_id]).fetchone()
            if row is None:
                raise TaskUnavailableError("该事件不存在或已关闭", None)
            details = {"scope": row[0], "name": row[1], "reason": because}
            audit.append(
                connection, "desk", Act(actor=person.username, action="PATTERN_CLOSED", at=now, details=details)
            )

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _signals(self, connection: Connection[TupleRow], now: datetime) -> list[Signal]:
        values = {"since": now - self.rules.window, "now": now, "move": self.rules.move}
        with connection.cursor(row_factory=dict_row) as cursor:
            return [self._signal(row) for row in cursor.execute(_SIGNALS, values).fetchall()]

    def _signal(self, row: dict[str, Any]) -> Signal:
        review = self._store.codec.decode(bytes(row["evidence"]), ReviewRequested)
        valuation = review.scored.valuation
        return Signal(
            valuation_id=str(row["valuation_id"]),
            at=row["at"],
            city=row["city"],
            property_class=row["skill"],
            community_id=row["community_id"],
            model=None if valuation is None else f"{valuation.model.name} {valuation.model.version}",
        )

    def _fire(
        self, connection: Connection[TupleRow], pattern: Pattern, now: datetime, already: Mapping[str, SegmentStanding]
    ) -> dict[str, SegmentStanding] | None:
        """Keep a pattern, hold its segments but those held, tell. What is held, `None`: it was kept before."""
        subject, ids = pattern.subject, [signal.valuation_id for signal in pattern.signals]
        where = f"{_WHERE[subject.scope]} {subject.name}"
        told = f"{where} 近 {self.rules.window.days} 日内出现 {len(ids)} 笔复估或大幅修正"
        standings = _holds(pattern, told, now)
        held = list(standings)
        row = (pattern.pattern_id, subject.scope, subject.name, ids, held, pattern.first_at, now)
        if connection.execute(_KEEP, row).fetchone() is None:
            return None
        for key, standing in standings.items():
            if key not in already:
                publish(connection, standing, self._topic, self._store.codec)
        details = {"scope": str(subject.scope), "name": subject.name, "valuations": ids, "held": held}
        audit.append(connection, "desk", Act(actor=PROGRAM, action="PATTERN_FOUND", at=now, details=details))
        notices.write(connection, _notice(told, held, now))
        return standings


def _holds(pattern: Pattern, told: str, now: datetime) -> dict[str, SegmentStanding]:
    """The holds of a pattern's segments, by key. A place that is no known city has no segment to hold."""
    held: dict[str, SegmentStanding] = {}
    for segment in pattern.segments:
        with suppress(CommandError):
            standing = hold(segment.city, segment.property_class, segment.community_id, reason=told, by=PROGRAM, at=now)
            held[standing.segment] = standing
    return held


def _notice(told: str, held: Sequence[str], now: datetime) -> Notice:
    stopped = "、".join(segment_said(key) for key in held) or "无可暂停的板块"
    return Notice(
        severity=Severity.URGENT,
        text=f"{told}，已暂停自动估值并转人工：{stopped}。请核查；解除须两人批准，解除后请另行关闭本事件。",
        written_by=PROGRAM,
        written_at=now,
        roles=frozenset({Role.SUPERVISOR, Role.QA}),
    )


def segment_said(key: str) -> str:
    """`杭州市|RESIDENTIAL|c-1` as 杭州市·住宅·c-1."""
    city, property_class, *community = key.split("|")
    return "·".join((city, said(PROPERTY_CLASS, property_class), *community))


def _closed(connection: Connection[TupleRow]) -> dict[Subject, datetime | None]:
    found = connection.execute(_CLOSED).fetchall()
    return {Subject(scope=Scope(scope), name=name): closed_at for scope, name, closed_at in found}
