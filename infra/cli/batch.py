"""`avm batch submit|status|fetch`: files of requests in, a result file back."""

import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from infra.cli.connections import codec as codec_of
from infra.cli.connections import kafka_conf, settings_in_force, shanghai_today, utc_now
from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher
from infra.kafka.security import ClientConf
from infra.settings import Settings
from infra.telemetry.tracing import child_of
from producers.batch.check import Checked, check
from producers.batch.files import FileError, Table, digest, open_table
from producers.batch.job import Answers, JobFolder, Manifest, Tally, job_id, tally
from producers.batch.ledger import HttpLedger, LedgerError, incomplete
from producers.batch.result_file import write_results
from producers.batch.rows import ReadRow, columns, read_rows
from producers.batch.submit import Inbox, Pace, Run, Topics
from schemas.codec import Codec
from schemas.codes import Lane
from schemas.domain import channels
from schemas.domain.channels import UnknownChannelCodeError
from schemas.domain.request_rules import problems
from schemas.errors import PublishError

app = typer.Typer(add_completion=False, no_args_is_help=True)

_SHOWN_PROBLEMS = 20
_FOLLOWING_WITHIN_S = 30.0
_CATCHING_UP_WITHIN_S = 600.0
_AS_JSON = typer.Option("--json", help="Print one JSON object on standard output.")


class JobError(Exception):
    """The job cannot go on. The message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job opened: its file checked, its folder known, its answers so far loaded."""

    table: Table
    manifest: Manifest
    folder: JobFolder
    answers: Answers
    checked: Checked
    now: datetime

    def rows(self) -> Iterator[ReadRow]:
        """The rows of the file, read anew."""
        return _rows(self.table, self.manifest.columns, self.manifest.channel, self.manifest.job_id, self.now)

    def write(self, path: Path) -> None:
        """Write the result file from what is known now."""
        write_results(path, self.table.header, self.table.rows(), partial(self.checked.found, self.answers))


def open_job(path: Path, *, state: Path, channel: str, named: dict[str, str], wanted_id: str | None) -> Job:
    """Check a file and open its job, a new one or the one it was before.

    Raises:
        FileError: The file cannot be used.
        JobError: `wanted_id` belongs to another file, or the channel may not send batches.
    """
    table = open_table(path)
    sha256 = digest(path)
    identity = wanted_id or job_id(sha256)
    code = _batch_channel(channel)
    where = columns(table, named)
    now = utc_now()
    folder = JobFolder(state / "batch" / identity)
    before = folder.read()
    if before is not None and (before.sha256, before.channel) != (sha256, code):
        mend = "choose another --job-id, or leave it out: it is then made from the file's content"
        raise JobError(f"job {identity} is of {before.input} on channel {before.channel}, not of {path.name}; {mend}")
    checked = check(_rows(table, where, code, identity, now))
    if checked.rows == 0:
        raise FileError(f"{path} has a header and no rows; add at least one")
    manifest = Manifest(
        job_id=identity,
        channel=code,
        input=str(path.resolve()),
        sha256=sha256,
        columns=where,
        rows=checked.rows,
        refused=len(checked.problems),
        duplicates=len(checked.same_as),
        created_at=before.created_at if before else now.isoformat(),
        offsets=before.offsets if before else [],
    )
    return Job(
        table=table,
        manifest=manifest,
        folder=folder,
        answers=Answers.load(folder.answers_path),
        checked=checked,
        now=now,
    )


