"""Log-in at an identity provider: a real one, small, on loopback; the desk's side on a real PostgreSQL."""

import itertools
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from consumers.review_desk.api.sessions import add_sessions_api
from consumers.review_desk.pages.login import add_login
from consumers.review_desk.people.accounts import Accounts
from consumers.review_desk.people.guard import SESSION_COOKIE, Guard
from consumers.review_desk.people.oidc import LASTS, OidcLogIn, Provider
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.people.throttle import AWAY
from consumers.review_desk.policy import DeskPolicy
from tests.fakes.access_database import Acts, database, emptied
from tests.fakes.oidc_provider import CLIENT, OidcProvider, running
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.postgres

DESK = "http://testserver"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LIN = Person(username="lin", name="林审", grade=Grade.G2, roles=frozenset({Role.REVIEWER}))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def key():
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture
def provider(clock, key):
    with running(OidcProvider(redirect_url=f"{DESK}/oidc/callback", clock=clock, key=key)) as provider:
        yield provider


@pytest.fixture(scope="module")
def dsn(postgres_server):
    with database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
def pool(dsn):
    with emptied(dsn) as pool:
        yield pool


@pytest.fixture
def acts(pool):
    """What is audited from now on."""
    return Acts(pool)


@pytest.fixture
def client(pool, clock, provider):
    """A browser before the desk, where lin is in the register, without any password."""
    StaffRegister(pool, clock=clock).put(LIN, "test")
    tokens = (f"token-{number:030}" for number in itertools.count())
    policy = DeskPolicy()
    accounts = Accounts(pool, clock=clock, new_token=lambda: next(tokens), policy=policy, hasher=QUICK)
    ours = Provider(
        discovery_url=provider.discovery_url,
        client_id=CLIENT[0],
        client_secret=CLIENT[1],
        redirect_url=f"{DESK}/oidc/callback",
    )
    oidc = OidcLogIn(ours, accounts, pool, clock=clock, new_token=lambda: next(tokens))
    app = FastAPI()
    add_sessions_api(app, accounts)
    add_login(app, accounts, oidc, secure=False, lasts_s=100)
    app.add_middleware(Guard, accounts=accounts)
    return TestClient(app, follow_redirects=False)


def sent_back(client) -> str:
    """Go to the provider, and return the way back that it gives, as the browser would take it."""
    away = client.get("/oidc/login")
    assert away.status_code == 303
    return httpx.get(away.headers["location"]).headers["location"].removeprefix(DESK)


def cause(acts) -> str:
    (*_, (_, _, details)) = acts.details()
    return details["cause"]


@pytest.mark.requirement("SE3")
def test_somebody_whom_the_provider_names_and_the_register_knows_is_let_in(client, acts):
    answer = client.get(sent_back(client))
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text  # a redirect would go without the SameSite=Strict cookie
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/session").json()["username"] == "lin"
    assert acts() == [("lin", "LOGGED_IN")]


@pytest.mark.requirement("SE3")
def test_somebody_whom_the_register_does_not_know_is_refused_in_chinese_and_audited(client, provider, acts):
    provider.user = "stranger"
    answer = client.get(sent_back(client))
    assert answer.status_code == 401
    assert "没有登记为本复核台人员" in answer.text
    assert SESSION_COOKIE not in client.cookies
    assert acts() == [("-", "LOG_IN_REFUSED")]


@pytest.mark.requirement("SE3")
def test_a_token_that_is_not_for_this_log_in_lets_nobody_in(client, provider, acts):
    lies = {
        "nonce": "of another log-in",
        "aud": "another-client",
        "exp": int((NOON - timedelta(minutes=5)).timestamp()),
        "preferred_username": None,
    }
    for number, (claim, lie) in enumerate(lies.items(), start=1):
        provider.lies = {claim: lie}
        answer = client.get(sent_back(client))
        assert (answer.status_code, SESSION_COOKIE in client.cookies) == (401, False)
        assert "未通过校验" in answer.text
        assert acts() == [("-", "LOG_IN_REFUSED")] * number
        assert ("expired" if claim == "exp" else claim) in cause(acts)


@pytest.mark.requirement("SE3")
def test_an_answer_is_good_once_and_for_the_browser_that_asked(client):
    back = sent_back(client)
    browser = client.cookies["desk_oidc"]
    client.cookies.clear()
    assert client.get(back).status_code == 401  # another browser was led here
    client.cookies.set("desk_oidc", browser, path="/oidc")
    assert client.get(back).status_code == 200
    client.cookies.set("desk_oidc", browser, path="/oidc")
    assert client.get(back).status_code == 401


@pytest.mark.requirement("SE3")
def test_an_answer_with_another_state_an_error_or_a_made_up_code_lets_nobody_in(client, acts):
    changes = ({"state": "another"}, {"state": ""}, {"error": "access_denied"}, {"code": "made-up"})
    for number, change in enumerate(changes, start=1):
        back = urlsplit(sent_back(client))
        query = {name: values[0] for name, values in parse_qs(back.query).items()} | change
        assert client.get(back.path, params=query).status_code == 401
        assert acts() == [("-", "LOG_IN_REFUSED")] * number


def test_a_log_in_that_took_too_long_begins_again(client, clock):
    back = sent_back(client)
    clock.now += LASTS
    answer = client.get(back)
    assert answer.status_code == 401
    assert "已过期" in answer.text


def test_while_the_provider_is_away_the_page_says_so_and_still_has_its_form(client, provider):
    back = sent_back(client)
    provider.close()
    for path in (back, "/oidc/login"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "统一身份认证暂不可用" in answer.text
        assert 'name="password"' in answer.text


@pytest.mark.requirement("SE3")
def test_who_calls_up_the_way_back_without_being_sent_there_is_counted_and_not_audited(client, clock, acts):
    codes = [client.get("/oidc/callback?code=x&state=y").status_code for _ in range(AWAY.free + 2)]
    assert codes == [401] * (AWAY.free + 1) + [429]
    assert acts() == []
    assert client.get("/oidc/login").status_code == 429
    clock.now += AWAY.longest
    assert client.get(sent_back(client)).status_code == 200


@pytest.mark.requirement("SE3")
def test_an_address_may_log_in_as_often_as_it_likes_but_not_leave_for_nothing(client, pool):
    client.get(sent_back(client))
    with pool.connection() as connection:
        counted = "select failures from log_in_failure where key = 'away:testclient'"
        assert connection.execute(counted).fetchone() == (0,)
        connection.execute("update log_in_failure set failures = %s where key like 'away:%%'", [AWAY.free])
    assert client.get("/oidc/login").status_code == 303
    refused = client.get("/oidc/login")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
