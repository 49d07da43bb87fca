"""The whole flow on one machine: from a request on its topic to the answer and the report on theirs.

    .venv/bin/python -m bench.flow [--requests 5000] [--communities 1000] [--deals 12000] [--seconds 20] [--json FILE]

Starts the local system (Kafka, PostgreSQL, every stage on both lanes, ledger, gateway, desk) in a folder of its own
with a synthetic market, as `avm demo` does, and measures in turn:

- `batch`: all requests at once on the batch lane; answers/s and reports/s apart, each from the first request to the
  last of them by the broker's stamps, and µs CPU per request of every process until the last report is written down;
- `online`: a steady rate with the batch lane idle; per stage as the ledger measures it, and as a follower of the
  results sees it: from handing the request to the client library to having the answer;
- `restart`: SIGKILL for the online scorer under a steady rate; seconds until a request sent after the kill is answered
  with a value, and what was lost.

An answer is the first result of a request that is not RECEIVED. A late notice of the ledger's is none; they are
counted apart. Prints one JSON object.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
from confluent_kafka import Message

from bench.hop import cpu_s
from infra.cli.connections import codec, kafka_conf, utc_now
from infra.cli.demo import market as markets
from infra.cli.demo.questions import Question
from infra.cli.up import System, running_system
from infra.kafka.follower import TopicFollower
from infra.kafka.producer import Publisher, Record
from infra.kafka.reader import Start, TopicReader
from infra.settings import Settings
from infra.telemetry.tracing import child_of
from schemas.catalogue import DEAD_LETTERS, REPORTS, REQUESTS, RESULTS
from schemas.codec import Codec
from schemas.codes import Lane, Status
from schemas.events import Requested
from schemas.headers import CE_SOURCE, CE_TYPE, event_headers, event_type, header
from schemas.ids import event_id, valuation_id

_CHANNELS = {Lane.ONLINE: "CREDIT_MGMT", Lane.BATCH: "BATCH_FILE"}  # both get a report with every value
_LEDGER = "consumers/ledger"
_READY_WITHIN_S = 240.0
_QUIET_S = 60.0  # so long without news, what is missing is lost
_LOOK_S = 0.25  # stamps are the broker's, so looking more often would only cost
_IDLE_S = 5.0
_KILLED = "scoring.online"
PARTS = ("batch", "online", "restart")


# ---- what comes back -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to a request. Seconds since the epoch: the broker's stamp, and when we had it."""

    status: Status
    appended_at: float
    seen_at: float


class Seen:
    """What a follower of results and reports has seen. Filled on the follower's thread, by single assignments."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.reports: dict[str, float] = {}
        self.late: dict[str, float] = {}

    def take(self, message: Message) -> None:
        """Take one message; headers and key say all that is needed."""
        now, key, stamp = time.time(), (message.key() or b"").decode(), message.timestamp()[1] / 1e3
        if message.topic() in REPORTS.names:
            self.reports.setdefault(key, stamp)
            return
        headers = message.headers() or []
        status = Status((header(headers, CE_TYPE) or "").rpartition(".")[2])
        if header(headers, CE_SOURCE) == _LEDGER:
            self.late.setdefault(key, stamp)
        elif status is not Status.RECEIVED:
            self.answers.setdefault(key, Answer(status, stamp, now))

    def answered(self, asked: Mapping[str, float]) -> dict[str, Answer]:
        """Answers to these requests."""
        return {key: self.answers[key] for key in asked if key in self.answers}

    def late_notices(self, asked: Mapping[str, float]) -> dict[str, int]:
        """The ledger's late notices on these requests; `mistaken`: the answer had been on its topic before."""
        late = {key: self.late[key] for key in asked if key in self.late}
        answers = self.answered(asked)
        mistaken = [key for key, stamp in late.items() if key in answers and answers[key].appended_at < stamp]
        return {"all": len(late), "mistaken": len(mistaken)}

    def reports_due(self, asked: Mapping[str, float]) -> int:
        """How many reports the answers so far lead to."""
        return sum(answer.status is Status.COMPLETED_AUTO for answer in self.answered(asked).values())

    def reports_of(self, asked: Mapping[str, float]) -> list[float]:
        """Stamps of the reports on these requests."""
        return [self.reports[key] for key in asked if key in self.reports]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A running system, somebody to ask and somebody to listen."""

    system: System
    questions: Sequence[Question]
    publisher: Publisher
    codec: Codec
    seen: Seen

    @property
    def settings(self) -> Settings:
        """The system's."""
        return self.system.settings


