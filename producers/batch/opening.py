"""A file becomes a job: whole or not at all. Every row is checked; a bad one is an error of its line alone."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from infra.postgres import outbox
from infra.postgres.pool import Pool
from producers.batch.files import CHUNK, FileError, Table, open_table
from producers.batch.job import FROM_FILE, HAS_FILES, Job, Order, default_deadline, job_id
from producers.batch.jobs import OPEN_STATES, find, job_of, tally_of
from producers.batch.ordering import same_job, what_is_wrong
from producers.batch.problems import Code, JobRefusedError
from producers.batch.rows import ReadRow, columns, read_rows
from producers.batch.voice import Voice
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.domain import channels
from schemas.domain.channels import UnknownChannelCodeError
from schemas.domain.request_rules import problems

log = logging.getLogger(__name__)

INPUT: Final = "input"
_AT_ONCE: Final = 5_000  # rows in memory
# A million rows take minutes, and the sort that finds repeats some seconds; nobody waits for these tables' locks.
PATIENTLY: Final = "set local statement_timeout = '15min'; set local idle_in_transaction_session_timeout = '5min'"
_ITEMS: Final = """
    copy item (job_id, number, valuation_id, asks, problems, business_ref, branch_code, former_value, former_on,
        former_report) from stdin
"""
_REQUESTS: Final = "copy request (job_id, number, value) from stdin with (format binary)"
_PIECES: Final = "copy job_file (job_id, part, number, piece) from stdin with (format binary)"
_ANALYSE: Final = "analyze item, request"  # else every query takes a million new rows for a handful
_FIND_REPEATS: Final = """
    with first as (select number, min(number) over (partition by asks) as same_as from item
        where job_id = %(job_id)s and asks is not null)
    update item i set same_as = first.same_as from first
    where i.job_id = %(job_id)s and i.number = first.number and first.same_as < i.number
"""
_DROP_REPEATS: Final = """
    delete from request r using item i
    where r.job_id = %(job_id)s and i.job_id = r.job_id and i.number = r.number and i.same_as is not null
"""
# The same question in both jobs is the same collateral; else the bank's own number, where each job has it once.
_FORMER_BY_QUESTION: Final = """
    with former as (select distinct on (asks) asks, number, value, value_date, report_no from item
        where job_id = %(former)s and value is not null and value_date is not null and same_as is null
        order by asks, number)
    update item i set former_number = f.number, former_value = f.value, former_on = f.value_date,
        former_report = f.report_no
    from former f where i.job_id = %(job_id)s and i.asks = f.asks
"""
_FORMER_BY_REFERENCE: Final = """
    with former as (select business_ref, min(number) as number, min(value) as value, min(value_date) as value_date,
            min(report_no) as report_no
        from item where job_id = %(former)s and same_as is null
        group by business_ref having count(*) = 1 and count(value) = 1 and count(value_date) = 1),
    lone as (select business_ref from item where job_id = %(job_id)s and same_as is null
        group by business_ref having count(*) = 1)
    update item i set former_number = f.number, former_value = f.value, former_on = f.value_date,
        former_report = f.report_no
    from former f join lone using (business_ref)
    where i.job_id = %(job_id)s and i.business_ref = f.business_ref and i.asks is not null and i.former_value is null
"""
_LAST: Final = "select coalesce(max(number), 0) from request where job_id = %s"
_INSERT: Final = """
    insert into job (job_id, channel, name, kind, sha256, header, encoding, rows, refused, duplicates, last_row,
        accepted_at, deadline_at, revaluation_of, alert_change, columns, news_at, progressed_at)
    values (%(job_id)s, %(channel)s, %(name)s, %(kind)s, %(sha256)s, %(header)s, %(encoding)s, %(rows)s, %(refused)s,
        %(duplicates)s, %(last_row)s, %(at)s, %(deadline_at)s, %(revaluation_of)s, %(alert_change)s,
        %(columns)s, %(at)s, %(at)s)