def run_job(job: Job, *, connection: ClientConf, codec: Codec, pace: Pace, topics: Topics, console: Console) -> None:
    """Send what has no answer and gather answers; safe to repeat after any interruption.

    Raises:
        JobError: The broker is away.
    """
    manifest = job.manifest
    inbox = Inbox(codec, manifest.job_id, manifest.channel, topics)
    publisher = Publisher(connection, on_fatal=lambda why: console.print(f"avm batch: {why}"))
    randomness = random.Random()
    start_at = manifest.positions()
    try:
        with (
            TopicFollower(connection, topics.answers, inbox.take, start_at=start_at) as follower,
            _progress(console, job) as show,
        ):
            if not follower.wait_until_positioned(_FOLLOWING_WITHIN_S):
                raise JobError("the results topics cannot be read: is the broker there? See `avm doctor`")
            # what an earlier sitting was told is taken in first, so that nothing answered is asked again
            if not follower.wait_until_caught_up(_CATCHING_UP_WITHIN_S):
                raise JobError(f"earlier answers of job {manifest.job_id} could not be read in time; try again")
            job.folder.write(manifest if start_at else manifest.starting_at(follower.positions()))
            run = Run(
                codec=codec,
                topics=topics,
                publisher=publisher,
                inbox=inbox,
                answers=job.answers,
                pace=pace,
                monotonic_s=time.monotonic,
                new_trace=lambda: child_of(None, randomness),
                on_change=show,
            )
            run.send_and_gather(
                (row.number, row.requested) for row in job.rows() if row.requested is not None and row.same_as is None
            )
    except PublishError as error:
        raise JobError(f"{error}; the same command resumes job {manifest.job_id} when the broker is back") from error
    finally:
        publisher.close()


@app.command()
def submit(  # noqa: PLR0917 - typer reads the options from the signature
    file: Annotated[Path, typer.Argument(help="XLSX or CSV with a header line.")],
    channel: Annotated[str, typer.Option(help="The channel that asks.")] = "BATCH_FILE",
    column: Annotated[list[str] | None, typer.Option(help="field=HEADER, e.g. address=地址; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Result file (.xlsx or .csv); default: beside the input.")] = None,
    job: Annotated[str | None, typer.Option("--job-id", help="Default: made from the file's content.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds without any news after which the rest is left open.")] = 30.0,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Value every row of a file. The same file again resumes its job and asks for nothing twice."""
    console = Console(stderr=True)
    with _explained():
        settings = settings_in_force()
        opened = open_job(file, state=settings.state, channel=channel, named=_named(column or []), wanted_id=job)
        _show_problems(console, opened.checked)
        run_job(
            opened,
            connection=kafka_conf(settings),
            codec=codec_of(settings),
            pace=Pace(quiet_s=wait),
            topics=Topics(),
            console=console,
        )
        result = out or file.with_name(f"{file.stem}-估值结果{file.suffix or '.csv'}")
        opened.write(result)
    _tell(console, opened.manifest, tally(opened.manifest, opened.answers), result, opened.checked, as_json=as_json)


@app.command()
def status(
    job: Annotated[str, typer.Argument(help="The job's id, as `submit` printed it.")],
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Say how far a job is, after asking the ledger for what was open."""
    console = Console(stderr=True)
    with _explained():
        settings = settings_in_force()
        manifest, answers = _completed(settings, job)
    _tell(console, manifest, tally(manifest, answers), None, None, as_json=as_json)


@app.command()
def fetch(
    job: Annotated[str, typer.Argument(help="The job's id, as `submit` printed it.")],
    out: Annotated[Path | None, typer.Option(help="Result file; default: beside the input.")] = None,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Write a job's result file again, with what people have decided since."""
    console = Console(stderr=True)
    with _explained():
        settings = settings_in_force()
        manifest, answers = _completed(settings, job)
        path = Path(manifest.input)
        table = open_table(path)
        if digest(path) != manifest.sha256:
            raise JobError(f"{path} has changed since job {job} was sent; put the original back to fetch its results")
        checked = check(_rows(table, manifest.columns, manifest.channel, job, utc_now()))
        result = out or path.with_name(f"{path.stem}-估值结果{path.suffix or '.csv'}")
        write_results(result, table.header, table.rows(), partial(checked.found, answers))
    _tell(console, manifest, tally(manifest, answers), result, checked, as_json=as_json)


def _completed(settings: Settings, job: str) -> tuple[Manifest, Answers]:
    folder = JobFolder(settings.state / "batch" / job)
    manifest = folder.read()
    if manifest is None:
        raise JobError(f"there is no job {job} in {folder.path.parent}; `avm batch submit` makes one")
    answers = Answers.load(folder.answers_path)
    if not settings.gateway.ledger_url:
        raise JobError("no ledger is named; set AVM_GATEWAY__LEDGER_URL")
    with httpx.Client(timeout=10.0, trust_env=False) as client:
        ledger = HttpLedger(client, settings.gateway.ledger_url, codec_of(settings))
        for answer in incomplete(answers.all()):
            now = ledger.completed(answer)
            if now != answer:
                answers.put(now)
    answers.save()
    return manifest, answers


def _rows(table: Table, where: dict[str, int], channel: str, identity: str, now: datetime) -> Iterator[ReadRow]:
    rules = partial(problems, lane=Lane.BATCH, today=shanghai_today())
    return read_rows(table, where, channel=channel, job_id=identity, now=now, rules=rules)


def _batch_channel(code: str) -> str:
    try:
        found = channels.channel(code)
    except UnknownChannelCodeError as error:
        raise JobError(f"--channel {code}: {error}") from None
    if not found.may_be_batch:
        raise JobError(f"--channel {code}: {found.name} may not send batches; use BATCH_FILE")
    return found.code


def _named(pairs: list[str]) -> dict[str, str]:
    named = {}
    for pair in pairs:
        for one in pair.split():
            field, equals, header = one.partition("=")
            if not equals or not header:
                raise JobError(f"--column {one}: write field=HEADER, e.g. --column address=地址")
            named[field] = header
    return named


@contextmanager
def _progress(console: Console, job: Job) -> Iterator[Any]:
    total = job.manifest.rows - job.manifest.refused - job.manifest.duplicates
    words = TextColumn("sent {task.fields[sent]} · answered {task.fields[answered]} · manual {task.fields[manual]}")
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), words, TimeElapsedColumn())
    with Progress(*parts, console=console) as progress:
        task = progress.add_task(job.manifest.job_id, total=total, sent=0, answered=0, manual=0)

        def show(sent: int) -> None:
            now = tally(job.manifest, job.answers)
            progress.update(
                task, completed=now.answered + now.manual, sent=sent, answered=now.answered, manual=now.manual
            )

        yield show


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (FileError, JobError, LedgerError, LookupError, RuntimeError) as error:
        typer.echo(f"avm batch: {error}", err=True)
        raise typer.Exit(1) from None