@asynccontextmanager
async def running_bench(state: Path, *, communities: int, deals: int, questions: int) -> AsyncIterator[Bench]:
    """Start everything in `state` and wait until it is ready."""
    prepared = markets.synthetic(state, communities=communities, deals=deals, count=questions)
    seen = Seen()

    def prepare(reaching: Settings) -> None:
        markets.prepare(prepared, reaching, _tell)

    async with running_system(Settings(state=state), before=prepare) as system:
        await system.supervisor.wait_ready(_READY_WITHIN_S)
        conf = kafka_conf(system.settings)
        with (
            closing(Publisher(conf, on_fatal=sys.exit)) as publisher,
            TopicFollower(conf, (*RESULTS.names, *REPORTS.names), seen.take) as follower,
        ):
            if not await asyncio.to_thread(follower.wait_until_positioned, 30.0):
                raise RuntimeError("the results topics cannot be read")
            yield Bench(
                system=system,
                questions=prepared.questions,
                publisher=publisher,
                codec=codec(system.settings),
                seen=seen,
            )


def _tell(text: object) -> None:
    print(text, file=sys.stderr, flush=True)


# ---- asking --------------------------------------------------------------------------------------------------------


def request(bench: Bench, lane: Lane, run: str, number: int) -> Record:
    """Request `number` of a run, made now. Numbers differ, so that a house may be asked about twice."""
    question, now = bench.questions[number % len(bench.questions)], utc_now()
    channel, request_id = _CHANNELS[lane], f"{run}-{number:06d}"
    requested = Requested(
        valuation_id=valuation_id(channel, request_id),
        channel=channel,
        client_request_id=request_id,
        requested_at=now,
        address=question.address,
        area=question.area_m2,
    )
    kind = event_type(requested)
    headers = event_headers(
        event_id=event_id(requested.valuation_id, kind, 1),
        event_type=kind,
        source="bench",
        at=now,
        traceparent=child_of(None, random.Random()),
    )
    key, value = requested.valuation_id.encode(), bench.codec.encode(requested)
    return Record(topic=REQUESTS.named(lane), key=key, value=value, headers=headers)


async def steadily(bench: Bench, run: str, rate: int, count: int, asked: dict[str, float]) -> None:
    """Ask on the online lane, one by one, at `rate`/s whatever the broker does; `asked` learns when each was sent."""
    began, sending = time.perf_counter(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        record = request(bench, Lane.ONLINE, run, number)
        asked[record.key.decode()] = time.time()
        sending.append(asyncio.create_task(bench.publisher.publish_async([record])))
    await asyncio.gather(*sending)


async def until(done: Callable[[], bool], progress: Callable[[], Any]) -> bool:
    """Wait until `done`; `False` when nothing has moved for a minute."""
    last, moved_at = progress(), time.monotonic()
    while not done():
        await asyncio.sleep(_LOOK_S)
        now = progress()
        if now != last:
            last, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > _QUIET_S:
            return False
    return True


async def everything_back(bench: Bench, asked: Mapping[str, float]) -> None:
    """Wait for all answers and reports, and until the ledger has written the reports down."""
    seen = bench.seen

    def standing() -> tuple[int, int]:
        return len(seen.answered(asked)), len(seen.reports_of(asked))

    def done() -> bool:
        return standing() == (len(asked), seen.reports_due(asked))

    await until(done, standing)


async def ledger(bench: Bench, path: str, since: datetime, **more: str) -> dict[str, Any]:
    """Ask the ledger about everything since then."""
    async with httpx.AsyncClient(base_url=bench.system.pages["ledger"], timeout=60.0, trust_env=False) as client:
        response = await client.get(path, params={"since": since.isoformat(), **more})
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found


async def written_down(bench: Bench, since: datetime, reports: int) -> dict[str, Any]:
    """The ledger's summary once it has that many reports, or when it does not get on any more."""
    summary = await ledger(bench, "/summary", since)
    for _ in range(int(_QUIET_S)):
        if summary["reports"] >= reports:
            break
        await asyncio.sleep(1.0)
        summary = await ledger(bench, "/summary", since)
    return summary


# ---- measuring -----------------------------------------------------------------------------------------------------


def cpu_by_process(bench: Bench) -> Counter[str]:
    """CPU seconds so far: every process of the house by name, broker, database, and this bench itself."""
    names = {state.pid: state.name for state in bench.system.supervisor.states() if state.pid is not None}
    used = Counter({"bench": cpu_s(os.getpid())})
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            name = names.get(child.pid) or ("kafka" if "java" in child.name() else "postgres")
            used[name] += cpu_s(child.pid)
    return used


def foreign_s(bench: Bench) -> float:
    """CPU seconds so far of all that is not ours: figures are worth little where it grows quickly.

    Too much by what a killed process had used, as its seconds are no longer to be found.
    """
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system - sum(cpu_by_process(bench).values()))


