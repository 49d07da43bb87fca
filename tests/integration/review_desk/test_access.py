"""The desk's door on a real PostgreSQL: sessions, the table of rights, sockets, other sites' requests, the throttle."""

import itertools
import json
import logging
import random
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from consumers.review_desk.app import add_interfaces
from consumers.review_desk.opening import open_office
from consumers.review_desk.people.access import RIGHTS, Permission
from consumers.review_desk.people.accounts import Account, Accounts, LogInRefusedError
from consumers.review_desk.people.guard import SESSION_COOKIE, Guard
from consumers.review_desk.people.guarded_socket import SESSION_ENDED
from consumers.review_desk.people.route_rights import OPEN
from consumers.review_desk.people.route_rights import RIGHTS as ROUTES
from consumers.review_desk.people.sessions import digest
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError
from tests.fakes.access_database import Acts, database, emptied
from tests.fakes.loops import eventually
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

SITE = "http://testserver"
PASSWORD = "right password"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # the length of the computation is argon2's business
LIN = Person(
    username="lin",
    name="林审",
    grade=Grade.G2,
    roles=frozenset({Role.REVIEWER}),
    certified_until=date(2099, 12, 31),
)
ADMIN = replace(LIN, username="admin", name="管理员", roles=frozenset({Role.ADMIN}))
SUN = replace(LIN, username="sun", name="孙班", roles=frozenset({Role.SUPERVISOR}))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


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
def staff(pool, clock):
    register = StaffRegister(pool, clock=clock)
    digest = QUICK.hash(PASSWORD)
    for person in (LIN, ADMIN, SUN):
        register.put(person, "test", password_hash=digest)
    return register


@pytest.fixture
def accounts(pool, clock, staff):
    tokens = (f"token-{number}" for number in itertools.count())
    return Accounts(pool, clock=clock, new_token=lambda: next(tokens), policy=DeskPolicy(), hasher=QUICK)


@pytest.fixture
def pages():
    """Which page was built under which session: page id → digest."""
    return {}


@pytest.fixture
def client(accounts, pages):
    """A browser before an application that has one answer for every path of the table, behind the guard."""
    app = FastAPI()

    @app.websocket("/_nicegui_ws/socket.io/")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"heard {text}")

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def reached(request: Request) -> dict[str, str]:
        await request.body()
        person = getattr(request.state, "person", None)
        return {"reached": "" if person is None else person.username}

    app.add_middleware(Guard, accounts=accounts, secure=True, session_of_page=pages.get)
    return TestClient(app, follow_redirects=False)


def log_in(accounts: Accounts, username: str = "lin", password: str = PASSWORD) -> str:
    return accounts.log_in(username, password, address="192.0.2.7")


def bearer(accounts: Accounts, username: str = "lin") -> dict[str, str]:
    return {"Authorization": f"Bearer {log_in(accounts, username)}"}


# ---- sessions -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("SE3")
def test_coming_and_going_is_audited_and_only_the_digest_of_a_token_is_kept(accounts, pool, acts):
    token = log_in(accounts)
    assert accounts.who(token) == LIN
    with pool.connection() as connection:
        kept = connection.execute("select session::text from session").fetchall()
    assert token not in str(kept)
    accounts.log_out(token)
    accounts.log_out(token)
    assert accounts.who(token) is None
    assert acts() == [("lin", "LOGGED_IN"), ("lin", "LOGGED_OUT")]


def test_a_session_ends_after_an_hour_without_an_act(accounts, clock):
    token = log_in(accounts)
    clock.passes(minutes=59)
    assert accounts.who(token, is_act=False) == LIN
    clock.passes(minutes=1)
    assert accounts.who(token) is None


def test_a_session_ends_after_twelve_hours_whatever_is_done(accounts, clock):
    token = log_in(accounts)
    for _ in range(23):
        clock.passes(minutes=30)
        assert accounts.who(token) == LIN
    clock.passes(minutes=30)
    assert accounts.who(token) is None


def test_a_new_log_in_has_a_new_token_and_ends_the_browser_s_former_session(accounts):
    former = log_in(accounts)
    token = accounts.log_in("lin", PASSWORD, address="192.0.2.7", former=former)
    assert token != former
    assert (accounts.who(former), accounts.who(token)) == (None, LIN)


