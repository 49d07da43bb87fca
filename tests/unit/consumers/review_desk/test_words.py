"""Every code has its words."""

import pytest

from consumers.review_desk import words
from consumers.review_desk.deciding.comparison import rule_checks
from consumers.review_desk.deciding.decision import DeviationReason
from consumers.review_desk.deciding.history import Nearness
from consumers.review_desk.people.staff import Family, Grade, Role
from consumers.review_desk.queue.presence import PresenceState
from consumers.review_desk.regions import Region
from consumers.review_desk.task import Kind, TaskState
from schemas.codes import LimitingFactor, ReviewOutcome
from tests.fakes.valuations import NOON


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (TaskState, words.STATE),
        (Kind, words.KIND),
        (Grade, words.GRADE),
        (Role, words.ROLE),
        (ReviewOutcome, words.OUTCOME),
        (Region, words.REGION),
        (Family, words.FAMILY),
        (PresenceState, words.PRESENCE),
        (DeviationReason, words.DEVIATION),
        (LimitingFactor, words.LIMITING_FACTOR),
        (Nearness, words.NEARNESS),
    ],
)
def test_every_code_has_chinese_words(codes, table):
    for code in codes:
        assert not words.said(table, code).isascii(), f"{code} has no words"


def test_every_rule_of_the_comparison_has_words():
    assert {check.rule for check in rule_checks((), NOON.date())} == set(words.RULE)


def test_a_code_of_a_newer_release_is_shown_as_it_is():
    assert words.said(words.STATE, "SOMETHING_NEW") == "SOMETHING_NEW"
    assert words.said(words.STATE, None) == "—"
    assert words.queue_said("YANGTZE_DELTA/RESIDENTIAL") == "长三角·住宅"