async def idle_load(bench: Bench) -> Counter[str]:
    """CPU seconds per second of each process while nothing is asked."""
    before = cpu_by_process(bench)
    await asyncio.sleep(_IDLE_S)
    used = cpu_by_process(bench)
    used.subtract(before)
    return Counter({name: seconds / _IDLE_S for name, seconds in used.items()})


async def batch_lane(bench: Bench, count: int) -> dict[str, Any]:
    """Everything at once."""
    to_send = [request(bench, Lane.BATCH, "flood", number) for number in range(count)]
    idle = await idle_load(bench)
    before, since, began = cpu_by_process(bench), utc_now(), time.time()
    asked = {record.key.decode(): began for record in to_send}
    publishing = asyncio.create_task(bench.publisher.publish_async(to_send))
    seen = bench.seen
    await until(lambda: len(seen.answered(asked)) == count, lambda: len(seen.answered(asked)))
    await publishing
    at_answers = cpu_by_process(bench)
    await everything_back(bench, asked)
    answers, reports = seen.answered(asked), seen.reports_of(asked)
    summary = await written_down(bench, since, len(reports))
    used, took = cpu_by_process(bench), time.time() - began
    used.subtract(before)
    at_answers.subtract(before)
    answers_s = max(answer.appended_at for answer in answers.values()) - began
    reports_s = max(reports) - began
    return {
        "requests": count,
        "answered": len(answers),
        "by_status": Counter(answer.status.value for answer in answers.values()),
        "answers_s": round(answers_s, 2),
        "answers_per_s": round(len(answers) / answers_s, 1),
        "reports": len(reports),
        "reports_s": round(reports_s, 2),
        "reports_per_s": round(len(reports) / reports_s, 1),
        "late_notices": seen.late_notices(asked),
        "breaches": summary["breaches"],
        "us_cpu_per_request": {name: round(s / count * 1e6) for name, s in used.most_common() if s > 0},
        "us_cpu_per_request_until_the_last_answer": {
            name: round(s / count * 1e6) for name, s in at_answers.most_common() if s > 0
        },
        "idle_share_of_a_core": {name: round(share, 3) for name, share in idle.most_common() if share > 0},
        "measured_s": round(took, 1),
    }


async def online_lane(bench: Bench, rate: int, seconds: int) -> dict[str, Any]:
    """A steady rate."""
    asked: dict[str, float] = {}
    since = utc_now()
    await steadily(bench, f"steady-{rate}", rate, rate * seconds, asked)
    await everything_back(bench, asked)
    answers, reports = bench.seen.answered(asked), bench.seen.reports_of(asked)
    await written_down(bench, since, len(reports))
    stages = (await ledger(bench, "/latencies", since, lane=Lane.ONLINE.value))["stages"]
    automatic = {key: answer for key, answer in answers.items() if answer.status is Status.COMPLETED_AUTO}
    return {
        "rate": rate,
        "seconds": seconds,
        "answered": len(answers),
        "lost": len(asked) - len(answers),
        "late_notices": bench.seen.late_notices(asked),
        "ledger_ms": {stage["stage"]: {k: round(stage[k], 1) for k in ("p50", "p95", "p99")} for stage in stages},
        "seen_ms": percentiles([answer.seen_at - asked[key] for key, answer in answers.items()]),
        "seen_with_a_value_ms": percentiles([answer.seen_at - asked[key] for key, answer in automatic.items()]),
        "last_report_after_last_answer_s": round(
            max(reports, default=0.0) - max(answer.appended_at for answer in answers.values()), 2
        ),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and p100, the longest, in milliseconds; empty for nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {f"p{p}": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)] * 1e3, 1) for p in (50, 95, 99, 100)}


