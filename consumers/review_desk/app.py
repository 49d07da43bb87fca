"""The desk's web application: JSON interface and pages. Kafka is the business of `loop.py`."""

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from consumers.review_desk.accounts import Account, Accounts
from consumers.review_desk.api import add_api, token_of
from consumers.review_desk.desk import Desk
from consumers.review_desk.pages.login import add_login
from consumers.review_desk.postgres import PostgresReviewTasks
from consumers.review_desk.task import DeskPolicy
from infra.postgres.pool import Pool
from schemas.catalogue import DECISIONS, Topic
from schemas.codec import Codec

_OPEN_PATHS: Final = ("/login", "/logout", "/health", "/api/", "/_nicegui")  # the interface answers 401 by itself


def build(  # noqa: PLR0913 - what the application is made of
    *,
    pool: Pool,
    codec: Codec,
    accounts: Mapping[str, Account],
    clock: Callable[[], datetime],
    new_token: Callable[[], str],
    randomness: random.Random,
    policy: DeskPolicy | None = None,
    decisions: Topic = DECISIONS,
    secure_cookie: bool = False,
) -> FastAPI:
    """Build the application, once per process: its pages are registered for the whole process.

    Args:
        pool: Of the room `review_desk`, migrated.
        codec: Of the registry in use.
        accounts: Who may log in, by user name.
        clock: The instant now, in UTC.
        new_token: Unguessable session tokens, e.g. `secrets.token_urlsafe`.
        randomness: Makes span ids.
        policy: Times and limits of the desk.
        decisions: Topic of decided events.
        secure_cookie: True where the desk is served over TLS.
    """
    in_force = policy or DeskPolicy()
    people = Accounts(accounts, pool, clock=clock, new_token=new_token, session=in_force.session)
    tasks = PostgresReviewTasks(pool, codec, randomness=randomness, decisions=decisions)
    desk = Desk(tasks, policy=in_force, clock=clock)
    app = FastAPI(title="估价复核台", docs_url=None, redoc_url=None)
    _guard(app, people)
    add_api(app, desk, people)
    add_login(app, people, secure=secure_cookie, lasts_s=int(in_force.session.total_seconds()))

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"live": True}

    _add_pages(app, desk)
    return app


def _guard(app: FastAPI, people: Accounts) -> None:
    """No page without log-in, whatever pages there will be."""

    @app.middleware("http")
    async def logged_in(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not request.url.path.startswith(_OPEN_PATHS):
            reviewer = await run_in_threadpool(people.who, token_of(request))
            if reviewer is None:
                return RedirectResponse("/login", 303)
            request.state.reviewer = reviewer
        return await call_next(request)


def _add_pages(app: FastAPI, desk: Desk) -> None:
    from nicegui import ui

    from consumers.review_desk.pages.case import show_case
    from consumers.review_desk.pages.queue import show_queue

    @ui.page("/")
    async def queue(request: Request) -> None:
        await show_queue(desk, request.state.reviewer)

    @ui.page("/tasks/{valuation_id}")
    async def case(request: Request, valuation_id: str) -> None:
        await show_case(desk, request.state.reviewer, valuation_id)

    ui.run_with(app, title="估价复核台", language="zh-CN", show_welcome_message=False)