@pytest.mark.requirement("SE3")
def test_somebody_retired_is_logged_out_everywhere_at_once_and_does_not_come_back(accounts, staff):
    tokens = [log_in(accounts), log_in(accounts)]
    staff.retire("lin", ADMIN)
    assert [accounts.who(token) for token in tokens] == [None, None]
    with pytest.raises(LogInRefusedError, match="不正确"):  # as for somebody nobody knows
        log_in(accounts)


@pytest.mark.requirement("SE3")
def test_a_change_of_rights_asks_for_a_new_log_in_and_one_of_skills_does_not(accounts, staff):
    token = log_in(accounts)
    staff.put(replace(LIN, skills={"ADDRESS": 3}), ADMIN)
    assert accounts.who(token).skills == {"ADDRESS": 3}
    staff.put(replace(LIN, regions=frozenset({Region.MIDWEST})), ADMIN)
    assert accounts.who(token) is None


def test_a_password_hashed_with_older_parameters_is_hashed_anew(pool, clock, accounts, staff):
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    Accounts(pool, clock=clock, new_token=lambda: "t", policy=DeskPolicy(), hasher=stronger).log_in(
        "lin", PASSWORD, address=""
    )
    with pool.connection() as connection:
        (kept,) = connection.execute("select password_hash from staff where username = 'lin'").fetchone()
    assert not stronger.check_needs_rehash(kept)
    assert accounts.who(log_in(accounts)) == LIN


@pytest.mark.parametrize("username", ["nobody", "", "a\x00dmin", "林" * 100])
def test_an_unknown_user_gets_the_answer_of_a_wrong_password(accounts, username):
    with pytest.raises(LogInRefusedError, match=r"^用户名或密码不正确$"):
        log_in(accounts, username)
    with pytest.raises(LogInRefusedError, match=r"^用户名或密码不正确$"):
        log_in(accounts, "lin", "wrong")


def test_what_was_typed_as_a_user_name_is_not_in_the_audit_for_it_may_be_a_password(accounts, acts):
    with pytest.raises(LogInRefusedError):
        log_in(accounts, "my secret pass phrase")
    ((actor, action, details),) = acts.details()
    assert (actor, action) == ("-", "LOG_IN_FAILED")
    assert "my secret" not in str(details)


@pytest.mark.requirement("RD17")
@pytest.mark.parametrize(
    "change", [{"employer": "agency"}, {"site": "hongkong"}, {"grade": Grade.G4, "hired_on": NOON.date()}]
)
def test_who_may_not_review_does_not_come_in_as_a_reviewer_and_the_refusal_is_audited(accounts, staff, change, acts):
    staff.put(replace(LIN, **change), ADMIN)
    with pytest.raises(LogInRefusedError):
        log_in(accounts)
    assert acts() == [("lin", "LOG_IN_REFUSED")]


@pytest.mark.requirement("RD17")
def test_who_may_not_review_comes_in_as_what_else_they_are(accounts, staff):
    staff.put(replace(LIN, employer="bank", roles=frozenset({Role.REVIEWER, Role.AUDITOR})), ADMIN)
    assert accounts.who(log_in(accounts)).roles == {Role.AUDITOR}


# ---- the throttle -------------------------------------------------------------------------------------------------


def failing(accounts: Accounts, username: str = "lin", address: str = "192.0.2.7") -> LogInRefusedError:
    with pytest.raises(LogInRefusedError) as refused:
        accounts.log_in(username, "wrong", address=address)
    return refused.value


@pytest.mark.requirement("SE3")
def test_after_five_failures_each_further_one_costs_a_longer_wait_that_is_told_in_seconds(accounts, clock, acts):
    assert [failing(accounts).wait_s for _ in range(5)] == [0] * 5
    assert failing(accounts).why == "用户名或密码不正确；请在 2 秒后再试"
    assert failing(accounts).why == "尝试次数过多，请在 2 秒后再试"
    with pytest.raises(LogInRefusedError, match="尝试次数过多"):
        log_in(accounts)  # the right password is not heard, either
    clock.passes(seconds=2)
    assert failing(accounts).wait_s == 4
    clock.passes(seconds=4)
    assert accounts.who(log_in(accounts)) == LIN
    assert [failing(accounts).wait_s for _ in range(5)] == [0] * 5  # what was before is forgotten
    assert acts().count(("lin", "LOG_IN_FAILED")) == 12


