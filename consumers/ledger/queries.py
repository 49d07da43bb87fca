"""What the ledger can tell. Every read is one short transaction; instants are UTC, durations milliseconds.

Stamps are the broker's: a stage's latency is the time from the record it read being on its topic to the record it wrote
being on its own, waiting in the topic included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg.rows import class_row, dict_row

from infra.postgres.pool import Pool
from schemas.codes import Status
from schemas.domain import automation
from schemas.domain.contract import ONLINE_ANSWER

R = TypeVar("R")

_MOST_ROWS: Final = 200
_STATE = """
    select valuation_id, channel, client_request_id, lane, service_type, business_ref, branch_code, received_at,
           deadline_at, status, revision, reasons, due_at, valid_until, value, unit_price, lower, upper, human_touched,
           answered_at, final_at, last_kind, last_at, substring(traceparent from 4 for 32) as trace_id
    from valuation v left join lateral (
        select kind as last_kind, appended_at as last_at from ledger_event e where e.valuation_id = v.valuation_id
        order by appended_at desc limit 1
    ) last on true
"""
_TIMELINE = """
    select event_id, kind, status, stage, lane, revision, occurred_at, appended_at, trace_id, payload
    from ledger_event where valuation_id = %s order by appended_at, kind, event_id
"""
_ANSWER = """
    select e.payload, e.wire from valuation v join ledger_event e on e.event_id = v.answer_id where v.valuation_id = %s
"""
_REPORT = """
    select report_no, r.valuation_id, revision, issued_at, r.payload, v.payload as revoked
    from report r left join revocation v using (report_no)
"""

# One row for each asking (valuation and revision) with the first stamp of each of its events.
_STAMPS = """
    select valuation_id, revision,
        min(appended_at) filter (where kind = 'Requested') as requested,
        min(appended_at) filter (where kind = 'Accepted') as accepted,
        min(appended_at) filter (where kind = 'Enriched') as enriched,
        min(appended_at) filter (where kind = 'Scored') as scored,
        min(appended_at) filter (where kind = 'ReviewRequested') as reviewed,
        min(appended_at) filter (where kind = 'Decided') as decided,
        min(appended_at) filter (where kind = 'Resulted' and status = 'COMPLETED_AUTO') as valued,
        min(appended_at) filter (where kind = 'Resulted' and status not in
            ('RECEIVED', 'PROCESSING', 'NEEDS_CLARIFICATION', 'PENDING_MANUAL')) as final,
        min(appended_at) filter (where kind = 'Resulted' and status <> 'RECEIVED') as answered,
        min(appended_at) filter (where kind = 'Reported') as reported
    from ledger_event
"""
_HOPS = """
    select * from stamps cross join lateral (values
        ('intake', 1, requested, accepted),
        ('enrichment', 2, accepted, enriched),
        ('scoring', 3, enriched, scored),
        ('routing', 4, scored, coalesce(reviewed, valued, final)),
        ('review', 5, reviewed, decided),
        ('settle', 6, decided, final),
        ('reporting', 7, final, reported),
        ('to_answer', 8, requested, answered),
        ('automatic', 9, requested, valued)
    ) as hop (stage, place, from_at, to_at)
    where to_at >= from_at -- a reply is filed under the revision it may have made, so its answer may stand before it
"""
_LATENCIES_OF = f"""
    with stamps as ({_STAMPS} where valuation_id = %s group by valuation_id, revision), hops as ({_HOPS})
    select stage, revision, extract(epoch from to_at - from_at)::float8 * 1000 as milliseconds
    from hops order by revision, place
"""
_PERCENTILES = f"""
    with stamps as (
        {_STAMPS} where appended_at >= %(since)s and appended_at < %(until)s
            and (%(lane)s::text is null or lane = %(lane)s)
        group by valuation_id, revision
    ), hops as ({_HOPS}),
    took as (select stage, place, extract(epoch from to_at - from_at)::float8 * 1000 as milliseconds from hops)
    select stage, count(*) as measured,
        percentile_cont(0.5) within group (order by milliseconds) as p50,
        percentile_cont(0.95) within group (order by milliseconds) as p95,
        percentile_cont(0.99) within group (order by milliseconds) as p99,
        max(milliseconds) as longest
    from took group by stage, place order by place
"""
# By the first end: a dispute is no second valuation, and changes nothing of how the first was answered (C-01).
_COUNTS = """
    select coalesce(channel, '') as channel, coalesce(lane, '') as lane,
        coalesce(concluded_status, status, '') as status,
        case when concluded_status is null then human_touched else concluded_touched end as human_touched,
        reused_from is not null as reused, coalesce(service_type, '') as service_type,
        forced_at is not null as forced, count(*) as valuations
    from valuation where received_at >= %(since)s and received_at < %(until)s
    group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7
