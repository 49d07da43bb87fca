"""A file of 200,000 rows through the whole system, killed once, with online requests beside it.

    .venv/bin/python -m bench.batch [--rows 200000] [--rate 3] [--minutes 60] [--json FILE]

Starts the local system (Kafka, PostgreSQL, every stage on both lanes, ledger, gateway, desk, batch service) in a folder
of its own with a synthetic market, asks online at a steady rate for a minute with the batch lane idle, then
uploads a CSV file and goes on asking at the same rate. When a third of the rows is answered, the batch service gets
SIGKILL; its supervisor starts it again and it resumes. The clock stops when every row is answered or with people, and
the bench ends when the job is delivered; reports, which come later, are not waited for.

Prints one JSON object. `answered`: rows with a final answer, and those that wait for people. `lost`: rows that are
neither, by the topics. `doubled`: rows whose request was accepted more than once or that have more than one final
answer. `peak_rss_mb`: the largest memory of the batch service's process, upload and result file included. `rows_per_s`:
from the first byte of the file to the last answer, kill included. Online figures: from handing a request to the client
library to having its answer. Exit code 1 when anything is lost or doubled, 2 when it took longer than `--minutes`.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.flow import Bench, percentiles, running_bench, steadily, until
from infra.cli.connections import kafka_conf
from infra.kafka.reader import Start, TopicReader
from producers.batch.rows import row_of
from schemas.catalogue import ACCEPTED, RESULTS
from schemas.codes import Lane, Status
from schemas.events import Accepted
from schemas.headers import CE_TYPE, header

_JOB = "bench"
_CHANNEL = {"channel": "BATCH_FILE"}
_BEFORE_S = 60
_KILL_AT = 1 / 3
_LOOK_S = 1.0
_QUIET_S = 240.0  # so long without another answer, the rest is lost
_SERVICE = "batch"
_HAS_RESULT = frozenset({"DELIVERED", "COMPLETED"})
_WITH_PEOPLE = frozenset({Status.PENDING_MANUAL, Status.NEEDS_CLARIFICATION})


def write_file(bench: Bench, path: Path, rows: int) -> None:
    """Rows that differ: a house may come again under another reference, as in a portfolio of many loans."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("业务编号", "地址", "建筑面积"))
        for number in range(rows):
            question = bench.questions[number % len(bench.questions)]
            writer.writerow((f"L-{number}", question.address, question.area_m2))


class Watched:
    """The batch service's process: its memory while it runs, and its death."""

    def __init__(self, bench: Bench) -> None:
        """Nothing is measured yet."""
        self._bench = bench
        self.peak_mb = 0.0

    @property
    def pid(self) -> int | None:
        """The process; `None` while it does not run."""
        return next(state.pid for state in self._bench.system.supervisor.states() if state.name == _SERVICE)

    def look(self) -> None:
        """Note how much memory it has."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.pid is not None:
                self.peak_mb = max(self.peak_mb, psutil.Process(self.pid).memory_info().rss / 1e6)

    def kill(self) -> None:
        """SIGKILL."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)


async def online(
    bench: Bench, run: str, rate: int, seconds: float | None
) -> tuple[asyncio.Task[None], dict[str, float]]:
    """Ask at a steady rate, for so long or until the task is cancelled."""
    asked: dict[str, float] = {}
    count = int(rate * seconds) if seconds is not None else sys.maxsize
    return asyncio.create_task(steadily(bench, run, rate, count, asked)), asked


async def p95_ms(bench: Bench, asked: dict[str, float]) -> float:
    """How long nineteen of twenty answers took at most, once all are there."""
    await until(lambda: len(bench.seen.answered(asked)) == len(asked), lambda: len(bench.seen.answered(asked)))
    found = percentiles([answer.seen_at - asked[key] for key, answer in bench.seen.answered(asked).items()])
    return found.get("p95", 0.0)


@contextlib.asynccontextmanager
async def ended(asking: asyncio.Task[None]) -> AsyncIterator[None]:
    """End the asking when the block ends, however it does."""
    try:
        yield
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking


async def upload(client: httpx.AsyncClient, path: Path, rows: int, watched: Watched) -> None:
    """Make a job of the file."""

    async def body() -> Any:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    sending = asyncio.create_task(
        client.post("/jobs", params={**_CHANNEL, "name": path.name, "job_id": _JOB, "count": rows}, content=body())
    )
    while not sending.done():
        watched.look()
        await asyncio.sleep(_LOOK_S / 4)
    sending.result().raise_for_status()