@pytest.mark.requirement("SE3")
def test_an_address_that_tries_many_users_waits_too_and_one_good_account_does_not_help_it(accounts):
    for number in range(60):
        assert failing(accounts, f"user-{number}").wait_s == 0
    log_in(accounts)
    assert failing(accounts, "another").wait_s == 2
    assert accounts.who(accounts.log_in("lin", PASSWORD, address="198.51.100.9")) == LIN


@pytest.mark.requirement("SE3")
def test_many_attempts_at_the_same_moment_are_no_way_around_it(accounts):
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: failing(accounts).wait_s, range(24)))
    assert waits.count(0) == 5


@pytest.mark.requirement("SE3")
def test_who_looked_at_the_clock_first_and_came_to_the_counter_second_need_not_wait(accounts, clock):
    log_in(accounts)
    clock.passes(milliseconds=-5)
    assert accounts.who(log_in(accounts)) == LIN


# ---- the table of rights, through the door ------------------------------------------------------------------------


def _anywhere(template: str) -> str:
    return re.sub(r"\{[^}]+\}", "00000000-0000-4000-8000-000000000000", template)


@pytest.mark.requirement("SE3")
def test_each_role_reaches_what_the_table_gives_it_and_nothing_else(accounts, staff, client, acts):
    digest = QUICK.hash(PASSWORD)
    for role in Role:
        staff.put(replace(LIN, username=f"the-{role}", roles=frozenset({role})), ADMIN, password_hash=digest)
    refused = 0
    for role in Role:
        session = bearer(accounts, f"the-{role}")
        for (method, template), permission in ROUTES.items():
            answer = client.request(method, _anywhere(template), headers=session)
            is_right = permission in RIGHTS[role]
            assert (answer.status_code == 200) is is_right, (role, method, template, answer.text)
            if not is_right:
                refused += 1
                assert answer.status_code == 403
                assert "权限" in answer.text
    assert [action for _, action in acts()].count("REFUSED") == refused > 0


@pytest.mark.requirement("SE3")
def test_without_a_session_nothing_but_the_way_in_is_reached(client):
    for method, template in ROUTES:
        answer = client.request(method, _anywhere(template), headers={"Origin": SITE})
        wanted = 401 if template.startswith("/api/") else 303
        assert answer.status_code == wanted, (method, template)
    for path in ("/_nicegui/3/components/x.js", "/_nicegui_ws/socket.io/?transport=polling"):
        assert client.get(path).status_code == 401
    for method, path in OPEN:
        assert client.request(method, path, headers={"Origin": SITE}).status_code == 200


def test_a_path_without_a_rule_is_not_found_by_anybody(accounts, client):
    answer = client.get("/api/not-in-the-table", headers=bearer(accounts, "admin"))
    assert answer.status_code == 404


@pytest.mark.requirement("SE3")
def test_answers_carry_the_headers_that_keep_pages_in_their_place(accounts, client):
    headers = client.get("/", headers=bearer(accounts)).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "max-age" in headers["strict-transport-security"]


def test_while_the_database_is_away_the_door_says_so(accounts, client):
    session = bearer(accounts)
    accounts.sessions._pool.close()
    for path in ("/api/tasks", "/"):
        answer = client.get(path, headers=session)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


# ---- other sites --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": SITE}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": SITE}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_another_site_cannot_act_with_the_cookie_of_somebody_logged_in(accounts, client, headers, code):
    client.cookies.set(SESSION_COOKIE, log_in(accounts))
    for body in ({"data": {"a": "b"}}, {"json": {"a": "b"}}):
        assert client.post("/api/presence", headers=headers, **body).status_code == code


@pytest.mark.requirement("SE3")
def test_a_program_with_a_bearer_token_needs_no_origin_and_a_log_in_form_of_another_site_is_refused(accounts, client):
    assert client.post("/api/presence", json={}, headers=bearer(accounts)).status_code == 200
    assert client.post("/login", data={"username": "x"}).status_code == 403
    assert client.post("/login", data={"username": "x"}, headers={"Origin": SITE}).status_code == 200
    assert client.post("/api/login", json={}).status_code == 200


