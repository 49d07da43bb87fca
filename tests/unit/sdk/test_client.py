import asyncio
import base64
import hmac
import json
from hashlib import sha256

import httpx
import pytest

import house_valuation as hv
from house_valuation.retries import NEVER

ANSWER = {
    "valuation_id": "v-1",
    "status": "COMPLETED_AUTO",
    "status_text": "自动估值完成",
    "final": True,
    "value": 3_580_000,
    "unit_price": 40_000,
    "lower": 3_200_000,
    "upper": 3_900_000,
    "area_m2": "89.50",
    "value_date": "2026-03-02",
    "valid_until": "2026-04-01",
    "report": {"report_no": "GJ-1"},
}
AT_ONCE = hv.Retries(attempts=4, first_s=0.0)


class Service:
    """Answers with the given responses in turn and keeps what it was sent."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.requests = []

    def __call__(self, request):
        request.read()
        self.requests.append(request)
        given = self.responses.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    def client(self, credentials=None, retries=AT_ONCE):
        transport = httpx.MockTransport(self)
        return hv.Client("https://gateway.example", credentials, retries=retries, transport=transport)


def problem(status, code, **headers):
    body = {"code": code, "detail": "no", "detail_zh": "不行", "problems": []}
    return httpx.Response(status, json=body, headers=headers)


def test_a_value_is_asked_for_and_read():
    service = Service(httpx.Response(200, json=ANSWER))
    with service.client(hv.ApiKey("key-1")) as client:
        answer = client.send(hv.ask("杭州市文三路1号", "89.50", request_id="L-1", wait_s=5, business_ref="B-1"))
    sent = service.requests[0]
    assert (sent.method, sent.url.path) == ("POST", "/v1/valuations")
    assert json.loads(sent.content) == {
        "client_request_id": "L-1",
        "address": "杭州市文三路1号",
        "area_m2": "89.50",
        "business_ref": "B-1",
    }
    assert (sent.headers["Prefer"], sent.headers["X-API-Key"]) == ("wait=5", "key-1")
    assert (answer.value, answer.lower, answer.report_no, str(answer.area_m2)) == (
        3_580_000,
        3_200_000,
        "GJ-1",
        "89.50",
    )
    assert answer.valid_until.isoformat() == "2026-04-01"
    assert answer.body == ANSWER


@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError("away"), httpx.ReadTimeout("late"), problem(503, "unavailable"), problem(429, "rate-limited")],
    ids=["refused", "late", "503", "429"],
)
def test_what_may_pass_is_tried_again_with_the_same_number(trouble):
    service = Service(trouble, trouble, httpx.Response(200, json=ANSWER))
    with service.client() as client:
        assert client.send(hv.ask("某地址", 90, request_id="L-1")).final
    assert {json.loads(sent.content)["client_request_id"] for sent in service.requests} == {"L-1"}
    assert len(service.requests) == 3


def test_what_is_wrong_is_told_at_once_with_every_field():
    body = {
        "code": "invalid-request",
        "detail": "Some fields are wrong.",
        "detail_zh": "部分字段有误",
        "problems": [{"field": "area_m2", "code": "FIELD_INVALID", "message": "建筑面积须大于 0"}],
    }
    service = Service(httpx.Response(422, json=body))
    with service.client() as client, pytest.raises(hv.RefusedError, match="area_m2: 建筑面积须大于 0") as refused:
        client.send(hv.ask("某地址", 0, request_id="L-1"))
    assert (refused.value.code, refused.value.detail_zh, len(service.requests)) == (
        "invalid-request",
        "部分字段有误",
        1,
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, hv.ForbiddenError),
        (403, hv.ForbiddenError),
        (404, hv.NotFoundError),
        (409, hv.ConflictError),
        (413, hv.RefusedError),
        (500, hv.UnavailableError),
    ],
)
def test_errors_say_what_the_caller_can_do(status, error):
    with Service(problem(status, "some-code")).client() as client, pytest.raises(error) as raised:
        client.send(hv.look("v-1"))
    assert raised.value.code == "some-code"


def test_an_error_that_is_no_problem_document_is_still_told():
    page = httpx.Response(502, text="<html>Bad gateway</html>")
    with Service(page).client(retries=NEVER) as client, pytest.raises(hv.UnavailableError, match="HTTP 502"):
        client.send(hv.look("v-1"))


def test_tries_end_and_the_last_error_is_raised():
    service = Service(*[problem(503, "unavailable")] * 4)
    with service.client() as client, pytest.raises(hv.UnavailableError):
        client.send(hv.look("v-1"))
    assert len(service.requests) == 4


def test_a_days_wait_is_not_waited_for():
    service = Service(problem(429, "quota-exceeded", **{"Retry-After": "3600"}))
    with service.client() as client, pytest.raises(hv.UnavailableError) as raised:
        client.send(hv.look("v-1"))
    assert raised.value.retry_after_s == 3600.0


def test_waits_grow_up_to_the_longest_and_follow_the_service():
    retries = hv.Retries(attempts=6, first_s=1.0, longest_s=5.0)
    assert [retries.wait_s(attempt, None) for attempt in range(1, 7)] == [1.0, 2.0, 4.0, 5.0, 5.0, None]
    assert retries.wait_s(1, problem(503, "overloaded", **{"Retry-After": "3"})) == 3.0


def test_a_signed_request_covers_method_path_query_time_nonce_and_body():
    service = Service(httpx.Response(200, json={"valuations": []}), httpx.Response(200, json=ANSWER))
    key = hv.SignedKey("key-1", "secret-1", now_s=lambda: 1_700_000_000.9, new_nonce=lambda: "nonce-1")
    with service.client(key) as client:
        client.send(hv.find(business_ref="业务 1"))
        client.send(hv.ask("某地址", 90, request_id="L-1"))
    looked, asked = service.requests
    for sent in (looked, asked):
        path = sent.url.raw_path.decode()
        text = f"{sent.method}\n{path}\n1700000000\nnonce-1\n{sha256(sent.content).hexdigest()}"
        expected = base64.b64encode(hmac.digest(b"secret-1", text.encode(), "sha256")).decode()
        assert sent.headers["X-Signature"] == expected
    assert "?business_ref=" in looked.url.raw_path.decode()


def token(value, expires_in=900):
    return httpx.Response(200, json={"access_token": value, "expires_in": expires_in, "token_type": "Bearer"})


def test_a_token_is_fetched_once_and_renewed_before_its_end():
    now = [0.0]
    answers = [httpx.Response(200, json=ANSWER) for _ in range(3)]
    service = Service(token("t-1"), answers[0], answers[1], token("t-2"), answers[2])
    credentials = hv.ClientCredentials("credit-mgmt", "secret", monotonic_s=lambda: now[0])
    with service.client(credentials) as client:
        client.send(hv.look("v-1"))
        client.send(hv.look("v-1"))
        now[0] = 880.0  # half a minute before its end
        client.send(hv.look("v-1"))
    paths = [sent.url.path for sent in service.requests]
    assert paths.count("/oauth/token") == 2
    assert service.requests[-1].headers["Authorization"] == "Bearer t-2"


def test_a_token_that_is_no_longer_good_is_renewed_once():
    service = Service(token("t-1"), problem(401, "unauthenticated"), token("t-2"), httpx.Response(200, json=ANSWER))
    with service.client(hv.ClientCredentials("credit-mgmt", "secret")) as client:
        assert client.send(hv.look("v-1")).final


def test_wrong_client_credentials_are_told():
    refused = httpx.Response(401, json={"error": "invalid_client"})
    with Service(refused).client(hv.ClientCredentials("x", "y")) as client, pytest.raises(hv.ForbiddenError):
        client.send(hv.look("v-1"))


def test_no_credential_is_shown_when_it_is_printed():
    shown = repr((hv.ApiKey("k-secret"), hv.SignedKey("k-secret", "k-secret"), hv.ClientCredentials("id", "k-secret")))
    assert "k-secret" not in shown


def test_a_report_is_compared_with_its_digest():
    content = b"%PDF-1.7 report"
    good = httpx.Response(200, content=content, headers={"ETag": f'"{sha256(content).hexdigest()}"'})
    bad = httpx.Response(200, content=b"%PDF other", headers={"ETag": f'"{sha256(content).hexdigest()}"'})
    with Service(good, bad).client() as client:
        assert client.send(hv.report("v-1")).content == content
        with pytest.raises(hv.ServiceError, match="report-damaged"):
            client.send(hv.report("v-1"))


def test_a_file_is_streamed_with_its_digest_and_again_from_its_beginning_after_trouble(tmp_path):
    path = tmp_path / "清单.csv"
    path.write_text("地址,建筑面积\n某地址,90\n" * 100_000, encoding="utf-8")
    job = {"job_id": "j-1", "state": "QUEUED", "rows": 100_000}
    service = Service(problem(503, "overloaded"), httpx.Response(201, json=job))
    with service.client(hv.SignedKey("k", "s")) as client:
        batch = client.send(hv.submit_batch(path, alert_change=0.1))
    digest = sha256(path.read_bytes()).hexdigest()
    assert all(sha256(sent.content).hexdigest() == digest for sent in service.requests)
    assert service.requests[0].headers["X-Content-Sha256"] == digest
    assert dict(service.requests[0].url.params) == {"name": "清单.csv", "sha256": digest, "alert_change": "0.1"}
    assert (batch.job_id, batch.has_results) == ("j-1", False)


def test_waiting_ends_with_the_final_answer_or_a_question():
    pending = ANSWER | {"status": "PENDING_MANUAL", "final": False}
    asking = pending | {"status": "NEEDS_CLARIFICATION", "candidates": [{"community_id": "c-1", "name": "甲小区"}]}
    service = Service(*[httpx.Response(200, json=body) for body in (pending, ANSWER, pending, asking)])
    with service.client() as client:
        assert client.wait_for("v-1", timeout_s=60, every_s=0).final
        assert client.wait_for("v-1", timeout_s=60, every_s=0).candidates[0].name == "甲小区"


def test_waiting_has_an_end():
    pending = ANSWER | {"status": "PENDING_MANUAL", "final": False}
    with (
        Service(httpx.Response(200, json=pending)).client() as client,
        pytest.raises(TimeoutError, match="PENDING_MANUAL"),
    ):
        client.wait_for("v-1", timeout_s=0.5, every_s=1.0)


STREAM = (
    ": heart-beat\n\n"
    f"id: 1.0\nevent: answer\ndata: {json.dumps(ANSWER | {'final': False, 'status': 'PENDING_MANUAL'})}\n\n"
    f"id: 1.1\nevent: answer\ndata: {json.dumps(ANSWER)}\n\n"
    'id: 1.2\nevent: report\ndata: {"report_no": "GJ-1"}\n\n'
)


def test_answers_are_followed_as_they_come():
    service = Service(httpx.Response(200, text=STREAM))
    with service.client() as client:
        followed = list(client.follow("v-1", after="0.3"))
    assert [answer.status for answer in followed] == ["PENDING_MANUAL", "COMPLETED_AUTO"]
    assert service.requests[0].headers["Last-Event-ID"] == "0.3"


def test_the_asynchronous_client_does_the_same():
    service = Service(problem(503, "unavailable"), httpx.Response(200, json=ANSWER), httpx.Response(200, text=STREAM))

    async def use():
        transport = httpx.MockTransport(service)
        async with hv.AsyncClient("https://gateway.example", retries=AT_ONCE, transport=transport) as client:
            answer = await client.send(hv.look("v-1"))
            followed = [one async for one in client.follow("v-1")]
            return answer, followed

    answer, followed = asyncio.run(use())
    assert (answer.value, [one.final for one in followed]) == (3_580_000, [False, True])
