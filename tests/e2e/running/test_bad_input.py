"""Whatever comes in: a clear error, or a dead letter with its reason, and the next good request is answered."""

import struct
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from openpyxl import Workbook

from producers.simulator.requests import Kind
from schemas.codes import Reason, Status
from schemas.ids import valuation_id
from tests.e2e.system import eventually
from tests.e2e.users import CODEC, STAFF

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PREFIX = struct.Struct(">bI")
ADDRESS, AREA = "杭州市西湖区文三路1号某某小区3幢2单元501室", "89.50"


@pytest.fixture(autouse=True)
def _the_stream_goes_on(system, market):
    """After every test a good request is still answered, over HTTP and on the topic."""
    yield
    house = market.house()
    assert system.final_result(system.produce(system.request(house))).value
    assert system.value(house)["value"]


# ---- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"colour": "red"}, "colour", "UNKNOWN_FIELD"),
        ({"area_m2": "0"}, "area_m2", "FIELD_INVALID"),
        ({"area_m2": "-1"}, "area_m2", "FIELD_INVALID"),
        ({"area_m2": "100000.01"}, "area_m2", "FIELD_INVALID"),
        ({"area_m2": "1e400"}, "area_m2", "FIELD_INVALID"),
        ({"area_m2": "89.505"}, "area_m2", "FIELD_INVALID"),
        ({"area_m2": "large"}, "area_m2", "WRONG_TYPE"),
        ({"area_m2": None}, "area_m2", "MISSING"),
        ({"area_unit": "坪"}, "area_unit", "FIELD_INVALID"),
        ({"address": ""}, "address", "FIELD_INVALID"),
        ({"address": " 　"}, "address", "FIELD_INVALID"),
        ({"address": "路" * 10_000}, "address", "FIELD_INVALID"),
        ({"address": 7}, "address", "WRONG_TYPE"),
    ],
)
def test_a_wrong_field_is_named_with_its_problem_and_nothing_is_recorded(system, changes, field, code):
    number = system.number()
    response = system.staff.ask(number, **{"address": ADDRESS, "area": AREA} | _as_arguments(changes))
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "invalid-request")
    assert response.headers["content-type"] == "application/problem+json"
    assert [(one["field"], one["code"]) for one in problem["problems"]] == [(field, code)]
    assert any("一" <= character <= "鿿" for character in problem["problems"][0]["message"]), "in Chinese"
    assert system.staff.get(valuation_id(STAFF, number)).status_code == 404


def _as_arguments(changes: dict) -> dict:
    return {"area" if name == "area_m2" else name: value for name, value in changes.items()}


@pytest.mark.requirement("IN2")
def test_every_problem_is_named_at_once(system):
    response = system.staff.post({"address": "", "area_m2": "-1", "colour": "red"})
    assert {one["field"] for one in response.json()["problems"]} == {
        "client_request_id",
        "address",
        "area_m2",
        "colour",
    }


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b'{"address": ', "application/json", 400, "malformed-json"),
        (b"\xff\xfe\x00", "application/json", 400, "malformed-json"),
        (b"[]", "application/json", 422, "invalid-request"),
        (b"<a/>", "application/xml", 415, "unsupported-media-type"),
        (b" " * 70_000, "application/json", 413, "body-too-large"),
    ],
)
def test_a_body_that_is_no_request_is_refused(system, content, media_type, status, code):
    headers = {**system.staff.headers, "content-type": media_type}
    response = system.anyone.post("/v1/valuations", headers=headers, content=content)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_nobody_asks_without_a_key(system):
    body = {"client_request_id": system.number(), "address": ADDRESS, "area_m2": AREA}
    for headers in ({}, {"X-API-Key": "guessed"}):
        response = system.anyone.post("/v1/valuations", headers=headers, json=body)
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


