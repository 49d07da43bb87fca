"""A file of 200,000 rows through the whole system, killed once, with online requests beside it.

    .venv/bin/python -m bench.batch [--rows 200000] [--rate 5] [--communities 1000] [--deals 12000] [--json FILE]

Starts the local system (Kafka, PostgreSQL, every stage on both lanes, ledger, gateway, desk, batch service) in a folder
of its own with a synthetic market, asks online at a steady rate for half a minute with the batch lane idle, then
uploads a CSV file and goes on asking at the same rate. When a third of the rows is answered, the batch service gets
SIGKILL; its supervisor starts it again and it resumes. Ends when the job is delivered.

Prints one JSON object: `lost` are rows without a final answer or a place at the desk; `doubled` are rows whose request
was accepted more than once or that have more than one final answer; `peak_rss_mb` is the batch service's largest
memory; online figures are from handing a request to the client library to having its answer. Exit code 1 when anything
is lost or doubled.
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
_BEFORE_S = 30
_KILL_AT = 1 / 3
_LOOK_S = 1.0
_QUIET_S = 900.0  # so long without any news, the rest is lost
_SERVICE = "batch"
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


async def run_job(client: httpx.AsyncClient, path: Path, rows: int, watched: Watched) -> dict[str, Any]:
    """Upload, follow, kill once; the job as it is delivered."""

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
    last: dict[str, Any] = {}
    is_killed, moved_at = False, time.monotonic()
    while True:
        watched.look()
        with contextlib.suppress(httpx.TransportError):
            now = (await client.get(f"/jobs/{_JOB}", params=_CHANNEL)).json()
            if now != last:
                last, moved_at = now, time.monotonic()
            if now["state"] in {"DELIVERED", "COMPLETED"}:
                return last
            if not is_killed and now["answered"] + now["manual"] >= rows * _KILL_AT:
                print(f"killing the batch service at {now['answered']} answers", file=sys.stderr, flush=True)
                watched.kill()
                is_killed = True
        if time.monotonic() - moved_at > _QUIET_S:
            return last
        await asyncio.sleep(_LOOK_S)


def counted(bench: Bench) -> tuple[Counter[int], Counter[int], set[int]]:
    """How often each row was accepted and finally answered, and which are answered or with people, by the topics."""
    accepted, finals, answered = Counter[int](), Counter[int](), set[int]()
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
            answered.add(number)
            finals[number] += status.is_final
    return accepted, finals, answered


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
        async with httpx.AsyncClient(base_url=bench.system.pages["batch"], timeout=1_800.0, trust_env=False) as client:
            job = await run_job(client, path, chosen.rows, watched)
        took = time.monotonic() - began
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        during_ms = await p95_ms(bench, during)
        accepted, finals, answered = await asyncio.to_thread(counted, bench)
    numbers = range(2, chosen.rows + 2)
    return {
        "rows": chosen.rows,
        "answered": job["answered"] + job["manual"],
        "lost": sum(number not in answered for number in numbers),
        "doubled": sum(accepted[number] > 1 or finals[number] > 1 for number in numbers),
        "peak_rss_mb": round(watched.peak_mb, 1),
        "rows_per_s": round(chosen.rows / took, 1),
        "online_p95_ms_before": before_ms,
        "online_p95_ms_during": during_ms,
        "online_requests": len(during),
        "reports": job["reports"],
        "by_status": job["by_status"],
        "state": job["state"],
    }


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--rate", type=int, default=5, help="online requests per second")
    options.add_argument("--communities", type=int, default=1_000)
    options.add_argument("--deals", type=int, default=12_000)
    options.add_argument("--json", type=Path, help="write the object to this file too")
    chosen = options.parse_args()
    state = Path(tempfile.mkdtemp(prefix="bench-batch-"))
    try:
        found = asyncio.run(measured(chosen, state))
    finally:
        shutil.rmtree(state, ignore_errors=True)
    text = json.dumps(found, ensure_ascii=False)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    return 1 if found["lost"] or found["doubled"] else 0


if __name__ == "__main__":
    sys.exit(main())
