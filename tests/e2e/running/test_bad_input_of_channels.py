"""Whatever comes in by any channel: refused in words that help people, in Chinese; nothing breaks or is lost."""

from decimal import Decimal

import pytest

from producers.gateway.access.challenges import ANSWER, CHALLENGE
from producers.wechat.phrases import TEXT_ONLY
from schemas.codes import Action, Reason, ServiceType, Status
from schemas.domain.channels import CHANNELS
from schemas.events import Resulted
from schemas.ids import valuation_id
from tests.e2e.system import eventually
from tests.e2e.users import PUBLIC, STAFF
from tests.e2e.ways import Phone, Ways
from tests.fakes.hostile import hostile_texts

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

WITH_KEYS = sorted(set(CHANNELS) - {"PROBE"})
CUSTOMERS = ("NET_BANK", "MOBILE_BANK", "DIRECT_BANK", "APP", "WECHAT_OA")
ADDRESS, AREA = "杭州市西湖区文三路1号某某小区3幢2单元501室", "89.50"
NOWHERE = "00000000-0000-5000-8000-000000000000"
UNDER_WAY = {"RECEIVED", "PROCESSING"}
TEXTS_EACH = 8  # of thousands that the parser's own tests read; each channel gets others


@pytest.fixture(scope="module")
def ways(system) -> Ways:
    return Ways(system)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_buried_and_good_requests_are_answered(system, market, ways):
    """None of this is a broken record, so none becomes a dead letter; and at the end every way still works."""
    before = ways.dead_letters()
    yield
    assert system.value(market.house())["value"]
    assert system.final_result(system.produce(system.request(market.house()))).value
    assert ways.dead_letters() == before


def in_chinese(text: str) -> bool:
    return any("一" <= letter <= "鿿" for letter in text)


def refused(response, *statuses: int) -> dict:
    """The problem document of a refusal; it must be one of these, stable in its code and plain to people."""
    assert response.status_code in statuses, f"{response.status_code} {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"]
    assert in_chinese(problem["detail_zh"])
    assert all(in_chinese(one["message"]) for one in problem.get("problems", ()))
    return problem


def texts(channel: str) -> list[str]:
    return list(hostile_texts(sum(channel.encode()), 3_000))[-TEXTS_EACH:]


# ---- every channel over HTTP ----------------------------------------------------------------------------------------


@pytest.mark.requirement("IN2", "IN4")
@pytest.mark.parametrize("code", WITH_KEYS)
def test_each_channel_is_told_every_wrong_field_in_chinese(system, code):
    channel = system.channel(code)
    wrong = {"address": " ", "area_m2": "-1", "area_unit": "坪", "colour": "red", "client_request_id": "e2e wrong"}
    problem = refused(channel.post(wrong), 422)
    assert problem["code"] == "invalid-request"
    assert {one["field"] for one in problem["problems"]} >= {"address", "area_m2", "area_unit", "colour"}
    refused(channel.http.post("/v1/valuations", headers=channel.headers, json=[]), 422)
    refused(channel.http.post("/v1/valuations", headers=channel.headers, content=b"\xff{"), 400, 415)
    refused(channel.get(NOWHERE), 404)
    refused(channel.get("%00'; drop table--"), 404, 422)


@pytest.mark.requirement("IN2", "IN4")
@pytest.mark.parametrize("code", WITH_KEYS)
def test_each_channel_takes_hostile_addresses_and_each_ends_in_an_answer_or_a_refusal(system, code):
    channel, taken = system.channel(code), []
    for text in texts(code):
        response = channel.ask(system.number(), text, AREA, wait_s=0)
        if response.status_code in {200, 202}:
            taken.append(response.json()["valuation_id"])
        else:
            refused(response, 422)
    for valuation in taken:
        standing = eventually(
            lambda number=valuation: (
                (body := channel.get(number).json()).get("status", "RECEIVED") not in UNDER_WAY and body
            ),
            f"an answer to {valuation}",
        )
        assert "value" not in standing
        assert in_chinese(standing["status_text"])


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize(
    ("code", "changes", "field"),
    [
        ("WEBSITE", {"service_type": "VERIFY"}, "service_type"),
        ("NET_BANK", {"force_manual": True, "note": "请人工"}, "force_manual"),
        ("WEBSITE", {"force_manual": True, "note": "请人工"}, "force_manual"),
    ],
)
def test_a_service_that_is_not_open_to_a_channel_is_refused_by_name(system, code, changes, field):
    problem = refused(system.channel(code).ask(system.number(), ADDRESS, AREA, **changes), 422)
    assert field in {one["field"] for one in problem["problems"]}


