import json

from infra.dead_letters.letters import originals
from infra.dead_letters.view import masked, shown
from schemas.catalogue import REQUESTS
from streams.runtime.failures import FailureClass
from tests.unit.infra.dead_letters.letters import ADDRESS, CODEC, TOPIC, Original, letter


def seen(original: Original | None = None, **how) -> dict:
    (record,) = originals([letter(original, **how)])
    answer = shown(record, CODEC, {TOPIC: REQUESTS})
    json.dumps(answer)
    return answer


def test_a_readable_event_is_shown_with_no_digit_of_its_address_and_no_free_text():
    answer = seen()
    assert answer["event"] == "Requested"
    assert answer["value"]["address"] == "北京市朝阳区阜成路甲*号院*号楼*单元***"
    assert answer["value"]["note"] == "***"
    assert (answer["value"]["channel"], answer["value"]["area"]) == ("app", "89.500000")
    text = json.dumps(answer, ensure_ascii=False)
    assert ADDRESS not in text
    assert "13800138000" not in text


def test_why_where_and_how_large_are_told():
    answer = seen(kind=FailureClass.EXHAUSTED)
    (told,) = answer["dead_letters"]
    assert (told["stage"], told["class"], told["error"]) == ("intake", "exhausted", "ValueError")
    assert answer["record"] == "valuation.requests.online/3/7"
    assert answer["value_bytes"] == answer["kept_bytes"] == len(Original().value)
    assert answer["headers"] == {"ce_id": "e-7", "traceparent": "00-x"}


def test_a_value_that_is_no_event_is_told_by_size_alone():
    answer = seen(Original(value="501室的业主".encode()))
    assert "value" not in answer
    assert "prefix" in answer["unreadable"]
    assert "501" not in json.dumps(answer, ensure_ascii=False).replace(answer["sha256_of_kept"], "")


def test_a_header_that_is_none_of_ours_is_told_by_size_alone():
    assert seen(Original(headers=(("owner", "张三".encode()),)))["headers"] == {"owner": "6 bytes"}


def test_a_topic_of_nobody_and_a_cut_value_are_not_decoded():
    assert "no topic" in seen(Original(topic="nobodys"))["unreadable"]
    assert "beginning" in seen(Original(value=b"x" * 200_000), max_bytes=100_000)["unreadable"]


def test_a_resolved_address_keeps_what_names_no_door():
    resolved = {
        "entered": "某路１号502",
        "community_name": "阳光小区",
        "room": "502",
        "building": "3",
        "longitude": 116.4,
        "floor": None,
        "parts": [
            {"level": "room", "text": "502", "origin": "parser"},
            {"level": "community", "text": "阳光小区2期", "origin": "parser"},
        ],
    }
    assert masked(resolved) == {
        "entered": "某路*号***",
        "community_name": "阳光小区",
        "room": "***",
        "building": "***",
        "longitude": "***",
        "floor": None,
        "parts": [
            {"level": "room", "text": "***", "origin": "parser"},
            {"level": "community", "text": "阳光小区*期", "origin": "parser"},
        ],
    }
