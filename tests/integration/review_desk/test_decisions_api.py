"""The JSON interface to deciding, on a real database."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from consumers.review_desk.api.decisions import add_decisions_api
from consumers.review_desk.api.refusals import add_refusals
from schemas.ids import valuation_id
from tests.fakes import valuations as made
from tests.fakes.decision_room import HE, LIN, WU, decision_rooms
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.postgres

PEOPLE = {person.username: person for person in (LIN, WU, HE)}
DECISION = {
    "outcome": "VALUE",
    "unit_price": 41_500,
    "comparable_ids": ["deal-1", "deal-2", "deal-3"],
    "rationale": "三例可比成交修正后取均值",
    "limiting_factors": ["FEW_COMPARABLES"],
    "comparison": [{"deal_id": "deal-1", "adjustments": {"FLOOR": 0.03}, "weight": 0.5}],
}


@pytest.fixture(scope="module")
def rooms(postgres_server):
    with decision_rooms(postgres_server) as room:
        yield room


@pytest.fixture
def room(rooms):
    return rooms()


@pytest.fixture
def client(room):
    def logged_in(request: Request):
        return PEOPLE[request.headers["x-user"]]

    app = FastAPI()
    add_refusals(app)
    add_decisions_api(app, SimpleNamespace(**vars(room)), logged_in)
    return TestClient(app)


def as_user(username: str) -> dict[str, str]:
    return {"x-user": username}


@pytest.mark.requirement("RD9", "RD11")
def test_a_case_comes_whole_in_one_call_and_without_what_is_forbidden(client, room):
    task = room.in_hand(LIN)
    answer = client.get(f"/api/tasks/{task.task_id}", headers=as_user("lin"))
    case = answer.json()
    assert (case["model"]["unit_price"], len(case["comparables"]), case["time_left"]) == (41_000, 5, "P1D")
    assert case["outcomes"][0] == "VALUE"
    for hidden in ("BR-SECRET-77", "LOAN-FORM-9", "BRANCH-571", "CREDIT_MGMT", "loan_amount", "customer"):
        assert hidden not in answer.text
    assert client.get(f"/api/tasks/{task.task_id}", headers=as_user("wu")).status_code == 409


def test_a_decision_is_made_once_with_the_adjustments_beside_it(client, room):
    task = room.in_hand(LIN)
    body = DECISION | {"version": task.version}
    url = f"/api/tasks/{task.task_id}/decision"
    answer = client.post(url, headers=as_user("lin"), json=body)
    assert (answer.status_code, answer.json()["state"]) == (201, "DECIDED")
    assert room.rows("select limiting_factors, comparison from decision") == [
        (["FEW_COMPARABLES"], [{"deal_id": "deal-1", "adjustments": {"FLOOR": 0.03}, "weight": 0.5}])
    ]
    again = client.post(url, headers=as_user("lin"), json=body)
    assert (again.status_code, again.json()["state"]) == (409, "DECIDED")


def test_an_incomplete_decision_names_every_field(client, room):
    task = room.in_hand(LIN)
    bad = {"version": task.version, "outcome": "VALUE", "rationale": "短"}
    answer = client.post(f"/api/tasks/{task.task_id}/decision", headers=as_user("lin"), json=bad)
    assert answer.status_code == 422
    fields = [violation["field"] for violation in answer.json()["violations"]]
    assert fields == ["rationale", "unit_price", "few_comparables_because"]


@pytest.mark.requirement("RD4")
def test_a_second_person_sends_back_and_approves(client, room):
    task = room.in_hand(LIN)
    far = DECISION | {"unit_price": 46_000, "deviation_because": "RECENT_DEALS"}
    url = f"/api/tasks/{task.task_id}"
    for step, path, expected in ((1, "send-back", "WORKING"), (2, "approve", "DECIDED")):
        version = room.task(task.task_id).version
        sent = client.post(f"{url}/decision", headers=as_user("lin"), json=far | {"version": version})
        assert sent.json()["state"] == "PENDING_APPROVAL", step
        (waiting,) = client.get("/api/approvals", headers=as_user("wu")).json()["approvals"]
        assert waiting["first"]["conclusion"]["unit_price"] == 46_000
        body = {"version": waiting["task"]["version"]} | ({"remark": "请补充依据"} if path == "send-back" else {})
        assert client.post(f"{url}/{path}", headers=as_user("lin"), json=body).status_code == 403
        assert client.post(f"{url}/{path}", headers=as_user("wu"), json=body).json()["state"] == expected
    assert room.sent()[0].approver == "wu"


@pytest.mark.requirement("RD14")
def test_a_survey_is_ordered_and_reported(client, room):
    task = room.in_hand(LIN)
    due = (NOON + timedelta(hours=3)).isoformat()
    order = {"version": task.version, "instructions": "查看装修和房屋实际用途", "due_at": due}
    url = f"/api/tasks/{task.task_id}/survey"
    assert client.post(url, headers=as_user("lin"), json=order).json()["state"] == "WAIT_SURVEY"
    (survey,) = client.get("/api/surveys", headers=as_user("wu")).json()["surveys"]
    assert survey["instructions"] == order["instructions"]
    brought = {"report": "毛坯，未入住，与登记一致", "photos": ["p-1"]}
    assert client.post(f"{url}/report", headers=as_user("wu"), json=brought).json()["state"] == "QUEUED"


def test_what_is_not_there_is_not_found_and_what_is_there_is(client, room):
    room.in_hand(LIN, made.review())
    found = client.get("/api/search", params={"text": "翠苑"}, headers=as_user("wu")).json()["found"]
    assert [line["address"] for line in found] == ["浙江省杭州市西湖区翠苑街道翠苑三区3幢2单元501室"]
    assert client.get("/api/panels", headers=as_user("wu")).json() == {"panels": []}
    unknown = valuation_id("CREDIT_MGMT", "nowhere")
    assert client.get(f"/api/tasks/{unknown}", headers=as_user("lin")).status_code == 404
    assert client.get("/api/tasks/no-uuid", headers=as_user("lin")).status_code == 422