"""
# With a person or with the channel is not lost, nor is what waits for a model: its channel was told, and routing keeps
# it. A decision that was not settled in time is lost, and a question that nothing became of when its time had run out.
# Only a review of the asking that stands is with a person: what was asked or sent back since has left them, and an
# asking that goes on so has its time from then.
_LOST = """
    select valuation_id, channel, client_request_id, status, received_at, deadline_at, last_kind, last_at
    from valuation v left join lateral (
        select kind as last_kind, appended_at as last_at from ledger_event e where e.valuation_id = v.valuation_id
        order by appended_at desc limit 1
    ) last on true left join lateral (
        select bool_or(kind = 'ReviewRequested') as is_reviewed,
            max(appended_at) filter (where kind = 'Decided') as asking_decided_at,
            max(appended_at) filter (where kind = 'Accepted' and e.revision > 1) as went_on_at
        from ledger_event e where e.valuation_id = v.valuation_id and e.revision >= v.revision
    ) asking on true
    where final_at is null and received_at >= %(since)s
        and greatest(coalesce(deadline_at, received_at + %(allowance)s), went_on_at + %(allowance)s) + %(grace)s
            < %(now)s
        and not (coalesce(status, '') = 'NEEDS_CLARIFICATION'
                 and (due_at is null or due_at + interval '1 minute' + %(grace)s >= %(now)s))
        and not ((coalesce(status, '') = 'PENDING_MANUAL' or coalesce(is_reviewed, false))
                 and (asking_decided_at is null or asking_decided_at + %(grace)s >= %(now)s))
        and not (coalesce(status, '') = 'PROCESSING' and 'SYSTEM_DEGRADED' = any(reasons))
    order by received_at limit %(limit)s
