"""One desk server, one database and one Chromium for all browser tests of a run; each test begins with an empty desk.

A test module that uses them needs `pytest.mark.asyncio(loop_scope="session")`.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.queue import intake
from consumers.review_desk.store import TaskStore
from consumers.review_desk.task import Task
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool, open_pool
from schemas.catalogue import DECISIONS
from schemas.events import Decided, ReviewRequested
from tests.browser.desk_server import PASSWORD, POLICY
from tests.fakes import valuations as made
from tests.fakes.loops import eventually
from tests.fakes.valuations import CODEC

_ROOM = "review_desk"
_ROOT = Path(__file__).resolve().parents[2]
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_QUEUE = "YANGTZE_DELTA/RESIDENTIAL"
_EMPTIED = "truncate task, outbox, presence, notice, watch, queue_pause, bulletin cascade"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDesk:
    """A desk that answers at `address`, and what is behind it."""

    address: str
    dsn: str
    pool: Pool
    store: TaskStore

    def take_in(self, review: ReviewRequested) -> Task:
        """What the ingest loop does with a review request."""
        with self.pool.connection() as connection:
            intake.take_in(connection, self.store, POLICY, review, CODEC.encode(review), None)
        return self.task(review.valuation_id)

    def open(self, number: str, **changes: Any) -> Task:
        """A task of the synthetic house, due in eight hours."""
        now = datetime.now(UTC)
        due = {"requested_at": now, "due_at": now + timedelta(hours=8), "skill": "RESIDENTIAL"}
        return self.take_in(made.review(number, **{**due, **changes}))

    def task(self, task_id: str) -> Task:
        """A task as it is."""
        found = self.store.find(task_id)
        assert found is not None
        return found[0]

    def change(self, task_id: str, what: str, *values: Any) -> None:
        """Turn the clock of one task on: `lease_until = %s`."""
        with self.pool.connection() as connection:
            connection.execute(f"update task set {what} where task_id = %s".encode(), [*values, task_id])

    def turn(self, username: str, state: str) -> None:
        """Put somebody into a state of presence, as if they had said so elsewhere."""
        with self.pool.connection() as connection:
            connection.execute("update presence set state = %s where username = %s", [state, username])

    def empty(self) -> bool:
        """Take every task, notice and presence away; false where the server was in the middle of something."""
        try:
            with self.pool.connection() as connection:
                connection.execute(_EMPTIED.encode())
        except psycopg.errors.DeadlockDetected:
            return False
        return True

    def published(self) -> list[Decided]:
        """The decisions that wait to go out, first first."""
        with self.pool.connection() as connection:
            query = "select value from outbox where topic = any(%s) order by id"
            rows = connection.execute(query, [["decisions", DECISIONS.named()]]).fetchall()
        return [CODEC.decode(value, Decided) for (value,) in rows]

    def put(self, username: str, **changes: Any) -> Person:
        """Somebody in the register who may be given this house."""
        person = Person(
            username=username,
            name=changes.pop("name", username),
            grade=changes.pop("grade", Grade.G2),
            roles=changes.pop("roles", frozenset({Role.REVIEWER})),
            main_queue=_QUEUE,
            skills={_QUEUE: 5, "ADDRESS": 4, "THIN_MARKET": 4, "OUTLIER": 4, "DISPUTE": 4},
            hired_on=date(2020, 1, 1),
            certified_until=date(2099, 12, 31),
            **changes,
        )
        StaffRegister(self.pool, clock=lambda: datetime.now(UTC)).put(person, "tests")
        return person


@pytest.fixture(scope="session")
def desk_of_run(postgres_server) -> Iterator[RunningDesk]:
    name = f"desk_{uuid.uuid4().hex[:12]}"
    dsn = postgres_server.create_database(name)
    migrate(dsn, room=_ROOM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("desk_server.py")), dsn, str(port), "decisions"]
    server = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})
    address = f"http://127.0.0.1:{port}"
    try:
        with open_pool(dsn, room=_ROOM) as pool:
            eventually(lambda: server.poll() is not None or _answers(address), within_s=60)
            assert server.poll() is None, "the desk server ended before it answered"
            store = TaskStore(pool, CODEC, randomness=random.Random(1))
            running = RunningDesk(address=address, dsn=dsn, pool=pool, store=store)
            for username, who, grade, roles in (
                ("lin", "林审", Grade.G2, {Role.REVIEWER}),
                ("wu", "吴核", Grade.G3, {Role.REVIEWER, Role.SENIOR}),
                ("chen", "陈工", Grade.G4, {Role.REVIEWER, Role.SENIOR}),
            ):
                running.put(username, name=who, grade=grade, roles=frozenset(roles))
            yield running
    finally:
        server.terminate()
        server.wait(30)
        postgres_server.drop_database(name)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def desk(desk_of_run) -> RunningDesk:
    """The desk of this run, with no task, notice or presence left of another test."""
    eventually(desk_of_run.empty)
    return desk_of_run


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    if _CHROMIUM is None:
        pytest.skip("Chromium is not installed; `sh tests/prepare.sh` installs it")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page_of(desk, chromium):
    """`await page_of("lin")`: somebody's own browser, logged in. Nothing is fetched from outside."""
    contexts, asked = [], []

    async def page(username: str | None, *, width: int = 1366, height: int = 768):
        context = await chromium.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        if username is not None:
            await context.add_cookies(
                [{"name": "desk_session", "value": _session(desk, username), "url": desk.address}]
            )
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        return page

    yield page
    for context in contexts:
        await context.close()
    own = (desk.address, desk.address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


def _session(desk: RunningDesk, username: str) -> str:
    answer = httpx.post(f"{desk.address}/api/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token
