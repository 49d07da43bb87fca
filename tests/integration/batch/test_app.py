"""The service over HTTP, as gateway and `avm batch` use it."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from fastapi.testclient import TestClient

from producers.batch import uploads
from producers.batch.app import build
from producers.batch.jobs import LostPieceError
from tests.integration.batch.conftest import HEADER
from tests.integration.batch.test_jobs import answer_all, finish, lines, rows

pytestmark = pytest.mark.postgres


@pytest.fixture
def client(room):
    with TestClient(build(room.service, spool=room.folder / "spool", is_working=lambda: True)) as client:
        yield client


def upload(client, content=None, **params):
    body = "\n".join([HEADER, *rows(3)]).encode() if content is None else content
    return client.post("/jobs", params={"channel": "BATCH_FILE", "name": "押品.csv", **params}, content=body)


def ask(client, method, path, **params):
    return client.request(method, path, params={"channel": "BATCH_FILE", **params})


@pytest.mark.requirement("BA1")
def test_a_file_is_uploaded_followed_and_fetched(client, room):
    body = "\n".join([HEADER, *rows(3), "B-9,,1"]).encode()
    opened = upload(client, body, count=4, sha256=sha256(body).hexdigest(), column="business_ref:业务编号")
    assert (opened.status_code, upload(client, body, column="business_ref:业务编号").status_code) == (201, 200)
    job = opened.json()
    assert (job["state"], job["rows"], job["refused"], job["open"]) == ("QUEUED", 4, 1, 3)
    path = f"/jobs/{job['job_id']}"
    assert ask(client, "GET", f"{path}/manifest").json()["kind"] == "PARTIAL"
    assert lines(ask(client, "GET", f"{path}/result").content.decode("utf-8-sig"))[0]["估值状态"] == "未答复"
    finish(room)
    assert ask(client, "GET", path).json()["state"] == "COMPLETED"
    manifest, result = ask(client, "GET", f"{path}/manifest").json(), ask(client, "GET", f"{path}/result")
    assert manifest["result"]["sha256"] == sha256(result.content).hexdigest()
    assert result.headers["etag"] == f'"{manifest["result"]["sha256"]}"'
    assert int(result.headers["content-length"]) == len(result.content)
    assert [line["业务编号"] for line in lines(result.content.decode("utf-8-sig"))] == ["B-0", "B-1", "B-2", "B-9"]
    assert [one["job_id"] for one in ask(client, "GET", "/jobs").json()["jobs"]] == [job["job_id"]]
    assert ask(client, "GET", f"{path}/lines").json()["problems"][0]["row"] == 5
    assert ask(client, "GET", f"{path}/result", format="xlsx").content[:2] == b"PK"


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(
    ("content", "params", "status", "code"),
    [
        (None, {"sha256": "0" * 64}, 422, "checksum-mismatch"),
        (None, {"count": 2}, 422, "count-mismatch"),
        (b"", {}, 422, "invalid-file"),
        (b"\x89PNG\r\n\x1a\n\x00", {}, 422, "invalid-file"),
        (None, {"channel": "WEBSITE"}, 403, "channel-may-not"),
        (None, {"count": "many"}, 422, "invalid-request"),
        (None, {"deadline_at": "2026-03-02T18:00:00"}, 422, "invalid-request"),
        (None, {"deadline_at": "2020-03-02T18:00:00Z"}, 422, "invalid-request"),
        (None, {"column": "address"}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_a_job_is_refused_with_what_to_mend_in_two_languages(client, content, params, status, code):
    refused = upload(client, content, **params)
    document = refused.json()
    assert (refused.status_code, document["status"], document["code"]) == (status, status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert all(document[name] for name in ("type", "title", "detail", "detail_zh"))
    assert "/spool/" not in document["detail"]


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"name": "押\0品.csv"}, 422),
        ({"job_id": "a\0"}, 422),
        ({"revaluation_of": "a\0"}, 422),
        ({"alert_change": "inf"}, 422),
        ({"deadline_at": "9999-12-31T23:59:59-12:00"}, 422),
    ],
)
def test_what_no_database_keeps_is_refused_as_what_it_is(client, params, status):
    assert upload(client, **params).status_code == status
    assert ask(client, "GET", "/jobs/a%00").status_code == 404


@pytest.mark.requirement("BA1")
@pytest.mark.parametrize(
    ("params", "code", "says"),
    [
        ({"alert_change": "0.2"}, "other-order", "alert_change 0.1 instead of 0.2"),
        ({"column": "note:业务编号"}, "other-order", "column"),
        ({"deadline_at": "2026-03-03T18:00:00Z"}, "other-order", "deadline_at"),
        ({"count": 7}, "count-mismatch", "has 3 rows, not the 7"),
    ],
)
def test_the_same_file_ordered_otherwise_is_refused_with_what_differs(client, params, code, says):
    assert upload(client).status_code == 201
    refused = upload(client, **params).json()
    assert refused["code"] == code
    assert says in refused["detail"]
    assert upload(client, count=3).status_code == 200


def test_no_more_than_so_many_files_are_taken_in_at_a_time(client, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_UPLOADS", 0)
    refused = upload(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-uploads")
    assert int(refused.headers["retry-after"]) > 0


def test_a_file_that_is_too_large_is_refused(client, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    assert upload(client).json()["code"] == "body-too-large"


@pytest.mark.requirement("BA2")
def test_a_job_is_paused_resumed_and_cancelled_by_its_own_channel_alone(client, room):
    path = f"/jobs/{upload(client).json()['job_id']}"
    for method, action in (
        ("GET", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/cancel"),
        ("GET", "/result"),
    ):
        assert ask(client, method, path + action, channel="CREDIT_MGMT").status_code == 404
    assert ask(client, "POST", f"{path}/pause").json()["state"] == "PAUSED"
    assert ask(client, "POST", f"{path}/resume").json()["state"] == "RUNNING"
    assert ask(client, "POST", f"{path}/cancel", reason="误传").json()["reason"] == "误传"
    late = ask(client, "POST", f"{path}/resume")
    assert (late.status_code, late.json()["code"]) == (409, "not-possible")


def test_a_result_fetched_after_more_was_decided_comes_with_a_manifest_of_its_own(client, room):
    job = upload(client).json()["job_id"]
    room.work()
    answer_all(room, room.broker.asked[:2])
    room.pass_time(timedelta(minutes=11))
    room.work()
    room.work()
    first = ask(client, "GET", f"/jobs/{job}/manifest").json()
    answer_all(room, room.broker.asked[2:])
    second = ask(client, "GET", f"/jobs/{job}/manifest").json()
    assert (first["kind"], first["open"], second["kind"], second["open"]) == ("FINAL", 1, "SUPPLEMENT", 0)
    assert second["result"]["sha256"] == sha256(ask(client, "GET", f"/jobs/{job}/result").content).hexdigest()
    assert json.loads(room.service.jobs.manifest(job).document) == second
    for said in (first, second):
        pair = {"number": said["number"]}
        assert ask(client, "GET", f"/jobs/{job}/manifest", **pair).json() == said
        named = ask(client, "GET", f"/jobs/{job}/result", **pair)
        assert sha256(named.content).hexdigest() == said["result"]["sha256"]
    assert ask(client, "GET", f"/jobs/{job}/result", number=9).status_code == 404


@pytest.mark.requirement("BA1")
def test_a_result_that_is_not_whole_any_more_never_ends_as_if_it_were(client, room):
    job = upload(client).json()["job_id"]
    finish(room)
    kept = room.service.jobs.manifest(job)
    with room.service.pool.connection() as connection:
        connection.execute("delete from job_file where part = %s", [f"result-{kept.number}"])
    with pytest.raises(LostPieceError, match="is gone"):
        list(room.service.jobs.pieces(job, f"result-{kept.number}", kept.size))
    assert ask(client, "GET", f"/jobs/{job}/result").status_code == 404


def test_result_files_are_kept_for_a_day_for_whoever_is_fetching_them(client, room):
    job = upload(client).json()["job_id"]
    finish(room)
    first = room.service.jobs.manifest(job)

    def another() -> bool:
        room.service.delivering.deliver(room.job(job), room.job(job).state)
        return room.service.jobs.has_part(job, f"result-{first.number}")

    assert another()
    assert another()
    room.pass_time(timedelta(days=1, seconds=1))
    assert not another()
