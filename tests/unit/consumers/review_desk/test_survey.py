"""What a survey's order and report must say."""

from datetime import timedelta

import pytest

from consumers.review_desk.deciding.surveys import order_violations, report_violations
from tests.fakes.valuations import NOON

pytestmark = pytest.mark.requirement("RD14")
LATER = NOON + timedelta(hours=4)


def test_an_order_says_what_to_look_at_and_by_when():
    assert order_violations("查看装修与实际用途，拍摄门牌", LATER, NOON) == ()
    wrong = order_violations("看房", NOON, NOON)
    assert [violation.field for violation in wrong] == ["instructions", "due_at"]


def test_a_report_has_words_and_references_to_photographs():
    assert report_violations("毛坯，未入住，与登记一致", ("2026/03/p-1.jpg", "p2")) == ()
    for photos in ((), ("照片一",), ("a b",), tuple(f"photo-{number}" for number in range(41))):
        assert [one.field for one in report_violations("毛坯，未入住，与登记一致", photos)] == ["photos"]
    assert [one.field for one in report_violations("毛坯", ("p-1",))] == ["report"]
