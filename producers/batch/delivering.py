"""The files of a job: its result as it stands, and the manifests that vouch for one."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow, dict_row

from infra.postgres import outbox
from infra.postgres.pool import Pool
from producers.batch.answers import Tally
from producers.batch.files import CHUNK, FileKind, Table
from producers.batch.gathering import ANSWER, answer_of
from producers.batch.job import Job
from producers.batch.jobs import job_of, tally_of
from producers.batch.manifest import as_text, manifest, next_number
from producers.batch.opening import INPUT, PATIENTLY, keep_file
from producers.batch.result_file import Found, Rows, write_results
from producers.batch.voice import Voice
from schemas.codes import BatchState, Status

_AT_ONCE: Final = 2_000
_ROWS: Final = f"select i.same_as, i.problems, {ANSWER} from item i where i.job_id = %s order by i.number"
_FIRSTS: Final = f"select {ANSWER} from item i where i.job_id = %s and i.number = any(%s)"
_INPUT: Final = "select piece from job_file where job_id = %s and part = %s order by number"
_FINAL: Final = [str(status) for status in Status if status.is_final]
_MOVED: Final = """
    select count(*) from item i join job j using (job_id)
    where i.job_id = %s and i.status = any(%s) and i.value is not null and i.former_value is not null
        and abs(i.value - i.former_value) > j.alert_change::numeric * i.former_value
"""
_LATEST: Final = "select max(number) from manifest where job_id = %s"
_KEEP: Final = """
    insert into manifest (job_id, number, made_at, news_at, document, sha256, result_sha256, result_bytes)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
# For whoever is fetching one; the last ones alone, since a large job may make another every minute.
_KEPT_FOR: Final = timedelta(days=1)
_MOST_KEPT: Final = 10
_DROP_FORMER: Final = """
    delete from job_file f using manifest m
    where f.job_id = %(job_id)s and m.job_id = f.job_id and f.part = 'result-' || m.number
        and m.number < %(number)s and (m.made_at < %(since)s or m.number <= %(number)s - %(most)s)
"""
_DROP_SENT: Final = "delete from request where job_id = %s"
_DELIVER: Final = """
    update job set state = %(state)s, progress_number = progress_number + 1, progressed_at = %(at)s,
        delivered_at = coalesce(delivered_at, %(at)s),
        ended_at = case when %(has_ended)s then coalesce(ended_at, %(at)s) end
    where job_id = %(job_id)s
"""
ENDED: Final = frozenset({BatchState.COMPLETED, BatchState.CANCELLED})


