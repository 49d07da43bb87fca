"""The JSON interface to tasks and presence, on a real database."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from consumers.review_desk.api.refusals import add_refusals
from consumers.review_desk.api.tasks import add_tasks_api
from consumers.review_desk.people.staff import Role
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool
from tests.fakes.desk import person, task
from tests.fakes.desk_room import LIN, WU, DeskRoom

pytestmark = pytest.mark.postgres

OUTSIDER = person("agent", employer="agency")
SUPERVISOR = person("sun", roles=frozenset({Role.SUPERVISOR}))
PEOPLE = {one.username: one for one in (LIN, WU, OUTSIDER, SUPERVISOR)}
TASK = task().task_id


@pytest.fixture
def room(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk", size=4) as pool:
        yield DeskRoom(pool)


@pytest.fixture
def client(room):
    def logged_in(request: Request):
        return PEOPLE[request.headers["x-user"]]

    app = FastAPI()
    add_refusals(app)
    add_tasks_api(app, SimpleNamespace(desk=room.desk()), logged_in)
    return TestClient(app)


@pytest.fixture
def post(client):
    return lambda path, username="lin", body=None: client.post(path, headers={"x-user": username}, json=body or {})


def test_a_task_is_claimed_kept_put_aside_and_given_back(room, client, post):
    room.put(task())
    listed = client.get("/api/tasks", headers={"x-user": "lin"}).json()
    assert ([one["task_id"] for one in listed["pool"]], listed["waiting"]) == ([TASK], [])
    claimed = post("/api/tasks/claim").json()["task"]
    assert (claimed["state"], claimed["reviewer"]) == ("WORKING", "lin")
    kept = post(f"/api/tasks/{TASK}/heartbeat", body={"draft": {"unit_price": 41_000}}).json()
    assert kept["version"] == claimed["version"]
    assert post(f"/api/tasks/{TASK}/renew").json()["task"]["renewals"] == 1
    until = "2026-03-02T15:00:00+08:00"
    assert post(f"/api/tasks/{TASK}/hold", body={"reason": "等待", "until": until}).json()["task"]["state"] == "ON_HOLD"
    assert post(f"/api/tasks/{TASK}/resume").json()["task"]["state"] == "WORKING"
    assert post(f"/api/tasks/{TASK}/release").json()["task"]["state"] == "QUEUED"
    assert post("/api/tasks/claim", "wu", {"task_id": TASK}).json()["task"]["reviewer"] == "wu"
    assert post("/api/tasks/claim").json() == {"task": None}


def test_refusals_say_how_the_task_stands(room, post):
    room.put(task())
    post("/api/tasks/claim")
    taken = post("/api/tasks/claim", "wu", {"task_id": TASK})
    assert (taken.status_code, taken.json()["state"], taken.json()["version"]) == (409, "WORKING", 2)
    assert post(f"/api/tasks/{task('9').task_id}/release").status_code == 404
    assert post("/api/tasks/claim", "agent", {"task_id": TASK}).status_code == 403
    assert post("/api/presence", body={"state": "BREAK"}).json() == {"detail": "请填写暂离原因"}
    both = {"to": "wu", "group": "EXPERTS", "note": "请接手"}
    assert post(f"/api/tasks/{TASK}/transfer", body=both).status_code == 422


@pytest.mark.requirement("RD10")
def test_a_task_goes_to_a_colleague_or_to_a_pool(room, post):
    room.put(task())
    post("/api/tasks/claim")
    moved = post(f"/api/tasks/{TASK}/transfer", body={"to": "wu", "note": "熟悉该小区"}).json()["task"]
    assert (moved["state"], moved["preferred"]) == ("QUEUED", "wu")
    post("/api/tasks/claim", "wu")
    given = post(f"/api/tasks/{TASK}/transfer", "wu", {"group": "EXPERTS", "note": "请专家看"}).json()["task"]
    assert (given["group"], given["transfers"]) == ("EXPERTS", 2)


def test_presence_is_said_and_an_offer_taken_or_refused(room, post):
    assert post("/api/presence", body={"state": "READY"}).json()["presence"]["state"] == "READY"
    room.put(task())
    room.desk().dispatch(room.clock())
    assert post(f"/api/tasks/{TASK}/refuse", body={"reason": "忙"}).json()["presence"]["missed"] == 1
    room.desk().dispatch(room.clock())
    assert post(f"/api/tasks/{TASK}/accept").json()["task"]["state"] == "WORKING"
    assert post("/api/presence", body={"state": "BREAK", "reason": "午餐"}).json()["presence"]["reason"] == "午餐"
    assert post("/api/presence", body={"state": "WORKING"}).status_code == 422
    assert post("/api/presence", body={"state": "OFFLINE"}).json()["presence"]["state"] == "OFFLINE"
    assert room.task(TASK).state == "QUEUED"


def test_supervisors_see_all_that_is_open_and_blind_tasks_show_no_model_value(room, client):
    room.put(task("1"), task("2", blind=True))
    seen = client.get("/api/tasks", headers={"x-user": "sun"}).json()
    assert seen["pool"] == []
    assert [one["model_value"] for one in seen["waiting"]] == [3_669_500, None]
    assert "draft" not in seen["waiting"][0]
