"""What the pages say of rules, deviations, times and first opinions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.review_desk.pages.comparables import kept_edits
from consumers.review_desk.pages.form import price_slip
from consumers.review_desk.pages.form_words import deviation_text, is_far
from consumers.review_desk.pages.keys import shown
from consumers.review_desk.pages.lists import priority_said, task_row
from consumers.review_desk.pages.my_rows import Before, rows_of
from consumers.review_desk.pages.rules import rule_text
from consumers.review_desk.pages.second_opinion import price_of
from consumers.review_desk.pages.written import left, since
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.queue import intake
from consumers.review_desk.queue.desk import MyWork
from consumers.review_desk.queue.notes import Consultation
from consumers.review_desk.queue.presence import newcomer
from consumers.review_desk.task import TaskState
from consumers.review_desk.words import queue_said
from schemas.events import RuleCheck
from tests.fakes import valuations as made

_NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def a_task(**changes):
    return replace(intake.task_of(made.review(), DeskPolicy(duty_pool=True)), **changes)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (RuleCheck(rule="MIN_COMPARABLES", met=False, figure=2.0), "✗ 未满足 采用实例 2 例（≥3）"),
        (RuleCheck(rule="MAX_AGE_DAYS", met=True, figure=730.0), "✓ 最早成交距价值时点 730 天（≤2年）"),
        (RuleCheck(rule="MAX_SINGLE_ADJUSTMENT", met=False, figure=0.215), "✗ 未满足 单项修正 21.5%（≤20%）"),
        (RuleCheck(rule="MAX_TOTAL_ADJUSTMENT", met=True, figure=0.3), "✓ 综合修正 30.0%（≤30%）"),
        (RuleCheck(rule="MAX_ADJUSTED_RATIO", met=False, figure=1.21), "✗ 未满足 高低价之比 1.21（≤1.2）"),
    ],
)
def test_a_rule_is_told_by_sign_and_word_with_figure_and_limit(check, text):
    assert rule_text(check) == text


def test_a_rule_is_neither_met_nor_broken_where_nothing_is_taken():
    check = RuleCheck(rule="MAX_TOTAL_ADJUSTMENT", met=True, figure=0.0)
    assert rule_text(check, is_any_taken=False) == "综合修正 —（≤30%）"


def test_the_priority_of_a_blind_task_is_not_told():
    assert priority_said(a_task(priority=40)) == "40"
    assert priority_said(a_task(priority=40, blind=True)) == "—"


@pytest.mark.parametrize(
    ("price", "told"),
    [(None, ""), (40_500, ""), (40_500.0, ""), (40_500.7, "整数"), (0, "1 至"), (-5, "1 至"), (3_624_750, "总价")],
)
def test_a_price_that_cannot_be_meant_is_told(price, told):
    assert told in price_slip(price)
    assert bool(price_slip(price)) is bool(told)


@pytest.mark.parametrize("share", [-1.5, -0.91, 0.95, float("nan")])
def test_an_edit_that_cannot_be_meant_is_dropped_from_a_draft_and_the_others_stay(share):
    good = {"deal_id": "d-1", "adjustments": {"TIME": 0.1}, "weight": 0.5}
    bad = {"deal_id": "d-2", "adjustments": {"TIME": share}, "weight": 0.5}
    assert set(kept_edits({"comparison": [good, bad]})) == {"d-1"}
    assert kept_edits({}) == {}


@pytest.mark.parametrize(("price", "far"), [(44_000, False), (44_001, True), (36_000, False), (35_999, True)])
def test_a_price_at_the_limit_needs_no_reason(price, far):
    assert is_far(price, 40_000, Decimal("0.10")) is far


def test_a_deviation_is_written_with_its_direction_and_a_sign_of_warning_when_far():
    assert deviation_text(47_000, 41_000, is_far=True) == "⚠ 较模型 +14.6%（+6,000）"
    assert deviation_text(40_500, 41_000, is_far=False) == "较模型 -1.2%（-500）"


@pytest.mark.parametrize(
    ("key", "text"), [("a", "A"), ("Ctrl+s", "Ctrl+S"), ("Ctrl+Enter", "Ctrl+Enter"), ("/", "/"), ("1", "1")]
)
def test_a_key_is_shown_as_on_the_keyboard(key, text):
    assert shown(key) == text


@pytest.mark.parametrize(("typed", "price"), [("40,500", 40_500), ("40500 元", 40_500), ("", None), (None, None)])
def test_a_price_is_read_as_people_type_it(typed, price):
    assert price_of(typed) == price


@pytest.mark.parametrize(("minutes", "text"), [(0.5, ""), (12, "12分"), (65, "1小时5分"), (-3, "")])
def test_how_long_ago_is_told_in_whole_minutes(minutes, text):
    assert since(_NOW - timedelta(minutes=minutes), _NOW) == text


def test_time_left_says_in_words_that_it_is_over():
    assert left(_NOW + timedelta(hours=2, minutes=5), _NOW) == "2小时5分"
    assert left(_NOW - timedelta(minutes=5), _NOW) == "已超时 5分0秒"
    assert left(None, _NOW) == "—"


@pytest.mark.parametrize(("hours", "sign", "urgency"), [(-1, "✖", "bad"), (1, "⚠", "warn"), (3, "", "")])
def test_urgency_has_a_sign_and_not_only_a_colour(hours, sign, urgency):
    row = task_row(a_task(due_at=_NOW + timedelta(hours=hours)), _NOW)
    assert (row["sign"], row["urgency"]) == (sign, urgency)


def test_own_work_lists_what_is_in_work_what_came_back_what_is_on_hold_and_what_colleagues_ask():
    working = a_task(task_id="w", state=TaskState.WORKING)
    held = a_task(task_id="h", state=TaskState.ON_HOLD, held_until=_NOW + timedelta(minutes=30))
    returned = a_task(task_id="r", state=TaskState.ON_HOLD)
    question = Consultation(
        consultation_id=7,
        task_id="x",
        asked_by="wu",
        asked_of="lin",
        question="该小区有无电梯？",
        asked_at=_NOW,
        answer=None,
        answered_at=None,
    )
    work = MyWork(
        presence=newcomer("lin", _NOW),
        offered=None,
        working=working,
        held=(held, returned),
        due_soon=(),
        consultations=(question,),
    )
    rows = rows_of(Before(work=work, remarks={"r": "请补充依据"}), _NOW)
    assert [(row["id"], row["kind"], row["resumes"]) for row in rows] == [
        ("w", "▶ 处理中", False),
        ("h", "‖ 挂起", True),
        ("r", "↩ 退回修改", True),
        ("question-7", "？同事征询", False),
    ]
    assert [row["note"] for row in rows] == ["", "还有 30分0秒", "请补充依据", "wu：该小区有无电梯？"]


def test_a_queue_is_named_by_region_and_class():
    assert queue_said("YANGTZE_DELTA/RESIDENTIAL") == "长三角·住宅"
    assert queue_said("MIDWEST/") == "中西部·其他"
