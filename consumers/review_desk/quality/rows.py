"""What quality keeps and reads in the desk's tables."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, class_row, dict_row

from consumers.review_desk.people.staff import Grade
from consumers.review_desk.quality.agreement import AUTOMATIC, Check, Pair
from consumers.review_desk.quality.sampling import Readable, Sample
from consumers.review_desk.quality.seeds import Basis, KnownAnswer
from consumers.review_desk.regions import Region
from schemas.codes import ReviewOutcome
from schemas.domain.worktime import shanghai_date

_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema || '.quality_draw', 0))"
_DRAW: Final = "select on_day, seed_digest, share, newcomer_share, decisions, drawn, drawn_at from quality_draw"
_KEEP_DRAW = """
    insert into quality_draw (on_day, seed_digest, share, newcomer_share, decisions, drawn, drawn_at)
    values (%(on_day)s, %(seed_digest)s, %(share)s, %(newcomer_share)s, %(decisions)s, %(drawn)s, %(drawn_at)s)
"""
# What people decided for the outside world. The return to the model is no opinion, a question to the channel no end.
_READABLE = """
    select t.task_id, t.region, t.skill, d.reviewer, d.decided_at, d.grade
    from decision d join task t using (task_id)
    where d.decided_at >= %s and d.decided_at < %s and t.kind in ('VALUATION', 'DISPUTE') and not t.internal
      and t.state = 'DECIDED' and d.outcome in ('VALUE', 'UNABLE', 'NOT_ELIGIBLE', 'OUT_OF_COVERAGE')
"""
_PAIRS = """
    select t.task_id, s.kind as check, d.reviewer, r.reviewer as reader, t.region, t.skill, t.reasons,
        r.decided_at as read_at, d.outcome, r.outcome as reference_outcome, d.value, r.value as reference
    from task s join decision r on r.task_id = s.task_id join decision d on d.task_id = s.origin
        join task t on t.task_id = s.origin
    where s.kind = 'SECOND_READING' and r.decided_at >= %(since)s and r.decided_at < %(until)s
        and (%(reviewer)s::text is null or d.reviewer = %(reviewer)s)
    union all
    select t.task_id, t.kind, d.reviewer, '', t.region, t.skill, t.reasons, d.decided_at, d.outcome, 'VALUE', d.value,
        s.value
    from seed s join decision d on d.task_id = s.task_id join task t on t.task_id = s.task_id
    where d.decided_at >= %(since)s and d.decided_at < %(until)s
        and (%(reviewer)s::text is null or d.reviewer = %(reviewer)s)
    union all
    select t.task_id, t.kind, %(automatic)s, r.reviewer, t.region, t.skill, t.reasons, r.decided_at, 'VALUE', r.outcome,
        t.model_value, r.value
    from task t join decision r using (task_id)
    where t.kind = 'AUDIT' and t.model_value is not null and r.decided_at >= %(since)s and r.decided_at < %(until)s
        and %(reviewer)s::text is null
    order by read_at desc, task_id
"""
_WHO_HAD = """
    select reviewer from task where valuation_id = %(valuation_id)s and reviewer is not null
    union select reviewer from decision where valuation_id = %(valuation_id)s
    union select approver from decision where valuation_id = %(valuation_id)s and approver is not null
    union select unnest(array[a.reviewer, a.returned_by]) from approval a join task t using (task_id)
        where t.valuation_id = %(valuation_id)s
"""
_DECIDED_TASK = """
    select t.task_id from task t join decision d using (task_id)
    where t.valuation_id = %s and t.kind = 'VALUATION' and t.state = 'DECIDED' order by t.revision desc limit 1
"""
_IS_PLANTED = """
    select exists (select from seed s join task t using (task_id)
        where t.origin = %s and s.value = %s and s.basis = %s and s.source = %s)
"""
_KEEP_SEED = "insert into seed (task_id, value, basis, source, planted_by, planted_at) values (%s, %s, %s, %s, %s, %s)"
_SEEDS = """
    select t.task_id, t.region, t.city, t.address, t.state, s.value, s.basis, s.source, s.planted_by, s.planted_at,
        d.reviewer, d.outcome, d.value as decided, d.decided_at
    from seed s join task t using (task_id) left join decision d using (task_id)
    order by s.planted_at desc, t.task_id limit 200
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One day's draw: of `decisions` people made `drawn` are read again.

    The day's seed and the shares draw the same anew. `seed_digest`: SHA-256 (hex) of that seed, which is told nobody.
    """

    on_day: date
    seed_digest: str
    share: Decimal
    newcomer_share: Decimal
    decisions: int
    drawn: int
    drawn_at: datetime

    def details(self) -> dict[str, Any]:
        """What the audit keeps of it, JSON-ready."""
        lots = {"seed_digest": self.seed_digest, "share": f"{self.share}", "newcomer_share": f"{self.newcomer_share}"}
        return {"day": f"{self.on_day}", "decisions": self.decisions, "drawn": self.drawn, **lots}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A known answer and what became of it; the last four are `None` until somebody has decided."""

    task_id: str
    region: Region
    city: str
    address: str
    state: str
    value: int
    basis: Basis
    source: str
    planted_by: str
    planted_at: datetime
    reviewer: str | None
    outcome: str | None
    decided: int | None
    decided_at: datetime | None


