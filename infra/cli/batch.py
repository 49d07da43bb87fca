"""`avm batch submit|status|list|pause|resume|cancel|fetch`: files of requests in, result files back.

Everything is the batch service's; this talks to it over HTTP.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from infra.cli.connections import settings_in_force
from infra.cli.revaluation import RevaluationListError, as_table
from infra.settings import Settings
from producers.batch.delivering import digest
from producers.batch.files import CHUNK, FileKind

app = typer.Typer(add_completion=False, no_args_is_help=True)

_SHOWN_PROBLEMS = 20
_LOOK_S = 0.5
_CHECKED_WITHIN_S = 7_200.0  # every row of a file, by minutes the million, while its sender waits
_ENDS = frozenset({"PAUSED", "DELIVERED", "COMPLETED", "CANCELLED"})
_KINDS = {f".{kind}": kind for kind in FileKind}
_AS_JSON = typer.Option("--json", help="Print one JSON object on standard output.")
_CHANNEL = typer.Option("--channel", help="The channel that asks.")
JobId = Annotated[str, typer.Argument(help="The job's id, as `submit` printed it.")]
Channel = Annotated[str, _CHANNEL]
AsJson = Annotated[bool, _AS_JSON]
BATCH_FILE = "BATCH_FILE"


class JobError(Exception):
    """The job cannot go on. The message says why and what to do."""


class Service:
    """The batch service, for one channel. The client is the caller's, who closes it."""

    def __init__(self, client: httpx.Client, channel: str) -> None:
        """Keep both."""
        self._client, self._channel = client, channel

    def open(self, path: Path, **order: Any) -> dict[str, Any]:
        """Send a file; the job it became, or was before."""
        params = {"name": path.name, "sha256": digest(path), **{k: v for k, v in order.items() if v is not None}}
        with path.open("rb") as file:
            return self._json("POST", "/jobs", params, content=iter(lambda: file.read(CHUNK), b""))

    def get(self, path: str) -> dict[str, Any]:
        """What a path says."""
        return self._json("GET", path, {})

    def post(self, path: str, **params: str) -> dict[str, Any]:
        """Ask for a change."""
        return self._json("POST", path, params)

    def fetch(self, job: str, out: Path) -> None:
        """Write the result file, whole or not at all, in the format of the name's ending."""
        kind = _KINDS.get(out.suffix.lower())
        params = {"channel": self._channel} | ({"format": str(kind)} if kind else {})
        fresh = out.with_name(f".{out.name}.new")
        with self._told(), self._client.stream("GET", f"/jobs/{job}/result", params=params) as response:
            if response.is_error:
                response.read()
            _raise(response)
            with fresh.open("wb") as file:
                for piece in response.iter_bytes(CHUNK):
                    file.write(piece)
        fresh.replace(out)

    def _json(self, method: str, path: str, params: dict[str, Any], content: Any = None) -> dict[str, Any]:
        with self._told():
            response = self._client.request(method, path, params={"channel": self._channel, **params}, content=content)
        _raise(response)
        found: dict[str, Any] = response.json()
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            mend = "is `avm up` or `avm batch-service` running? The same command resumes the job"
            raise JobError(f"the batch service does not answer ({type(error).__name__}): {mend}") from error


def _raise(response: httpx.Response) -> None:
    if not response.is_error:
        return
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = f"it answers {response.status_code}"
    raise JobError(str(said))


@contextmanager
def service(settings: Settings, channel: str) -> Iterator[Service]:
    """The service of these settings."""
    if not settings.batch.url:
        raise JobError("no batch service is named; set AVM_BATCH__URL, or start one with `avm up`")
    with httpx.Client(base_url=settings.batch.url, timeout=_CHECKED_WITHIN_S, trust_env=False) as client:
        yield Service(client, channel)


def followed(
    jobs: Service, job: str, *, quiet_s: float, show: Callable[[dict[str, Any]], None], monotonic: Callable[[], float]
) -> dict[str, Any]:
    """Look at a job until its automatic items are answered, or nothing has changed for so long."""
    last: dict[str, Any] = {}
    changed_at = monotonic()
    while True:
        now = jobs.get(f"/jobs/{job}")
        show(now)
        if now != last:
            last, changed_at = now, monotonic()
        if now["state"] in _ENDS or monotonic() - changed_at > quiet_s:
            return now
        time.sleep(_LOOK_S)