"""
_ONE_AT_A_TIME: Final = "select pg_advisory_xact_lock(hashtextextended('avm.batch.' || %s, 0))"
_COUNT_OPEN: Final = "select count(*) from job where channel = %s and state = any(%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Opens jobs. `today` is the day in Shanghai."""

    pool: Pool
    codec: Codec
    voice: Voice
    clock: Callable[[], datetime]
    today: Callable[[], date]

    def open(self, path: Path, content_sha256: str, order: Order) -> tuple[Job, bool]:
        """Make a job of an uploaded file; the same file again is the same job, and `False`.

        Raises:
            JobRefusedError: The job as a whole is refused; nothing of it is kept.
        """
        channel = self._permitted(order)
        if order.sha256 is not None and order.sha256.lower() != content_sha256:
            why = f"the file that arrived has sha256 {content_sha256}, not {order.sha256}; send it again"
            raise JobRefusedError(Code.CHECKSUM_MISMATCH, why)
        identity = job_id(order, content_sha256)
        with self.pool.connection() as connection:
            known = find(connection, identity)
            if known is not None:
                return same_job(known, order, channel, content_sha256), False
            _must_have_room(connection, channel)
            self._must_have_former(connection, order, channel)
        try:
            with self.pool.connection() as connection, connection.transaction():
                connection.execute(PATIENTLY)
                job = self._written(connection, path, content_sha256, order, identity, channel)
        except UniqueViolation:  # the same file came twice at once, and the other was first
            with self.pool.connection() as connection:
                return same_job(job_of(connection, identity, None), order, channel, content_sha256), False
        except FileError as error:
            raise JobRefusedError(Code.INVALID_FILE, str(error)) from error
        log.info("job accepted", extra={"job": identity, "rows": job.rows, "refused": job.refused})
        return job, True

    def _permitted(self, order: Order) -> str:
        try:
            found = channels.channel(order.channel)
        except UnknownChannelCodeError as error:
            raise JobRefusedError(Code.CHANNEL_MAY_NOT, str(error)) from None
        if not found.may_be_batch:
            raise JobRefusedError(Code.CHANNEL_MAY_NOT, f"{found.code} may not send batches; BATCH_FILE may")
        wrong = what_is_wrong(order, self.clock())
        if wrong:
            raise JobRefusedError(Code.INVALID_REQUEST, wrong)
        return found.code

    def _must_have_former(self, connection: Connection[TupleRow], order: Order, channel: str) -> None:
        if order.revaluation_of in {None, FROM_FILE}:
            return
        former = find(connection, order.revaluation_of or "")
        if former is None or former.channel != channel:
            why = f"revaluation_of: there is no job {order.revaluation_of} of this channel; name one, or `{FROM_FILE}`"
            raise JobRefusedError(Code.INVALID_REQUEST, why)
        if former.state not in HAS_FILES:
            why = f"revaluation_of: job {former.job_id} is {former.state}; wait until it is delivered"
            raise JobRefusedError(Code.INVALID_REQUEST, why)

    def _written(
        self, connection: Connection[TupleRow], path: Path, sha256: str, order: Order, identity: str, channel: str
    ) -> Job:
        at = self.clock()
        table = open_table(path, order.name)
        where = columns(table, dict(order.columns), has_former=order.revaluation_of == FROM_FILE)
        rules = partial(problems, lane=Lane.BATCH, today=self.today())
        read = read_rows(table, where, channel=channel, job_id=identity, now=at, rules=rules)
        rows, refused = self._copy_rows(connection, read, identity)
        _must_be_as_declared(table, rows, order.count)
        connection.execute(_ANALYSE)
        keys = {"job_id": identity, "former": order.revaluation_of}
        duplicates = connection.execute(_FIND_REPEATS, keys).rowcount
        connection.execute(_DROP_REPEATS, keys)
        if order.revaluation_of not in {None, FROM_FILE}:
            connection.execute(_FORMER_BY_QUESTION, keys)
            connection.execute(_FORMER_BY_REFERENCE, keys)
        keep_file(connection, identity, INPUT, path)
        connection.execute(_ONE_AT_A_TIME, [channel])
        _must_have_room(connection, channel)
        last = connection.execute(_LAST, [identity]).fetchone()
        row = {
            "job_id": identity,
            "channel": channel,
            "name": order.name,
            "kind": table.kind,
            "sha256": sha256,
            "header": Jsonb(list(table.header)),
            "encoding": table.encoding,
            "rows": rows,
            "refused": refused,
            "duplicates": duplicates,
            "last_row": last[0] if last else 0,
            "at": at,
            "deadline_at": order.deadline_at or default_deadline(at, rows),
            "revaluation_of": order.revaluation_of,
            "alert_change": order.alert_change,
            "columns": Jsonb(order.columns),
        }
        connection.execute(_INSERT, row)
        job = job_of(connection, identity, channel)
        outbox.write(connection, [self.voice.progressed(job, tally_of(connection, job), at)])
        return job

    def _copy_rows(self, connection: Connection[TupleRow], rows: Iterator[ReadRow], identity: str) -> tuple[int, int]:
        count = refused = 0
        with connection.cursor() as cursor:
            while taken := list(islice(rows, _AT_ONCE)):
                count += len(taken)
                refused += sum(row.requested is None for row in taken)
                with cursor.copy(_ITEMS) as copy:
                    for row in taken:
                        copy.write_row(_item(identity, row))
                with cursor.copy(_REQUESTS) as copy:
                    copy.set_types(["text", "int4", "bytea"])
                    for row in taken:
                        if row.requested is not None:
                            copy.write_row((identity, row.number, self.codec.encode(row.requested)))
        return count, refused


def keep_file(connection: Connection[TupleRow], identity: str, part: str, path: Path) -> None:
    """Put a file into the tables, piece by piece."""
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(_PIECES) as copy:
        copy.set_types(["text", "text", "int4", "bytea"])
        for number, piece in enumerate(iter(partial(file.read, CHUNK), b"")):
            copy.write_row((identity, part, number, piece))


def _item(identity: str, row: ReadRow) -> Sequence[Any]:
    found = Jsonb([asdict(problem) for problem in row.problems]) if row.problems else None
    asked, former = row.requested, row.former if row.requested is not None else None
    return (
        identity,
        row.number,
        row.valuation_id,
        row.asks,
        found,
        row.business_ref,
        asked.branch_code if asked else None,
        former.value if former else None,
        former.on if former else None,
        former.report_no if former else None,
    )


def _must_have_room(connection: Connection[TupleRow], channel: str) -> None:
    found = connection.execute(_COUNT_OPEN, [channel, OPEN_STATES]).fetchone()
    most = channels.channel(channel).open_jobs
    if found is not None and most is not None and found[0] >= most:
        why = f"{channel} has {found[0]} open jobs; wait until one is delivered, or cancel one"
        raise JobRefusedError(Code.TOO_MANY_JOBS, why)


def _must_be_as_declared(table: Table, rows: int, count: int | None) -> None:
    if rows == 0:
        raise FileError(f"{table.name} has a header and no rows; add at least one")
    if count is not None and rows != count:
        why = f"{table.name} has {rows} rows, not the {count} that were declared; send the whole file, or mend count"
        raise JobRefusedError(Code.COUNT_MISMATCH, why)