"""
_TOTALS = """
    select
        (select count(*) from report where issued_at >= %(since)s and issued_at < %(until)s) as reports,
        (select count(*) from breach b join valuation v using (valuation_id)
            where v.received_at >= %(since)s and v.received_at < %(until)s) as breaches
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a valuation stands. `status` is `None` while nothing was answered; `last_kind` is the newest event."""

    valuation_id: UUID
    channel: str | None
    client_request_id: str | None
    lane: str | None
    service_type: str | None
    business_ref: str | None
    branch_code: str | None
    received_at: datetime | None
    deadline_at: datetime | None
    status: str | None
    revision: int
    reasons: Sequence[str]
    due_at: datetime | None
    valid_until: date | None
    value: int | None
    unit_price: int | None
    lower: int | None
    upper: int | None
    human_touched: bool
    answered_at: datetime | None
    final_at: datetime | None
    last_kind: str | None
    last_at: datetime | None
    trace_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event. `stage` is the room that said it; `occurred_at` its own clock, `appended_at` the broker's."""

    event_id: UUID
    kind: str
    status: str | None
    stage: str
    lane: str | None
    revision: int
    occurred_at: datetime
    appended_at: datetime
    trace_id: str | None
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long one stage took for one asking of a valuation."""

    stage: str
    revision: int
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePercentiles:
    """How long a stage took over a window, in milliseconds."""

    stage: str
    measured: int
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Valuations received in a window, by channel, lane, status (empty: no answer yet) and service.

    `reused`: an earlier answer was issued again, which is no valuation to be counted or billed. `forced`: the bank
    wanted people for it.
    """

    channel: str
    lane: str
    status: str
    human_touched: bool
    valuations: int
    reused: bool = False
    service_type: str = ""
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A valuation past its deadline with no final answer, and with nobody who has still to act."""

    valuation_id: UUID
    channel: str | None
    client_request_id: str | None
    status: str | None
    received_at: datetime
    deadline_at: datetime | None
    last_kind: str | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An issued 估价报告单; `payload` is the whole event.

    `revoked`: the event that says it no longer counts; `None` while it does.
    """

    report_no: str
    valuation_id: UUID
    revision: int
    issued_at: datetime
    payload: Mapping[str, Any]
    revoked: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A window at a glance. `automatic_ratio` is C-01, `None` while nothing counts towards it."""

    since: datetime
    until: datetime
    counts: tuple[Count, ...]
    stages: tuple[StagePercentiles, ...]
    lost: tuple[Lost, ...]
    reports: int
    breaches: int
    automatic_ratio: float | None


class LedgerQueries:
    """Reads the ledger of one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def state(self, valuation_id: UUID) -> State | None:
        """Where a valuation stands; `None` when it is not known (yet)."""
        return next(iter(self._rows(State, f"{_STATE} where valuation_id = %s", [valuation_id])), None)

    def by_client_request(self, channel: str, client_request_id: str) -> State | None:
        """The valuation a channel asked for under its own number."""
        found = self._rows(
            State, f"{_STATE} where client_request_id = %s and channel = %s", [client_request_id, channel]
        )
        return next(iter(found), None)

    def by_business_ref(self, business_ref: str, channel: str | None = None) -> tuple[State, ...]:
        """All valuations for one loan case, of one channel or all, the newest first, at most 200."""
        query = f"""{_STATE} where business_ref = %s and (%s::text is null or channel = %s)
            order by received_at desc nulls last limit %s"""
        return self._rows(State, query, [business_ref, channel, channel, _MOST_ROWS])

    def timeline(self, valuation_id: UUID) -> tuple[TimelineEntry, ...]:
        """Everything said about a valuation, in the order of the broker's stamps; empty when it is not known."""
        return self._rows(TimelineEntry, _TIMELINE, [valuation_id])

    def stage_times(self, valuation_id: UUID) -> tuple[StageTime, ...]:
        """How long each stage took for one valuation, in the order of the flow."""
        return self._rows(StageTime, _LATENCIES_OF, [valuation_id])

    def answer(self, valuation_id: UUID) -> Mapping[str, Any] | None:
        """The answer that stands, as the JSON of its `Resulted`; `None` while there is none."""
        found = self._answer(valuation_id)
        return None if found is None else found[0]

    def answer_bytes(self, valuation_id: UUID) -> bytes | None:
        """The answer that stands, as the very bytes that were on the topic."""
        found = self._answer(valuation_id)
        return None if found is None else found[1]

    def report(self, report_no: str) -> Report | None:
        """A report by its number."""
        return next(iter(self._rows(Report, f"{_REPORT} where report_no = %s", [report_no])), None)

    def reports_of(self, valuation_id: UUID) -> tuple[Report, ...]:
        """The reports of a valuation: those that count before those that no longer do, the newest first."""
        query = f"{_REPORT} where r.valuation_id = %s order by v.report_no is not null, issued_at desc"
        return self._rows(Report, query, [valuation_id])

    def stage_percentiles(
        self, since: datetime, until: datetime, lane: str | None = None
    ) -> tuple[StagePercentiles, ...]:
        """Percentiles for each stage over events appended in [`since`, `until`)."""
        return self._rows(StagePercentiles, _PERCENTILES, {"since": since, "until": until, "lane": lane})

    def counts(self, since: datetime, until: datetime) -> tuple[Count, ...]:
        """Valuations received in [`since`, `until`)."""
        return self._rows(Count, _COUNTS, {"since": since, "until": until})

    def lost(
        self,
        since: datetime,
        now: datetime,
        *,
        grace: timedelta = timedelta(0),
        allowance: timedelta = ONLINE_ANSWER.value,
        limit: int = _MOST_ROWS,
    ) -> tuple[Lost, ...]:
        """Requests received since then whose deadline has passed without an end and with nobody to act.

        `allowance` stands in for the deadline of a request that intake has never accepted or refused.
        """
        values = {"since": since, "now": now, "grace": grace, "allowance": allowance, "limit": limit}
        return self._rows(Lost, _LOST, values)

    def summary(self, since: datetime, now: datetime) -> Summary:
        """Counts, times, reports, breaches and what is lost, for everything received since then."""
        window = {"since": since, "until": now}
        counts = self.counts(since, now)
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            totals = cursor.execute(_TOTALS, window).fetchone() or {"reports": 0, "breaches": 0}
        return Summary(
            since=since,
            until=now,
            counts=counts,
            stages=self.stage_percentiles(since, now),
            lost=self.lost(since, now),
            reports=totals["reports"],
            breaches=totals["breaches"],
            automatic_ratio=automatic_ratio(counts),
        )

    def _answer(self, valuation_id: UUID) -> tuple[Mapping[str, Any], bytes] | None:
        with self._pool.connection() as connection:
            row = connection.execute(_ANSWER, [valuation_id]).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def _rows(self, kind: type[R], query: str, values: Sequence[Any] | Mapping[str, Any]) -> tuple[R, ...]:
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(kind)) as cursor:
            return tuple(cursor.execute(query.encode(), values).fetchall())


def automatic_ratio(counts: Sequence[Count]) -> float | None:
    """自动估值比率 (C-01): answers without a person's decision, of all that should have one; `None` for none at all."""
    counted = [
        count
        for count in counts
        if automation.counts(count.status, count.service_type, is_reused=count.reused, is_forced=count.forced)
    ]
    total = sum(count.valuations for count in counted)
    unaided = (count for count in counted if count.status == Status.COMPLETED_AUTO and not count.human_touched)
    automatic = sum(count.valuations for count in unaided)
    return float(Decimal(automatic) / Decimal(total)) if total else None