async def restart(bench: Bench, rate: int) -> dict[str, Any]:
    """Kill the online scorer under way, go on asking until values come again and a little longer."""
    asked: dict[str, float] = {}
    sending = asyncio.create_task(steadily(bench, "restart", rate, rate * 90, asked))
    await asyncio.sleep(5.0)
    (pid,) = [state.pid for state in bench.system.supervisor.states() if state.name == _KILLED and state.pid]
    os.kill(pid, signal.SIGKILL)
    killed_at = time.time()

    def valued_again() -> list[float]:
        """When requests sent after the kill got their values."""
        return [
            answer.appended_at
            for key, answer in bench.seen.answered(dict(asked)).items()
            if asked[key] > killed_at and answer.status is Status.COMPLETED_AUTO
        ]

    back = await until(lambda: bool(valued_again()), lambda: len(bench.seen.answers))
    await asyncio.sleep(5.0)
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    await everything_back(bench, asked)
    (state,) = [state for state in bench.system.supervisor.states() if state.name == _KILLED]
    return {
        "rate": rate,
        "killed": _KILLED,
        "seconds_to_next_value": round(min(valued_again()) - killed_at, 2) if back else None,
        "requests": len(asked),
        "lost": len(asked) - len(bench.seen.answered(asked)),
        "late_notices": bench.seen.late_notices(asked),
        "restarts": state.restarts,
    }


def dead_letters(settings: Settings) -> int:
    """How many there are."""
    with TopicReader(kafka_conf(settings), [DEAD_LETTERS.named()], start=Start.BEGINNING) as reader:
        return sum(1 for _ in reader.to_end(within_s=60.0))


Part = Callable[[Bench], Awaitable[dict[str, Any]]]


async def measured(chosen: argparse.Namespace, state: Path) -> dict[str, Any]:
    """All figures."""
    parts: list[tuple[str, Part]] = []
    if "batch" in chosen.parts:
        parts.append(("batch", partial(batch_lane, count=chosen.requests)))
    if "online" in chosen.parts:
        parts += [(f"online_{rate}", partial(online_lane, rate=rate, seconds=chosen.seconds)) for rate in chosen.rates]
    if "restart" in chosen.parts:
        parts.append(("restart", partial(restart, rate=chosen.rates[0])))
    found: dict[str, Any] = {"communities": chosen.communities, "deals": chosen.deals}
    questions = min(chosen.requests, 2_000)
    async with running_bench(state, communities=chosen.communities, deals=chosen.deals, questions=questions) as bench:
        # a market's first use settles it, and the first pages load their fonts: not what is measured here
        await online_lane(bench, 10, 3)
        asked = [request(bench, Lane.BATCH, "warm", number) for number in range(50)]
        await bench.publisher.publish_async(asked)
        await everything_back(bench, dict.fromkeys((record.key.decode() for record in asked), 0.0))
        for name, part in parts:
            _tell(f"measuring {name} …")
            before, began = foreign_s(bench), time.monotonic()
            found[name] = await part(bench)
            found[name]["cores_used_by_others"] = round(
                max(0.0, foreign_s(bench) - before) / (time.monotonic() - began), 2
            )
        found["dead_letters"] = await asyncio.to_thread(dead_letters, bench.settings)
    return found


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=5_000, help="on the batch lane")
    options.add_argument("--communities", type=int, default=1_000)
    options.add_argument("--deals", type=int, default=12_000)
    options.add_argument("--rates", type=int, nargs="+", default=[20, 100], help="per second on the online lane")
    options.add_argument("--seconds", type=int, default=20, help="of each rate")
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options.add_argument("--json", type=Path, help="write the object to this file too")
    chosen = options.parse_args()
    state = Path(tempfile.mkdtemp(prefix="bench-flow-"))
    try:
        text = json.dumps(asyncio.run(measured(chosen, state)), indent=2, ensure_ascii=False)
    finally:
        shutil.rmtree(state, ignore_errors=True)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
