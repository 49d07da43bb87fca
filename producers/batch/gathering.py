"""Answers into the rows of their jobs, of ended ones too: a dispute changes a value long after.

What belongs to no job costs a look at its request number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from infra.kafka.producer import Record
from infra.postgres import outbox
from infra.postgres.ingest import Received
from producers.batch.answers import Answer, Former, Standing, answered, has_moved, reported, settled_now, shifts
from producers.batch.pace import OnlineWatch
from producers.batch.rows import row_of
from producers.batch.voice import Voice
from schemas.codes import Lane, Status
from schemas.events import Reported, Resulted

Key = tuple[str, int]

_FRESH: Final = timedelta(seconds=30)  # an older answer, read after a pause, says nothing of the lane now
ANSWER: Final = """
    i.number, i.valuation_id, i.status, i.revision, i.value, i.unit_price, i.lower, i.upper, i.confidence_level,
    i.value_date, i.valid_until, i.reason, i.report_no, i.superseded_by, i.business_ref, i.branch_code, i.former_value,
    i.former_on, i.former_report
"""
# In one order everywhere, so that two instances which read different partitions never wait for each other in a circle.
_READ: Final = f"""
    select j.job_id, j.channel, j.alert_change, j.revaluation_of, i.former_number, {ANSWER}
    from unnest(%(jobs)s::text[], %(numbers)s::int[]) as w (job_id, number)
    join job j using (job_id)
    join item i on i.job_id = w.job_id and i.number = w.number
    order by i.job_id, i.number for update of i
"""
_WRITE: Final = """
    update item i set status = n.status, revision = n.revision, value = n.value, unit_price = n.unit_price,
        lower = n.lower, upper = n.upper, confidence_level = n.confidence_level, value_date = n.value_date,
        valid_until = n.valid_until, reason = n.reason, report_no = n.report_no
    from unnest(%(job_id)s::text[], %(number)s::int[], %(status)s::text[], %(revision)s::int[], %(value)s::bigint[],
        %(unit_price)s::bigint[], %(lower)s::bigint[], %(upper)s::bigint[], %(confidence_level)s::smallint[],
        %(value_date)s::date[], %(valid_until)s::date[], %(reason)s::text[], %(report_no)s::text[])
        as n (job_id, number, status, revision, value, unit_price, lower, upper, confidence_level, value_date,
            valid_until, reason, report_no)
    where i.job_id = n.job_id and i.number = n.number
"""
_COUNT: Final = """
    insert into tally as t (job_id, status, is_done, rows, reports)
    values (%(job_id)s, %(status)s, %(is_done)s, %(rows)s, %(reports)s)
    on conflict (job_id, status, is_done) do update
        set rows = t.rows + excluded.rows, reports = t.reports + excluded.reports
"""
# Of rows that nothing waits for any more the first to come back are taken to be these: so none is left out that runs.
_NEWS: Final = """
    update job set news_at = %(at)s, written_off = greatest(0, written_off - %(settled)s) where job_id = %(job_id)s
"""
_SUPERSEDE: Final = "update item set superseded_by = %(by)s where job_id = %(former)s and number = %(number)s"
_COLUMNS: Final = (
    "status",
    "revision",
    "value",
    "unit_price",
    "lower",
    "upper",
    "confidence_level",
    "value_date",
    "valid_until",
    "reason",
    "report_no",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of a job, locked."""

    job_id: str
    channel: str
    alert_change: float
    revaluation_of: str | None
    former_number: int | None
    answer: Answer