@pytest.mark.requirement("IN4", "IN5")
@pytest.mark.parametrize("code", [*CUSTOMERS, "WEBSITE"])
def test_what_staff_may_is_not_open_to_customers(system, code):
    channel = system.channel(code)

    def posts(path: str, **given):
        return channel.http.post(path, headers=channel.headers, **given)

    assert (
        refused(posts(f"/v1/valuations/{NOWHERE}/manual-review", json={"reason": "请人工"}), 403)["code"] == "forbidden"
    )
    assert refused(posts("/v1/batches?name=a.csv", content=b"a,b\n"), 403)["code"] == "forbidden"
    refused(channel.get(f"{NOWHERE}/timeline"), 403)


@pytest.mark.requirement("IN7")
def test_credentials_that_are_wrong_open_nothing_and_say_what_is_wrong(system):
    http, key = system.anyone, system.secrets.api_key(STAFF)
    for headers in ({}, {"X-API-Key": key + "x"}, {"Authorization": "Bearer e30.e30.e30"}, {"X-API-Key": ""}):
        problem = refused(http.get("/v1/valuations?business_ref=1", headers=headers), 401)
        assert (problem["code"], bool(problem["problems"])) == ("unauthenticated", True)
    form = {"grant_type": "client_credentials", "client_id": "credit-mgmt", "client_secret": "guessed"}
    assert http.post("/oauth/token", data=form).json()["error"] == "invalid_client"
    assert http.post("/oauth/token", content=b"\xff\xfe").status_code == 400


@pytest.mark.requirement("IN9", "DI1", "NT3")
def test_commands_with_wrong_bodies_or_about_others_valuations_are_refused(system, market):
    staff, other = system.staff, system.channel("BATCH_FILE")
    own = system.value(market.house())["valuation_id"]

    def posts(channel, path: str, body: object):
        return channel.http.post(path, headers=channel.headers, json=body)

    for command, body in (
        ("cancellation", {"reason": 7}),
        ("manual-review", {}),
        ("dispute", {"reason_code": "太低"}),
        ("receipt", {"sha256": "short"}),
        ("clarification", {"community": "x"}),
    ):
        refused(posts(staff, f"/v1/valuations/{own}/{command}", body), 422)
        refused(posts(staff, f"/v1/valuations/{own}/{command}", []), 422)
    for command, body in (
        ("cancellation", {}),
        ("manual-review", {"reason": "复核"}),
        ("dispute", {"reason_code": "TOO_LOW"}),
        ("receipt", {"sha256": "0" * 64}),
        ("clarification", {"community_id": "x"}),
    ):
        for number in (own, NOWHERE):
            assert refused(posts(other, f"/v1/valuations/{number}/{command}", body), 404)["code"] == "not-found"
    assert refused(posts(staff, f"/v1/valuations/{own}/cancellation", {}), 409)["code"] == "already-final"
    assert refused(posts(staff, f"/v1/valuations/{own}/receipt", {"sha256": "0" * 64}), 422, 404)
    for order in ({"client_request_id": "1", "kind": "DISPUTE", "text": "x"}, {"kind": "FAX"}, {"text": "\x00"}):
        refused(posts(staff, "/v1/work-orders", order), 422)
    refused(staff.http.get(f"/v1/work-orders/{NOWHERE}", headers=staff.headers), 404)


