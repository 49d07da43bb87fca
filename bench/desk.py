"""Many reviewers at one desk, which is killed while they work: is anything decided twice, is anything lost?

    .venv/bin/python -m bench.desk [--tasks 5000] [--reviewers 200] [--kills 2] [--think 1.0] [--dsn DSN]

A real desk process (pages, interface, assignment) on an embedded PostgreSQL that syncs to disk, and so many clients of
its HTTP interface, each with a session of its own: they claim, think for a while, decide, and go on when the desk is
away. The desk gets SIGKILL at even distances of the work and is started again. A client whose answer never came sends
the same decision once more, as a person would.

Prints one JSON object. It is counted in the database and in the events of the outbox alike: `decided_twice` are
valuations with more than one decision or event; `lost` are tasks that are neither open nor decided with an event.
Exit code 1 when either is not 0, or when anything is left undecided. `--dsn` takes an empty database of one's own.
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from consumers.review_desk.people.sessions import Sessions
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue.intake import take_in
from consumers.review_desk.store import TaskStore
from infra.embedded.postgres import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool, open_pool
from schemas.domain.worktime import DESK, SHANGHAI, due_at, is_working_day
from schemas.events import Decided, ReviewRequested
from schemas.headers import CE_TYPE, event_type
from tests.fakes import valuations as made

_ROOM = "review_desk"
_ROOT = Path(__file__).resolve().parents[1]
_QUEUE = "YANGTZE_DELTA/RESIDENTIAL"
_UP_WITHIN_S = 120.0
_WITHIN_S = 1800.0  # of a run: a desk that hangs is found out, too
_AWAY_S = 0.2
_PUT_AT_ONCE = 500


@dataclass(slots=True)
class Progress:
    """What the clients have seen so far. `decided`: task ids; `claim_s`: how long each claim that gave a task took."""

    tasks: int
    decided: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    claim_s: list[float] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether every task is known to be decided."""
        return len(self.decided) >= self.tasks


class DeskProcess:
    """The desk in a process of its own, at an address that stays the same."""

    def __init__(self, dsn: str) -> None:
        """Choose a free port; nothing is started yet."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._dsn = dsn
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it and wait until it answers. Raises `RuntimeError` when it ends instead."""
        command = [sys.executable, "-m", "bench.desk", "--serve", str(self._port), "--dsn", self._dsn]
        self._process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})  # noqa: ASYNC220
        async with httpx.AsyncClient() as client, asyncio.timeout(_UP_WITHIN_S):
            while not await _is_up(client, self.address):
                if self._process.poll() is not None:
                    raise RuntimeError("the desk ended before it was up; its log is above")
                await asyncio.sleep(_AWAY_S)

    def kill(self) -> None:
        """SIGKILL: no transaction is ended, no answer sent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


async def _is_up(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"{address}/health")).is_success
    except httpx.TransportError:
        return False


async def work(address: str, token: str, progress: Progress, think_s: float, dice: random.Random) -> None:
    """One reviewer's day: claim, think, decide, until all is decided."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        while not progress.is_done:
            began = time.perf_counter()
            answer = await _asked(client, "/api/tasks/claim", {})
            task = answer.json()["task"] if answer is not None and answer.is_success else None
            if task is None:
                await asyncio.sleep(_AWAY_S)
                continue
            progress.claim_s.append(time.perf_counter() - began)
            await asyncio.sleep(dice.expovariate(1 / think_s) if think_s else 0)
            await _decide(client, task, progress)


async def _decide(client: httpx.AsyncClient, task: dict[str, Any], progress: Progress) -> None:
    """Send the decision until the desk has answered. What came through unanswered is refused the second time."""
    said = {
        "version": task["version"],
        "outcome": "VALUE",
        "rationale": "三例修正后均值，与模型一致，依据充分",
        "unit_price": made.VALUATION.unit_price,
        "comparable_ids": [deal.deal_id for deal in made.VALUATION.comparables],
    }
    sent = 0
    while not progress.is_done:
        sent += 1
        answer = await _asked(client, f"/api/tasks/{task['task_id']}/decision", said)
        if answer is None:
            await asyncio.sleep(_AWAY_S)
            continue
        if answer.is_success or (sent > 1 and answer.json().get("state") == "DECIDED"):
            progress.decided.add(task["task_id"])
        else:
            progress.refused[f"{answer.status_code} {answer.json().get('detail')}"] += 1
        return