@app.command()
def submit(  # noqa: PLR0917 - typer reads the options from the signature
    file: Annotated[
        Path, typer.Argument(help="XLSX, CSV or Parquet with a header; or what `desk-quality affected` said.")
    ],
    channel: Channel = BATCH_FILE,
    column: Annotated[list[str] | None, typer.Option(help="field=HEADER, e.g. address=地址; repeatable.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Result file (.xlsx, .csv, .parquet); default: beside the input.")
    ] = None,
    job: Annotated[str | None, typer.Option("--job-id", help="Default: made from the file's content.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds without any news after which the rest is left open.")] = 30.0,
    count: Annotated[int | None, typer.Option(help="Rows it must have; any other number is refused.")] = None,
    deadline_at: Annotated[
        str | None, typer.Option(help="E.g. 2026-03-02T18:00:00+08:00; default: by its size.")
    ] = None,
    revaluation_of: Annotated[
        str | None, typer.Option(help="A former job's id, or `file`: its own columns 上次估值 and 上次估值日期.")
    ] = None,
    alert_change: Annotated[float | None, typer.Option(help="A further change is an alarm; default 0.10.")] = None,
    as_json: AsJson = False,
) -> None:
    """Value every row of a file. The same file again resumes its job and asks for nothing twice."""
    console = Console(stderr=True)
    with _explained():
        settings = settings_in_force()
        result = out or file.with_name(f"{file.stem}-估值结果{_suffix(file)}")
        if file.suffix.lower() == ".json":
            file, revaluation_of = _from_list(settings, file), "file"
        if not file.is_file():
            raise JobError(f"{file} does not exist or is no file; check the name")
        with service(settings, channel) as jobs:
            opened = jobs.open(
                file,
                job_id=job,
                count=count,
                deadline_at=deadline_at,
                revaluation_of=revaluation_of,
                alert_change=alert_change,
                column=_named(column or []),
            )
            lines = jobs.get(f"/jobs/{opened['job_id']}/lines")
            _show_problems(console, opened, lines)
            with _progress(console, opened) as show:
                now = followed(jobs, opened["job_id"], quiet_s=wait, show=show, monotonic=time.monotonic)
            jobs.fetch(opened["job_id"], result)
    _tell(console, now, lines, result, as_json=as_json)


@app.command()
def status(job: JobId, channel: Channel = BATCH_FILE, as_json: AsJson = False) -> None:
    """Say how far a job is."""
    _show(channel, as_json, lambda jobs: jobs.get(f"/jobs/{job}"))


@app.command()
def pause(job: JobId, channel: Channel = BATCH_FILE, as_json: AsJson = False) -> None:
    """Send nothing more of a job for now; answers still come in."""
    _show(channel, as_json, lambda jobs: jobs.post(f"/jobs/{job}/pause"))


@app.command()
def resume(job: JobId, channel: Channel = BATCH_FILE, as_json: AsJson = False) -> None:
    """Go on with a job that was paused."""
    _show(channel, as_json, lambda jobs: jobs.post(f"/jobs/{job}/resume"))


@app.command()
def cancel(
    job: JobId,
    reason: Annotated[str, typer.Option(help="Why; reviewers see it.")] = "批量作业已撤销",
    channel: Channel = BATCH_FILE,
    as_json: AsJson = False,
) -> None:
    """Send nothing more of a job, and withdraw what has no final answer."""
    _show(channel, as_json, lambda jobs: jobs.post(f"/jobs/{job}/cancel", reason=reason))


@app.command(name="list")
def list_(channel: Channel = BATCH_FILE, as_json: AsJson = False) -> None:
    """List the latest jobs of a channel, the newest first."""
    with _explained(), service(settings_in_force(), channel) as jobs:
        found = jobs.get("/jobs")
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    grid = Grid("job", "file", "state", "rows", "answered", "manual", "open", "due")
    for one in found["jobs"]:
        counts = (str(one[name]) for name in ("rows", "answered", "manual", "open"))
        grid.add_row(one["job_id"], one["name"], one["state"], *counts, one["deadline_at"])
    Console().print(grid)