# ---- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN4", "IN5")
def test_a_page_needs_a_genuine_token_or_an_answered_challenge_which_is_good_once(system, market, ways):
    house, page = market.house(), ways.website()
    body = {"client_request_id": system.number(), "address": house.address, "area_m2": str(house.area_m2)}

    def asks(headers: dict) -> dict:
        return refused(system.anyone.post("/h5/valuations", headers=headers, json=body), 401, 403)

    assert asks({})["code"] == "challenge-required"
    worked = page.worked()
    assert asks({**worked, ANSWER: "-1"})["code"] == "challenge-required"
    assert asks({**worked, CHALLENGE: worked[CHALLENGE][:-3] + "abc"})["code"] == "challenge-required"
    assert asks({"Authorization": "Bearer guessed"})["code"] == "unauthenticated"
    good = system.anyone.post("/h5/valuations", headers=worked, json=body)
    assert good.status_code in {200, 202}, good.text
    assert asks(worked)["code"] == "challenge-required", "an answer is good once"
    staff = system.staff
    assert refused(
        staff.http.post("/v1/page-tokens", headers=staff.headers, json={"subject_token": "x"}), 403
    )["code"] == "forbidden"  # fmt: skip


@pytest.mark.requirement("IN2", "IN4")
def test_wrong_fields_and_hostile_addresses_on_the_page_are_refused_or_answered(system, ways):
    customer, visitor = ways.page("APP", "customer-bad"), ways.website()
    for page in (customer, visitor):
        problem = refused(page.ask(system.number(), "", "0"), 422)
        assert {one["field"] for one in problem["problems"]} == {"address", "area_m2"}
    refused(visitor.ask(system.number(), ADDRESS, AREA, service_type="VERIFY"), 422)
    for text in texts("page"):
        response = customer.ask(system.number(), text, AREA)
        if response.status_code not in {200, 202}:
            refused(response, 422)


# ---- WeChat ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN4")
def test_messages_that_are_not_wechats_or_cannot_be_read_are_refused(ways):
    phone = Phone(ways.wechat(), "openid-of-the-bad-input-test")
    said = {"MsgType": "text", "Content": "你好"}
    for query in ({"signature": "0" * 40}, {"timestamp": "1"}, {"msg_signature": "f" * 40}):
        assert phone.posts(said, **query).status_code == 403
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><xml><Encrypt>&b;</Encrypt></xml>'
    for body in (b"", b"<xml>", b"\xff\xfe", b"{}", bomb, b"<xml><Encrypt>AAAA</Encrypt></xml>"):
        assert phone.posts(said, body=body).status_code in {400, 403}
    assert phone.posts(said, body=b"<xml>" + b" " * 2_000_000).status_code in {400, 403, 413}


@pytest.mark.requirement("IN4")
def test_a_follower_is_answered_in_chinese_whatever_is_written(ways):
    phone = Phone(ways.wechat(), "openid-of-the-hostile-texts")
    for number, kind in enumerate(("image", "video", "shortvideo", "location", "link")):
        reply = phone.posts({"MsgType": kind, "MsgId": str(number)})
        assert phone.wechat.side.read(reply.text) == TEXT_ONLY
    readable = [text for text in texts("wechat") if all(letter >= " " and letter.isprintable() for letter in text)]
    for text in (*readable, "89.5", "-1平米", "取消", "0平米", "第99个", "复估"):
        reply = phone.says(text[:2_000])
        assert in_chinese(reply) or not reply


# ---- files ----------------------------------------------------------------------------------------------------------

HEADER = "地址,建筑面积\n"
GOOD = f"{HEADER}{ADDRESS},{AREA}\n".encode()