@pytest.mark.requirement("AD4")
@pytest.mark.parametrize("address", ["香港九龙弥敦道100号海晖大厦12楼A室", "日本东京都港区六本木3丁目2-1-1502"])
def test_a_house_abroad_is_out_of_coverage_and_gets_no_value(system, address):
    response = system.staff.ask(system.number(), address, AREA)
    answer = response.json()
    assert response.status_code == 200
    assert (answer["status"], answer["reasons"], answer["final"]) == ("OUT_OF_COVERAGE", ["OUTSIDE_MAINLAND"], True)
    assert "value" not in answer


@pytest.mark.requirement("AD5")
def test_a_house_that_may_not_be_sold_is_not_valued(system, market):
    house = market.house(Kind.SMALL_TITLE)
    answer = system.staff.ask(system.number(), house.address, str(house.area_m2)).json()
    assert (answer["status"], answer["reasons"]) == ("NOT_ELIGIBLE", ["NOT_TRADABLE"])
    assert "value" not in answer


# ---- the same number again ------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN3")
def test_the_same_request_again_is_the_same_valuation_with_the_same_answer(system, market):
    house, number = market.house(), system.number()
    first, second = (system.staff.ask(number, house.address, str(house.area_m2)).json() for _ in range(2))
    assert (second["valuation_id"], second["value"]) == (first["valuation_id"], first["value"])
    events = system.timeline(first["valuation_id"], "Reported")["events"]
    kinds = [event["kind"] for event in events]
    assert (kinds.count("Accepted"), kinds.count("Scored"), kinds.count("Reported")) == (1, 1, 1)
    found = system.ledger.get("/valuations", params={"channel": STAFF, "client_request_id": number}).json()
    assert len(found["valuations"]) == 1


@pytest.mark.requirement("IN3")
def test_a_request_sent_twice_at_once_and_again_on_the_topic_is_valued_once(system, market):
    house, number = market.house(), system.number()
    with ThreadPoolExecutor(4) as callers:
        answers = list(
            callers.map(lambda _: system.staff.ask(number, house.address, str(house.area_m2)).json(), range(4))
        )
    assert len({answer["valuation_id"] for answer in answers}) == 1
    assert len({answer["value"] for answer in answers}) == 1
    again = system.produce(system.request(house, number=number))
    assert again == answers[0]["valuation_id"]
    # what came behind the repeat has been answered, so the repeat has been dealt with
    assert system.final_result(system.produce(system.request(market.house()))).value
    finals = [result for result in system.results(again) if result.status.is_final]
    assert {(result.status, result.value) for result in finals} == {(Status.COMPLETED_AUTO, answers[0]["value"])}
    kinds = [event["kind"] for event in system.timeline(again, "Reported")["events"]]
    assert (kinds.count("Accepted"), kinds.count("Scored"), kinds.count("Reported")) == (1, 1, 1)


@pytest.mark.requirement("IN3")
def test_the_same_number_with_other_content_is_a_conflict_and_the_first_answer_stands(system, market):
    house, number = market.house(), system.number()
    first = system.staff.ask(number, house.address, str(house.area_m2)).json()
    other = system.staff.ask(number, house.address, str(house.area_m2 + 1))
    assert (other.status_code, other.json()["code"]) == (409, "duplicate-conflict")
    assert system.staff.get(first["valuation_id"]).json()["value"] == first["value"]
    elsewhere = system.customer.ask(number, house.address, str(house.area_m2 + 1))
    assert elsewhere.status_code == 200, "another channel's numbers are its own"


# ---- on the topic ---------------------------------------------------------------------------------------------------


class _Somewhere:
    """Enough of a house to write a request about it."""

    address, area_m2 = ADDRESS, Decimal(AREA)


BROKEN = {
    "no Avro at all": (lambda _: b"hello", b"undecodable"),
    "Avro cut short": (lambda good: good[:20], b"undecodable"),
    "a schema id nobody knows": (lambda good: PREFIX.pack(0, 9_999) + good[PREFIX.size :], b"exhausted"),
    "the id of another schema": (lambda good: PREFIX.pack(0, 2) + good[PREFIX.size :], b"undecodable"),
    "a tombstone": (lambda _: None, b"undecodable"),
    "nothing": (lambda _: b"", b"undecodable"),
}