async def _asked(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response | None:
    """The answer; `None` when the desk is away."""
    try:
        answer = await client.post(path, json=body)
    except httpx.TransportError:
        return None
    return None if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else answer


async def run(pool: Pool, dsn: str, arguments: argparse.Namespace) -> Progress:
    """Let the reviewers work on the tasks there are, with the kills in between."""
    dice = random.Random(arguments.tasks)
    tokens = open_sessions(pool, arguments.reviewers)
    progress, desk = Progress(arguments.tasks), DeskProcess(dsn)
    await desk.start()
    try:
        async with asyncio.timeout(_WITHIN_S), asyncio.TaskGroup() as group:
            for token in tokens:
                group.create_task(work(desk.address, token, progress, arguments.think, random.Random(dice.random())))
            for number in range(1, arguments.kills + 1):
                while len(progress.decided) < arguments.tasks * number // (arguments.kills + 1):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                desk.kill()
                print(f"killed at {len(progress.decided)} of {arguments.tasks} decided", file=sys.stderr)
                await desk.start()
    finally:
        desk.kill()
    return progress


# ---- before and after -----------------------------------------------------------------------------------------------


def open_sessions(pool: Pool, count: int) -> list[str]:
    """So many reviewers, and a token for each. No passwords: Argon2 would be all that is measured."""
    now = datetime.now(UTC)
    people = [
        Person(
            username=f"r-{number:03}",
            name=f"估值员{number:03}",
            grade=Grade.G3,
            roles=frozenset({Role.REVIEWER}),
            main_queue=_QUEUE,
            hired_on=date(2020, 1, 1),
            certified_until=now.date() + timedelta(days=365),
        )
        for number in range(count)
    ]
    StaffRegister(pool, clock=lambda: now).put_all(people, "bench")
    sessions = Sessions(pool, clock=lambda: now, new_token=secrets.token_urlsafe, policy=DeskPolicy())
    with pool.connection() as connection:
        return [sessions.open(connection, person.username) for person in people]


def put_tasks(pool: Pool, count: int) -> list[str]:
    """So many review requests, taken in as from their topic; returns the valuations' ids."""
    store, policy = TaskStore(pool, made.CODEC, randomness=random.Random(1)), DeskPolicy()
    asked_at = _during_desk_hours(datetime.now(UTC))
    reviews = [_review(number, asked_at) for number in range(count)]
    for begin in range(0, count, _PUT_AT_ONCE):
        with pool.connection() as connection:
            for review in reviews[begin : begin + _PUT_AT_ONCE]:
                take_in(connection, store, policy, review, made.CODEC.encode(review), None)
    return [review.valuation_id for review in reviews]


def _review(number: int, at: datetime) -> ReviewRequested:
    return made.review(
        f"bench-{number}",
        skill="RESIDENTIAL",
        priority=number % 100,
        requested_at=at,
        due_at=due_at(datetime.now(UTC), 5),
    )


def _during_desk_hours(now: datetime) -> datetime:
    """The last opening of the desk: what comes at night is parked until the morning, and a bench cannot wait."""
    day = now.astimezone(SHANGHAI)
    opening = day.replace(hour=DESK.opens.hour, minute=1, second=0, microsecond=0)
    while opening > day or not is_working_day(opening.date()):
        opening -= timedelta(days=1)
    return opening.astimezone(UTC)


def counted(pool: Pool, valuations: Sequence[str]) -> dict[str, int]:
    """What became of the tasks, from their rows and from the events."""
    with pool.connection() as connection:
        standing = connection.execute("select valuation_id::text, state from task where origin is null").fetchall()
        rows = Counter(str(one) for (one,) in connection.execute("select valuation_id from decision"))
        sent = connection.execute("select headers, value from outbox").fetchall()
    kind = event_type(made.decided())
    events = Counter(
        made.CODEC.decode(bytes(value), Decided).valuation_id for headers, value in sent if [CE_TYPE, kind] in headers
    )
    twice = [one for one in valuations if rows[one] > 1 or events[one] > 1]
    states = {str(one): str(state) for one, state in standing}
    ends = {"DECIDED", "RETURNED_TO_AUTO", "CANCELLED"}
    is_open = {one for one, state in states.items() if state not in ends}
    is_decided = {one for one, state in states.items() if state == "DECIDED" and rows[one] and events[one]}
    return {
        "tasks": len(valuations),
        "decided": len(is_decided & set(valuations)),
        "decided_twice": len(twice),
        "lost": len(set(valuations) - is_open - is_decided),
    }


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed, in milliseconds."""
    if not values:
        return None
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)] * 1000, 1)


# ---- as a program ---------------------------------------------------------------------------------------------------


def serve(dsn: str, port: int) -> None:
    """Be the desk."""
    import uvicorn

    from consumers.review_desk.app import build

    with open_pool(dsn, room=_ROOM, size=8) as pool:
        app = build(
            pool=pool,
            codec=made.CODEC,
            accounts=(),
            clock=lambda: datetime.now(UTC),
            new_token=secrets.token_urlsafe,
            new_id=uuid.uuid4,
            randomness=random.Random(),
        )
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


@contextlib.contextmanager
def _database(dsn: str | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-desk-"))
    try:
        with EmbeddedPostgres(folder) as server:
            yield server.create_database("desk")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--reviewers", type=int, default=200)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds between claim and decision")
    parser.add_argument("--dsn")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.dsn, arguments.serve)
        return 0
    with _database(arguments.dsn) as dsn:
        migrate(dsn, room=_ROOM)
        with open_pool(dsn, room=_ROOM, size=4) as pool:
            valuations = put_tasks(pool, arguments.tasks)
            began = time.perf_counter()
            progress = asyncio.run(run(pool, dsn, arguments))
            seconds = time.perf_counter() - began
            figures: dict[str, Any] = counted(pool, valuations)
    figures["claim_ms"] = {"p50": percentile(progress.claim_s, 0.50), "p95": percentile(progress.claim_s, 0.95)}
    figures |= {"reviewers": arguments.reviewers, "kills": arguments.kills, "seconds": round(seconds, 1)}
    for why, times in progress.refused.most_common():
        print(f"refused {times} times: {why}", file=sys.stderr)
    print(json.dumps(figures))
    clean = figures["decided_twice"] == figures["lost"] == 0 and figures["decided"] == figures["tasks"]
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