class Gathering:
    """The effects of results and reports, for `infra.postgres.ingest`."""

    def __init__(self, voice: Voice, watch: OnlineWatch, clock: Callable[[], datetime]) -> None:
        """Keep what is needed; `watch` learns what the online lane's answers take."""
        self._voice, self._watch, self._clock = voice, watch, clock

    def __call__(self, connection: Connection[TupleRow], batch: Sequence[Received], /) -> None:
        """Write what is news to the rows of jobs."""
        now = self._clock()
        self._look(batch, now)
        events = _by_row(batch)
        if not events:
            return
        rows = _locked(connection, events)
        changed: dict[str, list[tuple[Answer, Answer]]] = defaultdict(list)
        alarms: list[Record] = []
        for key, row in rows.items():
            after = _after(row.answer, events[key])
            if after == row.answer:
                continue
            changed[row.job_id].append((row.answer, after))
            if _is_newly_valued(row.answer, after):
                if row.revaluation_of and row.former_number is not None:
                    changed.setdefault(row.revaluation_of, [])  # it has news as well: a row of it is superseded
                alarms += self._valued(connection, row, after, events[key], now)
        _write(connection, changed, now)
        outbox.write(connection, alarms)

    def _look(self, batch: Sequence[Received], now: datetime) -> None:
        for received in batch:
            if now - received.appended_at > _FRESH:
                self._watch.fell_behind(now)
            event = received.event
            if (
                received.lane is Lane.ONLINE
                and isinstance(event, Resulted)
                and event.status in {Status.COMPLETED_AUTO, Status.PENDING_MANUAL}
                and event.update == 0
                and now - received.appended_at < _FRESH
            ):
                self._watch.took((received.appended_at - event.received_at).total_seconds())

    def _valued(
        self,
        connection: Connection[TupleRow],
        row: _Row,
        after: Answer,
        events: Iterable[Resulted | Reported],
        now: datetime,
    ) -> list[Record]:
        """The former answer no longer counts; a value far from it is told."""
        if row.former_number is not None:
            keys = {"by": after.valuation_id, "former": row.revaluation_of, "number": row.former_number}
            connection.execute(_SUPERSEDE, keys)
        if after.value_date is None or not has_moved(after, row.alert_change):
            return []
        revision = max((event.revision for event in events if isinstance(event, Resulted)), default=1)
        return [self._voice.moved(row.job_id, row.channel, after, revision=revision, at=now)]


def _by_row(batch: Sequence[Received]) -> dict[Key, list[Resulted | Reported]]:
    found: dict[Key, list[Resulted | Reported]] = defaultdict(list)
    for received in batch:
        key = row_of(received.event.client_request_id)
        if key is not None:
            found[key].append(received.event)
    return found


def _locked(connection: Connection[TupleRow], events: Mapping[Key, Sequence[Resulted | Reported]]) -> dict[Key, _Row]:
    """The rows of jobs that these events are about. Another channel's request may have a number like ours."""
    wanted = {"jobs": [job for job, _ in events], "numbers": [number for _, number in events]}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_READ, wanted).fetchall()
    found: dict[Key, _Row] = {}
    for row in rows:
        answer = answer_of(row)
        key = (row["job_id"], row["number"])
        if any(event.valuation_id == answer.valuation_id for event in events[key]):
            names = ("job_id", "channel", "alert_change", "revaluation_of", "former_number")
            found[key] = _Row(answer=answer, **{name: row[name] for name in names})
    return found


def _after(before: Answer, events: Iterable[Resulted | Reported]) -> Answer:
    answer = before
    for event in events:
        if event.valuation_id == before.valuation_id:
            answer = answered(answer, event) if isinstance(event, Resulted) else reported(answer, event)
    return answer


def _is_newly_valued(before: Answer, after: Answer) -> bool:
    return after.change is not None and (before.change is None or before.value != after.value)


def _write(
    connection: Connection[TupleRow], changed: Mapping[str, Sequence[tuple[Answer, Answer]]], now: datetime
) -> None:
    if not changed:
        return
    flat = [(job_id, after) for job_id, changes in changed.items() for _, after in changes]
    values: dict[str, list[Any]] = {name: [getattr(after, name) for _, after in flat] for name in _COLUMNS}
    values |= {"job_id": [job_id for job_id, _ in flat], "number": [after.number for _, after in flat]}
    connection.execute(_WRITE, values)
    for job_id in sorted(changed):
        for standing, shift in shifts(changed[job_id]).items():
            connection.execute(_COUNT, _count(job_id, standing) | {"rows": shift.rows, "reports": shift.reports})
        keys = {"job_id": job_id, "at": now, "settled": max(0, settled_now(changed[job_id]))}
        connection.execute(_NEWS, keys)


def _count(job_id: str, standing: Standing) -> dict[str, Any]:
    return {"job_id": job_id, "status": standing.status, "is_done": standing.is_done}


def answer_of(row: Mapping[str, Any]) -> Answer:
    """A row's answer, from the columns `ANSWER`."""
    former = None
    if row["former_value"] is not None and row["former_on"] is not None:
        former = Former(value=row["former_value"], on=row["former_on"], report_no=row["former_report"] or "")
    names = ("number", *_COLUMNS[1:], "superseded_by", "business_ref", "branch_code")
    return Answer(
        valuation_id=str(row["valuation_id"]),
        status=Status(row["status"]) if row["status"] else None,
        former=former,
        **{name: row[name] for name in names},
    )