# ---- sockets ------------------------------------------------------------------------------------------------------

SOCKET = "/_nicegui_ws/socket.io/"


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize("headers", [{}, {"Cookie": f"{SESSION_COOKIE}=made-up", "Origin": SITE}])
def test_a_socket_is_refused_at_its_handshake_without_a_session(client, headers):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET, headers=headers):
        pytest.fail("the handshake was accepted")


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://elsewhere.example"}])
def test_a_socket_that_another_site_opens_is_refused(accounts, client, origin):
    cookie = {"Cookie": f"{SESSION_COOKIE}={log_in(accounts)}"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKET, headers=cookie | origin):
        pytest.fail("the handshake was accepted")


@pytest.fixture
def socket(accounts, client) -> Iterator:
    headers = {"Cookie": f"{SESSION_COOKIE}={log_in(accounts)}", "Origin": SITE}
    with client.websocket_connect(SOCKET, headers=headers) as socket:
        socket.send_text("2")
        assert socket.receive_text() == "heard 2"
        yield socket


@pytest.mark.requirement("SE3")
def test_the_end_of_a_session_cuts_its_pages_off(socket, staff, clock):
    staff.retire("lin", ADMIN)
    clock.passes(seconds=1)
    socket.send_text('42["event",{}]')
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    assert closed.value.code == SESSION_ENDED


def test_a_page_left_alone_does_not_keep_its_session_and_one_that_is_used_does(socket, accounts, clock):
    for _ in range(3):
        clock.passes(minutes=30)
        socket.send_text('42["event",{}]')
        assert socket.receive_text() == 'heard 42["event",{}]'
    clock.passes(minutes=30)
    socket.send_text("3")
    assert socket.receive_text() == "heard 3"
    clock.passes(minutes=30)
    socket.send_text("3")
    with pytest.raises(WebSocketDisconnect):
        socket.receive_text()


@pytest.mark.requirement("SE3", "RD11")
def test_a_page_is_not_gone_on_with_by_who_logs_in_after_in_the_same_browser(accounts, client, pages):
    own, other = log_in(accounts), log_in(accounts, "sun")
    pages["page-1"] = digest(own)
    for token, path, is_let_in in (
        (own, f"{SOCKET}?client_id=page-1", True),
        (other, f"{SOCKET}?client_id=page-1", False),
        (log_in(accounts), f"{SOCKET}?client_id=page-1", False),  # anew: with the rights of today, on a page of today
        (other, f"{SOCKET}?client_id=of-another-process", True),
    ):
        headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Origin": SITE}
        assert client.get(path, headers=headers).status_code == (200 if is_let_in else 401)
        if is_let_in:
            with client.websocket_connect(path, headers=headers) as socket:
                socket.send_text("2")
                assert socket.receive_text() == "heard 2"
        else:
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(path, headers=headers):
                pytest.fail("the handshake was accepted")


def test_what_a_page_asks_by_itself_keeps_no_session_and_an_act_without_a_socket_does(accounts, client, clock):
    headers = bearer(accounts)
    for body, is_act in (('42["event",{}]', True), ("3", False), ('2\x1e42["event",{}]', True)):
        clock.passes(minutes=40)
        assert client.post(SOCKET, content=body, headers=headers).status_code == 200
        assert client.get("/api/session", headers=headers).status_code == 200
        if not is_act:
            clock.passes(minutes=25)
            assert client.get("/api/session", headers=headers).status_code == 401
            headers = bearer(accounts)


def test_an_act_counts_however_shortly_after_a_sign_of_the_page_itself(socket, accounts, clock):
    for _ in range(3):
        clock.passes(minutes=40)
        for text in ("3", '42["event",{}]'):
            socket.send_text(text)
            assert socket.receive_text() == f"heard {text}"


# ---- the register -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("GV6")
def test_a_supervisor_keeps_the_conflicts_of_interest_and_nothing_else_and_all_of_it_is_audited(staff, acts):
    staff.set_conflicts("lin", frozenset({"c-17"}), SUN)
    assert staff.person("lin").conflicts == {"c-17"}
    with pytest.raises(NotAllowedError):
        staff.put(replace(LIN, grade=Grade.G4), SUN)
    with pytest.raises(NotAllowedError):
        staff.set_conflicts("admin", frozenset(), LIN)
    assert staff.person("lin").grade is Grade.G2
    assert acts("staff")[-3:] == [("sun", "STAFF_CHANGED"), ("sun", "REFUSED"), ("lin", "REFUSED")]


