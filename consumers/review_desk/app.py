"""The desk's web application: JSON interface and pages, behind the guard. Kafka is the business of `loop.py`."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from fastapi import FastAPI, Request

from consumers.review_desk.api.audit import add_audit_api
from consumers.review_desk.api.decisions import add_decisions_api
from consumers.review_desk.api.export import add_export_api
from consumers.review_desk.api.guidelines import add_guidelines_api
from consumers.review_desk.api.orders import add_orders_api
from consumers.review_desk.api.quality import add_quality_api
from consumers.review_desk.api.refusals import add_refusals
from consumers.review_desk.api.sessions import add_sessions_api
from consumers.review_desk.api.staff import add_staff_api
from consumers.review_desk.api.supervision import add_supervision_api
from consumers.review_desk.api.tasks import add_tasks_api
from consumers.review_desk.office import Office
from consumers.review_desk.opening import open_office
from consumers.review_desk.pages.failure import add_failures
from consumers.review_desk.pages.login import add_login
from consumers.review_desk.people.accounts import Account
from consumers.review_desk.people.guard import Guard
from consumers.review_desk.people.oidc import OidcLogIn, Provider
from consumers.review_desk.people.staff import Person
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.ticking import ticking
from infra.postgres.pool import Pool
from schemas.catalogue import DECISIONS, Topic
from schemas.codec import Codec

_TITLE: Final = "估价复核台"
_TICK_S: Final = 1.0
# A page whose session has ended cannot come back over its socket; it is led to the log-in instead of waiting for ever.
# Where somebody else, or the same person anew, has logged in since, it is asked for again: as theirs.
_TO_LOG_IN: Final = """<script>
setInterval(async () => {
  if (!window.socket || window.socket.connected) return;
  const answer = await fetch("/api/session?page=" + window.clientId).catch(() => null);
  if (answer && answer.status === 401) {
    const here = encodeURIComponent(location.pathname + location.search);
    window.location.replace("/login?ended=1&next=" + here);
  }
  if (answer && answer.ok && !(await answer.json()).is_page_of_session) window.location.reload();
}, 2000);
</script>"""


def build(  # noqa: PLR0913 - what the application is made of
    *,
    pool: Pool,
    codec: Codec,
    accounts: Sequence[Account],
    clock: Callable[[], datetime],
    new_token: Callable[[], str],
    new_id: Callable[[], UUID],
    randomness: random.Random,
    policy: DeskPolicy | None = None,
    decisions: Topic = DECISIONS,
    provider: Provider | None = None,
    secure_cookie: bool = False,
    sampling_seed: str = "",
) -> FastAPI:
    """Build the application, once per process: its pages are registered for the whole process.

    Args:
        pool: Of the room `review_desk`, migrated.
        codec: Of the registry in use.
        accounts: People the settings name; put into the register where it does not know them.
        clock: The instant now, in UTC.
        new_token: Unguessable session tokens, e.g. `secrets.token_urlsafe`.
        new_id: New ids of bulletins, shifts and the like, e.g. `uuid.uuid4`.
        randomness: Makes span ids.
        policy: Times and limits of the desk.
        decisions: Topic of decided events.
        provider: The bank's identity provider, if people log in there.
        secure_cookie: True where the desk is served over TLS.
        sampling_seed: What the lots of second readings hang on; empty: a secret of the database.
    """
    in_force = policy or DeskPolicy()
    office = open_office(
        pool=pool,
        codec=codec,
        policy=in_force,
        clock=clock,
        new_token=new_token,
        new_id=new_id,
        randomness=randomness,
        decisions=decisions,
        sampling_seed=sampling_seed,
    )
    for account in accounts:
        office.staff.put_if_absent(account.person, password_hash=account.password_hash)
    app = FastAPI(title=_TITLE, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_ticks(office))
    oidc = OidcLogIn(provider, office.accounts, pool, clock=clock, new_token=new_token) if provider else None
    add_login(app, office.accounts, oidc, secure=secure_cookie, lasts_s=int(in_force.session.total_seconds()))
    add_interfaces(app, office)

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"live": True}

    add_pages(app, office)
    add_failures(app, new_id)
    # The last added stands outermost.
    app.add_middleware(Guard, accounts=office.accounts, secure=secure_cookie, session_of_page=session_of_page)
    return app


def session_of_page(page_id: str) -> str | None:
    """Digest of the session under which a page of this process was built; `None` where there is no such page."""
    from nicegui import Client

    client = Client.instances.get(page_id)
    return None if client is None else getattr(client.request.state, "session", None)


def logged_in(request: Request) -> Person:
    """Whose request it is: the guard has asked, and put the answer here."""
    person: Person = request.state.person
    return person


def add_interfaces(app: FastAPI, office: Office) -> None:
    """Add the JSON interface of every subject, and how they all say no."""
    add_refusals(app)
    add_sessions_api(app, office.accounts, session_of_page)
    for add in (
        add_tasks_api,
        add_decisions_api,
        add_supervision_api,
        add_quality_api,
        add_orders_api,
        add_guidelines_api,
        add_audit_api,
        add_export_api,
        add_staff_api,
    ):
        add(app, office, logged_in)


def add_pages(app: FastAPI, office: Office) -> None:
    """Add every page. They are NiceGUI's, which takes a second to import."""
    from nicegui import ui

    from consumers.review_desk.pages.every import EVERY

    for add in EVERY:
        add(office)
    ui.add_head_html(_TO_LOG_IN, shared=True)
    ui.run_with(app, title=_TITLE, language="zh-CN", show_welcome_message=False)


def _ticks(office: Office) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    jobs = (
        office.desk.dispatch,
        office.clocks.tick,
        office.quality.tick,
        office.corrections.tick,
        office.orders.tick,
        office.trail.tick,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with ticking(jobs, clock=office.clock, every_s=_TICK_S):
            yield

    return lifespan