@pytest.mark.requirement("IN2")
@pytest.mark.parametrize("name", BROKEN)
def test_bytes_that_are_no_request_become_a_dead_letter_with_the_reason(system, name):
    broken, reason = BROKEN[name]
    key, value = valuation_id(STAFF, system.number()), broken(CODEC.encode(system.request(_Somewhere)))
    system.send(key, value)
    letter = system.dead_letter(key, stage="intake")
    headers = dict(letter.headers())
    assert (letter.value() or b"") == (value or b""), "the original bytes"
    assert headers["dlq.class"] == reason
    assert headers["dlq.topic"] == b"valuation.requests.online"
    assert b"Error" in headers["dlq.error"]
    assert ADDRESS.encode() not in b"".join(headers.values())


@pytest.mark.requirement("IN1")
def test_a_channel_that_is_not_registered_goes_to_the_dead_letters(system):
    request = system.request(_Somewhere, channel="FAX")
    system.produce(request)
    letter = system.dead_letter(request.valuation_id, stage="intake")
    assert b"UnknownChannel" in dict(letter.headers())["dlq.error"]
    assert letter.value() == CODEC.encode(request)
    assert system.results(request.valuation_id) == []


@pytest.mark.requirement("IN2", "IN6")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"area": Decimal(0)}, "area"),
        ({"area": Decimal("-89.5")}, "area"),
        ({"area": Decimal(10_000_000)}, "area"),
        ({"area_unit": "亩"}, "area_unit"),
        ({"address": " "}, "address"),
        ({"address": "路" * 10_000}, "address"),
    ],
)
def test_a_wrong_field_on_the_topic_is_answered_there_with_its_problem(system, changes, field):
    result = system.final_result(system.produce(system.request(_Somewhere, **changes)))
    assert (result.status, result.reasons) == (Status.REJECTED_INVALID, (Reason.FIELD_INVALID,))
    assert [problem.field for problem in result.problems] == [field]
    assert result.value is None


@pytest.mark.requirement("IN3")
def test_a_conflict_on_the_topic_is_answered_there(system, market):
    house, number = market.house(), system.number()
    first = system.final_result(system.produce(system.request(house, number=number)))
    system.produce(system.request(house, number=number, area=house.area_m2 + 1))

    def refused() -> bool:
        return Reason.DUPLICATE_CONFLICT in [
            reason for one in system.results(first.valuation_id) for reason in one.reasons
        ]

    assert eventually(refused, "the conflict on the results topic")
    state = system.timeline(first.valuation_id, "Reported")["state"]
    assert (state["status"], state["value"]) == (first.status, first.value)


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IN2")
def test_a_spreadsheet_cut_short_is_refused_in_one_line(system, tmp_path):
    whole, cut = tmp_path / "whole.xlsx", tmp_path / "cut.xlsx"
    workbook = Workbook()
    workbook.active.append(["地址", "建筑面积"])
    workbook.active.append([ADDRESS, 89.5])
    workbook.save(whole)
    cut.write_bytes(whole.read_bytes()[:-500])
    _refused(system.avm("batch", "submit", cut), "cut.xlsx")


@pytest.mark.requirement("IN2")
def test_a_spreadsheet_without_the_columns_we_need_is_refused_in_one_line(system, tmp_path):
    sheet = tmp_path / "other.csv"
    sheet.write_text("姓名,年龄\n某,1\n", encoding="utf-8")
    _refused(system.avm("batch", "submit", sheet), "address")


def test_a_reference_file_that_is_no_table_is_refused_in_one_line(system, tmp_path):
    file = tmp_path / "deals.parquet"
    file.write_bytes(b"PAR1 and nothing else")
    _refused(system.avm("reference", "load", file, "--topic=deals"), "deals.parquet")


def _refused(done, word: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