@pytest.mark.requirement("GV6", "RD18")
@pytest.mark.parametrize("change", [{"conflicts": frozenset({"c-1"})}, {"certified_until": date(2020, 1, 1)}])
def test_who_may_value_less_from_now_on_is_asked_to_log_in_anew(accounts, staff, change):
    token = log_in(accounts)
    staff.put(replace(LIN, **change), ADMIN)
    assert accounts.who(token) is None


@pytest.mark.requirement("GV6")
@pytest.mark.parametrize(
    "amend",
    [lambda staff: staff.set_conflicts("lin", frozenset({"c-17"}), SUN), lambda staff: staff.retire("lin", ADMIN)],
)
def test_one_thing_is_amended_on_top_of_what_others_changed_in_that_moment(pool, staff, amend):
    with ThreadPoolExecutor(1) as executor:
        with pool.connection() as connection:
            connection.execute("update staff set grade = 'G1' where username = 'lin'")
            done = executor.submit(amend, staff)
            with pool.connection() as other:
                eventually(lambda: other.execute(_WAITING).fetchone() == (1,))
        done.result()
    assert staff.person("lin").grade is Grade.G1


_WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize(
    "change",
    [{"roles": frozenset(Role)}, {"is_active": False}, {"regions": frozenset()}, {"conflicts": frozenset("c")}],
)
def test_nobody_changes_their_own_rights(staff, change):
    with pytest.raises(NotAllowedError, match="本人"):
        staff.put(replace(ADMIN, **change), ADMIN)


@pytest.mark.requirement("RD18", "RD16")
def test_the_register_gives_back_what_it_was_given(staff):
    wu = replace(
        LIN,
        username="wu",
        roles=frozenset({Role.REVIEWER, Role.SENIOR}),
        regions=frozenset({Region.YANGTZE_DELTA, Region.MIDWEST}),
        main_queue="YANGTZE_DELTA/VILLA",
        skills={"YANGTZE_DELTA/VILLA": 5},
        certified_until=None,
    )
    staff.put(wu, ADMIN)
    assert staff.person("wu") == wu
    assert [person.username for person in staff.people()] == ["admin", "lin", "sun", "wu"]


def test_several_are_put_all_or_none(staff):
    with pytest.raises(NotAllowedError):
        staff.put_all((replace(LIN, username="new"), replace(ADMIN, grade=Grade.G4)), ADMIN)
    assert staff.person("new") is None


def test_the_settings_people_come_into_a_new_desk_once_and_change_nobody_known(staff, accounts):
    account = Account(person=replace(LIN, grade=Grade.G4), password_hash=QUICK.hash("another"))
    assert staff.put_if_absent(account.person, password_hash=account.password_hash) is False
    assert accounts.who(log_in(accounts)).grade is Grade.G2


def test_what_changed_is_in_the_audit_and_no_password_is(staff, acts, caplog):
    with caplog.at_level(logging.DEBUG):
        staff.put(replace(LIN, grade=Grade.G3), ADMIN, password_hash="$argon2id$secret")
    assert acts.details("staff") == [
        ("admin", "STAFF_CHANGED", {"username": "lin", "changed": {"grade": ["G2", "G3"]}}),
        ("admin", "PASSWORD_SET", {"username": "lin"}),
    ]
    assert "argon2id" not in caplog.text


def test_a_right_that_is_taken_away_by_the_table_is_not_had_by_anybody(accounts, client):
    """The matrix test above compares with the table; this one with a sentence of the requirements."""
    lin, admin = bearer(accounts), bearer(accounts, "admin")
    assert client.get("/staff", headers=lin).status_code == 403
    assert client.get("/tasks/x", headers=admin).status_code == 403
    assert Permission.EXPORT not in RIGHTS[Role.SUPERVISOR]


# ---- its JSON interface -------------------------------------------------------------------------------------------


