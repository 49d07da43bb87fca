"""The desk's JSON interface on a real PostgreSQL, as the demonstration reviewer uses it."""

import itertools
import random
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from consumers.review_desk.accounts import Account, Accounts
from consumers.review_desk.api import add_api
from consumers.review_desk.desk import Desk
from consumers.review_desk.loop import ROOM
from consumers.review_desk.postgres import PostgresReviewTasks
from consumers.review_desk.task import DeskPolicy
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.valuations import CODEC, NOON

pytestmark = pytest.mark.postgres

TASK = valuation_id("CREDIT_MGMT", "r-1")
DECISION = {
    "outcome": "VALUE",
    "unit_price": 41_500,
    "comparable_ids": ["deal-1", "deal-2", "deal-3"],
    "rationale": "三例可比成交修正后取均值",
}


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tasks(postgres):
    migrate(postgres, room=ROOM)
    with open_pool(postgres, room=ROOM) as pool:
        yield PostgresReviewTasks(pool, CODEC, randomness=random.Random(1))


@pytest.fixture
def client(tasks, clock):
    tokens = (f"token-{number}" for number in itertools.count())
    hashed = PasswordHasher().hash("right")
    people = {name: Account(password_hash=hashed, grade="G2") for name in ("lin", "wu")}
    policy = DeskPolicy()
    accounts = Accounts(people, tasks._pool, clock=clock, new_token=lambda: next(tokens), session=policy.session)
    app = FastAPI()
    add_api(app, Desk(tasks, policy=policy, clock=clock), accounts)
    return TestClient(app)


def as_user(client, username: str = "lin") -> dict[str, str]:
    token = client.post("/api/login", json={"username": username, "password": "right"}).json()["token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.requirement("RD9")
def test_a_task_goes_from_the_list_to_its_decision(client, tasks):
    lin = as_user(client)
    tasks.open(made.review())
    (line,) = client.get("/api/tasks", headers=lin).json()["tasks"]
    assert (line["valuation_id"], line["state"], line["city"]) == (TASK, "QUEUED", "杭州市")
    task = client.post("/api/tasks/claim", headers=lin).json()["task"]
    case = client.get(f"/api/tasks/{TASK}", headers=lin)
    assert case.json()["model"]["unit_price"] == 41_000
    assert len(case.json()["comparables"]) == 5
    for hidden in ("BR-SECRET-77", "LOAN-FORM-9", "BRANCH-571", "CREDIT_MGMT"):
        assert hidden not in case.text
    answer = client.post(f"/api/tasks/{TASK}/decision", headers=lin, json=DECISION | {"version": task["version"]})
    assert answer.status_code == 201
    again = client.post(f"/api/tasks/{TASK}/decision", headers=lin, json=DECISION | {"version": task["version"]})
    assert (again.status_code, again.json()["state"]) == (409, "DECIDED")
    assert client.get("/api/tasks", headers=lin).json() == {"tasks": []}
    assert client.post("/api/tasks/claim", headers=lin).json() == {"task": None}


def test_an_incomplete_decision_names_every_field(client, tasks):
    lin = as_user(client)
    tasks.open(made.review())
    version = client.post("/api/tasks/claim", headers=lin, json={"valuation_id": TASK}).json()["task"]["version"]
    bad = {"version": version, "outcome": "VALUE", "rationale": "短"}
    answer = client.post(f"/api/tasks/{TASK}/decision", headers=lin, json=bad)
    assert answer.status_code == 422
    fields = [violation["field"] for violation in answer.json()["violations"]]
    assert fields == ["rationale", "unit_price", "few_comparables_because"]


def test_two_reviewers_do_not_see_or_touch_each_others_case(client, tasks):
    lin, wu = as_user(client), as_user(client, "wu")
    tasks.open(made.review())
    version = client.post("/api/tasks/claim", headers=lin).json()["task"]["version"]
    assert client.get(f"/api/tasks/{TASK}", headers=wu).status_code == 409
    assert client.post("/api/tasks/claim", headers=wu, json={"valuation_id": TASK}).status_code == 409
    answer = client.post(f"/api/tasks/{TASK}/decision", headers=wu, json=DECISION | {"version": version})
    assert answer.status_code == 409


@pytest.mark.requirement("RD5")
def test_signs_of_life_keep_a_task_and_silence_frees_it(client, tasks, clock):
    lin, wu = as_user(client), as_user(client, "wu")
    tasks.open(made.review())
    client.post("/api/tasks/claim", headers=lin)
    for _ in range(4):
        clock.passes(minutes=4)
        kept = client.post(f"/api/tasks/{TASK}/heartbeat", headers=lin, json={"draft": {"unit_price": 1}})
        assert kept.status_code == 200
    assert client.post("/api/tasks/claim", headers=wu).json() == {"task": None}
    clock.passes(minutes=5)
    taken = client.post("/api/tasks/claim", headers=wu).json()["task"]
    assert taken["reviewer"] == "wu"
    assert client.get(f"/api/tasks/{TASK}", headers=wu).json()["task"]["draft"] == {"unit_price": 1}
    assert client.post(f"/api/tasks/{TASK}/heartbeat", headers=lin).status_code == 409
    assert client.post(f"/api/tasks/{TASK}/release", headers=wu).json()["task"]["state"] == "QUEUED"


def test_nobody_gets_in_without_a_session_or_with_an_old_one(client, clock):
    assert client.get("/api/tasks").status_code == 401
    assert client.post("/api/login", json={"username": "lin", "password": "wrong"}).status_code == 401
    assert client.post("/api/login", json={"username": "nobody", "password": "right"}).status_code == 401
    lin = as_user(client)
    assert client.get("/api/tasks", headers=lin).status_code == 200
    clock.passes(hours=12)
    assert client.get("/api/tasks", headers=lin).status_code == 401
    fresh = as_user(client)
    client.post("/api/logout", headers=fresh)
    assert client.get("/api/tasks", headers=fresh).status_code == 401


def test_an_unknown_task_is_not_found(client):
    lin = as_user(client)
    unknown = valuation_id("CREDIT_MGMT", "nowhere")
    assert client.get(f"/api/tasks/{unknown}", headers=lin).status_code == 404
    assert client.get("/api/tasks/no-uuid", headers=lin).status_code == 422