def result_part(number: int) -> str:
    """The name of the result file that manifest `number` vouches for."""
    return f"result-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What one view of a job's rows gave: the result file, and the counts that belong to it."""

    path: Path
    now: Tally
    moved: int
    at: datetime
    news_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """Makes files of jobs. `spool` is a folder of this process alone; nothing stays there."""

    pool: Pool
    voice: Voice
    clock: Callable[[], datetime]
    spool: Path

    @contextmanager
    def result(self, job: Job, kind: FileKind) -> Iterator[Path]:
        """The result as it stands now, in a file that is there while the block runs."""
        with self._folder() as folder:
            with self._one_view() as connection:
                path = self._written(connection, folder, job, kind)
            yield path

    def deliver(self, job: Job, state: BatchState) -> None:
        """Write result and manifest from one view of the rows, keep both, and put the job into `state`.

        A second call makes a later manifest; the latest counts. Earlier result files are kept for a day, the last nine.
        """
        with self._folder() as folder:
            with self._one_view() as connection:
                seen = job_of(connection, job.job_id, None)
                view = _View(
                    at=self.clock(),
                    news_at=seen.news_at,
                    now=tally_of(connection, seen),
                    moved=_moved(connection, seen),
                    path=self._written(connection, folder, seen, seen.kind),
                )
            with self.pool.connection() as connection:
                connection.execute(PATIENTLY)
                self._keep(connection, job, state, view)

    @contextmanager
    def _one_view(self) -> Iterator[Connection[TupleRow]]:
        """A connection that sees everything as it is at the first query, however long the reading takes."""
        with self.pool.connection() as connection:
            connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            try:
                connection.execute(PATIENTLY)
                yield connection
            finally:
                connection.rollback()
                connection.set_isolation_level(None)

    def partial(self, job: Job, now: Tally) -> str:
        """The manifest of a job under way: counts alone."""
        with self.pool.connection() as connection:
            moved = _moved(connection, job) if job.revaluation_of else 0
        return as_text(manifest(job, now, number=0, made_at=self.clock(), moved=moved, result_sha256=None))

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        self.spool.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.spool) as folder:
            yield Path(folder)

    def _written(self, connection: Connection[TupleRow], folder: Path, job: Job, kind: FileKind) -> Path:
        source, path = folder / "input", folder / f"result.{kind}"
        _spooled(connection, job, source)
        table = Table(path=source, name=job.name, kind=job.kind, header=job.header, encoding=job.encoding)
        rows = Rows(_found(connection, job))
        write_results(path, table, rows, kind=kind, is_revaluation=job.revaluation_of is not None)
        return path

    def _keep(self, connection: Connection[TupleRow], job: Job, state: BatchState, view: _View) -> None:
        locked = job_of(connection, job.job_id, None, locked=True)
        latest = connection.execute(_LATEST, [job.job_id]).fetchone()
        if locked.state is BatchState.CANCELLED and state is not BatchState.CANCELLED:
            return  # withdrawn meanwhile: it is delivered when its rows are
        state = locked.state if locked.state in ENDED else state
        number = next_number(latest[0] if latest else None, state)
        keys = {"job_id": job.job_id, "state": state, "at": view.at, "has_ended": state in ENDED}
        connection.execute(_DELIVER, keys)
        after, found = job_of(connection, job.job_id, None), digest(view.path)
        said = manifest(after, view.now, number=number, made_at=view.at, moved=view.moved, result_sha256=found)
        text = as_text(said)
        own = sha256(text.encode()).hexdigest()
        size = view.path.stat().st_size
        connection.execute(_KEEP, [job.job_id, number, view.at, view.news_at, text, own, found, size])
        keep_file(connection, job.job_id, result_part(number), view.path)
        old = {"job_id": job.job_id, "number": number, "since": view.at - _KEPT_FOR, "most": _MOST_KEPT}
        connection.execute(_DROP_FORMER, old)
        connection.execute(_DROP_SENT, [job.job_id])
        told = self.voice.progressed(after, view.now, view.at, manifest_sha256=own, result_sha256=found)
        outbox.write(connection, [told])


def digest(path: Path) -> str:
    """Hex sha256 of a file."""
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _spooled(connection: Connection[TupleRow], job: Job, path: Path) -> None:
    with path.open("wb") as file, connection.cursor(name="input") as cursor:
        cursor.itersize = 4
        for (piece,) in cursor.execute(_INPUT, [job.job_id, INPUT]):
            file.write(piece)


def _found(connection: Connection[TupleRow], job: Job) -> Iterator[tuple[int, Found]]:
    with connection.cursor(name="rows", row_factory=dict_row) as cursor:
        cursor.execute(_ROWS, [job.job_id])
        while rows := cursor.fetchmany(_AT_ONCE):
            firsts = _firsts(connection, job, rows)
            yield from ((row["number"], _of_row(row, firsts, job)) for row in rows)


def _firsts(
    connection: Connection[TupleRow], job: Job, rows: Sequence[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """The rows that some of these repeat."""
    wanted = [row["same_as"] for row in rows if row["same_as"] is not None]
    if not wanted:
        return {}
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row["number"]: row for row in cursor.execute(_FIRSTS, [job.job_id, wanted])}


def _of_row(row: Mapping[str, Any], firsts: Mapping[int, Mapping[str, Any]], job: Job) -> Found:
    if row["problems"]:
        return Found(answer=None, remark="；".join(problem["message"] for problem in row["problems"]))
    repeats = row["same_as"]
    asked = row if repeats is None else firsts[repeats]
    if asked["status"] is None and asked["number"] > job.begun_through and job.state is BatchState.CANCELLED:
        return Found(answer=None, remark="作业已撤销，该行未发送")
    remark = f"与第 {repeats} 行相同，采用该行结果" if repeats is not None else ""
    return Found(answer=answer_of(asked), remark=remark)


def _moved(connection: Connection[TupleRow], job: Job) -> int:
    row = connection.execute(_MOVED, [job.job_id, _FINAL]).fetchone()
    return row[0] if row else 0