def _show_problems(console: Console, checked: Checked) -> None:
    found = checked.problems_as_json()
    if not found:
        return
    grid = Grid(title=f"{len(checked.problems)} rows are not sent; the others are", title_justify="left")
    for name in ("row", "field", "how to mend it"):
        grid.add_column(name)
    for problem in found[:_SHOWN_PROBLEMS]:
        grid.add_row(str(problem["row"]), problem["field"], problem["message"])
    if len(found) > _SHOWN_PROBLEMS:
        grid.caption = f"… and {len(found) - _SHOWN_PROBLEMS} more, all of them in the result file"
    console.print(grid)


def _tell(
    console: Console, manifest: Manifest, now: Tally, result: Path | None, checked: Checked | None, *, as_json: bool
) -> None:
    if as_json:
        found = {
            "job": manifest.job_id,
            **now.as_json(),
            "result": str(result) if result else None,
            "problems": checked.problems_as_json() if checked else [],
            "same_as": checked.same_as if checked else {},
        }
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    console.print(
        f"job {manifest.job_id}: {now.rows} rows, {now.refused} refused, {now.duplicates} repeated, "
        f"{now.answered} answered, {now.manual} with reviewers, {now.open} open, {now.reports} reports"
    )
    if result:
        console.print(f"result file: {result}")
    if now.manual or now.open:
        console.print(f"later: avm batch fetch {manifest.job_id}")
