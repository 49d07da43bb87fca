"""Everything a channel can send that is wrong: refused with the field, in Chinese, and nothing is published."""

import re

import pytest

from tests.fakes.gateway import a_house
from tests.unit.producers.gateway.asking import GOOD, STAFF, answered, asked, get, post, refusal

pytestmark = pytest.mark.requirement("IN2")

ROUTES = {
    "/v1/valuations": GOOD,
    f"/v1/valuations/{STAFF}/clarification": {"community_id": "c-1"},
    f"/v1/valuations/{STAFF}/cancellation": {"reason": "撤回"},
    f"/v1/valuations/{STAFF}/manual-review": {"reason": "复核"},
    f"/v1/valuations/{STAFF}/dispute": {"reason_code": "TOO_LOW", "text": "偏低"},
    f"/v1/valuations/{STAFF}/receipt": {"sha256": "a" * 64},
    "/v1/work-orders": {"client_request_id": "WO-1", "kind": "FAULT", "text": "无法登录"},
    "/v1/page-tokens": {"subject_token": "customer-a"},
}
WRONG = [
    *[("/v1/valuations", {name: 5}) for name in (
        "client_request_id", "address", "area_unit", "service_type", "product", "loan_stage", "business_ref",
        "branch_code", "subject_token", "embed_target", "value_date", "property_type", "note", "community",
        "building", "usage", "force_manual",
    )],
    *[("/v1/valuations", {name: "3"}) for name in ("floor", "total_floors", "built_year", "rooms")],
    ("/v1/valuations", {"value_date": "02.03.2026"}),
    ("/v1/valuations", {"address": "杭州\u200b\x07"}),
    ("/v1/valuations", {"area_m2": {"value": 89.5}}),
    ("/v1/valuations", {"area_m2": "Infinity"}),
    ("/v1/valuations", {"area_m2": "89,50"}),
    ("/v1/valuations", {"client_request_id": "   "}),
    ("/v1/valuations", {"service_type": "valuate"}),
    (f"/v1/valuations/{STAFF}/clarification", {"community_id": None}),
    (f"/v1/valuations/{STAFF}/clarification", {"community_id": "c" * 129}),
    (f"/v1/valuations/{STAFF}/cancellation", {"reason": "长" * 501}),
    (f"/v1/valuations/{STAFF}/cancellation", {"reason": " "}),
    (f"/v1/valuations/{STAFF}/cancellation", {"reason": 5}),
    (f"/v1/valuations/{STAFF}/manual-review", {"reason": ""}),
    (f"/v1/valuations/{STAFF}/manual-review", {"reason": None}),
    (f"/v1/valuations/{STAFF}/manual-review", {"reason": "复核\x00"}),
    (f"/v1/valuations/{STAFF}/manual-review", {"reason": "长" * 501}),
    (f"/v1/valuations/{STAFF}/dispute", {"reason_code": "too low"}),
    (f"/v1/valuations/{STAFF}/dispute", {"reason_code": ""}),
    (f"/v1/valuations/{STAFF}/dispute", {"reason_code": "X" * 65}),
    (f"/v1/valuations/{STAFF}/dispute", {"text": "长" * 2001}),
    (f"/v1/valuations/{STAFF}/receipt", {"sha256": "A" * 64}),
    (f"/v1/valuations/{STAFF}/receipt", {"sha256": "a" * 63}),
    (f"/v1/valuations/{STAFF}/receipt", {"sha256": None}),
    (f"/v1/valuations/{STAFF}/receipt", {"delivery_id": "7"}),
    (f"/v1/valuations/{STAFF}/receipt", {"embedded_at": ""}),
    (f"/v1/valuations/{STAFF}/receipt", {"embedded_at": "长" * 129}),
    ("/v1/work-orders", {"client_request_id": ""}),
    ("/v1/work-orders", {"client_request_id": "WO 1"}),
    ("/v1/work-orders", {"client_request_id": "x" * 65}),
    ("/v1/work-orders", {"kind": "PARTY"}),
    ("/v1/work-orders", {"kind": None}),
    ("/v1/work-orders", {"text": "\u202e"}),
    ("/v1/work-orders", {"text": "长" * 2001}),
    ("/v1/work-orders", {"valuation_id": "7"}),
    ("/v1/work-orders", {"business_ref": "长" * 129}),
]  # fmt: skip
_CHINESE = re.compile(r"[一-鿿]")


def channel_of(path):
    return "NET_BANK" if path == "/v1/page-tokens" else "CREDIT_MGMT"


async def a_house_with_a_value():
    house = a_house(pipeline=answered)
    await asked(house)
    house.publisher.sent.clear()
    return house


@pytest.mark.parametrize(("path", "change"), WRONG, ids=lambda part: str(part)[:48])
async def test_a_wrong_field_is_named_in_chinese_and_nothing_happens(path, change):
    house = await a_house_with_a_value()
    response = await post(house, path, ROUTES[path] | change, channel=channel_of(path))
    status, code, fields = refusal(response)
    assert (status, code, set(fields)) == (422, "invalid-request", set(change))
    assert all(_CHINESE.search(one["message"]) for one in response.json()["problems"])
    assert house.publisher.sent == house.publisher.said == []


@pytest.mark.parametrize("path", ROUTES)
async def test_every_path_refuses_unknown_fields_and_missing_ones_all_at_once(path):
    house = await a_house_with_a_value()
    required = {name for name in ROUTES[path] if name not in {"reason", "text"} or path.endswith("review")}
    if path == "/v1/work-orders":
        required.add("text")
    if path.endswith("cancellation"):
        required = set()
    status, _, fields = refusal(await post(house, path, {"colour": "red"}, channel=channel_of(path)))
    assert status == 422
    assert fields["colour"] == "UNKNOWN_FIELD"
    assert set(fields) == {"colour"} | required
    assert house.publisher.sent == house.publisher.said == []


@pytest.mark.parametrize("path", ROUTES)
async def test_every_path_refuses_what_is_no_json_no_object_or_too_much(path):
    house = await a_house_with_a_value()
    json_type = {"Content-Type": "application/json"}
    async with house.client(channel_of(path)) as client:
        assert refusal(await client.post(path, content=b"{", headers=json_type))[:2] == (400, "malformed-json")
        assert refusal(await client.post(path, content=b"[]", headers=json_type))[0] == 422
        assert refusal(await client.post(path, content=b"a=1"))[:2] == (415, "unsupported-media-type")
        gbk = {"Content-Type": "application/json; charset=gb18030"}
        assert refusal(await client.post(path, content=b"{}", headers=gbk))[:2] == (415, "unsupported-media-type")
        large = await client.post(path, content=b" " * 70_000, headers=json_type)
        assert refusal(large)[:2] == (413, "body-too-large")
        assert refusal(await client.put(path))[:2] == (405, "method-not-allowed")
    assert house.publisher.sent == house.publisher.said == []


@pytest.mark.parametrize("path", ROUTES)
async def test_every_path_refuses_strangers_before_it_reads_what_they_send(path):
    house = a_house()
    for credentials in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer nonsense"}):
        async with house.client(None) as client:
            response = await client.post(path, content=b"{", headers=credentials)
        assert refusal(response)[:2] == (401, "unauthenticated")
        assert response.headers["WWW-Authenticate"]


async def test_a_fault_of_a_query_names_its_parameter_without_where_it_stood():
    status, _, fields = refusal(await get(a_house(), "/v1/addresses/suggest?q=a&limit=many"))
    assert (status, fields) == (422, {"limit": "WRONG_TYPE"})