FILES = {
    "no bytes": (b"", {"name": "empty.csv"}, ""),
    "no workbook": (b"\x00\x01\x02 nothing like a table", {"name": "bad.xlsx"}, "文件"),
    "a workbook cut short": (b"PK\x03\x04 cut short", {"name": "bad.xlsx"}, "文件"),
    "no Parquet": (b"PAR1 and nothing else", {"name": "bad.parquet"}, "文件"),
    "other columns": ("姓名,年龄\n某,1\n".encode(), {"name": "other.csv"}, "文件"),
    "another digest": (GOOD, {"name": "bad.csv", "sha256": "0" * 64}, "校验和"),
    "another count": (GOOD, {"name": "bad.csv", "count": "7"}, "行数"),
    "no digest": (GOOD, {"name": "bad.csv", "sha256": "short"}, ""),
    "no count": (GOOD, {"name": "bad.csv", "count": "-1"}, ""),
    "no instant": (GOOD, {"name": "bad.csv", "deadline_at": "tomorrow"}, ""),
    "no column": (GOOD, {"name": "bad.csv", "column": "address"}, ""),
    "no number": (GOOD, {"name": "bad.csv", "job_id": "../../etc"}, ""),
    "no former job": (GOOD, {"name": "bad.csv", "revaluation_of": "no-such-job"}, ""),
    "no name": (GOOD, {}, ""),
}


@pytest.mark.requirement("BA1", "IN2")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_a_job_is_refused_as_a_whole_and_says_why(system, name):
    content, query, words = FILES[name]
    channel, other = system.channel("BATCH_FILE"), content.replace("501室".encode(), system.number().encode())
    response = channel.http.post("/v1/batches", headers=channel.headers, params=query, content=other)
    problem = refused(response, 400, 404, 413, 415, 422)
    assert words in problem["detail_zh"]
    listed = channel.http.get("/v1/batches", headers=channel.headers).json()["jobs"]
    assert not [job for job in listed if job["name"] == query.get("name")], "nothing half done"


@pytest.mark.requirement("BA1")
def test_a_job_of_another_channel_or_of_nobody_is_not_found(system):
    channel = system.channel("CREDIT_MGMT")
    for path in ("", "/result", "/manifest"):
        refused(channel.http.get(f"/v1/batches/no-such-job{path}", headers=channel.headers), 404)
    for step in ("pause", "resume", "cancel"):
        refused(channel.http.post(f"/v1/batches/no-such-job/{step}", headers=channel.headers), 404)


# ---- the bank's own topics ------------------------------------------------------------------------------------------


class _Somewhere:
    """Enough of a house to write a request about it."""

    address, area_m2 = ADDRESS, AREA


@pytest.mark.requirement("IN4", "IN9")
@pytest.mark.parametrize(
    ("channel", "changes"),
    [
        (PUBLIC, {"service_type": ServiceType.VERIFY}),
        ("NET_BANK", {"force_manual": True}),
        (STAFF, {"area_unit": "坪"}),
        (STAFF, {"address": ""}),
    ],
)
def test_what_a_channel_may_not_is_answered_on_the_topic_with_the_field(system, channel, changes):
    result = system.final_result(system.produce(system.request(_Somewhere, channel=channel, **changes)))
    assert result.status is Status.REJECTED_INVALID
    assert {problem.field for problem in result.problems} >= set(changes)
    assert all(in_chinese(problem.message) for problem in result.problems)


@pytest.mark.requirement("IN9")
def test_a_command_about_nothing_is_answered_and_not_buried(system):
    number = system.number()
    asked = system.request(_Somewhere, number=number, action=Action.CANCEL, address="", area=Decimal(0))
    assert asked.valuation_id == valuation_id(STAFF, number)
    system.produce(asked)

    def told() -> Resulted | None:
        return next((one for one in system.results(asked.valuation_id) if Reason.NOT_FOUND in one.reasons), None)

    answer = eventually(told, "NOT_FOUND on the topic")
    assert in_chinese(answer.reason_text)


@pytest.mark.requirement("IN4")
def test_hostile_addresses_on_the_topic_are_answered_each(system):
    asked = [system.request(_Somewhere, address=text) for text in texts("kafka")]
    for request in asked:
        system.produce(request)
    for request in asked:
        answers = eventually(
            lambda one=request: [r for r in system.results(one.valuation_id) if r.status not in UNDER_WAY] or None,
            f"an answer to {request.valuation_id}",
        )
        assert answers[-1].value is None