@pytest.fixture
def desk(pool, clock, staff):
    """The JSON interface of the desk as it is served, without its pages."""
    tokens = (f"token-{number}" for number in itertools.count())
    office = open_office(
        pool=pool,
        codec=CODEC,
        policy=DeskPolicy(),
        clock=clock,
        new_token=lambda: next(tokens),
        new_id=uuid.uuid4,
        randomness=random.Random(1),
    )
    app = FastAPI()
    add_interfaces(app, office)
    app.add_middleware(Guard, accounts=office.accounts)
    client = TestClient(app)
    client.pool = pool
    return client


def session(desk, username: str) -> dict[str, str]:
    answer = desk.post("/api/login", json={"username": username, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def presence(desk) -> str:
    with desk.pool.connection() as connection:
        (state,) = connection.execute("select state from presence where username = 'lin'").fetchone()
    return state


@pytest.mark.requirement("GV6", "SE3", "RD16")
def test_an_administrator_keeps_the_register_over_the_interface_and_a_supervisor_the_conflicts(desk, staff):
    admin, sun = session(desk, "admin"), session(desk, "sun")
    line = desk.get("/api/staff/lin", headers=admin).json()
    changed = {name: value for name, value in line.items() if name not in {"username", "signing_no"}} | {
        "certified_until": "2027-01-31"
    }
    assert desk.put("/api/staff/wu", json=changed, headers=admin).json()["certified_until"] == "2027-01-31"
    assert desk.put("/api/staff/wu", json=changed, headers=sun).status_code == 403
    assert desk.put("/api/staff/wu/conflicts", json={"communities": ["c-17"]}, headers=sun).status_code == 200
    assert staff.person("wu").conflicts == {"c-17"}
    assert desk.put("/api/staff/nobody/conflicts", json={"communities": []}, headers=sun).status_code == 404
    wrong = desk.put("/api/staff/wu", json=changed | {"grade": "G9", "shoe_size": 43}, headers=admin)
    assert {fault["loc"][-1] for fault in wrong.json()["detail"]} == {"grade", "shoe_size"}
    assert desk.post("/api/staff/wu/retire", headers=admin).json()["is_active"] is False
    assert [one["username"] for one in desk.get("/api/staff", headers=sun).json()["people"]] == [
        "admin",
        "lin",
        "sun",
        "wu",
    ]


@pytest.mark.requirement("SE3")
def test_who_is_logged_in_is_told_what_they_may(desk):
    found = desk.get("/api/session", headers=session(desk, "sun")).json()
    assert found["roles"] == ["SUPERVISOR"]
    assert "SUPERVISE" in found["permissions"]
    assert "EXPORT" not in found["permissions"]


@pytest.mark.requirement("SE3")
def test_only_who_may_export_takes_a_file_out_and_that_is_audited(desk, staff, acts):
    audit = replace(LIN, username="audit", roles=frozenset({Role.AUDITOR}))
    staff.put(audit, ADMIN, password_hash=QUICK.hash(PASSWORD))
    assert desk.get("/api/export/audit/staff", headers=session(desk, "sun")).status_code == 403
    given = desk.get("/api/export/audit/staff", headers=session(desk, "audit"))
    assert given.headers["content-disposition"].startswith("attachment")
    assert json.loads(given.text.splitlines()[-1])["details"]["username"] == "audit"
    assert ("audit", "EXPORTED") in acts()


def test_too_many_log_ins_are_told_when_to_come_back(desk):
    wrong = {"username": "lin", "password": "wrong"}
    codes = [desk.post("/api/login", json=wrong).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    assert desk.post("/api/login", json=wrong).headers["retry-after"] == "2"


@pytest.mark.requirement("RD16")
def test_a_newcomer_is_g_one_in_their_session_whatever_the_register_says(desk, staff, clock):
    staff.put(replace(LIN, hired_on=clock.now.date()), ADMIN)
    assert desk.get("/api/session", headers=session(desk, "lin")).json()["grade"] == "G1"


@pytest.mark.requirement("RD5")
def test_who_logs_out_of_their_last_browser_leaves_the_desk(desk):
    here, there = session(desk, "lin"), session(desk, "lin")
    turned = desk.post("/api/presence", json={"state": "READY"}, headers=here)
    assert turned.status_code == 200, turned.text
    desk.post("/api/logout", headers=there)
    assert presence(desk) == "READY"
    desk.post("/api/logout", headers=here)
    assert presence(desk) == "OFFLINE"
