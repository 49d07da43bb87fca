"""Jobs in PostgreSQL: found, paused, resumed, cancelled. Each method is one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from infra.postgres import outbox
from infra.postgres.pool import Pool
from producers.batch.answers import Shift, Standing, Tally, tally
from producers.batch.files import FileKind
from producers.batch.job import CANCELLABLE, OPEN, PAUSABLE, Job, is_job_id
from producers.batch.problems import Code, JobRefusedError
from producers.batch.voice import Voice
from schemas.codes import BatchState

_COLUMNS: Final = ", ".join(field.name for field in fields(Job))
_FIND: Final = f"select {_COLUMNS} from job where job_id = %s"
_OF_CHANNEL: Final = f"select {_COLUMNS} from job where channel = %s order by accepted_at desc, job_id limit 200"
_LOCKED: Final = f"{_FIND} for update"
_STANDINGS: Final = "select status, is_done, rows, reports from tally where job_id = %s"
_MOVE: Final = """
    update job set state = %(state)s, reason = coalesce(%(reason)s, reason), progress_number = progress_number + 1,
        progressed_at = %(at)s where job_id = %(job_id)s
"""
_PROBLEMS: Final = (
    "select number, problems from item where job_id = %s and problems is not null order by number limit %s"
)
_REPEATS: Final = "select number, same_as from item where job_id = %s and same_as is not null order by number limit %s"
_MANIFEST: Final = """
    select number, news_at, document, result_sha256, result_bytes from manifest
    where job_id = %s and (%s::int is null or number = %s) order by number desc limit 1
"""
_HAS_PART: Final = "select exists (select from job_file where job_id = %s and part = %s)"
_PIECE: Final = "select piece from job_file where job_id = %s and part = %s and number = %s"
_MOST_SHOWN: Final = 10_000  # lines; all of them are in the result file


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A manifest, and size in bytes and hex sha256 of the result file it vouches for. `news_at`: of the job then."""

    number: int
    news_at: datetime
    document: str
    sha256: str
    size: int


class LostPieceError(Exception):
    """A file of a job is not whole: whoever fetches it must not take what came for all of it."""