async def answered(client: httpx.AsyncClient, rows: int, watched: Watched) -> None:
    """Follow the job and kill its service once, until every row is answered or no further answer comes."""
    settled, is_killed, moved_at, told = -1, False, time.monotonic(), 0
    while settled < rows and time.monotonic() - moved_at < _QUIET_S:
        watched.look()
        now = await job_now(client)
        if now and settled_of(now) != settled:
            settled, moved_at = settled_of(now), time.monotonic()
        if settled >= told:
            _tell(f"{settled} of {rows} rows answered")
            told = settled + max(1, rows // 20)
        if not is_killed and settled >= rows * _KILL_AT:
            _tell(f"killing the batch service at {settled} answers")
            watched.kill()
            is_killed = True
        await asyncio.sleep(_LOOK_S)


async def delivered(client: httpx.AsyncClient, watched: Watched) -> dict[str, Any]:
    """The job with its result file, or as it stands when that does not come."""
    began, now = time.monotonic(), await job_now(client)
    while now.get("state") not in _HAS_RESULT and time.monotonic() - began < _QUIET_S:
        watched.look()
        await asyncio.sleep(_LOOK_S)
        now = await job_now(client) or now
    if not now:
        raise RuntimeError("the batch service does not answer any more; its log, logs/batch.log, says why")
    return now


async def job_now(client: httpx.AsyncClient) -> dict[str, Any]:
    """How the job stands; nothing while its service is being started again."""
    with contextlib.suppress(httpx.TransportError):
        response = await client.get(f"/jobs/{_JOB}", params=_CHANNEL, timeout=30.0)
        if response.is_success:
            found: dict[str, Any] = response.json()
            return found
    return {}


def settled_of(job: dict[str, Any]) -> int:
    """Rows that are answered or with people."""
    return int(job["answered"] + job["manual"])


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def counted(bench: Bench) -> tuple[Counter[int], Counter[int], set[int]]:
    """How often each row was accepted and finally answered, and which are answered or with people, by the topics."""
    accepted, finals, with_answer = Counter[int](), Counter[int](), set[int]()
    conf, rows = kafka_conf(bench.settings), dict[str, int]()
    with TopicReader(conf, [ACCEPTED.named(Lane.BATCH)], start=Start.BEGINNING) as reader:
        for message in reader.to_end(within_s=600.0):
            event = bench.codec.decode(message.value(), Accepted)
            mine = row_of(event.request.client_request_id)
            if mine is not None and mine[0] == _JOB:
                accepted[mine[1]] += 1
                rows[event.valuation_id] = mine[1]
    with TopicReader(conf, RESULTS.names, start=Start.BEGINNING) as reader:
        for message in reader.to_end(within_s=600.0):
            status = Status((header(message.headers(), CE_TYPE) or "").rpartition(".")[2])
            number = rows.get((message.key() or b"").decode())
            if number is None or not (status.is_final or status in _WITH_PEOPLE):
                continue
            with_answer.add(number)
            finals[number] += status.is_final
    return accepted, finals, with_answer


async def measured(chosen: argparse.Namespace, state: Path) -> dict[str, Any]:
    """All figures."""
    questions = min(chosen.rows, 2_000)
    async with running_bench(state, communities=chosen.communities, deals=chosen.deals, questions=questions) as bench:
        warm, asked = await online(bench, "warm", 10, 5)
        await warm
        await p95_ms(bench, asked)
        calm, before = await online(bench, "before", chosen.rate, _BEFORE_S)
        await calm
        before_ms = await p95_ms(bench, before)
        path = state / "portfolio.csv"
        write_file(bench, path, chosen.rows)
        watched, began = Watched(bench), time.monotonic()
        asking, during = await online(bench, "during", chosen.rate, None)
        async with (
            ended(asking),
            httpx.AsyncClient(base_url=bench.system.pages["batch"], timeout=1_800.0, trust_env=False) as client,
        ):
            await upload(client, path, chosen.rows, watched)
            _tell(f"uploaded and checked in {time.monotonic() - began:.0f} s")
            await answered(client, chosen.rows, watched)
            took = time.monotonic() - began
            job = await delivered(client, watched)
        during_ms = await p95_ms(bench, during)
        accepted, finals, with_answer = await asyncio.to_thread(counted, bench)
        window = bench.settings.batch.window
    numbers = range(2, chosen.rows + 2)
    return {
        "rows": chosen.rows,
        "answered": settled_of(job),
        "lost": sum(number not in with_answer for number in numbers),
        "doubled": sum(accepted[number] > 1 or finals[number] > 1 for number in numbers),
        "peak_rss_mb": round(watched.peak_mb, 1),
        "rows_per_s": round(chosen.rows / took, 1),
        "online_p95_ms_before": before_ms,
        "online_p95_ms_during": during_ms,
        "online_requests": len(during),
        "reports_known": job["reports_known"],
        "by_status": job["by_status"],
        "state": job["state"],
        "window": window,
    }


async def in_time(chosen: argparse.Namespace, state: Path) -> dict[str, Any]:
    """All figures. Raises `TimeoutError`, with everything stopped, when they take too long."""
    async with asyncio.timeout(chosen.minutes * 60):
        return await measured(chosen, state)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--rate", type=int, default=3, help="online requests per second")
    options.add_argument("--communities", type=int, default=1_000)
    options.add_argument("--deals", type=int, default=12_000)
    options.add_argument("--minutes", type=float, default=60, help="overall; longer is a failure")
    options.add_argument("--json", type=Path, help="write the object to this file too")
    chosen = options.parse_args()
    state = Path(tempfile.mkdtemp(prefix="bench-batch-"))
    try:
        found = asyncio.run(in_time(chosen, state))
    except TimeoutError:
        why = "stopped where the last line above says; the machine may be busy: give it more --minutes or fewer --rows"
        _tell(f"bench.batch: not ended within {chosen.minutes:g} minutes, {why}")
        return 2
    finally:
        shutil.rmtree(state, ignore_errors=True)
    text = json.dumps(found, ensure_ascii=False)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    return 1 if found["lost"] or found["doubled"] else 0


if __name__ == "__main__":
    sys.exit(main())
