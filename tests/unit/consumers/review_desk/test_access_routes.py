"""The whole application, walked: no page, interface or socket may be without a right."""

import random
import re
import uuid
from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from consumers.review_desk.app import build
from consumers.review_desk.pages.frame import PLACES
from consumers.review_desk.people.guard import Guard
from consumers.review_desk.people.oidc import Provider
from consumers.review_desk.people.route_rights import OPEN, RIGHTS, rule_of
from tests.fakes.valuations import CODEC, NOON

# NiceGUI's own: assets and the socket need a session (`/_nicegui`, `/_nicegui_ws`); what else it offers is refused.
_REFUSED_OF_NICEGUI = {"/favicon.ico", "/robots.txt", "/sitemap.xml"}


@pytest.fixture(scope="module")
def app():
    """The application as it is served; its database is never asked."""
    return build(
        pool=ConnectionPool("", open=False),
        codec=CODEC,
        accounts=(),
        clock=lambda: NOON,
        new_token=lambda: "token",
        new_id=uuid.uuid4,
        randomness=random.Random(1),
        provider=Provider(discovery_url="", client_id="", client_secret="", redirect_url=""),
    )


def walked(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of everything that can be reached, sockets as GET."""
    for route in routes:
        inside = getattr(route, "original_router", None)  # FastAPI's wrapping of an included router
        match route:
            case Mount() if route.routes:
                yield from walked(route.routes, prefix + route.path)
            case Mount():
                yield "GET", f"{prefix}{route.path}/"
            case Route():
                yield from ((method, prefix + route.path) for method in (route.methods or set()) - {"HEAD", "OPTIONS"})
            case WebSocketRoute():
                yield "GET", prefix + route.path
            case _ if inside is not None:
                yield from walked(inside.routes, prefix)
            case _:
                raise AssertionError(f"nobody looks into {route!r}")


@pytest.mark.requirement("SE3")
def test_every_route_of_the_application_has_its_right_and_every_right_its_route(app):
    found = set(walked(app.routes))
    assert ("GET", "/") in found
    assert ("POST", "/api/tasks/{task_id}/decision") in found
    ours = {
        (method, path) for method, path in found if not path.startswith("/_nicegui") and path not in _REFUSED_OF_NICEGUI
    }
    table = OPEN | set(RIGHTS)
    assert (ours - table, table - ours) == (set(), set())


@pytest.mark.requirement("SE3")
def test_a_request_is_judged_by_the_route_that_will_answer_it(app):
    """A fixed path that a template would take as well must come first there, as it does in the table."""
    for method, template in RIGHTS:
        path = re.sub(r"\{[^}]+\}", "00000000-0000-4000-8000-000000000000", template)
        assert rule_of(method, path).template == template


@pytest.mark.requirement("SE3")
def test_the_guard_stands_outermost(app):
    assert app.user_middleware[0].cls is Guard


def test_the_navigation_leads_everybody_where_they_may_go():
    assert {place.path: place.needs for place in PLACES if place.path != "/"} == {
        path: RIGHTS["GET", path] for path in (place.path for place in PLACES) if path != "/"
    }
