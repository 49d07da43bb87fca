"""What the pages of quality and disputes show of figures."""

from dataclasses import replace

import pytest

from consumers.review_desk.pages.disputes import dispute_row
from consumers.review_desk.pages.names import Names
from consumers.review_desk.pages.quality_words import agreement_chart, agreement_row, pair_row
from consumers.review_desk.quality.agreement import AUTOMATIC, Check, QualityRules, figures
from consumers.review_desk.quality.corrections import segment_said
from tests.unit.consumers.review_desk.test_agreement import pair
from tests.unit.consumers.review_desk.test_disputes import DECIDED, NOW, OPEN

RULES = QualityRules()
BY_ACCOUNT = Names(register=None)  # nobody's name was asked for


@pytest.mark.requirement("GV4")
def test_few_decisions_are_said_to_be_insufficient():
    few, enough = (agreement_row("lin", figures([pair()] * n, RULES)) for n in (29, 30))
    assert (few["n"], few["share_10"], few["enough"]) == (29, "100.0%", "样本不足（少于30笔）")
    assert enough["enough"] == ""


def test_agreement_is_told_by_a_sign_and_a_word():
    assert pair_row(0, pair(), RULES)["agrees"] == "✓ 一致"
    differs = pair_row(1, pair(1_200_000, check=Check.AUDIT, reviewer=AUTOMATIC), RULES)
    assert (differs["agrees"], differs["deviation"], differs["reviewer"]) == ("✗ 不一致", "+20.0%", "模型")
    assert pair_row(2, pair(None, None), RULES)["value"] == "依据不足，无法估值"


def test_the_chart_shows_a_dot_on_its_interval_for_each_reviewer():
    found = {"lin": figures([pair()] * 30, RULES), "wu": figures([pair(1_300_000)], RULES)}
    *spans, dots = agreement_chart(found)["series"]
    assert len(spans) == 2
    assert [dot["value"] for dot in dots["data"]] == [[100.0, "lin"], [0.0, "wu"]]
    assert [dot["itemStyle"]["color"] for dot in dots["data"]] == ["#1d4f91", "#ffffff"]  # filled, hollow: too few


@pytest.mark.requirement("DI2")
def test_what_must_stay_blind_is_said_to_be_so():
    blind = dispute_row(replace(OPEN, first_value=None, first_outcome=None), NOW, BY_ACCOUNT)
    assert (blind["first"], blind["new"], blind["upheld"]) == ("盲评中不显示", "—", "—")
    shown = dispute_row(DECIDED, NOW, BY_ACCOUNT)
    assert (shown["first"], shown["new"], shown["move"]) == ("100.00 万元", "105.00 万元", "+5.0%")
    assert shown["upheld"] == "＝ 维持原结论"


def test_a_segment_is_said_in_words():
    assert segment_said("杭州市|RESIDENTIAL|c-1") == "杭州市·住宅·c-1"
    assert segment_said("杭州市|VILLA") == "杭州市·别墅"