def lock_draws(connection: Connection[TupleRow]) -> None:
    """One draw at a time, until the transaction ends."""
    connection.execute(_LOCK)


def sampling_secret(connection: Connection[TupleRow], new_secret: Callable[[], str]) -> str:
    """The secret of this database that lots hang on; the first who asks makes it. Under the lock of draws."""
    row = connection.execute("select secret from sampling_secret").fetchone()
    if row is not None:
        return str(row[0])
    made = new_secret()
    connection.execute("insert into sampling_secret (secret) values (%s)", [made])
    return made


def draw_of(connection: Connection[TupleRow], day: date) -> Drawn | None:
    """The draw of a day; `None` before it was drawn."""
    with connection.cursor(row_factory=class_row(Drawn)) as cursor:
        return cursor.execute(f"{_DRAW} where on_day = %s", [day]).fetchone()


def draws(connection: Connection[TupleRow]) -> tuple[Drawn, ...]:
    """The last sixty draws, the newest first."""
    with connection.cursor(row_factory=class_row(Drawn)) as cursor:
        return tuple(cursor.execute(f"{_DRAW} order by on_day desc limit 60").fetchall())


def last_draw(connection: Connection[TupleRow]) -> date | None:
    """The last day that was drawn."""
    row = connection.execute("select max(on_day) from quality_draw").fetchone()
    return None if row is None else row[0]


def keep_draw(connection: Connection[TupleRow], day: date, sample: Sample, at: datetime) -> Drawn:
    """Keep a day's draw."""
    draw = Drawn(
        on_day=day,
        seed_digest=sample.seed_digest,
        share=sample.share,
        newcomer_share=sample.newcomer_share,
        decisions=sample.decisions,
        drawn=len(sample.drawn),
        drawn_at=at,
    )
    connection.execute(_KEEP_DRAW, asdict(draw))
    return draw


def readable(connection: Connection[TupleRow], since: datetime, until: datetime) -> tuple[Readable, ...]:
    """The decisions that people made in a window and that may be read a second time."""
    found = connection.execute(_READABLE, [since, until]).fetchall()
    return tuple(
        Readable(
            task_id=str(task_id),
            queue=f"{region}/{skill}",
            reviewer=reviewer,
            decided_on=shanghai_date(decided_at),
            is_newcomer=grade == Grade.G1,
        )
        for task_id, region, skill, reviewer, decided_at, grade in found
    )


def pairs(
    connection: Connection[TupleRow], since: datetime, until: datetime, *, reviewer: str | None = None
) -> tuple[Pair, ...]:
    """Every answer checked in a window beside its reference, the newest first; of one reviewer alone, if named."""
    values = {"since": since, "until": until, "automatic": AUTOMATIC, "reviewer": reviewer}
    with connection.cursor(row_factory=dict_row) as cursor:
        return tuple(_pair(row) for row in cursor.execute(_PAIRS, values).fetchall())


def who_had(connection: Connection[TupleRow], valuation_id: str) -> tuple[str, ...]:
    """Everybody who ever had a task of this valuation in hands, gave an opinion on it, approved or sent it back."""
    found = connection.execute(_WHO_HAD, {"valuation_id": valuation_id}).fetchall()
    return tuple(name for (name,) in found if name is not None)


def decided_task(connection: Connection[TupleRow], valuation_id: str) -> str | None:
    """The task in which people decided a valuation; `None` where they did not."""
    row = connection.execute(_DECIDED_TASK, [valuation_id]).fetchone()
    return None if row is None else str(row[0])


def planted_of(connection: Connection[TupleRow], task_id: str) -> int:
    """How many known-answer tasks were made of a case."""
    row = connection.execute("select count(*) from task where kind = 'SEEDED' and origin = %s", [task_id]).fetchone()
    return 0 if row is None else int(row[0])


def is_planted(connection: Connection[TupleRow], task_id: str, answer: KnownAnswer) -> bool:
    """Whether a case was planted with this answer before."""
    row = connection.execute(_IS_PLANTED, [task_id, answer.value, answer.basis, answer.source]).fetchone()
    return row is not None and bool(row[0])


def keep_seed(connection: Connection[TupleRow], task_id: str, answer: KnownAnswer, by: str, at: datetime) -> None:
    """Keep the answer of a known-answer task, away from the task itself."""
    connection.execute(_KEEP_SEED, [task_id, answer.value, answer.basis, answer.source, by, at])


def seeds(connection: Connection[TupleRow]) -> tuple[Planted, ...]:
    """The last two hundred known answers, the newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SEEDS).fetchall()
    kinds = (
        row | {"task_id": str(row["task_id"]), "region": Region(row["region"]), "basis": Basis(row["basis"])}
        for row in found
    )
    return tuple(Planted(**row) for row in kinds)


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(
        task_id=str(row["task_id"]),
        check=Check(row["check"]),
        reviewer=row["reviewer"],
        reader=row["reader"],
        queue=f"{row['region']}/{row['skill']}",
        reasons=tuple(row["reasons"]),
        read_on=shanghai_date(row["read_at"]),
        outcome=ReviewOutcome(row["outcome"]),
        reference_outcome=ReviewOutcome(row["reference_outcome"]),
        value=row["value"],
        reference=row["reference"],
    )