class Jobs:
    """The jobs of every channel; each method speaks of one channel's alone."""

    def __init__(self, pool: Pool, voice: Voice, clock: Callable[[], datetime]) -> None:
        """Keep what the methods need."""
        self._pool, self._voice, self._clock = pool, voice, clock

    def get(self, job_id: str, channel: str) -> tuple[Job, Tally]:
        """A job and its counts. Raises `JobRefusedError` where the channel has no such job."""
        with self._pool.connection() as connection:
            job = job_of(connection, job_id, channel)
            return job, tally_of(connection, job)

    def all(self, channel: str) -> list[tuple[Job, Tally]]:
        """The latest jobs of a channel, the newest first."""
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            jobs = [as_job(row) for row in cursor.execute(_OF_CHANNEL, [channel]).fetchall()]
            return [(job, tally_of(connection, job)) for job in jobs]

    def lines(self, job_id: str, channel: str) -> dict[str, Any]:
        """What is wrong with which row, and which rows repeat which, up to ten thousand of each."""
        with self._pool.connection() as connection:
            job_of(connection, job_id, channel)
            problems = [
                {"row": number, **problem}
                for number, found in connection.execute(_PROBLEMS, [job_id, _MOST_SHOWN])
                for problem in found
            ]
            repeats: dict[int, int] = dict(connection.execute(_REPEATS, [job_id, _MOST_SHOWN]).fetchall())
        return {"problems": problems, "same_as": repeats}

    def pause(self, job_id: str, channel: str) -> tuple[Job, Tally]:
        """Send nothing more until it is resumed; answers still come in. A second pause changes nothing."""
        return self._move(job_id, channel, BatchState.PAUSED, PAUSABLE)

    def resume(self, job_id: str, channel: str) -> tuple[Job, Tally]:
        """Go on sending."""
        return self._move(job_id, channel, BatchState.RUNNING, frozenset({BatchState.PAUSED}))

    def cancel(self, job_id: str, channel: str, reason: str) -> tuple[Job, Tally]:
        """Send nothing more, and withdraw what was sent and has no final answer."""
        return self._move(job_id, channel, BatchState.CANCELLED, CANCELLABLE, reason)

    def manifest(self, job_id: str, number: int | None = None) -> Vouched | None:
        """The manifest of this number, default the latest, that vouches for a result file."""
        with self._pool.connection() as connection:
            row = connection.execute(_MANIFEST, [job_id, number, number]).fetchone()
        if row is None:
            return None
        return Vouched(number=row[0], news_at=row[1], document=row[2], sha256=row[3], size=row[4])

    def has_part(self, job_id: str, part: str) -> bool:
        """Whether a file of a job is still kept."""
        with self._pool.connection() as connection:
            row = connection.execute(_HAS_PART, [job_id, part]).fetchone()
        return row is not None and row[0]

    def pieces(self, job_id: str, part: str, size: int) -> Iterator[bytes]:
        """A file of a job of `size` bytes, piece by piece. Raises `LostPieceError` where one is missing."""
        number = sent = 0
        while sent < size:
            with self._pool.connection() as connection:
                row = connection.execute(_PIECE, [job_id, part, number]).fetchone()
            if row is None:
                raise LostPieceError(f"piece {number} of {part} of job {job_id} is gone")
            yield bytes(row[0])
            sent += len(row[0])
            number += 1

    def _move(
        self, job_id: str, channel: str, to: BatchState, allowed: frozenset[BatchState], reason: str | None = None
    ) -> tuple[Job, Tally]:
        with self._pool.connection() as connection:
            job = job_of(connection, job_id, channel, locked=True)
            if job.state is not to:
                if job.state not in allowed:
                    raise JobRefusedError(
                        Code.NOT_POSSIBLE,
                        f"job {job_id} is {job.state}; only {' or '.join(sorted(allowed))} can become {to}",
                    )
                job = moved(connection, job, to, self._clock(), self._voice, reason=reason)
            return job, tally_of(connection, job)


def job_of(connection: Connection[TupleRow], job_id: str, channel: str | None, *, locked: bool = False) -> Job:
    """A job, if it is the channel's (`None`: anybody's); raises `JobRefusedError` otherwise."""
    job = find(connection, job_id, locked=locked)
    if job is None or channel not in {None, job.channel}:
        raise JobRefusedError(Code.NOT_FOUND, f"there is no job {job_id} of this channel; `GET /jobs` lists its jobs")
    return job


def find(connection: Connection[TupleRow], job_id: str, *, locked: bool = False) -> Job | None:
    """A job by its id; `None` when there is none."""
    if not is_job_id(job_id):
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LOCKED if locked else _FIND, [job_id]).fetchone()
        return None if row is None else as_job(row)


def tally_of(connection: Connection[TupleRow], job: Job) -> Tally:
    """The counts of a job."""
    rows = connection.execute(_STANDINGS, [job.job_id]).fetchall()
    standings = [(Standing(status, is_done), Shift(count, reports)) for status, is_done, count, reports in rows]
    return tally(standings, rows=job.rows, refused=job.refused, duplicates=job.duplicates, sent=job.sent)


def moved(
    connection: Connection[TupleRow], job: Job, to: BatchState, at: datetime, voice: Voice, *, reason: str | None = None
) -> Job:
    """Put a job, whose row is locked, into a state, and tell."""
    connection.execute(_MOVE, {"job_id": job.job_id, "state": to, "reason": reason, "at": at})
    after = job_of(connection, job.job_id, None)
    outbox.write(connection, [voice.progressed(after, tally_of(connection, after), at)])
    return after


def as_job(row: dict[str, Any]) -> Job:
    """A job from its row."""
    typed = {
        "kind": FileKind(row["kind"]),
        "state": BatchState(row["state"]),
        "header": tuple(row["header"]),
        "columns": tuple((field, header) for field, header in row["columns"]),
    }
    return Job(**{**row, **typed})


OPEN_STATES: Final = [str(state) for state in sorted(OPEN)]