@app.command()
def fetch(
    job: JobId,
    out: Annotated[Path | None, typer.Option(help="Result file; default: <job>-估值结果 here.")] = None,
    channel: Channel = BATCH_FILE,
    as_json: AsJson = False,
) -> None:
    """Write a job's result file as it stands, with what people have decided since."""
    console = Console(stderr=True)
    with _explained(), service(settings_in_force(), channel) as jobs:
        now, lines = jobs.get(f"/jobs/{job}"), jobs.get(f"/jobs/{job}/lines")
        result = out or Path(f"{job}-估值结果{_suffix(Path(now['name']))}")
        jobs.fetch(job, result)
    _tell(console, now, lines, result, as_json=as_json)


# ---- inside ---------------------------------------------------------------------------------------------------------


def _show(channel: str, as_json: bool, ask: Callable[[Service], dict[str, Any]]) -> None:
    with _explained(), service(settings_in_force(), channel) as jobs:
        found = ask(jobs)
    _tell(Console(stderr=True), found, {}, None, as_json=as_json)


def _from_list(settings: Settings, path: Path) -> Path:
    """A list of values to revalue as a table beside it."""
    if not settings.gateway.ledger_url:
        raise JobError("no ledger is named to look the values up in; set AVM_GATEWAY__LEDGER_URL")
    table = path.with_suffix(".csv")
    with httpx.Client(base_url=settings.gateway.ledger_url, timeout=30.0, trust_env=False) as ledger:
        as_table(path, table, ledger)
    return table


def _suffix(path: Path) -> str:
    return path.suffix if path.suffix.lower() in _KINDS else ".csv"


def _named(pairs: list[str]) -> list[str]:
    named = []
    for pair in pairs:
        for one in pair.split():
            field, equals, header = one.partition("=")
            if not equals or not header:
                raise JobError(f"--column {one}: write field=HEADER, e.g. --column address=地址")
            named.append(f"{field}:{header}")
    return named


@contextmanager
def _progress(console: Console, opened: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], None]]:
    total = opened["rows"] - opened["refused"] - opened["duplicates"]
    words = TextColumn("sent {task.fields[sent]} · answered {task.fields[answered]} · manual {task.fields[manual]}")
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), words, TimeElapsedColumn())
    with Progress(*parts, console=console) as progress:
        task = progress.add_task(opened["job_id"], total=total, sent=0, answered=0, manual=0)

        def show(now: dict[str, Any]) -> None:
            counts = {name: now[name] for name in ("sent", "answered", "manual")}
            progress.update(task, completed=now["answered"] + now["manual"], **counts)

        yield show


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (JobError, RevaluationListError) as error:
        typer.echo(f"avm batch: {error}", err=True)
        raise typer.Exit(1) from None


def _show_problems(console: Console, opened: dict[str, Any], lines: dict[str, Any]) -> None:
    found = lines["problems"]
    if not found:
        return
    grid = Grid(title=f"{opened['refused']} rows are not sent; the others are", title_justify="left")
    for name in ("row", "field", "how to mend it"):
        grid.add_column(name)
    for problem in found[:_SHOWN_PROBLEMS]:
        grid.add_row(str(problem["row"]), problem["field"], problem["message"])
    if len(found) > _SHOWN_PROBLEMS:
        grid.caption = f"… and {len(found) - _SHOWN_PROBLEMS} more, all of them in the result file"
    console.print(grid)


def _tell(console: Console, now: dict[str, Any], lines: dict[str, Any], result: Path | None, *, as_json: bool) -> None:
    if as_json:
        more: dict[str, Any] = {"result": str(result) if result else None, "problems": [], "same_as": {}}
        sys.stdout.write(json.dumps({**now, **more, **lines}, ensure_ascii=False) + "\n")
        return
    console.print(
        f"job {now['job_id']} is {now['state']}: {now['rows']} rows, {now['refused']} refused, "
        f"{now['duplicates']} repeated, {now['answered']} answered, {now['manual']} with reviewers, "
        f"{now['open']} open, {now['reports_known']} of {now['reports_due']} reports; due {now['deadline_at']}"
    )
    if result:
        console.print(f"result file: {result}")
    if now["manual"] or now["open"] or now["reports_known"] < now["reports_due"]:
        console.print(f"later: avm batch fetch {now['job_id']}")
